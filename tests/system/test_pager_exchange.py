"""Every channel over HTTP against a real server on loopback: TLS, and all the ways in which an answer can go wrong."""

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from page_channels import BOT, GOOD, MAKERS, USER, Address
from page_samples import CANARY, CRITICAL, PAGES, message_of

from watchdog.core.timeline import SECOND
from watchdog.pager.channel import ConfigurationFault, LivingChannel, Receipt, Standing, Told, TryLater
from watchdog.pager.channels.exchange import ANSWER_BYTES_MAX, Request, exchange

pytestmark = pytest.mark.system

Answering = Callable[[BaseHTTPRequestHandler], None]

every_channel = pytest.mark.parametrize("kind", MAKERS)


class Server(ThreadingHTTPServer):
    """Answers from a list of ways, the last for ever; keeps what it got; lets hanging answers go at the end."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.tls = tls
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.over = threading.Event()
        self.ways: list[Answering] = [say(200)]

    @property
    def url(self) -> str:
        scheme = "https" if self.tls is not None else "http"
        return f"{scheme}://{'localhost' if self.tls else '127.0.0.1'}:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that turns away is what these tests are about."""


class Asked(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        way = self.server.ways.pop(0) if len(self.server.ways) > 1 else self.server.ways[0]
        way(self)

    do_GET = do_PUT = do_POST  # noqa: N815 - the names are http.server's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


def say(code: int, body: bytes = GOOD, **headers: str) -> Answering:
    """Answer with a status, a body and headers; underscores in names become dashes."""

    def way(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(code)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            asked.send_header(name.replace("_", "-"), value)
        asked.end_headers()
        asked.wfile.write(body)

    return way


def hang(asked: BaseHTTPRequestHandler) -> None:
    """Never answer."""
    server = asked.server
    assert isinstance(server, Server)
    server.over.wait(60)


def hang_up(asked: BaseHTTPRequestHandler) -> None:
    """Close without a word."""
    asked.connection.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test."""
    running: list[tuple[Server, threading.Thread]] = []

    def start(tls: ssl.SSLContext | None = None) -> Server:
        server = Server(tls)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost in one file, made by openssl."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key = file.with_suffix(".key")
    subprocess.run([*command, "-keyout", key, "-out", file], check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file


def server_context(certificate: Path) -> ssl.SSLContext:
    """Make the server's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def deliver(kind: str, folder: Path, url: str, *, ca_file: str = "", timeout_usec: int = 10 * SECOND) -> Receipt:
    """Deliver a critical page through a channel that talks to a real server."""
    address = Address(url=url, ca_file=ca_file, timeout_usec=timeout_usec)
    return MAKERS[kind](folder, exchange, address).deliver(message_of(CRITICAL))


@every_channel
def test_a_page_arrives(kind: str, tmp_path: Path, serve: Callable[..., Server]) -> None:
    """What the golden files show is what a server gets, and the receipt says who took it."""
    server = serve()

    receipt = deliver(kind, tmp_path, server.url)

    assert len(server.requests) == 1
    assert "127.0.0.1 answered 200 OK" in receipt.detail
    assert "held" in server.requests[0][3].decode()


@every_channel
def test_a_page_arrives_over_tls(kind: str, tmp_path: Path, serve: Callable[..., Server], certificate: Path) -> None:
    """A certificate of one's own is believed when ca_file names it."""
    server = serve(server_context(certificate))

    deliver(kind, tmp_path, server.url, ca_file=str(certificate))

    assert len(server.requests) == 1


@every_channel
def test_a_wrong_certificate_gets_nothing_and_is_passing_trouble(
    kind: str, tmp_path: Path, serve: Callable[..., Server], certificate: Path
) -> None:
    """A clock that is wrong after boot makes every certificate invalid; the page waits, and nothing was sent."""
    server = serve(server_context(certificate))

    with pytest.raises(TryLater, match="certificate refused"):
        deliver(kind, tmp_path, server.url)
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(
    tmp_path: Path, serve: Callable[..., Server], certificate: Path
) -> None:
    """Names are checked: the certificate is for localhost, not for the address."""
    server = serve(server_context(certificate))
    url = server.url.replace("localhost", "127.0.0.1")

    with pytest.raises(TryLater, match="certificate refused"):
        deliver("pagerduty", tmp_path, url, ca_file=str(certificate))
    assert server.requests == []


@pytest.mark.parametrize("content", [None, "not a certificate\n"])
def test_a_ca_file_without_a_certificate_is_a_fault(
    tmp_path: Path, serve: Callable[..., Server], certificate: Path, content: str | None
) -> None:
    """It does not fall back to believing anything else."""
    server, file = serve(server_context(certificate)), tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ConfigurationFault, match="holds no certificate"):
        deliver("ntfy", tmp_path, server.url, ca_file=str(file))


@every_channel
def test_o05_trouble_passes(kind: str, tmp_path: Path, serve: Callable[..., Server]) -> None:
    """500 and then 200: the same channel delivers, and nothing of the trouble is left in it."""
    server = serve()
    server.ways = [say(500), say(200)]
    address = Address(url=server.url)
    channel = MAKERS[kind](tmp_path, exchange, address)

    with pytest.raises(TryLater, match="500"):
        channel.deliver(message_of(CRITICAL))
    channel.deliver(message_of(CRITICAL))

    first, second = server.requests
    assert first[3] == second[3]


@every_channel
def test_o05_retry_after_is_honoured(kind: str, tmp_path: Path, serve: Callable[..., Server]) -> None:
    """429 asks for quiet from the whole channel: what the server says, and at least 30 s."""
    server = serve()
    body = json.dumps({"ok": False, "parameters": {"retry_after": 77}}).encode()
    server.ways = [say(429, body, Retry_After="77")]

    with pytest.raises(TryLater) as caught:
        deliver(kind, tmp_path, server.url)
    assert caught.value.after_usec == 77 * SECOND


@every_channel
def test_a_redirect_is_not_followed(kind: str, tmp_path: Path, serve: Callable[..., Server]) -> None:
    """Whoever can redirect would otherwise choose who gets the page and the secret."""
    server, elsewhere = serve(), serve()
    server.ways = [say(307, Location=f"{elsewhere.url}/x")]

    with pytest.raises(ConfigurationFault, match="redirects are not followed"):
        deliver(kind, tmp_path, server.url)
    assert elsewhere.requests == []


@every_channel
@pytest.mark.parametrize("way", [hang, hang_up], ids=["slow", "hung up"])
def test_a_server_that_does_not_answer_is_tried_later(
    kind: str, way: Answering, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    """A hang ends with the time limit, not with the server."""
    server = serve()
    server.ways = [way]

    with pytest.raises(TryLater, match=r"127\.0\.0\.1: "):
        deliver(kind, tmp_path, server.url, timeout_usec=SECOND // 5)


@every_channel
def test_a_server_that_is_not_there_is_tried_later(kind: str, tmp_path: Path) -> None:
    """Connection refused: the network may be away, the page waits."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]

        with pytest.raises(TryLater, match="Connection refused"):
            deliver(kind, tmp_path, f"http://127.0.0.1:{port}")


@every_channel
def test_a_name_that_does_not_resolve_is_tried_later(kind: str, tmp_path: Path) -> None:
    """Right after boot there is no DNS yet; .invalid never has any."""
    with pytest.raises(TryLater, match=r"nowhere\.invalid: "):
        deliver(kind, tmp_path, "https://nowhere.invalid")


@pytest.mark.parametrize("kind", ["pushover", "telegram"])
def test_half_an_answer_is_tried_again_where_the_answer_matters(
    kind: str, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    """The receipt or number would be lost; half of one must not pass for a whole."""
    server = serve()
    server.ways = [say(200, GOOD, Content_Length=str(len(GOOD) + 100))]

    with pytest.raises(TryLater, match="half-way"):
        deliver(kind, tmp_path, server.url)


@pytest.mark.parametrize("kind", sorted(MAKERS.keys() - {"pushover", "telegram"}))
def test_half_an_answer_is_an_answer_where_only_the_status_matters(
    kind: str, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    """The page was taken; asking again would only tell it twice."""
    server = serve()
    server.ways = [say(202, GOOD, Content_Length=str(len(GOOD) + 100))]

    assert "202" in deliver(kind, tmp_path, server.url).detail


@every_channel
def test_o14_an_endless_answer_is_not_read_to_its_end(kind: str, tmp_path: Path, serve: Callable[..., Server]) -> None:
    """A server cannot fill gatedog's memory, nor keep its thread."""

    def flood(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.end_headers()
        server = asked.server
        assert isinstance(server, Server)
        while not server.over.is_set():
            try:
                asked.wfile.write(b"x" * 65_536)
            except OSError:
                return

    server = serve()
    server.ways = [flood]
    wants_body = kind in ("pushover", "telegram")
    try:
        deliver(kind, tmp_path, server.url)
        assert not wants_body
    except TryLater as error:
        assert wants_body
        assert str(ANSWER_BYTES_MAX) in error.detail or "127.0.0.1" in error.detail  # noqa: PT017 - one of two ends


@every_channel
def test_o12_no_secret_is_repeated(kind: str, tmp_path: Path, serve: Callable[..., Server]) -> None:
    """Neither errors nor their causes, receipts, reprs, references nor argv hold it, whatever the server does."""
    server = serve()
    spoken: list[str] = []
    ways = [say(200), say(400), say(401, CANARY.encode()), say(302, Location=CANARY), say(429), say(500), hang_up]
    channel = MAKERS[kind](tmp_path, exchange, Address(url=server.url, timeout_usec=SECOND))
    spoken += [repr(channel), repr(vars(channel)), repr(getattr(channel, "_settings", ""))]
    for way in ways:
        for page in PAGES.values():
            server.ways = [way]
            try:
                spoken.append(repr(channel.deliver(message_of(page))))
            except (TryLater, ConfigurationFault) as error:
                spoken += chain_of(error)
            if isinstance(channel, LivingChannel):
                told = (Told(page="41.2", reference="7"),)
                standing = Standing(incident="INC-7", message=message_of(page), told=told)
                try:
                    spoken.append(repr(channel.keep_up((standing,))))
                except (TryLater, ConfigurationFault) as error:
                    spoken += chain_of(error)
    spoken.append(Path("/proc/self/cmdline").read_text())

    assert any(CANARY in repr(request) for request in server.requests), "the secret was never used"
    assert [text for text in spoken if CANARY in text or BOT in text or USER in text] == []


def chain_of(error: BaseException | None) -> list[str]:
    """Return what a log would show of an error: itself and all its causes."""
    texts = []
    while error is not None:
        texts += [repr(error), str(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return texts


def test_o12_a_request_shows_nothing_of_itself() -> None:
    """Address, headers and body stay out of its repr."""
    request = Request(channel="out", url=f"https://x/{CANARY}", headers=(("A", CANARY),), body=CANARY.encode())

    assert CANARY not in repr(request)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(channel="out", url="http://pager.example/", secret=True, insecure=True), "credential would go out"),
        (Request(channel="out", url="http://pager.example/"), "insecure = true"),
        (Request(channel="out", url=f"http://u:{CANARY}@127.0.0.1/"), "credential_file"),
        (Request(channel="out", url=f"https://x/{CANARY} b"), "not a plain"),
        (Request(channel="out", url=f"ftp://x/{CANARY}"), "not a plain"),
        (Request(channel="out", url=f"http://x/\n{CANARY}"), "not a plain"),
    ],
)
def test_what_must_not_be_sent_is_refused_before_a_connection(request_: Request, words: str) -> None:
    """Clear text to another machine needs a human's word, and for a credential not even that is enough."""
    with pytest.raises(ConfigurationFault, match=words) as caught:
        exchange(request_)
    assert CANARY not in caught.value.detail


def test_clear_text_to_another_machine_needs_a_humans_word() -> None:
    """With `insecure` the page goes out; here as far as the name that does not resolve."""
    with pytest.raises(TryLater):
        exchange(Request(channel="out", url="http://nowhere.invalid/", insecure=True))
