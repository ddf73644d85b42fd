"""What five probes cost: gatedog and monit side by side, each as a whole, asking the same program the same things.

    .venv/bin/python benchmarks/probe_cost.py [SECONDS [PERIOD]]          default: 300 s of a probe every 30 s

One command: it starts a gateway below a gatedog daemon, monit beside it where there is one (apt-get install monit),
lets them settle, and prints the processor time of each in a minute, then what one look of each kind costs. The bar is
twice monit's. The gateway that is asked is another process, whose cost is not counted. Run it on a machine that does
nothing else; with PERIOD 1 half a minute gives the same answer, roughly.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from watchdog.core.healthpolicy import Assertion, AssertionKind, ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.sensors.prober import Prober

MAIN = GatewayName("main")
LOOKS = 200
STARTS_WITHIN_S = 30
BODY = b'{"ready": true, "failing": []}'
POLICY = """
[[gateway.main.probe]]
name = "http"
kind = "http"
target = "http://127.0.0.1:{port}/"
period = "{period}s"
timeout = "900ms"
[[gateway.main.probe]]
name = "json"
kind = "http"
target = "http://127.0.0.1:{port}/"
period = "{period}s"
timeout = "900ms"
[[gateway.main.probe.assert]]
json = "ready"
equals = true
[[gateway.main.probe]]
name = "tcp"
kind = "tcp"
target = "127.0.0.1:{port}"
period = "{period}s"
timeout = "900ms"
[[gateway.main.probe]]
name = "unix"
kind = "unix"
target = "{folder}/s"
period = "{period}s"
timeout = "900ms"
[[gateway.main.probe]]
name = "heartbeat"
kind = "heartbeat"
target = "{folder}/beat"
stale_after = "1d"
period = "{period}s"
timeout = "900ms"
"""
MONIT = """
set daemon {period}
set pidfile {folder}/monit.pid
set idfile {folder}/monit.id
set statefile {folder}/monit.state
check host web with address 127.0.0.1
    if failed port {port} protocol http request "/" then alert
    if failed port {port} protocol http request "/" content = "ready.: true" then alert
    if failed port {port} type tcp then alert
check process gateway with pidfile {folder}/gateway.pid
    if failed unixsocket {folder}/s then alert
check file beat with path {folder}/beat
    if timestamp > 1 day then alert
"""


def serve(port: int, folder: Path) -> None:
    """Answer for ever on a TCP and a unix socket: the gateway."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1024):
            writer.write(answer)
        writer.close()

    async def forever() -> None:
        unix = await asyncio.start_unix_server(page, folder / "s", backlog=1024)
        tcp = await asyncio.start_server(page, "127.0.0.1", port, backlog=1024)
        (folder / "gateway.pid").write_text(str(os.getpid()))
        async with tcp, unix:
            await asyncio.Event().wait()

    asyncio.run(forever())


# -- side by side --------------------------------------------------------------------------------------------------


@contextmanager
def running(*argv: str, log: Path) -> Iterator[int]:
    """Run a program, its words into a file, and end it afterwards."""
    with (
        log.open("wb") as words,
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=words, stderr=words) as process,
    ):
        try:
            yield process.pid
        finally:
            process.terminate()


def wait_for(file: Path, log: Path) -> None:
    """Wait until a file is there, with a bound."""
    end = time.monotonic() + STARTS_WITHIN_S
    while not file.exists():
        if time.monotonic() > end:
            raise SystemExit(f"{file} did not come:\n{log.read_text()}")
        time.sleep(0.1)


def cpu_ns(pid: int) -> int:
    """Return the processor time a process has spent, its dead threads included."""
    return time.clock_gettime_ns(~pid << 3 | 2)  # what clock_getcpuclockid(3) returns, which Python has not


def compare(folder: Path, seconds: float, period: int) -> dict[str, float]:
    """Return the milliseconds of processor time a minute costs, by who spends it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "beat").touch()
    bundle, bare = folder / "bundle", folder / "bare"
    for each, command, probes in (
        (bundle, [sys.executable, __file__, "--serve", str(port), str(folder)], POLICY),
        (bare, ["/bin/sleep", "1000000"], ""),
    ):
        each.mkdir(mode=0o700)
        words = ", ".join(f'"{word}"' for word in command)
        text = f"[gateway.main]\ncommand = [{words}]\n" + probes.format(port=port, folder=folder, period=period)
        (each / "policy.toml").write_text(text)
        (each / "policy.toml").chmod(0o600)
    settings = folder / "monitrc"
    settings.write_text(MONIT.format(port=port, folder=folder, period=period))
    settings.chmod(0o600)
    spent: dict[str, int] = {}
    with ExitStack() as ends:
        ends.callback(end_gateways, folder)  # after the daemons, which leave them running
        for name, config in (("gatedog, five probes", bundle), ("gatedog, no probe", bare)):
            places = ("--config", config, "--state", config / "state", "--runtime", config / "run")
            program = (sys.executable, "-m", "watchdog.cli", "daemon", *map(str, places))
            spent[name] = ends.enter_context(running(*program, log=config / "log"))
        wait_for(folder / "gateway.pid", bundle / "log")
        if (monit := shutil.which("monit")) is not None:
            spent["monit"] = ends.enter_context(running(monit, "-I", "-c", str(settings), log=folder / "monit.log"))
        time.sleep(max(2 * period, 10))
        before = {name: cpu_ns(pid) for name, pid in spent.items()}
        time.sleep(seconds)
        return {name: (cpu_ns(pid) - before[name]) / 1e6 * 60 / seconds for name, pid in spent.items()}


def end_gateways(folder: Path) -> None:
    """End what the daemons wrote down as running."""
    for file in folder.glob("*/state/lives/*/*.json"):
        record = json.loads(file.read_text())
        with suppress(OSError):  # it has ended
            if read_stat(record["pid"]).start_ticks == record["start_ticks"]:
                os.kill(record["pid"], 9)


# -- look by look --------------------------------------------------------------------------------------------------


async def looks(folder: Path, port: int, owner: int) -> dict[str, float]:
    """Return the milliseconds of processor time that one look of each kind costs in this process."""
    ready = Assertion(kind=AssertionKind.JSON_EQUALS, path="ready", expected="true")
    probes = (
        ProbePolicy(name="http", kind=ProbeKind.HTTP, target=f"http://127.0.0.1:{port}/"),
        ProbePolicy(name="json", kind=ProbeKind.HTTP, target=f"http://127.0.0.1:{port}/", assertions=(ready,)),
        ProbePolicy(name="tcp", kind=ProbeKind.TCP, target=f"127.0.0.1:{port}"),
        ProbePolicy(name="unix", kind=ProbeKind.UNIX, target=f"{folder}/s"),
        ProbePolicy(name="heartbeat", kind=ProbeKind.HEARTBEAT, target=f"{folder}/beat"),
    )
    prober = Prober(lambda _: None, lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000)
    prober.adopt([GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("x",)), probes=probes)])
    process = read_stat(owner).reference(read_boot())
    mark = LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=process)
    prober.life_began(MAIN, process, lambda: mark)
    cost: dict[str, float] = {}
    for probe in probes:
        await prober.look_now(MAIN, probe.name)
        begin_ns = time.process_time_ns()
        for _ in range(LOOKS):
            look = await prober.look_now(MAIN, probe.name)
            if look is None or look.result.value != "ok":
                raise SystemExit(f"probe {probe.name} is not well: {look}")
        cost[probe.name] = (time.process_time_ns() - begin_ns) / LOOKS / 1e6
    await prober.close()
    return cost


def look_by_look(folder: Path) -> dict[str, float]:
    """Serve in a child and look from here."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "beat").touch()
    with running(sys.executable, __file__, "--serve", str(port), str(folder), log=folder / "log") as owner:
        wait_for(folder / "gateway.pid", folder / "log")
        return asyncio.run(looks(folder, port, owner))


def main(seconds: float = 300, period: int = 30) -> None:
    """Compare and print."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        minute = compare(Path(one), seconds, period)
        cost = look_by_look(Path(two))
    print(f"processor time in a minute, five probes every {period} s, measured for {seconds:.0f} s:")
    for name, spent_ms in minute.items():
        print(f"    {name:22} {spent_ms:8.1f} ms")
    if "monit" in minute:
        print(f"    {'gatedog / monit':22} {minute['gatedog, five probes'] / minute['monit']:8.2f}    (the bar is 2)")
    else:
        print("    monit is not installed: apt-get install monit")
    print("processor time of one look:")
    for name, spent_ms in cost.items():
        print(f"    {name:22} {spent_ms:8.3f} ms")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:3]))
