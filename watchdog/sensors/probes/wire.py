"""A connected stream, plain or TLS: send, receive, close, and no more.

Rejected: asyncio's own streams. They read ahead without being asked, up to 128 KiB a connection, keep transports alive
past a cancelled probe, and cost three times as much for a question that fits into one packet.

Invariant: `receive` returns at most READ_BYTES; whoever holds a wire closes it, and closing never waits. There is no
time limit here: each probe runs under one deadline for all it does (prober.py).
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Sequence
from typing import Protocol

from watchdog.core.observations import ProbeCause
from watchdog.sensors.probes.names import Address
from watchdog.sensors.probes.outcome import CannotAsk, Failing, Progress, is_ours, reason

READ_BYTES = 16 * 1024


class Wire(Protocol):
    """What a probe speaks over."""

    async def send(self, message: bytes) -> None:
        """Send all of it."""
        ...

    async def receive(self) -> bytes:
        """Return what is there, waiting for something; empty at the end."""
        ...

    def close(self) -> None:
        """End the connection without ceremony."""
        ...


class PlainWire:
    """A connected stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    async def send(self, message: bytes) -> None:
        """See `Wire.send`."""
        await self._loop.sock_sendall(self._connection, message)

    async def receive(self) -> bytes:
        """See `Wire.receive`."""
        return await self._loop.sock_recv(self._connection, READ_BYTES)

    def close(self) -> None:
        """See `Wire.close`."""
        self._connection.close()


class SecureWire:
    """TLS over a plain wire, driven by hand so that nothing is read that was not asked for."""

    def __init__(self, below: Wire, context: ssl.SSLContext, host: str) -> None:
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def shake_hands(self) -> None:
        """Do the handshake. Raises ssl.SSLError, OSError."""
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            else:
                await self._flush()
                return

    async def send(self, message: bytes) -> None:
        """See `Wire.send`."""
        self._object.write(message)
        await self._flush()

    async def receive(self) -> bytes:
        """See `Wire.receive`."""
        while True:
            try:
                return self._object.read(READ_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()  # a renegotiation, or an answer to a key update
                await self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def close(self) -> None:
        """See `Wire.close`."""
        self._below.close()

    async def _flush(self) -> None:
        waiting = self._outgoing.read()
        if waiting:
            await self._below.send(waiting)

    async def _feed(self) -> None:
        came = await self._below.receive()
        if came:
            self._incoming.write(came)
        else:
            self._incoming.write_eof()


async def connect(addresses: Sequence[Address], progress: Progress) -> socket.socket:
    """Connect to the first address that takes it. The receiver closes.

    Raises:
        CannotAsk: no socket or no route.
        Failing: nobody took the connection.
    """
    last: OSError | None = None
    for address in addresses:
        progress.cause = ProbeCause.LOCAL if address.is_local else ProbeCause.REMOTE
        try:
            return await _connect(address)
        except OSError as error:
            last = error if last is None or not is_ours(error) else last
    if last is None or is_ours(last):
        raise CannotAsk(f"cannot connect from here: {'no address' if last is None else reason(last)}") from last
    raise Failing(reason(last), progress.cause) from last


async def _connect(address: Address) -> socket.socket:
    connection = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (address.host, address.port))
    except BaseException:
        connection.close()
        raise
    return connection


def connect_unix(path: str, progress: Progress) -> socket.socket:
    """Connect to a unix stream socket; the kernel answers at once. The receiver closes.

    Not through the loop: a listener whose queue is full is EAGAIN, which asyncio takes for a connection on its way, and
    the next send fails with a sentence about nothing.

    Raises:
        CannotAsk: no socket, or no permission.
        Failing: nobody listens there, or nobody accepts.
    """
    progress.cause = ProbeCause.LOCAL
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError as error:
        raise CannotAsk(f"no socket: {reason(error)}") from error
    try:
        connection.connect(path)
    except BlockingIOError as error:
        connection.close()
        raise Failing("its queue of waiting connections is full: nobody accepts", ProbeCause.LOCAL) from error
    except OSError as error:
        connection.close()
        if is_ours(error):
            raise CannotAsk(f"cannot connect to {path}: {reason(error)}") from error
        raise Failing(reason(error), ProbeCause.LOCAL) from error
    return connection


def ended(error: OSError, progress: Progress) -> Failing | CannotAsk:
    """Say what a connection that broke after it stood means."""
    if isinstance(error, ssl.SSLError):
        return Failing(f"TLS failed: {_tls_reason(error)}", progress.cause)
    if is_ours(error) and error.errno not in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return CannotAsk(reason(error))
    return Failing(f"{progress.stage}; {reason(error)}", progress.cause)


async def secure(below: Wire, host: str, context: ssl.SSLContext, progress: Progress) -> SecureWire:
    """Put TLS over a wire. Raises Failing; `below` stays the caller's to close."""
    progress.stage = "connected, but the TLS handshake was not finished"
    try:
        wire = SecureWire(below, context, host)
        await wire.shake_hands()
    except OSError as error:
        raise ended(error, progress) from error
    return wire


def tls_context(*, verify: bool) -> ssl.SSLContext:
    """Make the client's side of TLS; costs milliseconds, so make it once for each probe."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid ({error.verify_message})"
    return (error.reason or str(error)).lower().replace("_", " ")
