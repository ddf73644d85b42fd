"""A child gateway whose signals are witnessed, for tests with real processes."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from watchdog.core.decisions import Charge, StartGateway
from watchdog.core.endings import ExitRecord
from watchdog.core.events import Event, MainProcessExited, MainProcessStarted
from watchdog.core.identity import ActionId, GatewayName, LifeId
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.rules import RuleId
from watchdog.gateway.child import ChildBackend
from watchdog.gateway.launcher import Surroundings
from watchdog.gateway.orphans import Orphans
from watchdog.sensors.signals.perf import PerfRefused
from watchdog.sensors.signals.witness import SignalWitness, Tracepoints

NAME = GatewayName("signalled")
BOUND_SECONDS = 60


@dataclass
class SignalStage:
    """A child gateway with a witness, and what was reported."""

    folder: Path
    witness: SignalWitness
    reports: list[Event] = field(default_factory=list)
    backend: ChildBackend = field(init=False)

    @property
    def pid(self) -> int:
        return self.running.process.pid

    @property
    def running(self) -> MainProcessStarted:
        return next(each for each in reversed(self.reports) if isinstance(each, MainProcessStarted))

    @property
    def cgroup(self) -> str:
        return next((mark.cgroup for mark in self.backend.life_marks() if mark.process == self.running.process), "")

    async def start(self, life: int) -> None:
        (self.folder / "ready").unlink(missing_ok=True)
        order = StartGateway(
            gateway=NAME,
            rule=RuleId.RESTART_AT_ONCE,
            because="",
            action=ActionId(f"{life}.0"),
            life=LifeId(life),
            charge=Charge.AUTOMATIC,
        )
        self.backend.start(order)
        await self.until((self.folder / "ready").exists, "the gateway to be ready")
        await self.until(lambda: not self.backend._tasks, "its cgroup, where there are any")

    async def ended(self) -> ExitRecord:
        process = self.running.process
        found = [each for each in self.reports if isinstance(each, MainProcessExited) and each.process == process]
        if found:
            return found[0].exit
        await self.until(
            lambda: any(isinstance(each, MainProcessExited) and each.process == process for each in self.reports),
            "the end of the life",
        )
        return await self.ended()

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition, with a bound; what was reported meanwhile says why it did not come."""
        try:
            await until(condition)
        except TimeoutError as error:
            raise TimeoutError(f"{error} for {what}; {self.backend._tasks}; reported: {self.reports}") from error


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a bound."""
    for _ in range(BOUND_SECONDS * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError(f"not within {BOUND_SECONDS} s")


@asynccontextmanager
async def stage(folder: Path, tracepoints: Tracepoints, script: str) -> AsyncIterator[SignalStage]:
    """Start a shell script as a gateway, watched; nothing is left running."""
    loop = asyncio.get_running_loop()
    made = SignalStage(folder=folder, witness=witness_of(tracepoints))
    surroundings = Surroundings(
        state_folder=folder / "state",
        runtime_folder=folder / "run",
        control_socket=folder / "control.sock",
        environment=os.environ,
        witness=made.witness,
    )
    policy = GatewayPolicy(name=NAME, command=CommandPolicy(argv=("/bin/sh", "-c", script), directory=str(folder)))
    made.backend = ChildBackend(policy, surroundings, made.reports.append, loop, Orphans(loop))
    made.backend.recover()
    try:
        await made.start(1)
        yield made
    finally:
        for life in tuple(made.backend._running.values()):
            await life.kill()
        await until(lambda: not made.backend._running)
        made.backend.tend()
        await until(lambda: not made.backend._untidy)
        await made.backend.close()
        made.witness.close()


def witness_of(tracepoints: Tracepoints) -> SignalWitness:
    """Open a witness on the running loop; without the right to, there is nothing to test."""
    try:
        return SignalWitness(tracepoints, asyncio.get_running_loop())
    except PerfRefused as refused:
        pytest.skip(str(refused))


def play(
    folder: Path, tracepoints: Tracepoints, script: str, act: Callable[[SignalStage], Awaitable[object]]
) -> ExitRecord:
    """Run a gateway, let `act` happen to it, and return how it ended."""

    async def scene() -> ExitRecord:
        async with stage(folder, tracepoints, script) as made:
            await act(made)
            return await made.ended()

    return asyncio.run(scene())


async def run_in(place: Path, *argv: str) -> int:
    """Run a program in a cgroup, to its end; return its pid."""
    enter = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", enter, str(place), *argv)
    await process.wait()
    return process.pid
