"""What five probes every 30 s cost: processor time of one look of each kind, and of an idle minute with all five.

    .venv/bin/python benchmarks/probe_cost.py [LOOKS]

Everything is on loopback; the servers that are asked are another process, whose cost is not counted.
The bar is monit with the same five checks at the same period (benchmarks/peers).
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from watchdog.core.healthpolicy import Assertion, AssertionKind, ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.sensors.prober import Prober

MAIN = GatewayName("main")
LOOKS_PER_MINUTE = 2 * 5


def serve(pipe: int) -> None:
    """Answer for ever, in a process of its own, on a TCP and a unix socket."""
    body = b'{"ready": true, "failing": []}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(answer)
        writer.close()

    async def forever() -> None:
        folder = tempfile.mkdtemp()
        tcp = await asyncio.start_server(page, "127.0.0.1", 0)
        unix = await asyncio.start_unix_server(page, f"{folder}/s")
        os.write(pipe, f"{tcp.sockets[0].getsockname()[1]} {folder}/s".encode())
        async with tcp, unix:
            await asyncio.Event().wait()

    asyncio.run(forever())


async def measure(port: int, unix: str, owner: int, looks: int) -> None:
    """Look `looks` times with each probe and print what one look costs."""
    ready = Assertion(kind=AssertionKind.JSON_EQUALS, path="ready", expected="true")
    beat = Path(unix).with_name("beat")
    beat.touch()
    probes = (
        ProbePolicy(name="http", kind=ProbeKind.HTTP, target=f"http://127.0.0.1:{port}/"),
        ProbePolicy(name="json", kind=ProbeKind.HTTP, target=f"http://127.0.0.1:{port}/", assertions=(ready,)),
        ProbePolicy(name="tcp", kind=ProbeKind.TCP, target=f"127.0.0.1:{port}"),
        ProbePolicy(name="unix", kind=ProbeKind.UNIX, target=unix),
        ProbePolicy(name="heartbeat", kind=ProbeKind.HEARTBEAT, target=str(beat)),
    )
    prober = Prober(lambda _: None, lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000)
    prober.adopt([GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("x",)), probes=probes)])
    process = read_stat(owner).reference(read_boot())
    mark = LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=process)
    prober.life_began(MAIN, process, lambda: mark)
    total_ns = 0
    for probe in probes:
        await prober.look_now(MAIN, probe.name)
        begin_ns = time.process_time_ns()
        for _ in range(looks):
            look = await prober.look_now(MAIN, probe.name)
        spent_ns = (time.process_time_ns() - begin_ns) // looks
        total_ns += spent_ns
        print(f"{probe.name:10} {spent_ns / 1e6:6.3f} ms a look   ({look.result.value if look else 'none'})")
    await prober.close()
    print(f"five probes at 30 s: {total_ns * LOOKS_PER_MINUTE / 5 / 1e6:.1f} ms of processor time in 60 s")


def main() -> None:
    """Serve in a child, look from here."""
    looks = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    reading, writing = os.pipe()
    owner = os.fork()
    if owner == 0:
        serve(writing)
    try:
        port, unix = os.read(reading, 200).decode().split()
        asyncio.run(measure(int(port), unix, owner, looks))
    finally:
        os.kill(owner, 9)
        os.waitpid(owner, 0)


if __name__ == "__main__":
    main()
