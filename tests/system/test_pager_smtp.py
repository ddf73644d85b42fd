"""The smtp channel against a real SMTP server on loopback."""

import asyncio
import email
import email.policy
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import SECOND
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.channels.smtp import SmtpChannel
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import SmtpSettings, Tls

pytestmark = pytest.mark.system

CANARY = "s3cret-canary"


class Inbox:
    """What the server does: the answer to each step, and the mails it took."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.data_answer = "250 queued as 1"
        self.hangs_at = self.hangs_up_at = ""
        self.recipient_answers: dict[str, str] = {}
        self.logins: list[LoginPassword] = []

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._meet_trouble(server, "RCPT")
        answer = self.recipient_answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        assert isinstance(envelope.content, bytes)
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        if self.data_answer.startswith("250"):
            self.mails.append(parsed)
        await self._meet_trouble(server, "DATA")
        return self.data_answer

    async def _meet_trouble(self, server: SMTP, step: str) -> None:
        """Stop answering at a step, or hang up."""
        if step == self.hangs_at:
            await asyncio.Event().wait()
        if step == self.hangs_up_at:
            assert server.transport is not None
            server.transport.close()

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append(given)
        return AuthResult(success=given.password == CANARY.encode(), handled=False)


class PickedPort(Controller):
    """Lets the kernel pick the port; aiosmtpd connects to itself to see whether it runs, so it must learn which."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # aiosmtpd has few types


@pytest.fixture
def inbox() -> Inbox:
    """The server's side."""
    return Inbox()


@pytest.fixture
def server(inbox: Inbox) -> Iterator[Controller]:
    """A mail server on a free port of loopback, without TLS, offering logins."""
    controller = PickedPort(
        inbox, hostname="127.0.0.1", port=0, authenticator=inbox.login, auth_require_tls=False, server_hostname="mx"
    )
    controller.start()
    yield controller
    controller.stop()


def message() -> Message:
    """A critical page."""
    return Message(
        title="openclaw: held \u2026",
        lines=("openclaw: held \u2026", "why: 4 deaths", "", 'agent says: "hi"'),
        dedup_key="gatedog:j1:openclaw:INC-7",
        idempotency_key="j1:9.0:mail",
        severity=Severity.CRITICAL,
        update=PageUpdate.OPENED,
        gateway="openclaw",
        incident="INC-7",
        page="9.0",
        channel="mail",
        journal_id="j1",
        host="web1",
        queued_wall_usec=1_774_494_251_000_000,
    )


def settings(server: Controller) -> SmtpSettings:
    """Settings of a channel that uses the test server."""
    return SmtpSettings(
        name="mail",
        host="127.0.0.1",
        port=server.port,
        sender="gatedog <gatedog@web1.example>",
        recipients=("alice@example.org", "bob@example.org"),
        tls=Tls.NONE,
    )


def deliver(chosen: SmtpSettings, what: Message | None = None) -> Receipt:
    """Send one mail."""
    return SmtpChannel(chosen).deliver(what or message())


def secret_file(folder: Path, secret: str = CANARY) -> str:
    """Write a private credential file."""
    path = folder / "password"
    path.write_text(f"{secret}\n")
    path.chmod(0o600)
    return str(path)


def test_a_mail_carries_the_page_and_stable_ids(server: Controller, inbox: Inbox) -> None:
    """Subject is severity and first line; Message-ID names page, journal and host; the incident's root id threads."""
    receipt = deliver(settings(server))

    (mail,) = inbox.mails
    assert receipt.detail == "127.0.0.1 took it for 2 of 2 recipients"
    assert mail["Subject"] == "[critical] openclaw: held \u2026"
    assert mail["Message-ID"] == "<9.0.j1@web1>"
    assert mail["In-Reply-To"] == mail["References"] == "<INC-7.j1@web1>"
    assert mail["To"] == "alice@example.org, bob@example.org"
    assert mail["Date"] == "Thu, 26 Mar 2026 03:04:11 -0000"
    assert mail["X-Gatedog-Key"] == "j1:9.0:mail"
    assert mail.get_content().replace("\r\n", "\n") == message().text


def test_a_second_delivery_is_the_same_mail(server: Controller, inbox: Inbox) -> None:
    """Every header of the repetition is the same, so servers and people can see that it is one."""
    deliver(settings(server))
    deliver(settings(server))

    first, second = inbox.mails
    ignored = {"x-peer", "x-mailfrom", "x-rcptto"}
    assert [pair for pair in first.items() if pair[0].lower() not in ignored] == [
        pair for pair in second.items() if pair[0].lower() not in ignored
    ]


def test_hostile_ids_cannot_forge_a_header(server: Controller, inbox: Inbox) -> None:
    """Line ends in a host or incident name become dashes in the ids."""
    deliver(settings(server), replace(message(), host="w\r\nBcc: eve@x", incident="I\nX: 1", page="9>0"))

    (mail,) = inbox.mails
    assert mail["Bcc"] is None
    assert mail["X"] is None
    assert mail["Message-ID"] == "<9-0.j1@w--Bcc--eve-x>"


@pytest.mark.parametrize(("answer", "error"), [("451 busy", TryLater), ("550 no\x1b[1m", ConfigurationFault)])
def test_four_is_passing_and_five_is_for_good(
    server: Controller, inbox: Inbox, answer: str, error: type[Exception]
) -> None:
    """SMTP says itself whether to come again; its words are shown escaped."""
    inbox.data_answer = answer

    with pytest.raises(error, match=f"127.0.0.1 said {answer[:6]}") as caught:
        deliver(settings(server))
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_server_that_stops_answering_ends_in_the_time_limit(server: Controller, inbox: Inbox, step: str) -> None:
    """Whatever it was asked last: passing trouble, and the thread is free again."""
    inbox.hangs_at = step

    with pytest.raises(TryLater, match=r"127\.0\.0\.1: "):
        deliver(replace(settings(server), timeout_usec=SECOND // 5))


@pytest.mark.parametrize(("step", "arrived"), [("RCPT", 0), ("DATA", 1)])
def test_o02_a_server_that_hangs_up_is_tried_again_with_the_same_mail(
    server: Controller, inbox: Inbox, step: str, arrived: int
) -> None:
    """Also after it has taken the mail and before it said so: the second copy bears the same Message-ID."""
    inbox.hangs_up_at = step
    with pytest.raises(TryLater, match="the server hung up"):
        deliver(settings(server))
    assert len(inbox.mails) == arrived
    inbox.hangs_up_at = ""
    deliver(settings(server))

    assert {mail["Message-ID"] for mail in inbox.mails} == {"<9.0.j1@web1>"}


def test_one_recipient_is_enough(server: Controller, inbox: Inbox) -> None:
    """A mistyped second address must not make the page fail for the first; the receipt tells."""
    inbox.recipient_answers = {"bob@example.org": "550 who?"}

    assert deliver(settings(server)).detail == "127.0.0.1 took it for 1 of 2 recipients"


@pytest.mark.parametrize(("second", "error"), [("550 who?", ConfigurationFault), ("450 greylisted", TryLater)])
def test_all_recipients_refused_is_a_fault_only_if_none_may_come_later(
    server: Controller, inbox: Inbox, second: str, error: type[Exception]
) -> None:
    """One greylisted recipient is reason enough to try again."""
    inbox.recipient_answers = {"alice@example.org": "550 who?", "bob@example.org": second}

    with pytest.raises(error):
        deliver(settings(server))


def test_a_login_uses_the_credential_file(server: Controller, inbox: Inbox, tmp_path: Path) -> None:
    """The password is read at delivery and reaches the server."""
    deliver(replace(settings(server), username="gatedog", credential_file=secret_file(tmp_path)))

    assert [given.login for given in inbox.logins] == [b"gatedog"]
    assert len(inbox.mails) == 1


def test_a_refused_login_is_a_fault_that_repeats_no_secret(server: Controller, tmp_path: Path) -> None:
    """The error tells who refused, not what was sent."""
    wrong = f"wrong-{CANARY}"

    with pytest.raises(ConfigurationFault, match=r"refused the login \(535\)") as caught:
        deliver(replace(settings(server), username="gatedog", credential_file=secret_file(tmp_path, wrong)))
    assert CANARY not in caught.value.detail
    assert caught.value.__cause__ is None


def test_a_server_without_starttls_gets_nothing(server: Controller, inbox: Inbox) -> None:
    """TLS that was asked for is never silently left out."""
    with pytest.raises(ConfigurationFault, match="does not offer"):
        deliver(replace(settings(server), tls=Tls.STARTTLS))
    assert inbox.mails == []


def test_a_password_is_never_sent_in_clear_to_another_machine(server: Controller, tmp_path: Path) -> None:
    """Refused before a connection is tried."""
    chosen = replace(settings(server), host="mx.example", username="g", credential_file=secret_file(tmp_path))

    with pytest.raises(ConfigurationFault, match="in clear"):
        deliver(chosen)


def test_a_server_that_is_not_there_is_tried_later(server: Controller) -> None:
    """Connection refused is passing trouble."""
    with pytest.raises(TryLater, match=r"127\.0\.0\.1: Connection refused"):
        deliver(replace(settings(server), port=1))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost in one file, made by openssl."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key = file.with_suffix(".key")
    subprocess.run([*command, "-keyout", key, "-out", file], check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file


@pytest.fixture(params=[Tls.STARTTLS, Tls.TLS], ids=["starttls", "tls"])
def protected(
    request: pytest.FixtureRequest, inbox: Inbox, certificate: Path
) -> Iterator[tuple[Controller, SmtpSettings]]:
    """A mail server that speaks TLS, at once or when asked to, and takes logins only over it; and who uses it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    at_once = request.param is Tls.TLS
    controller = PickedPort(
        inbox,
        hostname="127.0.0.1",
        port=0,
        authenticator=inbox.login,
        auth_require_tls=not at_once,
        require_starttls=not at_once,
        tls_context=None if at_once else context,
        ssl_context=context if at_once else None,
        server_hostname="mx",
    )
    controller.start()
    chosen = replace(settings(controller), host="localhost", tls=request.param, ca_file=str(certificate))
    yield controller, chosen
    controller.stop()


def test_a_mail_and_its_password_go_over_tls(
    protected: tuple[Controller, SmtpSettings], inbox: Inbox, tmp_path: Path
) -> None:
    """STARTTLS or TLS from the first byte: the certificate is checked, then the login, then the mail."""
    _, chosen = protected

    deliver(replace(chosen, username="gatedog", credential_file=secret_file(tmp_path)))

    assert [given.login for given in inbox.logins] == [b"gatedog"]
    assert len(inbox.mails) == 1


@pytest.mark.parametrize("change", [{"ca_file": ""}, {"host": "127.0.0.1"}], ids=["unknown", "another name"])
def test_a_wrong_certificate_gets_neither_mail_nor_password(
    protected: tuple[Controller, SmtpSettings], inbox: Inbox, tmp_path: Path, change: dict[str, str]
) -> None:
    """Passing trouble, because a wrong clock looks the same; nothing was told to a server that is not ours."""
    _, chosen = protected
    chosen = replace(chosen, username="gatedog", credential_file=secret_file(tmp_path), **change)  # type: ignore[arg-type] # texts by name

    with pytest.raises(TryLater, match="certificate refused"):
        deliver(chosen)
    assert (inbox.logins, inbox.mails) == ([], [])


def test_o02_a_mail_that_is_sent_twice_has_one_id(server: Controller, inbox: Inbox) -> None:
    """A crash between the server's 250 and the commit repeats the Message-ID, which is journal and page."""
    deliver(settings(server))
    deliver(settings(server))

    assert {mail["Message-ID"] for mail in inbox.mails} == {"<9.0.j1@web1>"}


def test_mails_of_one_incident_are_one_thread(server: Controller, inbox: Inbox) -> None:
    """All refer to the incident's root, whichever arrived first."""
    for page in ("9.0", "11.0", "12.0"):
        deliver(settings(server), replace(message(), page=page))

    assert {mail["References"] for mail in inbox.mails} == {"<INC-7.j1@web1>"}
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 3


def test_clear_text_to_another_machine_needs_a_humans_word(server: Controller) -> None:
    """Refused before a connection is tried; with `insecure` the page goes as far as the name that does not resolve."""
    far = replace(settings(server), host="nowhere.invalid")

    with pytest.raises(ConfigurationFault, match="in clear"):
        deliver(far)
    with pytest.raises(TryLater, match=r"nowhere\.invalid"):
        deliver(replace(far, insecure=True))


def test_o12_no_secret_is_repeated(server: Controller, inbox: Inbox, tmp_path: Path) -> None:
    """Neither settings, receipts nor errors hold the password, whatever the server answers."""
    spoken: list[str] = []
    for secret, answer in ((CANARY, "250 OK"), (CANARY, f"550 {CANARY}"), (f"wrong-{CANARY}", "250 OK")):
        inbox.data_answer = answer
        folder = tmp_path / str(len(spoken))
        folder.mkdir()
        chosen = replace(settings(server), username="gatedog", credential_file=secret_file(folder, secret))
        channel = SmtpChannel(chosen)
        spoken.append(repr(vars(channel)))
        try:
            spoken.append(repr(channel.deliver(message())))
        except (ConfigurationFault, TryLater) as error:
            spoken += [repr(error), repr(error.__cause__)]

    assert len(inbox.logins) >= 3
    assert [text for text in spoken if CANARY in text] == []
