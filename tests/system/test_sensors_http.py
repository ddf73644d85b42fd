"""HTTP probes against servers that behave badly: an outcome each time, in time, and one sentence for people."""

import asyncio
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from probe_stage import FINE, READY, SHORT, answer, http, look_at, says, serving

from watchdog.core.observations import ProbeCause, ProbeResult

pytestmark = pytest.mark.system


# -- http ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        answer(b'{"ready": true}'),
        b'HTTP/1.0 200 OK\n\n{"ready": true}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8;x=y\r\n{"ready"\r\n7\r\n: true}\r\n0\r\n\r\n',
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b'{"ready": true}', more="X: y\r\n"),
    ],
)
def test_a_good_answer_is_ok_however_it_is_framed(text: bytes) -> None:
    """By length, to the end, in chunks, after an interim answer."""
    look = serving(says(text), lambda port: http(port, READY))

    assert (look.result, look.detail) == (ProbeResult.OK, "answered 200")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (answer(b'{"ready": false}'), "ready is false, not true"),
        (answer(b"<html>"), 'its answer is not JSON: "<html>"'),
        (answer(b'{"ready": false}', "503 No"), "answered 503: ready is false, not true"),
        (
            answer(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"),
            "answered 302, a redirect to http://127.0.0.1:1/",
        ),
        (answer(b"", "204 No"), "its answer is not JSON"),
        (b"", "connected, but it did not answer; it closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "connected, but it did not answer; it closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "answered 200, but its body did not end; it closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", 'announces a body of "many" bytes'),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n", "answered 200, but its body is longer than 64 KiB"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", '"zz" is no size of a chunk'),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", "longer than 64 KiB"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4000, "its headers are longer than 16 KiB"),
        (b"HTTP/1.1 100 Go\r\n\r\n" * 9, "one interim answer after another"),
        (b"220 mail ESMTP\r\n\r\n", 'it does not speak HTTP: "220 mail ESMTP"'),
        (b"\x00\xff\x1b[2J\r\n\r\n", "it does not speak HTTP"),
    ],
)
def test_a_bad_answer_is_a_failure_that_says_what_came(text: bytes, detail: str) -> None:
    """Wrong JSON, wrong status, torn, too long, no HTTP at all: one sentence each, and no exception."""
    look = serving(says(text), lambda port: http(port, READY))

    assert look.result is ProbeResult.FAILED
    assert detail in look.detail
    assert look.detail.isprintable()


def test_a_redirect_loop_is_one_answer() -> None:
    """Nothing is followed, so it cannot go round."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(b"", "301 Moved", "Location: /\r\n"))
        await writer.drain()

    look = serving(serve, http)

    assert look.result is ProbeResult.FAILED
    assert len(asked) == 1


def test_a_target_that_hangs_after_its_headers_meets_the_deadline() -> None:
    """What it had said by then is told; the cause is on this host."""
    hanging = says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", stay=True)

    look = serving(hanging, lambda port: http(port, FINE, timeout_usec=SHORT))

    assert (look.result, look.cause) == (ProbeResult.FAILED, ProbeCause.LOCAL)
    assert look.detail == "answered 200, but its body did not end within 300ms"


def test_a_target_that_never_answers_meets_the_deadline() -> None:
    """It accepts and says nothing, as a stopped process does."""
    look = serving(says(b"", stay=True), lambda port: http(port, timeout_usec=SHORT))

    assert (look.result, look.cause) == (ProbeResult.FAILED, ProbeCause.LOCAL)
    assert look.detail == "connected, but it did not answer within 300ms"


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 52428800\r\n"])
def test_a_stream_without_end_is_cut(head: bytes) -> None:
    """After 64 KiB the probe has seen enough, and says so long before its deadline."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    look = serving(serve, lambda port: http(port, FINE))

    assert (look.result, look.detail) == (ProbeResult.FAILED, "answered 200, but its body is longer than 64 KiB")


def test_without_assertions_a_body_is_not_read() -> None:
    """50 MB behind a 200 cost nothing when nobody asks what they say."""
    look = serving(says(b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n", stay=True), http)

    assert (look.result, look.detail) == (ProbeResult.OK, "answered 200")


def test_a_reset_is_a_failure_of_this_host() -> None:
    """A connection that is torn down instead of answered."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        linger = (1).to_bytes(4, "little") + bytes(4)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    look = serving(serve, http)

    assert (look.result, look.cause) == (ProbeResult.FAILED, ProbeCause.LOCAL)
    assert "connection reset" in look.detail or "closed the connection" in look.detail


def test_a_refused_connection_is_a_failure_of_this_host() -> None:
    """Nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    look = asyncio.run(look_at(http(port)))

    assert (look.result, look.cause, look.detail) == (ProbeResult.FAILED, ProbeCause.LOCAL, "connection refused")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate that nobody trusts."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x", "-keyout"]
    made = subprocess.run([*request, str(file)], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + made.stdout)
    return file


def test_a_certificate_that_is_not_valid_is_a_failure(certificate: Path) -> None:
    """The gateway was asked, and it is not who it should be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    look = serving(says(answer(b"")), lambda port: http(port, scheme="https"), tls=context)

    assert look.result is ProbeResult.FAILED
    assert "TLS failed: the certificate is not valid" in look.detail


def test_no_tls_where_tls_is_asked_for_is_a_failure() -> None:
    """A plain server is no secure one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")

    look = serving(serve, lambda port: http(port, scheme="https"))

    assert look.result is ProbeResult.FAILED
    assert look.detail.startswith("TLS failed")
