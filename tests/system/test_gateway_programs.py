"""Programs run beside a gateway: their end, their output, and that nothing of them is left."""

import asyncio
import os
import pwd
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from watchdog.core.identity import GatewayName
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.gateway.orphans import Orphans
from watchdog.gateway.programs import OUTPUT_BYTES, ChildPrograms, ProgramEnd, UnitPrograms

pytestmark = pytest.mark.system

MAIN = GatewayName("main")
BOUND = 20.0

FORKER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
            time.sleep(600)
        time.sleep(600)
while len(os.listdir(sys.argv[1])) < 3:
    time.sleep(0.002)
print("forked", flush=True)
if sys.argv[2:] == ["stay"]:
    time.sleep(600)
"""
"""Leaves grandchildren in sessions of their own, which hold its output open and hear no SIGTERM."""


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def left_behind(folder: Path) -> list[int]:
    """Return the forked processes that still run, once they had a moment to go."""
    end = time.monotonic() + BOUND
    pids = [int(path.name) for path in folder.iterdir()]
    while (left := [pid for pid in pids if not is_gone(pid)]) and time.monotonic() < end:
        time.sleep(0.002)
    return left


def beside(
    use: Callable[[ChildPrograms], Awaitable[ProgramEnd]], *, user: str = "", cgroups: bool = True
) -> ProgramEnd:
    """Run something beside a gateway of this user."""

    async def scene() -> ProgramEnd:
        orphans = Orphans(asyncio.get_running_loop())
        programs = ChildPrograms(MAIN, CommandPolicy(argv=("x",), user=user), orphans, environment=dict(os.environ))
        if not cgroups:
            programs._cgroups = None
        try:
            async with asyncio.timeout(BOUND):
                return await use(programs)
        finally:
            programs.close()
            orphans.close()

    return asyncio.run(scene())


def python(*words: str) -> tuple[str, ...]:
    """Run a script of ours."""
    return (sys.executable, "-I", "-S", "-c", *words)


@pytest.mark.parametrize(
    ("script", "code", "signal", "output"),
    [
        ("print('fine')", 0, None, b"fine\n"),
        ("import sys; sys.stderr.write('no'); sys.exit(3)", 3, None, b"no"),
        ("import os; os.kill(os.getpid(), 11)", None, "SIGSEGV", b""),
        ("import sys; sys.stdout.buffer.write(bytes(range(256)))", 0, None, bytes(range(256))),
        ("import sys; print(repr(sys.stdin.read()))", 0, None, b"''\n"),
    ],
)
def test_a_program_is_run_to_its_end(script: str, code: int | None, signal: str | None, output: bytes) -> None:
    """Code or signal, and both its outputs as they came; it has no input."""
    end = beside(lambda programs: programs.run("p", python(script)))

    assert end == ProgramEnd(code=code, signal=signal, output=output)


def test_a_program_that_is_not_there_cannot_be_started() -> None:
    """It is an error of the question, with a sentence."""
    with pytest.raises(OSError, match=r"it was not started: .*does not exist"):
        beside(lambda programs: programs.run("p", ("/no/such/program",)))


@pytest.mark.parametrize("cgroups", [True, False])
def test_what_a_program_forked_ends_with_it(tmp_path: Path, cgroups: bool) -> None:
    """Grandchildren in sessions of their own, deaf to SIGTERM, with the output still open."""
    end = beside(lambda programs: programs.run("p", python(FORKER, str(tmp_path))), cgroups=cgroups)

    assert (end.code, end.output) == (0, b"forked\n")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("cgroups", [True, False])
def test_a_cancelled_program_ends_with_all_it_forked(tmp_path: Path, cgroups: bool) -> None:
    """A probe's deadline is the end of everything that came of it."""

    async def use(programs: ChildPrograms) -> ProgramEnd:
        running = asyncio.create_task(programs.run("p", python(FORKER, str(tmp_path), "stay")))
        while len(list(tmp_path.iterdir())) < 3:  # noqa: ASYNC110, ASYNC240 - another process makes them
            await asyncio.sleep(0.002)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return ProgramEnd()

    beside(use, cgroups=cgroups)

    assert left_behind(tmp_path) == []


def test_a_flood_is_cut_and_ends_the_program() -> None:
    """Of an endless output 64 KiB are kept."""
    end = beside(lambda programs: programs.run("p", ("/usr/bin/yes",)))

    assert end.overflowed
    assert len(end.output) == OUTPUT_BYTES


def test_rounds_leave_no_descriptor_and_no_process() -> None:
    """A hundred programs later everything is as it was."""

    async def use(programs: ChildPrograms) -> ProgramEnd:
        counts = []
        for number in range(100):
            end = await programs.run("p", ("/bin/echo", "x"))
            if number in (5, 99):
                counts.append(sum(1 for _ in Path("/proc/self/fd").iterdir()))  # noqa: ASYNC240 - of a test
        assert counts[0] == counts[1]
        return end

    assert beside(use).output == b"x\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_program_runs_as_the_gateways_user() -> None:
    """With that user's groups, home and nothing of root's."""
    nobody = pwd.getpwnam("nobody")
    end = beside(lambda programs: programs.run("p", ("/bin/sh", "-c", "id -u; id -g; echo $USER")), user="nobody")

    assert end.output.split() == [str(nobody.pw_uid).encode(), str(nobody.pw_gid).encode(), b"nobody"]


def test_beside_a_unit_only_the_output_is_seen(tmp_path: Path) -> None:
    """The command of the observe table of that name is started as a unit, and what it wrote is read."""
    policy = GatewayPolicy(name=MAIN, unit="a.service", observe=(("health", ("/bin/a", "health")),))
    started: list[str] = []

    async def start_unit(unit: str) -> None:
        started.append(unit)

    async def scene() -> None:
        programs = UnitPrograms(policy, start_unit)
        with pytest.raises(OSError, match="no command 'other'"):
            await programs.run("other", ())
        with pytest.raises(OSError, match="nothing was written"):
            await programs.run("health", ())

    asyncio.run(scene())

    assert started == ["gatedog-observe@main-health.service"]
