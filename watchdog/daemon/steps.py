"""Steps of runbooks under way: each in a thread, its output kept as evidence, its end told to the loop.

Invariant: a step never blocks the loop, and is ended with all it left behind when its run is given up, or when gatedog
ends; the next gatedog then says that nobody knows what became of it (core/runs.py). Deliberately not here: which step
is taken, and what its end means.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from watchdog.core.events import Event
from watchdog.core.identity import IncidentId, RunId
from watchdog.core.rundecisions import PerformStep
from watchdog.core.state import State
from watchdog.daemon.collector import Collector
from watchdog.daemon.evidence import Occasion
from watchdog.daemon.scene import Scene
from watchdog.program.running import NotNow, run_in_session
from watchdog.program.trust import Unfit, check_program
from watchdog.runbook.machine import OUTPUT_BYTES_MAX, Ended, NotRun, Performed, perform

THREADS = 16
"""Steps under way at one time. There is one run for each gateway."""
_CLOSE_SECONDS = 5.0
_ROOT = frozenset({0})
OUTPUT_FILE, COMMAND_FILE = "step-output.txt", "step.json"


class Steps:
    """Carries PerformStep out. Lives on the running loop."""

    def __init__(self, collector: Collector, socket: Path, report: Callable[[Event], None]) -> None:
        self._collector = collector
        self._more: Mapping[str, str] = {"GATEDOG_SOCKET": str(socket)}
        self._report = report
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="step")
        self._stops: dict[RunId, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, order: PerformStep, state: State) -> None:
        """Begin a step; its end is reported. `state` is how everything stood when it was asked for."""
        stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._stops[order.run] = stop
        task = asyncio.get_running_loop().create_task(self._follow(order, state, stop))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self, run: RunId) -> None:
        """End the program of a run, if one is under way."""
        stop = self._stops.get(run)
        if stop is not None:
            os.eventfd_write(stop, 1)

    async def close(self) -> None:
        """End what is under way."""
        for run in tuple(self._stops):
            self.end(run)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _follow(self, order: PerformStep, state: State, stop: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            performed = await loop.run_in_executor(self._threads, self._perform, order, stop)
            if order.incident is not None:  # without one, the last line of the output is all there is
                await self._collector.keep(_occasion(order, order.incident), state, lambda: _scene(order, performed))
        finally:
            if self._stops.get(order.run) == stop:
                del self._stops[order.run]
            os.close(stop)
        self._report(performed.event)

    def _perform(self, order: PerformStep, stop: int) -> Performed:
        def run(argv: tuple[str, ...], timeout_usec: int) -> Ended:
            try:
                status, output = run_in_session(
                    argv, timeout_usec, more=self._more, keep_bytes=OUTPUT_BYTES_MAX, stop=stop
                )
            except (Unfit, NotNow) as error:
                raise NotRun(str(error)) from error
            return Ended(status=status, output=output)

        return perform(order, run, own=own_words(), check=_check, uid=os.geteuid())


def _occasion(order: PerformStep, incident: IncidentId) -> Occasion:
    return Occasion(
        gateway=order.gateway, incident=incident, action=order.action, rule=order.rule, because=order.because
    )


def _scene(order: PerformStep, performed: Performed) -> Scene:
    """Write down what was run, and what it printed."""
    command = {"run": order.run, "step": order.number, "argv": order.argv, "precondition": order.precondition}
    files = ((COMMAND_FILE, f"{json.dumps(command)}\n".encode()), (OUTPUT_FILE, performed.output))
    return Scene(files=files, missing=())


def own_words() -> tuple[str, ...]:
    """Return how the command line of this very gatedog is run."""
    return (sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "watchdog.cli")


def _check(program: Path) -> None:
    try:
        check_program(program, _ROOT)
    except Unfit as error:
        raise NotRun(str(error)) from error
