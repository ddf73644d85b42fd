"""Notice that a life serves: after a delay, by its own word, or because it answers.

Invariant: at most one report for each watch; a question that gets no answer is asked again and is never a failure
here, because how long "not yet" may last is ruled in core/. A READY=1 counts only from a process of the life: the
socket lies where other programs of that user could write to it. So does an answer on this host, for the same reason: a
gateway that cannot have its port because an impostor holds it was ready the moment it began, by the impostor's answer.

`notify` follows systemd's protocol on a socket of our own. It is bound to a path so that a life started before this
daemon still reaches it. READY=1 is heard here; WATCHDOG= and STATUS= are passed on as they came (`hear`), for probes.
"""

import asyncio
import ipaddress
import os
import socket
import ssl
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from watchdog.core.healthpolicy import ProbeKind
from watchdog.core.policy import GatewayPolicy, Readiness, ReadyPolicy
from watchdog.origin.listener import Listeners
from watchdog.origin.marks import LifeMark

_POLL_FIRST_SECONDS = 0.25
_POLL_LATER_SECONDS = 1.0
_POLLS_FIRST = 40
_ANSWER_SECONDS = 2.0
_MESSAGE_BYTES = 4096
_MESSAGES_PER_WAKE = 32
_STATUS_LINE_BYTES = 1024
_CREDENTIALS = struct.Struct("3i")
_PATH_BYTES_MAX = 107
"""sun_path of sockaddr_un, less the final zero."""


def speaks(policy: GatewayPolicy) -> bool:
    """Whether a gateway is to have a notify socket: for its readiness, or for a probe that listens."""
    return policy.ready.kind is Readiness.NOTIFY or any(probe.kind is ProbeKind.NOTIFY for probe in policy.probes)


class NotifySocket:
    """Where a gateway says READY=1, WATCHDOG=1 and STATUS=. One for each gateway, kept over its lives."""

    def __init__(self, path: Path, uid: int, loop: asyncio.AbstractEventLoop) -> None:
        """Bind `path`, writable by `uid` and root only.

        Raises:
            OSError: the path is too long, or its folder cannot be written.
        """
        if len(os.fsencode(path)) > _PATH_BYTES_MAX:
            raise OSError(f"the path {path} is longer than the {_PATH_BYTES_MAX} bytes of a unix socket address")
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.path = path
        self.hear: Callable[[int, bytes], None] | None = None
        """Called with the pid of each process that says anything, and what it said."""
        self._loop = loop
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(path))
        path.chmod(0o600)
        if uid != os.geteuid():
            os.chown(path, uid, -1)
        loop.add_reader(self._socket, self._receive)

    def close(self) -> None:
        """Stop listening. The path stays: a gateway that speaks to it meanwhile gets an error, not a hang."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _receive(self) -> None:
        for _ in range(_MESSAGES_PER_WAKE):
            try:
                # Room for the credentials only: descriptors sent along are closed by the kernel, which is also the
                # answer that sd_notify_barrier() waits for.
                message, ancillary, _, _ = self._socket.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return
            for level, kind, content in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and self.hear is not None:
                    self.hear(_CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0], message)


class ReadinessWatch:
    """Waits for one life to be ready and says so once."""

    def __init__(
        self,
        policy: ReadyPolicy,
        *,
        age_usec: int,
        report: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        mark: Callable[[], LifeMark] | None = None,
    ) -> None:
        """Begin to watch a life that is `age_usec` old. A `notify` watch is told by its backend, through `hear`.

        `mark` says how the life is recognised: who answers on this host in its place makes nobody ready.
        """
        self._report: Callable[[], None] | None = report
        self._kind = policy.kind
        self._mark = mark if policy.owned else None
        self._listeners = Listeners()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        match policy.kind:
            case Readiness.DELAY:
                self._timer = loop.call_later(max(0, policy.delay_usec - age_usec) / 1_000_000, self.show)
            case Readiness.TCP:
                host, _, port = policy.target.rpartition(":")
                self._task = loop.create_task(self._poll(lambda: self._accepts(host.strip("[]"), int(port))))
            case Readiness.HTTP:
                url = urlsplit(policy.target)
                self._task = loop.create_task(self._poll(lambda: self._answers(url)))
            case Readiness.NOTIFY:
                pass

    @property
    def is_evidence(self) -> bool:
        """Whether ready means that it was seen or heard to serve, and not only that a time has passed."""
        return self._kind is not Readiness.DELAY

    def hear(self, message: bytes) -> None:
        """Take what a process of the life said over its notify socket."""
        if self._kind is Readiness.NOTIFY and b"READY=1" in message.split(b"\n"):
            self.show()

    def show(self) -> None:
        """Report readiness, unless that was done or the watch was closed."""
        report, self._report = self._report, None
        if report is not None:
            report()

    def close(self) -> None:
        """Stop watching: the life ended, or the daemon goes away."""
        self._report = None
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _poll(self, ask: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        asked = 0
        while True:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    ready = await ask()
            except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                ready = False
            if ready:
                self.show()
                return
            asked += 1
            await asyncio.sleep(_POLL_FIRST_SECONDS if asked < _POLLS_FIRST else _POLL_LATER_SECONDS)

    async def _accepts(self, host: str, port: int) -> bool:
        _, writer = await asyncio.open_connection(host, port)
        try:
            return not self._is_strangers(writer)
        finally:
            writer.close()

    async def _answers(self, url: SplitResult) -> bool:
        """Ask with GET; ready is a 2xx. Only the status line is read: the rest is the gateway's to send or not."""
        secure = ssl.create_default_context() if url.scheme == "https" else None
        port = url.port if url.port is not None else 443 if secure is not None else 80
        reader, writer = await asyncio.open_connection(url.hostname, port, ssl=secure, limit=_STATUS_LINE_BYTES)
        try:
            if self._is_strangers(writer):
                return False
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            words = (await reader.readuntil(b"\n")).split()
        finally:
            writer.close()
        return len(words) > 1 and words[0].startswith(b"HTTP/") and len(words[1]) == 3 and words[1].startswith(b"2")

    def _is_strangers(self, writer: asyncio.StreamWriter) -> bool:
        """Say whether somebody else on this host listens there: in a takeover the port answers, and not for us."""
        there, here = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        if self._mark is None or there is None or here is None:
            return False
        host, port = str(there[0]), int(there[1])
        is_local = host == here[0] or ipaddress.ip_address(host.partition("%")[0]).is_loopback
        return is_local and bool(self._listeners.stranger_at(host, port, self._mark()))
