"""Take messages off one connection, each with the credentials of the process that wrote it.

asyncvarlink reads with recv_fds, which drops SCM_CREDENTIALS; then a socket that was handed to another process would
speak with the name of the one that connected. So this room reads for itself: recvmsg with SO_PASSCRED, where the kernel
never glues bytes of different writers into one chunk.

Invariant: a message is complete, at most `message_bytes_max` long, arrived within its deadline, and every byte of it
came from `writer`; bytes of two writers make it nobody's. File descriptors are never taken in: there is no room for
them in the ancillary buffer, so the kernel closes them, and one that slipped through is closed here.
"""

import asyncio
import os
import socket
import struct
from array import array

from watchdog.core.values import dataclass
from watchdog.origin.gathering import WriterCredentials

_SCM_CREDENTIALS = 2
_CREDENTIALS = struct.Struct("3i")
_CHUNK_BYTES = 16 * 1024
_END = b"\0"

NOBODY = WriterCredentials(pid=0, uid=-1, gid=-1)
"""The writer of a message whose bytes came from more than one process: it matches no connector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message without its closing NUL, and who wrote it."""

    text: bytes
    writer: WriterCredentials


class MessageTooLarge(Exception):  # noqa: N818  (a fault of the peer, not ours)
    """The message exceeds the limit; the connection cannot be resynchronised."""


class Receiver:
    """The reading half of a connection. Non-blocking, one reader, one `receive` at a time."""

    def __init__(
        self, connection: socket.socket, *, message_bytes_max: int, message_deadline_usec: int, idle_usec: int
    ) -> None:
        self._connection = connection
        self._message_bytes_max = message_bytes_max
        self._message_deadline_usec = message_deadline_usec
        self._idle_usec = idle_usec
        self._buffer = bytearray()
        self._writer: WriterCredentials | None = None
        """Who wrote what is in the buffer."""

    async def receive(self) -> Message | None:
        """Return the next message; None when the peer has closed.

        Raises TimeoutError when nothing came for the idle time or a begun message was not completed in time,
        MessageTooLarge, and OSError when the connection broke.
        """
        if not self._buffer:
            async with asyncio.timeout(self._idle_usec / 1_000_000):
                if not await self._fill():
                    return None
        async with asyncio.timeout(self._message_deadline_usec / 1_000_000):
            while (end := self._buffer.find(_END)) < 0:
                if len(self._buffer) > self._message_bytes_max:
                    raise MessageTooLarge
                if not await self._fill():
                    return None
        if end > self._message_bytes_max:
            raise MessageTooLarge
        text = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        writer = self._writer or NOBODY
        if not self._buffer:
            self._writer = None
        return Message(text=text, writer=writer)

    async def _fill(self) -> bool:
        """Append one chunk; False at the end of the stream."""
        chunk, writer = await self._read_chunk()
        if not chunk:
            return False
        if self._writer is None:
            self._writer = writer
        elif self._writer != writer:
            # The rest of the buffer stays tainted until it is empty: which byte was whose is no longer known.
            self._writer = NOBODY
        self._buffer += chunk
        return True

    async def _read_chunk(self) -> tuple[bytes, WriterCredentials]:
        while True:
            try:
                chunk, ancillary, _, _ = self._connection.recvmsg(_CHUNK_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
            except (BlockingIOError, InterruptedError):
                await _readable(self._connection)
                continue
            return chunk, _credentials(ancillary)


def _credentials(ancillary: list[tuple[int, int, bytes]]) -> WriterCredentials:
    found = NOBODY
    for level, kind, content in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == _SCM_CREDENTIALS and len(content) >= _CREDENTIALS.size:
            pid, uid, gid = _CREDENTIALS.unpack_from(content)
            found = WriterCredentials(pid=pid, uid=uid, gid=gid)
        elif kind == socket.SCM_RIGHTS:
            fds = array("i")
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
            for fd in fds:
                os.close(fd)
    return found


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection.fileno())
