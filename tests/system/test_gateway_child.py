"""A child gateway with real processes: starting, ending, stopping, killing."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from watchdog.core.decisions import Charge, KillGateway, StartGateway, StopGateway
from watchdog.core.endings import Sender
from watchdog.core.events import (
    ActionFailed,
    Event,
    Failure,
    GatewayObserved,
    MainProcessExited,
    MainProcessStarted,
    Starter,
)
from watchdog.core.identity import ActionId, GatewayName, LifeId, ProcessRef
from watchdog.core.policy import CommandPolicy, GatewayPolicy, StopPolicy
from watchdog.core.rules import RuleId
from watchdog.gateway.child import ChildBackend
from watchdog.gateway.launcher import Surroundings
from watchdog.gateway.orphans import Orphans

pytestmark = pytest.mark.system

NAME = GatewayName("test")
BOUND_SECONDS = 20

DAEMONS = """
import os, time
for i in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            open(f"{i}.pid", "w").write(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
open("ready", "w")
time.sleep(600)
"""
"""Forks five programs away, each with a session of its own and no parent."""

HOPPER = """
import os, time
for i in range(20000):
    if os.fork():
        os._exit(0)
    os.setsid()
    if i == 20:
        open("ready", "w")
    time.sleep(0.0005)
"""
"""Changes its pid two thousand times a second."""

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("ready", "w")
time.sleep(600)
"""


@dataclass
class Stage:
    """A backend on the test's event loop, and what it reported."""

    folder: Path
    policy: GatewayPolicy
    use_cgroups: bool
    reports: list[Event] = field(default_factory=list)
    backend: ChildBackend = field(init=False)

    def start(self, life: int = 1) -> None:
        self.backend.start(start_order(life))

    @property
    def process(self) -> ProcessRef:
        return next(each.process for each in reversed(self.reports) if isinstance(each, MainProcessStarted))

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(BOUND_SECONDS * 200):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise TimeoutError(f"not within {BOUND_SECONDS} s; reported so far: {self.reports}")

    async def exit(self) -> MainProcessExited:
        await self.until(lambda: any(isinstance(each, MainProcessExited) for each in self.reports))
        return next(each for each in self.reports if isinstance(each, MainProcessExited))

    async def ready_file(self) -> None:
        await self.until((self.folder / "ready").exists)

    def stop_order(self) -> StopGateway:
        return StopGateway(
            gateway=NAME, rule=RuleId.STOPPED_ON_REQUEST, because="", action=ActionId("2.0"), process=self.process
        )

    def kill_order(self) -> KillGateway:
        return KillGateway(
            gateway=NAME, rule=RuleId.STOP_TIMEOUT, because="", action=ActionId("3.0"), process=self.process
        )


def start_order(life: int) -> StartGateway:
    """Order a life to be started."""
    return StartGateway(
        gateway=NAME,
        rule=RuleId.RESTART_AT_ONCE,
        because="",
        action=ActionId("1.0"),
        life=LifeId(life),
        charge=Charge.AUTOMATIC,
    )


@asynccontextmanager
async def stage(folder: Path, *argv: str, use_cgroups: bool = True, **changes: object) -> AsyncIterator[Stage]:
    """Set up a backend for `argv`, run in `folder`; `changes` replace parts of the policy. Leaves nothing running."""
    command = CommandPolicy(argv=argv, directory=str(folder))
    policy = replace(GatewayPolicy(name=NAME, command=command), **changes)  # type: ignore[arg-type] - each test names real fields
    made = Stage(folder=folder, policy=policy, use_cgroups=use_cgroups)
    loop = asyncio.get_running_loop()
    orphans = Orphans(loop)
    surroundings = Surroundings(
        state_folder=folder / "state",
        runtime_folder=folder / "run",
        control_socket=folder / "control.sock",
        environment=os.environ,
        use_cgroups=use_cgroups,
    )
    made.backend = ChildBackend(policy, surroundings, made.reports.append, loop, orphans)
    made.backend.recover()
    try:
        yield made
    finally:
        for life in tuple(made.backend._running.values()):
            await life.kill()
        await made.until(lambda: not made.backend._running)
        await made.until(lambda: made.backend.tend() is None and not made.backend._untidy)
        await made.backend.close()
        orphans.reap()
        orphans.close()


def pids_in(folder: Path) -> list[int]:
    """Read the pids that programs wrote into files of `folder`."""
    return [int(text) for text in (file.read_text() for file in folder.glob("*.pid")) if text]


def is_gone(pid: int) -> bool:
    """Tell whether no living process has this pid."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def shell(script: str) -> tuple[str, str, str]:
    """Spell a gateway that is a shell script."""
    return ("/bin/sh", "-c", script)


def python(script: str) -> tuple[str, str, str]:
    """Spell a gateway that is a Python script."""
    return (sys.executable, "-c", script)


def test_start_is_answered_with_process_and_life(tmp_path: Path) -> None:
    """A start reports the process it made, under the life it was ordered for, and observing agrees."""

    async def scene() -> None:
        async with stage(tmp_path, "sleep", "600") as play:
            play.start(7)

            started = play.reports[0]
            assert isinstance(started, MainProcessStarted)
            assert (LifeId(7), Starter.GATEDOG) == (started.life, started.starter)
            assert GatewayObserved(gateway=NAME, process=started.process, life=LifeId(7)) == play.backend.observe()
            await play.until(lambda: Path(f"/proc/{started.process.pid}/comm").read_text() == "sleep\n")

    asyncio.run(scene())


@pytest.mark.parametrize("use_cgroups", [True, False])
@pytest.mark.parametrize(
    ("script", "code", "name"),
    [
        ("exit 0", 0, None),
        ("exit 42", 42, None),
        ("kill -9 $$", None, "SIGKILL"),
        ("kill -15 $$", None, "SIGTERM"),
        ("kill -40 $$", None, "SIG40"),
    ],
)
def test_exit_carries_code_or_signal(
    tmp_path: Path, script: str, code: int | None, name: str | None, use_cgroups: bool
) -> None:
    """An ending that gatedog had no part in is reported with its code or signal, from an unknown sender."""

    async def scene() -> None:
        async with stage(tmp_path, *shell(script), use_cgroups=use_cgroups) as play:
            play.start()
            ended = await play.exit()

            assert (code, name, Sender.UNKNOWN) == (ended.exit.code, ended.exit.signal, ended.exit.by)
            assert play.process == ended.process
            assert GatewayObserved(gateway=NAME, process=None, life=LifeId(1)) == play.backend.observe()

    asyncio.run(scene())


def test_last_line_is_reported_clean(tmp_path: Path) -> None:
    """The exit carries the last line of output, without escapes, controls and empty lines."""
    script = r"printf 'first\n\033[31mAddress already\033[0m\tin use\007\n\n  \n'; exit 1"

    async def scene() -> None:
        async with stage(tmp_path, *shell(script)) as play:
            play.start()

            assert (await play.exit()).exit.last_line == "Address already in use"

    asyncio.run(scene())


def test_start_that_cannot_be_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """A command that is not there becomes ActionFailed(SPAWN), and nothing runs."""

    async def scene() -> None:
        async with stage(tmp_path, "/no/such/program") as play:
            play.start()

            (failed,) = play.reports
            assert isinstance(failed, ActionFailed)
            assert (failed.failure, failed.action) == (Failure.SPAWN, ActionId("1.0"))
            assert failed.detail.startswith("test was not started: its command cannot be found: /no/such/program")
            assert play.backend.observe() == GatewayObserved(gateway=NAME, process=None, life=None)

    asyncio.run(scene())


def test_state_that_cannot_be_written_refuses_the_start(tmp_path: Path) -> None:
    """Without a record there is no start: the launcher ends at its gate and the program never runs."""

    async def scene() -> None:
        async with stage(tmp_path, *shell(": > ready")) as play:
            (tmp_path / "state" / "lives" / NAME).rmdir()
            play.start()
            await play.until(lambda: play.backend._orphans.reap() == 0 and not play.backend._orphans.strangers())

            (failed,) = play.reports
            assert isinstance(failed, ActionFailed)
            assert failed.failure is Failure.SPAWN
            assert not (tmp_path / "ready").exists()

    asyncio.run(scene())


def test_second_start_over_a_running_life_is_stale(tmp_path: Path) -> None:
    """A start of another life is refused while one runs; the same order again is answered again, not done twice."""

    async def scene() -> None:
        async with stage(tmp_path, "sleep", "600") as play:
            play.start(1)
            play.start(2)
            play.start(1)

            first, refused, again = play.reports
            assert isinstance(refused, ActionFailed)
            assert (Failure.STALE, first) == (refused.failure, again)

    asyncio.run(scene())


def test_life_that_was_on_record_is_not_started_again(tmp_path: Path) -> None:
    """An order that was carried out before a crash of the daemon is not carried out twice."""

    async def scene() -> None:
        async with stage(tmp_path, "true") as play:
            play.start(1)
            await play.exit()
            play.start(1)

            failed = play.reports[-1]
            assert isinstance(failed, ActionFailed)
            assert failed.failure is Failure.STALE

    asyncio.run(scene())


@pytest.mark.parametrize("use_cgroups", [True, False])
def test_stop_sends_the_policys_signal(tmp_path: Path, use_cgroups: bool) -> None:
    """A stop sends the policy's signal, and the exit that answers it is gatedog's."""
    script = "trap 'exit 3' USR1; : > ready; while :; do sleep 0.01; done"

    async def scene() -> None:
        async with stage(tmp_path, *shell(script), use_cgroups=use_cgroups, stop=StopPolicy(signal="SIGUSR1")) as play:
            play.start()
            await play.ready_file()
            play.backend.stop(play.stop_order())
            ended = await play.exit()

            assert (ended.exit.code, ended.exit.by) == (3, Sender.GATEDOG)

    asyncio.run(scene())


def test_orders_for_a_process_of_the_past_are_stale(tmp_path: Path) -> None:
    """Neither stop nor kill touches anything once the process they name has ended."""

    async def scene() -> None:
        async with stage(tmp_path, *shell("exit 0")) as play:
            play.start(1)
            await play.exit()
            play.backend.stop(play.stop_order())
            play.backend.kill(play.kill_order())

            assert [each.failure for each in play.reports[-2:]] == [Failure.STALE, Failure.STALE]  # type: ignore[union-attr] - both are ActionFailed

    asyncio.run(scene())


@pytest.mark.parametrize("use_cgroups", [True, False])
def test_kill_ends_what_ignores_sigterm(tmp_path: Path, use_cgroups: bool) -> None:
    """A gateway that ignores the stop signal is ended by the kill that follows."""

    async def scene() -> None:
        async with stage(tmp_path, *python(STUBBORN), use_cgroups=use_cgroups) as play:
            play.start()
            await play.ready_file()
            play.backend.stop(play.stop_order())
            play.backend.kill(play.kill_order())
            ended = await play.exit()

            assert (ended.exit.signal, ended.exit.by) == ("SIGKILL", Sender.GATEDOG)

    asyncio.run(scene())


@pytest.mark.parametrize("by_order", [True, False], ids=["kill order", "main process dies"])
@pytest.mark.parametrize("use_cgroups", [True, False])
def test_nothing_of_a_life_outlives_it(tmp_path: Path, use_cgroups: bool, by_order: bool) -> None:
    """Programs that daemonised away from the gateway are gone when its exit is reported, killed or not."""

    async def scene() -> None:
        async with stage(tmp_path, *python(DAEMONS), use_cgroups=use_cgroups) as play:
            play.start()
            await play.ready_file()
            await play.until(lambda: len(pids_in(tmp_path)) == 5)
            pids = pids_in(tmp_path)
            if by_order:
                play.backend.kill(play.kill_order())
            else:
                signal.pidfd_send_signal(play.backend._running[LifeId(1)].pidfd, signal.SIGKILL)
            await play.exit()

            assert [is_gone(pid) for pid in pids] == [True] * 5

    asyncio.run(scene())


@pytest.mark.parametrize("use_cgroups", [True, False])
def test_program_that_changes_its_pid_all_the_time_is_caught(tmp_path: Path, use_cgroups: bool) -> None:
    """A program that forks and exits for ever is found and ended, and leaves no zombies."""

    async def scene() -> None:
        async with stage(tmp_path, *python(HOPPER), use_cgroups=use_cgroups) as play:
            play.start()
            await play.exit()
            backend = play.backend

            await play.until(lambda: not backend._tasks)
            await play.until(lambda: backend.tend() is None and backend._orphans.strangers() == ())

    asyncio.run(scene())
