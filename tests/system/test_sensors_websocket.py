"""The WebSocket round trip, against servers of several minds."""

import asyncio
import base64
import hashlib
import struct
from collections.abc import Callable

import pytest
from probe_stage import LONG, SHORT, Serve, serving

from watchdog.core.healthpolicy import ProbeKind, ProbePolicy
from watchdog.core.observations import ProbeResult
from watchdog.sensors.prober import Look
from watchdog.sensors.probes.outcome import Failing, Progress
from watchdog.sensors.probes.websocket import round_trip

pytestmark = pytest.mark.system


def websocket(timeout_usec: int = LONG) -> Callable[[int], ProbePolicy]:
    """Ask a port for a ping's pong."""
    return lambda port: ProbePolicy(
        name="p",
        kind=ProbeKind.WEBSOCKET,
        target=f"ws://127.0.0.1:{port}/live",
        timeout_usec=timeout_usec,
        period_usec=2 * LONG,
    )


def frame(kind: int, payload: bytes, *, final: bool = True) -> bytes:
    """Write a server's frame."""
    head = bytes(((0x80 if final else 0) | kind,))
    if len(payload) < 126:
        return head + bytes((len(payload),)) + payload
    return head + bytes((126,)) + struct.pack(">H", len(payload)) + payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a client's frame, which must be masked."""
    first, second = await reader.readexactly(2)
    assert second & 0x80
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(second & 0x7F)
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


async def shake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the handshake as RFC 6455 says."""
    head = await reader.readuntil(b"\r\n\r\n")
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
    told = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324 - RFC 6455
    writer.write(b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + told + b"\r\n\r\n")


def after_handshake(*frames: bytes, pongs: bool = True, then_hang: bool = False) -> Serve:
    """Shake hands, send some frames, and answer a ping, or not."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake(reader, writer)
        for each in frames:
            writer.write(each)
        kind, payload = await read_frame(reader)
        assert kind == 0x9
        if pongs:
            writer.write(frame(0xA, payload))
        await writer.drain()
        if then_hang:
            await reader.read()

    return serve


@pytest.mark.parametrize(
    "frames",
    [
        (),
        (frame(0x1, b'{"hello": 1}'),),
        (frame(0xA, b"unasked"), frame(0x2, bytes(300))),
        (frame(0x1, b"half a text", final=False),),
    ],
)
def test_a_pong_is_ok_whatever_comes_before_it(frames: tuple[bytes, ...]) -> None:
    """Greetings, pongs nobody asked for, and the middle of a long text."""
    look = serving(after_handshake(*frames), websocket())

    assert (look.result, look.detail) == (ProbeResult.OK, "a ping came back")


@pytest.mark.parametrize(
    ("serve", "detail"),
    [
        (after_handshake(frame(0x8, struct.pack(">H", 1008) + b"who are you\n")), "with code 1008: who are you"),
        (after_handshake(pongs=False), "shook hands, but did not answer a ping; it closed the connection"),
        (after_handshake(*[frame(0x1, b"x")] * 70), "among 64 frames"),
        (after_handshake(frame(0x1, bytes(60_000), final=False), frame(0x0, bytes(60_000))), "more than 64 KiB"),
        (after_handshake(bytes((0x81, 127)) + struct.pack(">Q", 1 << 40)), "a frame of more than 64 KiB"),
        (after_handshake(b"\xf1\x00"), "does not keep to RFC 6455"),
    ],
)
def test_a_broken_conversation_is_a_failure(serve: Serve, detail: str) -> None:
    """Closed, silent, endless, too large, against the rules."""
    look = serving(serve, websocket())

    assert look.result is ProbeResult.FAILED
    assert detail in look.detail


def said(text: bytes) -> Look:
    """Answer the handshake with these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)

    return serving(serve, websocket())


def test_a_page_instead_of_a_handshake_is_a_failure() -> None:
    """A gateway that answers every path with 200, and one that agrees to another's question."""
    page = said(b"HTTP/1.1 200 OK\r\n\r\n<html>")
    other = said(b"HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: c3Ry\r\n\r\n")

    assert page.detail == "answered 200 and not 101 to the WebSocket handshake"
    assert "is another's" in other.detail


def test_a_server_that_hangs_after_the_handshake_meets_the_deadline() -> None:
    """What it had done by then is told."""
    look = serving(after_handshake(pongs=False, then_hang=True), websocket(SHORT))

    assert (look.result, look.detail) == (
        ProbeResult.FAILED,
        "shook hands, but did not answer a ping within 300ms",
    )


class Recorded:
    """A wire that plays back what a server would say."""

    def __init__(self, *texts: bytes) -> None:
        self.texts = list(texts)
        self.sent = b""

    async def send(self, message: bytes) -> None:
        self.sent += message

    async def receive(self) -> bytes:
        return self.texts.pop(0) if self.texts else b""

    def close(self) -> None:
        self.texts.clear()


def test_a_wire_that_ends_early_is_a_failure() -> None:
    """At every place of the conversation, the end is told as one sentence."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - of this test alone

    whole = b"HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: x\r\n\r\n"
    for cut in range(len(whole)):
        with pytest.raises(Failing):
            asyncio.run(round_trip(Recorded(whole[:cut]), urlsplit("ws://h/"), Progress(), message="", is_answer=bool))
