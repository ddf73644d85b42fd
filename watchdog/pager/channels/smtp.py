"""Pages as mail.

Invariants: the Message-ID is made of journal, page and host alone, so a second delivery is the same mail to every
server that looks for duplicates; all mails of one incident refer to one root id that no mail has, and mail programs
thread them by it without gatedog remembering which was the first. A header can't be forged: none holds a word of the
agent's, title and keys are one line by construction, and email.message refuses what is not. The server's certificate
is always checked. A password goes only over TLS, or to this very machine; a page goes in clear text to another
machine only where the human wrote `insecure = true`.
"""

import re
import smtplib
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate

from watchdog.core.decisions import Severity
from watchdog.core.timeline import SECOND
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.channels.cutoff import cut_off
from watchdog.pager.channels.trust import reason, tls_context
from watchdog.pager.credential import read_secret
from watchdog.pager.escape import one_line
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import LOOPBACK, MAIL_PORTS, SmtpSettings, Tls

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9.-]")


class SmtpChannel:
    """One mail server and the people behind it."""

    def __init__(self, settings: SmtpSettings, *, credentials_directory: str = "") -> None:
        self.name = settings.name
        self._settings = settings
        self._credentials_directory = credentials_directory

    def deliver(self, message: Message) -> Receipt:
        """Send one mail to all recipients; one that is taken makes the page delivered."""
        mail = self._mail(message)
        secret = self._secret()
        where = self._settings.host
        try:
            with self._connect(message.host) as server:
                if server.sock is None:
                    raise TryLater(f"{where}: no connection")
                with cut_off(server.sock, self._settings.timeout_usec):
                    refused = self._send(server, secret, mail)
                    with suppress(OSError, smtplib.SMTPException):  # the mail is taken; how we part does not matter
                        server.quit()
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refused(error.recipients, secret) from None
        except smtplib.SMTPAuthenticationError as error:
            # From None, and without the server's words: some servers repeat what was sent to them.
            raise _by_code(error.smtp_code, f"{where} refused the login ({error.smtp_code})") from None
        except smtplib.SMTPResponseException as error:
            said = f"{where} said {error.smtp_code} {_words(error.smtp_error, secret)}"
            raise _by_code(error.smtp_code, said) from None
        except smtplib.SMTPNotSupportedError as error:
            raise ConfigurationFault(f"{where} does not offer what channel {self.name} needs: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            hung_up = isinstance(error, smtplib.SMTPServerDisconnected)
            raise TryLater(f"{where}: {'the server hung up' if hung_up else reason(error)}") from error
        count = len(self._settings.recipients)
        return Receipt(detail=f"{where} took it for {count - len(refused)} of {count} recipients")

    def _secret(self) -> str:
        settings = self._settings
        in_clear = settings.tls is Tls.NONE and settings.host not in LOOPBACK
        if in_clear and settings.credential_file:
            raise ConfigurationFault(f"channel {self.name}: a password would go out in clear; use tls or starttls")
        if in_clear and not settings.insecure:
            raise ConfigurationFault(f"channel {self.name}: the page would go out in clear; use tls or starttls")
        if not settings.credential_file:
            return ""
        return read_secret(settings.credential_file, credentials_directory=self._credentials_directory)

    def _connect(self, host: str) -> smtplib.SMTP:
        port = self._settings.port or MAIL_PORTS[self._settings.tls]
        timeout_s = self._settings.timeout_usec / SECOND
        # Our own name is given because smtplib would ask DNS for it, without a limit.
        ourselves = _id_part(host)
        if self._settings.tls is Tls.TLS:
            context = tls_context(self.name, self._settings.ca_file)
            return smtplib.SMTP_SSL(self._settings.host, port, ourselves, timeout=timeout_s, context=context)
        return smtplib.SMTP(self._settings.host, port, ourselves, timeout=timeout_s)

    def _send(self, server: smtplib.SMTP, secret: str, mail: EmailMessage) -> dict[str, tuple[int, bytes]]:
        if self._settings.tls is Tls.STARTTLS:
            server.starttls(context=tls_context(self.name, self._settings.ca_file))
        if secret:
            server.login(self._settings.username, secret)
        return server.send_message(mail, self._settings.sender, self._settings.recipients)

    def _mail(self, message: Message) -> EmailMessage:
        domain = _id_part(message.host)
        journal = _id_part(message.journal_id)
        mail = EmailMessage()
        try:
            mail["From"] = self._settings.sender
            mail["To"] = ", ".join(self._settings.recipients)
        except ValueError as error:
            raise ConfigurationFault(f"channel {self.name}: sender or recipients is no mail address") from error
        mail["Subject"] = f"[{message.severity.value}] {message.title}"
        mail["Date"] = formatdate(message.queued_wall_usec // SECOND)
        mail["Message-ID"] = f"<{_id_part(message.page)}.{journal}@{domain}>"
        if message.incident:
            root = f"<{_id_part(message.incident)}.{journal}@{domain}>"
            mail["In-Reply-To"] = root
            mail["References"] = root
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Gatedog-Key"] = message.idempotency_key
        if message.severity is Severity.CRITICAL:
            mail["Importance"] = "high"
        mail.set_content(message.text)
        return mail

    def _refused(self, recipients: dict[str, tuple[int, bytes]], secret: str) -> TryLater | ConfigurationFault:
        """All recipients were refused: a fault only if none of them was asked to come later."""
        code, words = min(recipients.values())
        return _by_code(code, f"{self._settings.host} refused every recipient: {code} {_words(words, secret)}")


def _by_code(code: int, detail: str) -> TryLater | ConfigurationFault:
    return ConfigurationFault(detail) if 500 <= code < 600 else TryLater(detail)


def _words(said: bytes | str, secret: str) -> str:
    """Return the server's words, unless they repeat the password: some servers do that, too."""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return "(words that repeat the password)" if secret and secret in words else one_line(words)


def _id_part(text: str) -> str:
    """Keep what is legal on either side of the @ of a Message-ID."""
    return _NOT_IN_AN_ID.sub("-", text) or "localhost"
