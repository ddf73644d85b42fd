"""The webhook channel against a real HTTP server on loopback."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import SECOND
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.channels.webhook import WebhookChannel
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import Template, Web, WebhookSettings

pytestmark = pytest.mark.system

CANARY = "s3cret-canary"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers every POST by calling `answer`; keeps what it got; lets hanging answers go at the end."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.over = threading.Event()
        self.answer: Answer = status(202)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Asked(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.server.answer(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


def status(code: int, **headers: str) -> Answer:
    """Answer with a status and headers; underscores in names become dashes."""

    def answer(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(code)
        for name, value in headers.items():
            asked.send_header(name.replace("_", "-"), value)
        asked.end_headers()

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a free port of loopback."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.over.set()
        running.shutdown()
        thread.join()


def message() -> Message:
    """A critical page."""
    return Message(
        title="openclaw: held",
        lines=("openclaw: held", "why: 4 deaths"),
        dedup_key="gatedog:j1:openclaw:INC-7",
        idempotency_key="j1:9.0:hook",
        severity=Severity.CRITICAL,
        update=PageUpdate.OPENED,
        gateway="openclaw",
        incident="INC-7",
        page="9.0",
        channel="hook",
        journal_id="j1",
        host="web1",
        queued_wall_usec=1_774_494_251_000_000,
    )


def deliver(url: str, *, timeout_usec: int = 10 * SECOND, credential_file: str = "") -> Receipt:
    """Post once."""
    web = Web(url=url, credential_file=credential_file)
    settings = WebhookSettings(name="hook", web=web, timeout_usec=timeout_usec)
    return WebhookChannel(settings).deliver(message())


def secret_file(folder: Path) -> str:
    """Write a private credential file."""
    path = folder / "token"
    path.write_text(f"{CANARY}\n")
    path.chmod(0o600)
    return str(path)


def test_the_message_is_posted_as_json_with_its_key(server: Server, tmp_path: Path) -> None:
    """The receiver gets path, key, bearer and the documented JSON."""
    receipt = deliver(f"{server.url}/in/box?team=a", credential_file=secret_file(tmp_path))

    ((path, headers, body),) = server.requests
    assert receipt.detail == "127.0.0.1 answered 202 Accepted"
    assert path == "/in/box?team=a"
    assert headers["Idempotency-Key"] == "j1:9.0:hook"
    assert headers["Authorization"] == f"Bearer {CANARY}"
    assert headers["User-Agent"].startswith("gatedog/")
    assert body == message().to_json()
    assert json.loads(body)["dedup_key"] == "gatedog:j1:openclaw:INC-7"


def test_a_signature_covers_the_time_and_the_body(server: Server, tmp_path: Path) -> None:
    """A receiver with the key can check who wrote it and when; neither can be exchanged for another's."""
    settings = WebhookSettings(name="hook", web=Web(url=server.url), signing_file=secret_file(tmp_path))

    WebhookChannel(settings, clock=lambda: 1_774_494_300 * SECOND).deliver(message())

    ((_, headers, body),) = server.requests
    signed = hmac.new(CANARY.encode(), b"1774494300." + body, hashlib.sha256).hexdigest()
    assert headers["X-Gatedog-Timestamp"] == "1774494300"
    assert headers["X-Gatedog-Signature"] == f"sha256={signed}"


def test_an_address_that_is_a_secret_comes_from_a_file(server: Server, tmp_path: Path) -> None:
    """The file is read at each delivery, so a changed address needs no restart."""
    file = tmp_path / "url"
    settings = WebhookSettings(name="hook", web=Web(url_file=str(file)), template=Template.SLACK)
    for path in ("/first", "/second"):
        file.write_text(f"{server.url}{path}\n")
        file.chmod(0o600)
        WebhookChannel(settings).deliver(message())

    assert [path for path, _, _ in server.requests] == ["/first", "/second"]


def test_the_end_of_an_opsgenie_alert_is_posted_where_it_is_closed(server: Server, tmp_path: Path) -> None:
    """The alias names the alert in the path, whatever is in it."""
    web = Web(url=f"{server.url}/v2/alerts", credential_file=secret_file(tmp_path))
    settings = WebhookSettings(name="hook", web=web, template=Template.OPSGENIE)
    over = replace(message(), update=PageUpdate.RESOLVED, dedup_key="a/b?c:INC-7")

    WebhookChannel(settings).deliver(over)

    ((path, headers, _),) = server.requests
    assert path == "/v2/alerts/a%2Fb%3Fc%3AINC-7/close?identifierType=alias"
    assert headers["Authorization"] == f"GenieKey {CANARY}"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 422])
def test_a_refusal_is_a_configuration_fault_that_repeats_no_secret(server: Server, tmp_path: Path, code: int) -> None:
    """Only a human can mend it; the error names the host and the status, not the URL's path or the bearer."""
    server.answer = status(code)

    with pytest.raises(ConfigurationFault, match=f"127.0.0.1 answered {code}") as caught:
        deliver(f"{server.url}/hook/{CANARY}", credential_file=secret_file(tmp_path))
    assert CANARY not in caught.value.detail


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(server: Server, code: int) -> None:
    """Whoever can redirect would otherwise choose who gets the page."""
    server.answer = status(code, Location=f"{server.url}/elsewhere")

    with pytest.raises(ConfigurationFault, match="redirects are not followed"):
        deliver(server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "after_usec"),
    [
        (status(500), None),
        (status(503, Retry_After="7"), 7 * SECOND),
        (status(408), None),
        (status(429), 30 * SECOND),
        (status(429, Retry_After="5"), 30 * SECOND),
        (status(429, Retry_After="120"), 120 * SECOND),
        (status(429, Retry_After="soon\u00b2"), 30 * SECOND),
        (status(503, Retry_After="-1"), None),
    ],
    ids=["500", "503 after 7", "408", "429", "429 after 5", "429 after 120", "429 nonsense", "503 negative"],
)
def test_passing_trouble_is_tried_later(server: Server, answer: Answer, after_usec: int | None) -> None:
    """5xx, 408 and 429 are retried, after the quiet that was asked for, and after a 429 at least 30 s."""
    server.answer = answer

    with pytest.raises(TryLater) as caught:
        deliver(server.url)
    assert caught.value.after_usec == after_usec


def test_a_retry_date_is_taken_against_the_servers_own_clock(server: Server) -> None:
    """Neither our clock nor its error matters: the date is compared with the answer's Date header."""

    def answer(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response_only(503)
        asked.send_header("Date", "Thu, 01 Jan 1998 00:00:00 GMT")
        asked.send_header("Retry-After", "Thu, 01 Jan 1998 00:01:30 GMT")
        asked.end_headers()

    server.answer = answer

    with pytest.raises(TryLater) as caught:
        deliver(server.url)
    assert caught.value.after_usec == 90 * SECOND


def test_a_server_that_never_answers_ends_in_the_time_limit(server: Server) -> None:
    """A hang is passing trouble after the limit, not a hung thread."""

    def hang(asked: BaseHTTPRequestHandler) -> None:
        server.over.wait(60)

    server.answer = hang

    with pytest.raises(TryLater, match=r"127\.0\.0\.1: "):
        deliver(server.url, timeout_usec=SECOND // 10)


def test_a_server_that_drips_cannot_stretch_the_limit(server: Server) -> None:
    """One byte at a time keeps every single read short; the whole is cut off all the same."""

    def drip(asked: BaseHTTPRequestHandler) -> None:
        asked.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not server.over.wait(0.02):
            try:
                asked.wfile.write(b"a")
            except OSError:
                return

    server.answer = drip

    with pytest.raises(TryLater):
        deliver(server.url, timeout_usec=SECOND // 4)


def test_a_server_that_is_not_there_is_tried_later(server: Server) -> None:
    """Nobody listens on the port: the network may be away, the page waits."""
    server.answer = lambda asked: asked.connection.close()

    with pytest.raises(TryLater):
        deliver(server.url)
    with pytest.raises(TryLater):
        deliver("http://127.0.0.1:1/")


def test_proxy_variables_are_ignored(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment must not choose who gets the page."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    deliver(server.url)

    assert len(server.requests) == 1


def test_a_bearer_is_never_sent_in_clear_to_another_machine(tmp_path: Path) -> None:
    """Refused before a connection is tried."""
    with pytest.raises(ConfigurationFault, match="https"):
        deliver("http://pager.example/", credential_file=secret_file(tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x/",
        f"http://user:{CANARY}@x/",
        "http:///p",
        f"http://x/{CANARY} b",
        f"http://x/\n{CANARY}",
        "http://x:0/",
    ],
)
def test_an_unusable_url_is_a_fault_that_does_not_repeat_it(url: str) -> None:
    """The path of a webhook URL is often the secret itself."""
    with pytest.raises(ConfigurationFault) as caught:
        deliver(url)
    assert CANARY not in caught.value.detail
