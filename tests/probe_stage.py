"""What the tests of probes share: a life to look at, a server to be looked at, and one look."""

import asyncio
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from watchdog.core.events import Event
from watchdog.core.healthpolicy import Assertion, AssertionKind, ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName, LifeId, ProcessRef
from watchdog.core.observations import ProbeObserved
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.timeline import MILLISECOND, SECOND
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.sensors.prober import Look, Prober

MAIN = GatewayName("main")
LONG = 60 * SECOND
SHORT = 300 * MILLISECOND

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def ref(pid: int) -> ProcessRef:
    """Refer to a living process."""
    return read_stat(pid).reference(read_boot())


def mark_of(pid: int) -> LifeMark:
    """Mark a process as the life, without a cgroup."""
    return LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=ref(pid))


def now_usec() -> int:
    """Read CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000


async def look_at(
    probe: ProbePolicy, *, owner: int | None = None, times: int = 1, before: Callable[[], None] | None = None
) -> Look:
    """Put a probe to a life, by default to this very process, and return the last outcome; `before` comes first."""
    reports: list[Event] = []
    prober = Prober(reports.append, now_usec)
    prober.adopt([GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("x",)), probes=(probe,))])
    mark = mark_of(owner or os.getpid())
    prober.life_began(MAIN, mark.process, lambda: mark)
    look = None
    if before is not None:
        before()
    for _ in range(times):
        look = await prober.look_now(MAIN, probe.name)
    await prober.close()
    assert look is not None
    assert [type(report) for report in reports] == [ProbeObserved] * times
    return look


def serving(serve: Serve, probe: Callable[[int], ProbePolicy], *, tls: ssl.SSLContext | None = None) -> Look:
    """Serve on loopback, look once, and return the outcome."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    async def scene() -> Look:
        server = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=tls)
        try:
            return await look_at(probe(server.sockets[0].getsockname()[1]))
        finally:
            server.close()

    return asyncio.run(scene())


def http(
    port: int, *assertions: Assertion, timeout_usec: int = LONG, path: str = "/", scheme: str = "http"
) -> ProbePolicy:
    """Ask this port over HTTP."""
    target = f"{scheme}://127.0.0.1:{port}{path}"
    return ProbePolicy(
        name="p",
        kind=ProbeKind.HTTP,
        target=target,
        timeout_usec=timeout_usec,
        period_usec=2 * LONG,
        assertions=assertions,
    )


def says(text: bytes, *, stay: bool = False) -> Serve:
    """Answer a request with these bytes and hang up, or stay."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        await writer.drain()
        if stay:
            await reader.read()

    return serve


def answer(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    """Write an HTTP answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


READY = Assertion(kind=AssertionKind.JSON_EQUALS, path="ready", expected="true")
FINE = Assertion(kind=AssertionKind.MATCHES, expected="fine")
