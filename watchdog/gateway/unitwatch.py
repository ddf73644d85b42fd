"""What runs in a unit: its main process found, held, and seen to its end.

Theory of operation. systemd's properties and jobs, as they are told, keep a picture; a look now and then repairs what
was not heard. A main process that the picture names and nobody holds is taken hold of, and reported as a life: ours
when a start is on its way that is older than the process, somebody else's otherwise. Its death is seen through the
pidfd. One question to systemd then brings, in the order of the connection, every job and every change that systemd told
before it answered: who ended the life, and how.

Invariant: a main process is dead when its pidfd says so, and in no other case: the silence of systemd is no death.
Deliberately not here: orders (unit.py).
"""

import asyncio
import os
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from watchdog.core.endings import ExitRecord
from watchdog.core.events import GatewayReady, MainProcessExited, MainProcessStarted, Starter
from watchdog.core.identity import FOREIGN_LIFE, BootId, LifeId, ProcessRef
from watchdog.core.policy import GatewayPolicy, Readiness
from watchdog.core.rival import JobKind
from watchdog.core.selfrestart import SelfRestartMeans, SelfRestartSeen
from watchdog.gateway.backend import Report
from watchdog.gateway.bus import BusLost, BusRefused
from watchdog.gateway.jobs import UnitJobs
from watchdog.gateway.lives import LifeFolder, LifeRecord
from watchdog.gateway.process import Status, open_pidfd, peek_status, read_age_usec
from watchdog.gateway.readiness import ReadinessWatch
from watchdog.gateway.systemdlink import SERVICE, UNIT, SystemdLink, get_all, get_property, unit_path
from watchdog.gateway.ticket import FoundTicket
from watchdog.gateway.unitevidence import read_last_words
from watchdog.gateway.unitlife import (
    UnitLife,
    begin_life,
    exit_record,
    passing_process,
    passing_record,
    take_hold,
    trace_of,
)
from watchdog.gateway.unitlook import UnitLook, look_at
from watchdog.gateway.unitstart import UnitStart
from watchdog.gateway.witness import Witness
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot

LIVES_KEPT = 20
_FIRST_LOOK_SECONDS = 10.0
_FULL_LOOK_EVERY_SECONDS = 600.0
"""Unit files change without a signal; everything else is told, or found by the cheap look."""
_TIDY_SECONDS = 0.05
_STATUS_WAITS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_ACTIVE = frozenset({"active", "reloading"})
_ASKED_READINESS = frozenset({Readiness.TCP, Readiness.HTTP})


class UnitWatch:
    """The picture of one unit. Implements `UnitEar`."""

    def __init__(
        self,
        policy: GatewayPolicy,
        doors: tuple[str, str],
        link: SystemdLink,
        jobs: UnitJobs,
        folder: LifeFolder,
        report: Report,
        loop: asyncio.AbstractEventLoop,
        *,
        witness: Witness,
    ) -> None:
        self.unit = policy.unit
        self.doors = doors
        """The target that starts it, and the one that stops it."""
        self.life: UnitLife | None = None
        self.ended: UnitLife | None = None
        self.traces: tuple[LifeMark, ...] = ()
        """Of the lives before, newest first: what left the cgroup (su, a session of its own) outlives them."""
        self.last_life: LifeId | None = None
        self.starting: UnitStart | None = None
        self.look = UnitLook(unit=policy.unit)
        self.facts: dict[str, Any] = {}
        self._policy = policy
        self._link = link
        self._jobs = jobs
        self._folder = folder
        self._report = report
        self._loop = loop
        self._witness = witness
        self._path = unit_path(policy.unit)
        self._boot: BootId = read_boot()
        self._taking: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._next_full_look = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    # -- the first look --------------------------------------------------------------------------------------------

    def claim(self, ticket: FoundTicket | None) -> None:
        """Take over what runs. Holds the loop until systemd answers; if it does not, the records are the witness."""
        self.last_life = next(iter(self._folder.lives()), None)
        with suppress(BusLost, BusRefused):
            for interface in (UNIT, SERVICE):
                self.facts |= dict(self._link.ask_now(get_all(self._path, interface), _FIRST_LOOK_SECONDS))
        self.look = look_at(self.unit, self.facts)
        self._next_full_look = self._loop.time() + _FULL_LOOK_EVERY_SECONDS
        if self.facts:
            self._claim_main(ticket)
        else:
            self._claim_recorded()
        known = None if self.life is None else self.life.process
        before = (each for each in self._records() if each.process.boot == self._boot and each.process != known)
        self.traces = tuple(trace for record in before for trace in trace_of(record))

    def _claim_main(self, ticket: FoundTicket | None) -> None:
        of_ticket = FOREIGN_LIFE
        if ticket is not None and self.look.main_began_wall_usec >= ticket.written_wall_usec:
            of_ticket = ticket.life
        held = take_hold(self.look.main_pid, self._boot)
        if held is not None:
            earlier = next((each for each in self._records() if each.process == held[0]), None)
            self._enter(held, earlier.life if earlier is not None else of_ticket, earlier)
        elif of_ticket != FOREIGN_LIFE:
            self.last_life = of_ticket  # it has been, and was gone before this daemon came

    def _claim_recorded(self) -> None:
        for record in self._records():
            pidfd = open_pidfd(record.process, self._boot)
            if pidfd is not None:
                self._enter((record.process, pidfd), record.life, record)
                return

    def _records(self) -> tuple[LifeRecord, ...]:
        found = (self._folder.read(life) for life in self._folder.lives()[:LIVES_KEPT])
        return tuple(record for record in found if record is not None)

    # -- what systemd tells ----------------------------------------------------------------------------------------

    def hear_properties(self, changed: Mapping[str, Any]) -> None:
        """See `UnitEar.hear_properties`."""
        self.facts |= changed
        self._consider()

    def hear_job(self, job_id: int, path: str) -> None:
        """See `UnitEar.hear_job`."""
        self._jobs.hear(job_id, path, running=self.life is not None)

    def hear_job_end(self, unit: str, job_id: int, result: str) -> None:  # noqa: ARG002 - of UnitEar
        """See `UnitEar.hear_job_end`."""
        starter, stopper = self.doors
        if self.starting is not None and unit in (self.unit, starter):
            self.starting.results[unit] = result
            if unit == starter:
                self.starting.over.set()
        if unit == stopper:
            self._jobs.expect_no_more(JobKind.STOP)

    def look_again(self) -> None:
        """See `UnitEar.look_again`."""
        self.spawn(self.look_now(full=True))

    def glance(self) -> None:
        """Ask systemd whether the picture is right, and report what is not, soon. Cheap while nothing has changed."""
        if self.life is not None and self.life.has_ended:
            self._main_ended(self.life)
        elif self.life is not None and self.life.look_inside(self._report):
            self._write(self.life)
        if not self._turn.locked():
            self.spawn(self.look_now(full=self._loop.time() >= self._next_full_look))

    async def look_now(self, *, full: bool) -> None:
        """Ask systemd: for the main process alone, and if that is another one, or `full`, for everything."""
        async with self._turn:
            try:
                known = 0 if self.life is None else self.life.process.pid
                if not full and await self._link.ask_soon(get_property(self._path, SERVICE, "MainPID")) == known:
                    return
                for interface in (UNIT, SERVICE):
                    # Each answer at once: it is newer than all that was signalled before it, and older than all after.
                    self.facts |= dict(await self._link.ask_soon(get_all(self._path, interface)))
            except (BusLost, BusRefused):
                return  # told by the link when it lasts; the next round asks again
        self._next_full_look = self._loop.time() + _FULL_LOOK_EVERY_SECONDS
        self._consider()

    async def settle(self) -> None:
        """Wait until a main process that is just being taken hold of is a life, or is not."""
        if self._taking is not None:
            await asyncio.wait([self._taking])

    def _consider(self) -> None:
        self.look = look_at(self.unit, self.facts)
        known = 0 if self.life is None else self.life.process.pid
        if self.look.main_pid in (0, known):
            self._show_ready()
        elif self._taking is None:
            self._taking = self.spawn(self._take_on(self.look.main_pid))

    # -- beginning -------------------------------------------------------------------------------------------------

    async def _take_on(self, pid: int) -> None:
        """Begin the life of a main process that was not known."""
        try:
            held = take_hold(pid, self._boot)
            if held is None:
                return
            try:
                named = await self._link.ask(get_property(self._path, SERVICE, "MainPID"))
            except (BusLost, BusRefused):
                named = 0
            if named != pid:
                os.close(held[1])  # it has ended, and whose number that is now is not known
                return
            before = await self._who_handed_on()
            if before is not None:
                self._hand_on(before, held)
                return
            start = self.starting if self.starting is not None and self.starting.made(self.look) else None
            self.tell_started(self._enter(held, FOREIGN_LIFE if start is None else start.order.life, None))
            if start is not None:
                start.over.set()
        finally:
            self._taking = None

    async def _who_handed_on(self) -> UnitLife | None:
        """Return the life that is known if the unit is still its run: then nobody started anything."""
        life = self.life
        if life is None or not life.record.invocation:
            return None
        try:
            run = await self._link.ask(get_property(self._path, UNIT, "InvocationID"))
        except (BusLost, BusRefused):
            return None
        return life if self.life is life and bytes(run).hex() == life.record.invocation else None

    def _hand_on(self, before: UnitLife, held: tuple[ProcessRef, int]) -> None:
        """Follow the run to its next main process, under the number that it was started as."""
        life = self._enter(held, before.record.life, None)
        if before.record.ready and life.watch is not None:
            life.watch.close()
            life.mark_ready()
        evidence = f"systemd calls pid {held[0].pid} the main process, which was {before.process.pid}, in the same run"
        self._report(
            SelfRestartSeen(
                gateway=self._policy.name,
                process=before.process,
                means=SelfRestartMeans.HANDED_OFF,
                evidence=evidence,
                successor=held[0],
            )
        )

    def _enter(self, held: tuple[ProcessRef, int], number: LifeId, earlier: LifeRecord | None) -> UnitLife:
        if self.life is not None:
            self._loop.remove_reader(self.life.pidfd)
            self._forget(self.life, ExitRecord(replaced=True))
        self.life = life = begin_life(self._policy.name, number, held, self.look, earlier, self._witness)
        self.last_life = number if life.ours else self.last_life
        self._jobs.begin_life()
        self._loop.add_reader(life.pidfd, self._main_ended, life)
        self._write(life)
        ready = self._policy.ready
        if self.look.speaks_of_readiness and ready.kind is Readiness.DELAY:
            ready = replace(ready, kind=Readiness.NOTIFY)
        age = read_age_usec(life.process) if earlier is not None or not life.ours else 0
        life.watch = ReadinessWatch(
            ready, age_usec=age, report=lambda: self._ready(life), loop=self._loop, mark=life.mark
        )
        self._loop.call_soon(life.watch.show if life.record.ready else self._show_ready)
        return life

    def tell_started(self, life: UnitLife) -> None:
        """Report that a life began."""
        starter = Starter.GATEDOG if life.ours else Starter.FOREIGN
        self._report(
            MainProcessStarted(gateway=self._policy.name, process=life.process, life=life.record.life, starter=starter)
        )

    def _show_ready(self) -> None:
        """Take systemd's word for readiness, where the policy or the unit leaves it to systemd."""
        kind, look, life = self._policy.ready.kind, self.look, self.life
        by_systemd = kind is Readiness.NOTIFY or (look.speaks_of_readiness and kind not in _ASKED_READINESS)
        if not by_systemd or life is None or life.watch is None:
            return
        if look.main_pid == life.process.pid and look.active_state in _ACTIVE:
            life.watch.show()

    def _ready(self, life: UnitLife) -> None:
        life.mark_ready()
        self._report(GatewayReady(gateway=self._policy.name, process=life.process))
        self._loop.call_later(_TIDY_SECONDS, self._write, life)

    # -- ending ----------------------------------------------------------------------------------------------------

    def _main_ended(self, life: UnitLife) -> None:
        if not life.ending:
            life.ending = True
            self._loop.remove_reader(life.pidfd)
            self.spawn(self._bury(life))

    async def _bury(self, life: UnitLife) -> None:
        status = await self._await_status(life)
        by_job = await self._jobs.judged()
        if self.life is not life:
            return  # another main process took its place, and that was reported
        words = ""
        if status.code:  # it failed by itself, and its last line often says why
            words = await self._loop.run_in_executor(None, read_last_words, life.record.invocation)
        ended = exit_record(
            status, *life.sender(status, self.look, by_job), last_line=words, was_ready=life.record.ready
        )
        self._forget(life, ended)
        self._report(MainProcessExited(gateway=self._policy.name, process=life.process, exit=ended))

    async def _await_status(self, life: UnitLife) -> Status:
        """Wait for systemd to say how it ended; after two seconds, or without systemd, the kernel's word must do."""
        pid = life.process.pid
        for number, wait in enumerate(_STATUS_WAITS):
            if wait:
                await asyncio.sleep(wait)
            try:
                named = await self._link.ask_soon(get_property(self._path, SERVICE, "MainPID"))
            except (BusLost, BusRefused):
                named = pid
                status = peek_status(life.pidfd, life.process)
                if status is not None:
                    return status
            if named not in (0, pid):
                await (self._taking or self._take_on(named))
            if self.life is not life or self.look.ended_pid == pid:
                break
            if number > 0 and named == 0:
                await self.look_now(full=True)
        if self.look.ended_pid == pid:
            return self.look.ended
        return peek_status(life.pidfd, life.process) or Status()

    async def report_passing(self, start: UnitStart) -> None:
        """Report a life that was over before it could be taken hold of."""
        look, name, number = self.look, self._policy.name, start.order.life
        process = passing_process(look, self._boot, _monotonic_to_boottime_usec())
        words = ""
        if look.ended.code:
            words = await self._loop.run_in_executor(None, read_last_words, look.invocation)
        record = passing_record(name, number, process, look, words)
        self.last_life = number
        with suppress(OSError):
            self._folder.write(record)
        self._report(MainProcessStarted(gateway=name, process=process, life=number, starter=Starter.GATEDOG))
        self._report(MainProcessExited(gateway=name, process=process, exit=record.exit or ExitRecord()))

    def _forget(self, life: UnitLife, ended: ExitRecord) -> None:
        life.let_go(ended)
        self.traces = (*trace_of(life.record), *self.traces)[:LIVES_KEPT]
        self.life, self.ended = None, life
        self._loop.call_later(_TIDY_SECONDS, self._write, life)

    # -- small parts -----------------------------------------------------------------------------------------------

    def _write(self, life: UnitLife) -> None:
        """Keep the record of a life of ours; without it, the next daemon takes a running one for somebody else's."""
        if life.ours:
            with suppress(OSError):
                self._folder.write(life.record)

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run this beside everything else, until `close`."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Hold nothing any more. What runs goes on."""
        self._jobs.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        life, self.life = self.life, None
        if life is not None:
            self._write(life)
            self._loop.remove_reader(life.pidfd)
            if life.watch is not None:
                life.watch.close()
            os.close(life.pidfd)


def _monotonic_to_boottime_usec() -> int:
    """Return how long this host has been suspended since its boot: what the two clocks differ by."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) // 1_000
