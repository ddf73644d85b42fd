"""What surrounds a running child gateway: its log, its user, its cgroup."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from watchdog.core.decisions import Charge, StartGateway
from watchdog.core.events import Event, MainProcessExited
from watchdog.core.identity import ActionId, GatewayName, LifeId
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.rules import RuleId
from watchdog.gateway.child import ChildBackend
from watchdog.gateway.launcher import NEXT_LOG, Surroundings
from watchdog.gateway.orphans import Orphans
from watchdog.gateway.process import read_children

pytestmark = pytest.mark.system

NAME = GatewayName("surrounded")
BOUND_SECONDS = 20


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, within a bound."""
    for _ in range(BOUND_SECONDS * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError(f"not within {BOUND_SECONDS} s")


def start_order(life: int) -> StartGateway:
    """Order a life to be started."""
    return StartGateway(
        gateway=NAME,
        rule=RuleId.START_FIRST,
        because="",
        action=ActionId("1.0"),
        life=LifeId(life),
        charge=Charge.BOOT,
    )


@asynccontextmanager
async def running(
    folder: Path, command: CommandPolicy, *, use_cgroups: bool = True
) -> AsyncIterator[tuple[ChildBackend, list[Event]]]:
    """Run `command` as life 1, give its backend and reports, and leave nothing behind."""
    loop = asyncio.get_running_loop()
    orphans = Orphans(loop)
    reports: list[Event] = []
    surroundings = Surroundings(
        state_folder=folder / "state",
        runtime_folder=folder / "run",
        control_socket=folder / "control.sock",
        environment=os.environ,
        use_cgroups=use_cgroups,
    )
    backend = ChildBackend(GatewayPolicy(name=NAME, command=command), surroundings, reports.append, loop, orphans)
    backend.recover()
    backend.start(start_order(1))
    try:
        yield backend, reports
    finally:
        for life in tuple(backend._running.values()):
            await life.kill()
        await until(lambda: not backend._running)
        await until(lambda: backend.tend() is None and not backend._untidy)
        await backend.close()
        orphans.close()


def cgroup_of(pid: int) -> str:
    """Read in which cgroup a process is."""
    return Path(f"/proc/{pid}/cgroup").read_text()


def test_flood_of_output_stays_bounded(tmp_path: Path) -> None:
    """A log that grows past its bound is cut to its tail while the gateway keeps writing."""
    command = CommandPolicy(argv=("yes", "all work and no play"), log_bytes_max=100_000)
    log = tmp_path / "state" / "log" / NAME / "1.log"

    async def scene() -> None:
        async with running(tmp_path, command) as (backend, _):
            for _ in range(3):
                await until(lambda: log.stat().st_size > 100_000)
                backend.tend()

                assert log.with_name("1.log.1").stat().st_size == 50_000
            assert backend.observe().life == LifeId(1)
            backend._running[LifeId(1)].stop(signal.SIGKILL)

    asyncio.run(scene())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a gateway as another user")
def test_gateway_runs_as_the_policys_user(tmp_path: Path) -> None:
    """Root starts the gateway with the uid, groups and home of the policy's user."""
    command = CommandPolicy(argv=("/bin/sh", "-c", "id -u; id -G; echo $HOME $USER"), directory="/", user="nobody")

    async def scene() -> None:
        async with running(tmp_path, command) as (_, reports):
            await until(lambda: isinstance(reports[-1], MainProcessExited))

    asyncio.run(scene())

    log = tmp_path / "state" / "log" / NAME / "1.log"
    assert log.read_text().splitlines() == ["65534", "65534", "/nonexistent nobody"]


def test_life_mark_names_the_cgroup_of_the_life(tmp_path: Path) -> None:
    """The mark of a running life carries the id and the name of the cgroup it is in."""

    async def scene() -> None:
        async with running(tmp_path, CommandPolicy(argv=("sleep", "600"))) as (backend, _):
            if not backend._launcher.can_contain:
                pytest.skip("no cgroup2 tree to write to")
            await until(lambda: backend.life_marks()[0].cgroup_id != 0)
            (mark,) = backend.life_marks()

            assert f"0::{mark.cgroup}\n" in cgroup_of(mark.process.pid)
            assert mark.cgroup.endswith("/life-1")

    asyncio.run(scene())


def test_life_without_a_cgroup_says_so(tmp_path: Path) -> None:
    """Where no cgroup can be made the mark has the id 0 and no name."""

    async def scene() -> None:
        async with running(tmp_path, CommandPolicy(argv=("sleep", "600")), use_cgroups=False) as (backend, _):
            (mark,) = backend.life_marks()

            assert (mark.cgroup_id, mark.cgroup) == (0, "")

    asyncio.run(scene())


def test_a_launcher_that_no_start_follows_is_sent_away(tmp_path: Path) -> None:
    """A death makes the next launcher ready; when nobody orders a start, nothing of it is left after the chores."""

    async def scene() -> None:
        others = set(read_children(os.getpid()))
        command = CommandPolicy(argv=("true",), directory=str(tmp_path))
        async with running(tmp_path, command, use_cgroups=False) as (backend, reports):
            await until(lambda: any(isinstance(each, MainProcessExited) for each in reports))
            waiting = set(read_children(os.getpid())) - others
            await until(lambda: backend.tend() is None and not set(read_children(os.getpid())) - others)
            assert len(waiting) == 1

    asyncio.run(scene())


def test_a_log_folder_that_was_cleared_does_not_stop_the_next_start(tmp_path: Path) -> None:
    """The next log is opened ahead of a death; when somebody removes it, the start that wants it makes another."""

    async def scene() -> None:
        command = CommandPolicy(argv=("sh", "-c", "echo said; exec sleep 600"), directory=str(tmp_path))
        async with running(tmp_path, command, use_cgroups=False) as (backend, reports):
            log = tmp_path / "state" / "log" / NAME
            backend._launcher.plan(command)
            (log / NEXT_LOG).unlink()
            os.kill(backend.life_marks()[0].process.pid, signal.SIGKILL)
            await until(lambda: any(isinstance(each, MainProcessExited) for each in reports))
            backend.start(start_order(2))
            await until(lambda: (log / "2.log").read_text() == "said\n")

    asyncio.run(scene())
