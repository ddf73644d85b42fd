"""Pages as an HTTP POST of JSON.

Invariants: what is posted is pager/message.py's JSON form, with `Idempotency-Key` naming this page on this channel; no
redirect is followed and no proxy variable is read, because either would let somebody else choose who gets the page
and its bearer; a bearer goes only over TLS, or to this very machine. Neither URL nor bearer is ever repeated in a
detail: with many receivers the path of the URL is itself the secret.
"""

import errno
import http
import http.client
import ssl
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from watchdog import __version__
from watchdog.core.timeline import SECOND
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.channels.cutoff import cut_off
from watchdog.pager.credential import read_secret
from watchdog.pager.message import MESSAGE_BYTES_MAX, Message
from watchdog.policyfile.pagersettings import ChannelSettings

TOO_MANY_QUIET_USEC = 30 * SECOND
"""Least quiet after a 429, whatever Retry-After says."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_PASSING = frozenset({408, 425, 429})
"""The 4xx that say "not now"; every other says "not like this"."""


class WebhookChannel:
    """One URL. The answer 2xx is the receipt."""

    def __init__(self, settings: ChannelSettings, *, credentials_directory: str = "") -> None:
        self.name = settings.name
        self._settings = settings
        self._credentials_directory = credentials_directory

    def deliver(self, message: Message) -> Receipt:
        """Post the message once."""
        target = self._target()
        body = message.to_json()
        if len(body) > MESSAGE_BYTES_MAX:
            raise ConfigurationFault(f"the message has {len(body)} bytes; at most {MESSAGE_BYTES_MAX} are sent")
        headers = self._headers(target, message)
        connection = self._connection(target)
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        try:
            connection.connect()
            with cut_off(connection.sock, self._settings.timeout_usec) as was_cut:
                connection.request("POST", path, body=body, headers=headers)
                answer = connection.getresponse()
                answer.close()  # its body is nobody's business; status and headers stay readable
                if was_cut.is_set():
                    raise TimeoutError(errno.ETIMEDOUT, "no complete answer in time")
        except (OSError, http.client.HTTPException) as error:
            raise TryLater(f"{target.hostname}: {_reason(error)}") from error
        finally:
            connection.close()
        return self._judge(str(target.hostname), answer)

    def _target(self) -> SplitResult:
        try:
            target = urlsplit(self._settings.url)
            valid = target.scheme in ("http", "https") and bool(target.hostname) and target.port != 0
        except ValueError:
            valid = False
        # http.client refuses these too, but with the whole URL in its error.
        if (
            not valid
            or not self._settings.url.isascii()
            or not self._settings.url.isprintable()
            or " " in self._settings.url
        ):
            raise ConfigurationFault(f"channel {self.name}: url is not a plain http:// or https:// address")
        if target.username is not None:
            raise ConfigurationFault(f"channel {self.name}: put the secret into credential_file, not into the url")
        return target

    def _headers(self, target: SplitResult, message: Message) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": message.idempotency_key,
            "User-Agent": f"gatedog/{__version__}",
            "Connection": "close",
        }
        if self._settings.credential_file:
            if target.scheme != "https" and target.hostname not in LOOPBACK:
                raise ConfigurationFault(f"channel {self.name}: a bearer would go out in clear; use an https:// url")
            secret = read_secret(self._settings.credential_file, credentials_directory=self._credentials_directory)
            headers["Authorization"] = f"Bearer {secret}"
        return headers

    def _connection(self, target: SplitResult) -> http.client.HTTPConnection:
        timeout_s = self._settings.timeout_usec / SECOND
        host = str(target.hostname)
        if target.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, target.port or 443, timeout=timeout_s, context=context)
        # The port is always given: without one http.client reads the address ::1 as host ":" and port 1.
        return http.client.HTTPConnection(host, target.port or 80, timeout=timeout_s)

    def _judge(self, host: str, answer: http.client.HTTPResponse) -> Receipt:
        said = f"{host} answered {_status_text(answer.status)}"
        if 200 <= answer.status < 300:
            return Receipt(detail=said)
        if answer.status >= 500 or answer.status in _PASSING:
            raise TryLater(said, _quiet_usec(answer))
        if 300 <= answer.status < 400:
            raise ConfigurationFault(f"{said}; redirects are not followed: put the final address into url")
        raise ConfigurationFault(f"{said}; mend url or credential_file of channel {self.name}, then: gatedog page test")


def _status_text(status: int) -> str:
    """Word a status from our own table: the server's reason phrase is a stranger's text."""
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _reason(error: OSError | http.client.HTTPException) -> str:
    # Certificate trouble is passing trouble: a clock that is wrong after boot makes every certificate invalid, and a
    # page must survive that. Nothing is ever sent to a server that did not prove its name.
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__


def _quiet_usec(answer: http.client.HTTPResponse) -> int | None:
    asked = _retry_after_usec(answer)
    if answer.status != http.HTTPStatus.TOO_MANY_REQUESTS:
        return asked
    return max(asked or 0, TOO_MANY_QUIET_USEC)


def _retry_after_usec(answer: http.client.HTTPResponse) -> int | None:
    """Read Retry-After: seconds, or a date that is taken against the server's own Date, never against our clock."""
    value = (answer.getheader("Retry-After") or "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return int(value) * SECOND
    try:
        until = parsedate_to_datetime(value)
        since = parsedate_to_datetime(answer.getheader("Date") or "")
        return max(int((until - since).total_seconds()), 0) * SECOND
    except (ValueError, TypeError):
        return None
