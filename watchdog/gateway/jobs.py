"""systemd's jobs on a gateway's unit: which are gatedog's, and who is behind the others.

Theory of operation. systemd tells that a unit has a job, and not who asked for it. So every operation of ours expects
one job of the unit, and a job that nobody expected is foreign. That is decided the moment it is heard; what kind it
is must be asked for at once, because a job may be over a millisecond later. Two kinds of unexpected jobs are
nobody's rivalry: those of a host that goes down, and those of a human who broke the glass and is on record for it.

Invariant: a job is told at most once, and before the ending that it causes (`judged`).
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchdog.core.endings import Sender
from watchdog.core.events import BreakGlassUsed, ForeignJobSeen
from watchdog.core.identity import GatewayName
from watchdog.core.rival import JobKind
from watchdog.core.timeline import MINUTE, Usec
from watchdog.gateway.backend import Report
from watchdog.gateway.breakglass import BREAK_GLASS_FOLDERS, read_records
from watchdog.gateway.bus import BusLost, BusRefused
from watchdog.gateway.systemdlink import JOB, SystemdLink, get_property

_KINDS = {
    "start": JobKind.START,
    "reload-or-start": JobKind.START,
    "stop": JobKind.STOP,
    "restart": JobKind.RESTART,
    "try-restart": JobKind.RESTART,
    "reload": JobKind.OTHER,
    "try-reload": JobKind.OTHER,
}
"""Other types (verify-active, nop) change nothing about a unit."""
_ENDS = frozenset({JobKind.STOP, JobKind.RESTART})
_JUDGED_SECONDS = 1.0
_BREAK_GLASS_USEC = MINUTE
"""A record is written just before the deed; jobs this soon after it are that human's."""


class UnitJobs:
    """The jobs of one unit."""

    def __init__(
        self,
        gateway: GatewayName,
        unit: str,
        link: SystemdLink,
        report: Report,
        *,
        read_wall_usec: Callable[[], int],
        break_glass_folders: tuple[Path, ...] = BREAK_GLASS_FOLDERS,
    ) -> None:
        self._gateway = gateway
        self._unit = unit
        self._link = link
        self._report = report
        self._read_wall_usec = read_wall_usec
        self._folders = break_glass_folders
        self._expected: list[JobKind] = []
        self._judging: set[asyncio.Task[None]] = set()
        self._told_break_glass_usec = 0
        self.ender: Sender | None = None
        """Who ends, or has ended, the present life by a job that is not ours."""

    def expect(self, kind: JobKind) -> None:
        """Take one job as ours, after those that are expected already: an operation of ours begins."""
        self._expected.append(kind)

    def expect_no_more(self, kind: JobKind) -> None:
        """Our operation is over, whether or not it made a job; one of another kind may just have begun."""
        if kind in self._expected:
            self._expected.remove(kind)

    def begin_life(self) -> None:
        """Forget who ended the life before."""
        self.ender = None

    def hear(self, job_id: int, path: str, *, running: bool) -> None:
        """Take note of a job of the unit, which has a main process or not."""
        if self._expected:
            self._expected.pop(0)  # which kind it is cannot always be asked any more; their order is ours
            return
        kind = self._link.ask_soon(get_property(path, JOB, "JobType"))
        task = asyncio.get_running_loop().create_task(self._judge(job_id, kind, running=running))
        self._judging.add(task)
        task.add_done_callback(self._judging.discard)

    async def judged(self) -> Sender | None:
        """Wait until every job that was heard of is judged; return who ended the present life by one, if anybody."""
        if self._judging:
            await asyncio.wait(self._judging, timeout=_JUDGED_SECONDS)
        return self.ender

    def break_glass_used(self) -> tuple[BreakGlassUsed, ...]:
        """Return the uses of break-glass that were not told by this daemon."""
        fresh = [
            record
            for record in read_records(self._unit, self._folders)
            if record.wall_usec > self._told_break_glass_usec
        ]
        if fresh:
            self._told_break_glass_usec = fresh[-1].wall_usec
        return tuple(
            BreakGlassUsed(gateway=self._gateway, verb=record.verb, who=record.who, wall_usec=Usec(record.wall_usec))
            for record in fresh
        )

    def tell_break_glass(self) -> None:
        """Report the uses of break-glass that were not told."""
        for used in self.break_glass_used():
            self._report(used)

    def close(self) -> None:
        """Judge no more."""
        for task in self._judging:
            task.cancel()

    async def _judge(self, job_id: int, asked: "asyncio.Future[Any]", *, running: bool) -> None:
        kind = await _kind_of(asked, running=running)
        if kind is None:
            return
        if await self._link.is_stopping():
            self.ender = Sender.HOST
            return
        by_human = self._is_break_glass()
        if by_human:
            self.tell_break_glass()
        else:
            self._report(ForeignJobSeen(gateway=self._gateway, job=kind, job_id=job_id))
        if kind in _ENDS:
            self.ender = Sender.HUMAN if by_human else Sender.SECOND_MANAGER

    def _is_break_glass(self) -> bool:
        now = self._read_wall_usec()
        records = read_records(self._unit, self._folders)
        return any(0 <= now - record.wall_usec <= _BREAK_GLASS_USEC for record in records)


async def _kind_of(asked: "asyncio.Future[Any]", *, running: bool) -> JobKind | None:
    try:
        return _KINDS.get(await asked)
    except (BusLost, BusRefused):
        # It was over before we could ask: a short one, so it did what can be done to a unit in this state.
        return JobKind.STOP if running else JobKind.START
