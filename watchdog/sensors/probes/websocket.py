"""A round trip over a WebSocket (RFC 6455): handshake, then a ping and its pong, or a message and an awaited answer.

Theory of operation. A gateway may accept connections and answer HTTP while its WebSocket side is dead; only a frame
that comes back shows that the loop behind it turns. Frames that are not awaited (greetings, events) are passed over, up
to FRAMES_MAX of them. Our frames are masked, as a client's must be; the mask hides nothing, so it is arithmetic.

Invariant: no frame of more than MESSAGE_BYTES is taken. Deliberately not here: extensions, and the closing handshake.
"""

import base64
import hashlib
import struct
from collections.abc import Callable
from urllib.parse import SplitResult

from watchdog.sensors.probes.http import read_head
from watchdog.sensors.probes.inflow import Inflow
from watchdog.sensors.probes.outcome import Failing, Progress, plain
from watchdog.sensors.probes.wire import Wire, ended

MESSAGE_BYTES = 64 * 1024
FRAMES_MAX = 64
_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MASK = bytes.fromhex("67617465")
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_PAYLOAD = b"gatedog"


async def round_trip(
    wire: Wire, url: SplitResult, progress: Progress, *, message: str, is_answer: Callable[[str], bool]
) -> str:
    """Shake hands and wait for the pong, or with a `message` for the first text that `is_answer`; return that text.

    Raises Failing, CannotAsk.
    """
    inflow = Inflow(wire, progress)
    await _shake_hands(wire, inflow, url, progress)
    if message:
        progress.stage = "took the message, but the awaited answer did not come"
        await _send(wire, _TEXT, message.encode(), progress)
    else:
        progress.stage = "shook hands, but did not answer a ping"
        await _send(wire, _PING, _PAYLOAD, progress)
    messages = _Messages(inflow)
    for _ in range(FRAMES_MAX):
        kind, payload = await messages.next()
        if kind == _PING:
            await _send(wire, _PONG, payload, progress)
        elif kind == _CLOSE:
            code = f" with code {struct.unpack('>H', payload[:2])[0]}" if len(payload) >= 2 else ""
            words = plain(payload[2:].decode("utf-8", "replace"), 80)
            raise Failing(f"it closed the conversation{code}{': ' if words else ''}{words}")
        elif kind == _PONG and payload == _PAYLOAD and not message:
            return ""
        elif message and kind in {_TEXT, _BINARY} and is_answer(text := payload.decode("utf-8", "replace")):
            return text
    raise Failing(f"{progress.stage} among {FRAMES_MAX} frames")


async def _shake_hands(wire: Wire, inflow: Inflow, url: SplitResult, progress: Progress) -> None:
    progress.stage = "connected, but the WebSocket handshake was not answered"
    # The key only shows that the answer is to this very question; a name is as good for that as chance.
    key = base64.b64encode(hashlib.sha256(f"gatedog {url.geturl()}".encode()).digest()[:16]).decode("ascii")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nUser-Agent: gatedog\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    try:
        await wire.send(request.encode())
    except OSError as error:
        raise ended(error, progress) from error
    status, headers = await read_head(inflow, progress)
    accepted = base64.b64encode(hashlib.sha1((key + _MAGIC).encode()).digest()).decode("ascii")  # noqa: S324 - RFC 6455 says SHA-1
    if status != 101:
        raise Failing(f"answered {status} and not 101 to the WebSocket handshake")
    if headers.get("sec-websocket-accept") != accepted:
        raise Failing("its answer to the WebSocket handshake is another's (Sec-WebSocket-Accept)")


async def _send(wire: Wire, kind: int, payload: bytes, progress: Progress) -> None:
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | kind, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | kind, 0x80 | 126)) + struct.pack(">H", size)
    else:
        head = bytes((0x80 | kind, 0x80 | 127)) + struct.pack(">Q", size)
    masked = bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(payload))
    try:
        await wire.send(head + _MASK + masked)
    except OSError as error:
        raise ended(error, progress) from error


class _Messages:
    """Puts frames together; a control frame between the fragments of a text comes first."""

    def __init__(self, inflow: Inflow) -> None:
        self._inflow = inflow
        self._kind, self._whole = _CONTINUED, b""

    async def next(self) -> tuple[int, bytes]:
        """Take one message. Raises Failing."""
        for _ in range(FRAMES_MAX):
            final, opcode, payload = await _frame(self._inflow)
            if opcode >= _CLOSE:
                return opcode, payload
            self._kind = opcode or self._kind
            self._whole += payload
            if len(self._whole) > MESSAGE_BYTES:
                break
            if final:
                kind, whole = self._kind, self._whole
                self._kind, self._whole = _CONTINUED, b""
                return kind, whole
        raise Failing(f"it sends a message of more than {MESSAGE_BYTES >> 10} KiB")


async def _frame(inflow: Inflow) -> tuple[bool, int, bytes]:
    first, second = await inflow.exactly(2)
    if first & 0x70 or second & 0x80:
        raise Failing("it does not keep to RFC 6455: reserved bits, or a masked frame from a server")
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", await inflow.exactly(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", await inflow.exactly(8))
    if size > MESSAGE_BYTES:
        raise Failing(f"it sends a frame of more than {MESSAGE_BYTES >> 10} KiB")
    return bool(first & 0x80), first & 0x0F, await inflow.exactly(size)
