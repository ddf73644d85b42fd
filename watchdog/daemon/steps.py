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

from watchdog.core.decisions import CollectEvidence
from watchdog.core.events import Event, EvidenceCollected, LimitReached
from watchdog.core.identity import LifeId, RunId
from watchdog.core.rundecisions import PerformStep
from watchdog.daemon.evidence import EvidenceError, keep_evidence
from watchdog.daemon.scene import Scene
from watchdog.pager.channel import ConfigurationFault, TryLater
from watchdog.pager.channels.program import check_program, run_in_session
from watchdog.runbook.machine import OUTPUT_BYTES_MAX, Ended, NotRun, Performed, perform

THREADS = 16
"""Steps under way at one time. There is one run for each gateway."""
_CLOSE_SECONDS = 5.0
_ROOT = frozenset({0})
OUTPUT_FILE, COMMAND_FILE = "step-output.txt", "step.json"


class Steps:
    """Carries PerformStep out. Lives on the running loop."""

    def __init__(self, evidence_folder: Path, socket: Path, report: Callable[[Event], None]) -> None:
        self._evidence_folder = evidence_folder
        self._more: Mapping[str, str] = {"GATEDOG_SOCKET": str(socket)}
        self._report = report
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="step")
        self._stops: dict[RunId, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, order: PerformStep) -> None:
        """Begin a step; its end is reported."""
        stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._stops[order.run] = stop
        task = asyncio.get_running_loop().create_task(self._follow(order, stop))
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

    async def _follow(self, order: PerformStep, stop: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            performed = await loop.run_in_executor(self._threads, self._perform, order, stop)
            kept = await loop.run_in_executor(self._threads, self._keep, order, performed)
        finally:
            if self._stops.get(order.run) == stop:
                del self._stops[order.run]
            os.close(stop)
        if kept is not None:
            self._report(kept)
        self._report(performed.event)

    def _perform(self, order: PerformStep, stop: int) -> Performed:
        def run(argv: tuple[str, ...], timeout_usec: int) -> Ended:
            try:
                status, output = run_in_session(
                    argv, timeout_usec, more=self._more, keep_bytes=OUTPUT_BYTES_MAX, stop=stop
                )
            except (ConfigurationFault, TryLater) as error:
                raise NotRun(str(error)) from error
            return Ended(status=status, output=output)

        return perform(order, run, own=own_words(), check=_check, uid=os.geteuid())

    def _keep(self, order: PerformStep, performed: Performed) -> Event | None:
        """Keep what a step printed with its incident's evidence; without an incident its last line is all there is."""
        if order.incident is None:
            return None
        command = {"run": order.run, "step": order.number, "argv": order.argv, "precondition": order.precondition}
        files = ((COMMAND_FILE, f"{json.dumps(command)}\n".encode()), (OUTPUT_FILE, performed.output))
        collect = CollectEvidence(
            gateway=order.gateway,
            rule=order.rule,
            because=order.because,
            action=order.action,
            incident=order.incident,
            life=LifeId(0),
        )
        try:
            kept = keep_evidence(self._evidence_folder, collect, None, scene=lambda: Scene(files=files, missing=()))
        except EvidenceError as error:
            return LimitReached(limit="evidence", subject=str(error), dropped=1)
        return EvidenceCollected(
            gateway=order.gateway,
            incident=order.incident,
            folder=kept.folder,
            digest=kept.digest,
            size_bytes=kept.size_bytes,
        )


def own_words() -> tuple[str, ...]:
    """Return how the command line of this very gatedog is run."""
    return (sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "watchdog.cli")


def _check(program: Path) -> None:
    try:
        check_program(program, _ROOT)
    except ConfigurationFault as error:
        raise NotRun(str(error)) from error
