"""The gateway as a unit of systemd's: the backend of a host that runs systemd.

Theory of operation. The unit refuses to be started and stopped by hand. It is started by a target that requires it,
with a ticket that it asserts, and stopped by a target that conflicts with it: both orders go to systemd as jobs, in
whose queue a start waits by itself until an earlier life is cleared away. What runs and how it ends is unitwatch.py's.

The exit of the main process is reported as it ends. What it left behind is systemd's to end (KillMode=): when a start
has waited for that a moment, the rest is killed for it. With KillMode=process or none the administrator ruled that the
rest stays, and so it does.

Invariant: every order is answered by exactly one event; a ticket lies there only while a start is on its way.
Deliberately not here: when to start, how often, and what an ending means (core/).
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any

from watchdog.core.decisions import KillGateway, StartGateway, StopGateway
from watchdog.core.events import ActionFailed, BreakGlassUsed, Failure, GatewayObserved
from watchdog.core.identity import ActionId, GatewayName, LifeId, ProcessRef
from watchdog.core.policy import GatewayPolicy
from watchdog.core.rival import JobKind, Rival
from watchdog.core.values import dataclass
from watchdog.gateway.backend import Report
from watchdog.gateway.breakglass import BREAK_GLASS_FOLDERS
from watchdog.gateway.bus import BusLost, BusRefused, Call
from watchdog.gateway.jobs import UnitJobs
from watchdog.gateway.lives import LifeFolder
from watchdog.gateway.systemdlink import MANAGER, MANAGER_PATH, SERVICE, SystemdLink, get_all, unit_path
from watchdog.gateway.ticket import TICKETS, ticket_of, unit_stem
from watchdog.gateway.unitevidence import write_unit_evidence
from watchdog.gateway.unitlife import UnitLife
from watchdog.gateway.unitlook import state_folder
from watchdog.gateway.unitstart import UnitStart, why_no_process, why_refused
from watchdog.gateway.unitwatch import LIVES_KEPT, UnitWatch
from watchdog.gateway.witness import NoWitness, Witness
from watchdog.origin.marks import LifeMark

_START_SECONDS = 55.0
"""A little less than the core waits, so that a person reads systemd's reason and not only "nothing came up"."""
_REMAINS_SECONDS = 0.2
_KILL_SECONDS = 5.0
_ASK_SECONDS = 2.0
_NO_WATCHDOG = frozenset({0, 2**64 - 1})
_LOOKS_FOR_PROCESS = 5
_SIGKILL = 9
_KILLED_WITH_MAIN = frozenset({"control-group", "mixed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPlaces:
    """Where things lie."""

    state_folder: Path
    tickets: Path = TICKETS
    break_glass_folders: tuple[Path, ...] = BREAK_GLASS_FOLDERS
    witness: Witness = field(default_factory=NoWitness)
    """Who sees the signals that are sent to the gateway. Of the daemon, for all of them."""


class UnitBackend:
    """One gateway that is a unit. Implements `Backend`."""

    def __init__(
        self,
        policy: GatewayPolicy,
        places: UnitPlaces,
        link: SystemdLink,
        report: Report,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Prepare the folder of its lives and register with `link`; ask nothing yet.

        Raises:
            ValueError: the policy names no unit of type service.
            OSError: the state folder cannot be written.
        """
        if not policy.unit.endswith(".service") or "/" in policy.unit:
            raise ValueError(f"gateway {policy.name!r} is no service unit. Look at: gatedog policy check")
        self.name: GatewayName = policy.name
        self._unit = policy.unit
        self._link = link
        self._report = report
        self._loop = loop
        stem = unit_stem(policy.unit)
        self._starter, self._stopper = f"gatedog-start@{stem}.target", f"gatedog-stop@{stem}.target"
        self._ticket = ticket_of(policy.unit, places.tickets)
        self._folder = LifeFolder(folder=places.state_folder / "lives" / policy.name)
        self._folder.prepare()
        self._jobs = UnitJobs(
            policy.name,
            policy.unit,
            link,
            report,
            read_wall_usec=lambda: time.time_ns() // 1_000,
            break_glass_folders=places.break_glass_folders,
        )
        doors = (self._starter, self._stopper)
        self._watch = UnitWatch(policy, doors, link, self._jobs, self._folder, report, loop, witness=places.witness)
        link.add(self._watch)

    # -- looking ---------------------------------------------------------------------------------------------------

    @property
    def rivals(self) -> tuple[Rival, ...]:
        """Who else could start or end the gateway, by systemd's word at the last look."""
        return self._watch.look.rivals

    @property
    def state_folder(self) -> str:
        """Where the gateway keeps its state, by systemd's word at the last look; see `unitlook.state_folder`."""
        return state_folder(self._watch.facts)

    async def heard(self) -> tuple[int, str]:
        """Return when the gateway last said WATCHDOG=1 to systemd (CLOCK_BOOTTIME; 0: never), and its last STATUS=.

        Raises:
            OSError: systemd does not say, or does not listen to this unit.
        """
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                facts = dict(await self._link.ask_soon(get_all(unit_path(self._unit), SERVICE)))
        except (BusLost, BusRefused, TimeoutError) as error:
            raise OSError(f"systemd does not say what {self._unit} told it: {error}") from error
        if facts.get("NotifyAccess", "none") == "none":
            raise OSError(f"systemd does not listen to {self._unit}. Set NotifyAccess=main in it")
        if facts.get("WatchdogUSec", 0) in _NO_WATCHDOG:
            raise OSError(f"systemd keeps no time of WATCHDOG=1 from {self._unit}. Set WatchdogSec= in it")
        beat_usec = int(facts.get("WatchdogTimestampMonotonic", 0))
        asleep_usec = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()) // 1_000
        return beat_usec + asleep_usec if beat_usec else 0, str(facts.get("StatusText", ""))

    def break_glass_used(self) -> tuple[BreakGlassUsed, ...]:
        """Return the uses of break-glass on record, to be taken before the first look: they say what a human wants."""
        return self._jobs.break_glass_used()

    def recover(self) -> GatewayObserved:
        """See `Backend.recover`. Holds the loop until systemd has answered, 10 s for each of two questions at most."""
        ticket = self._ticket.read()
        self._watch.claim(ticket)
        if ticket is not None:
            with suppress(OSError):  # the folder is root's then, and no start of ours will work: the first says so
                self._ticket.remove()
        self._prune()
        return self.observe()

    def observe(self) -> GatewayObserved:
        """See `Backend.observe`. Says what is known at once; what systemd knows better is reported when it answers."""
        self._watch.glance()
        life = self._watch.life
        if life is None:
            return GatewayObserved(gateway=self.name, process=None, life=self._watch.last_life)
        return GatewayObserved(gateway=self.name, process=life.process, life=life.record.life)

    def life_marks(self) -> tuple[LifeMark, ...]:
        """See `Backend.life_marks`. Lives of a unit follow each other in one cgroup, so there is one mark of that."""
        life, ended = self._watch.life, self._watch.ended
        if life is not None:
            return (life.mark(), *self._watch.traces)
        if ended is not None and ended.cgroup is not None and ended.cgroup.is_populated():
            return (ended.mark(), *self._watch.traces)
        return self._watch.traces

    def collect(self, life: LifeId, into: Path, limit_bytes: int) -> None:
        """See `Backend.collect`."""
        known = {each.record.life: each.record for each in (self._watch.ended, self._watch.life) if each is not None}
        record = known.get(life) or self._folder.read(life)
        if record is not None:
            write_unit_evidence(record, self._watch.facts, into, limit_bytes)

    # -- starting --------------------------------------------------------------------------------------------------

    def stand_by(self) -> None:
        """See `Backend.stand_by`. systemd makes its processes itself."""

    def start(self, order: StartGateway) -> None:
        """See `Backend.start`. An order already carried out is answered again, not carried out twice."""
        life = self._watch.life
        if life is not None and life.record.life == order.life:
            self._watch.tell_started(life)
        elif life is not None:
            running = f"it runs already (life {life.record.life}, pid {life.process.pid})"
            self._fail(order.action, Failure.STALE, f"{self.name} was not started: {running}")
        elif self._folder.has(order.life):
            self._fail(order.action, Failure.STALE, f"life {order.life} of {self.name} has been, and has ended")
        elif self._watch.starting is not None:
            number = self._watch.starting.order.life
            self._fail(order.action, Failure.STALE, f"{self.name} was not started: life {number} is being started")
        else:
            self._begin_start(order)

    def _begin_start(self, order: StartGateway) -> None:
        try:
            self._ticket.write(order.life)
        except OSError as error:
            detail = f"its ticket cannot be written: {error}. Look at: ls -ld {self._ticket.file.parent}"
            self._fail(order.action, Failure.SPAWN, f"{self.name} was not started: {detail}")
            return
        start = UnitStart(order=order, since_monotonic_usec=time.monotonic_ns() // 1_000)
        self._watch.starting = start
        self._jobs.expect(JobKind.START)
        # Asked at once, and not by the task below: a death waits for this.
        at_once = self._link.is_open and not self._watch.look.has_start_limit
        asked = self._link.ask_soon(self._start_call(self._starter)) if at_once else None
        self._watch.spawn(self._see_through(start, asked))

    async def _see_through(self, start: UnitStart, asked: "asyncio.Future[Any] | None") -> None:
        name, action = self.name, start.order.action
        try:
            if asked is not None:
                await asked
            else:
                await self._ask_to_start()
            await self._await_process(start)
        except BusRefused as refused:
            self._fail(action, Failure.SPAWN, why_refused(self._unit, "start", str(refused)))
        except BusLost as lost:
            detail = f"{name} was not started: {lost}. Look at: systemctl status dbus.socket dbus"
            self._fail(action, Failure.SPAWN, detail)
        finally:
            self._jobs.expect_no_more(JobKind.START)
            self._watch.starting = None
            with suppress(OSError):  # written a moment ago in that folder; it is written over by the next start
                self._ticket.remove()

    async def _ask_to_start(self) -> None:
        if self._watch.look.has_start_limit:  # set against our drop-in, and told as a rival's; it must not stop us
            with suppress(BusRefused):  # it is not loaded, so it has no past
                await self._link.ask(self._manager_call("ResetFailedUnit", "s", self._unit))
        await self._link.ask(self._start_call(self._starter))

    async def _await_process(self, start: UnitStart) -> None:
        watch = self._watch
        end = self._loop.time() + _START_SECONDS
        while not start.over.is_set() and self._loop.time() < end:
            with suppress(TimeoutError):
                async with asyncio.timeout(_REMAINS_SECONDS):
                    await start.over.wait()
            if watch.look.has_remains and watch.look.kill_mode in _KILLED_WITH_MAIN:
                with suppress(BusRefused):  # they have just gone
                    await self._link.ask(self._kill_call())
        for _ in range(_LOOKS_FOR_PROCESS):  # a process may end between two looks at it
            if watch.life is None:
                await watch.look_now(full=True)
                await watch.settle()
            if watch.life is not None or not watch.look.main_pid:
                break
        if watch.life is not None:
            return  # reported; if it is somebody else's, that is the answer
        if start.made(watch.look) and watch.look.ended_pid:
            await watch.report_passing(start)
        else:
            self._fail(start.order.action, Failure.SPAWN, why_no_process(start, watch.look))

    # -- ending ----------------------------------------------------------------------------------------------------

    def stop(self, order: StopGateway) -> None:
        """See `Backend.stop`. The signal is the unit's own KillSignal=, and systemd escalates after TimeoutStopSec=."""
        life = self._find(order.process, order.action)
        if life is not None:
            self._watch.spawn(self._stop(life, order.action))

    async def _stop(self, life: UnitLife, action: ActionId) -> None:
        life.signalled = True
        self._jobs.expect(JobKind.STOP)
        try:
            await self._link.ask(self._start_call(self._stopper))
        except BusRefused as refused:
            life.signalled = False
            self._jobs.expect_no_more(JobKind.STOP)
            self._fail(action, Failure.REFUSED, why_refused(self._unit, "stop", str(refused)))
        except BusLost as lost:
            self._jobs.expect_no_more(JobKind.STOP)
            self._fail(action, Failure.TIMEOUT, f"{self.name} was not stopped: {lost}. Try: gatedog stop {self.name}")

    def kill(self, order: KillGateway) -> None:
        """See `Backend.kill`."""
        life = self._find(order.process, order.action)
        if life is not None:
            self._watch.spawn(self._kill(life, order.action))

    async def _kill(self, life: UnitLife, action: ActionId) -> None:
        life.signalled = True
        pid = life.process.pid
        try:
            await self._link.ask(self._kill_call())
        except BusRefused as refused:
            self._fail(action, Failure.REFUSED, why_refused(self._unit, "kill", str(refused)))
            return
        except BusLost as lost:
            self._fail(action, Failure.TIMEOUT, f"{self.name} was not killed: {lost}. Try: sudo kill -KILL {pid}")
            return
        await asyncio.sleep(_KILL_SECONDS)
        if self._watch.life is life and not life.ending:
            self._fail(action, Failure.TIMEOUT, f"{self.name} (pid {pid}) did not die. Look at: ps -o stat,wchan {pid}")

    # -- chores ----------------------------------------------------------------------------------------------------

    def tend(self) -> None:
        """See `Backend.tend`."""
        self._jobs.tell_break_glass()
        self._prune()

    async def close(self) -> None:
        """See `Backend.close`. The next daemon claims what runs."""
        await self._watch.close()

    def _prune(self) -> None:
        for life in self._folder.lives()[LIVES_KEPT:]:
            self._folder.remove(life)

    # -- small parts -----------------------------------------------------------------------------------------------

    def _find(self, process: ProcessRef, action: ActionId) -> UnitLife | None:
        life = self._watch.life
        if life is not None and life.process == process and not life.ending:
            return life
        self._fail(action, Failure.STALE, f"{self.name} does not run as pid {process.pid} any more")
        return None

    def _fail(self, action: ActionId, failure: Failure, detail: str) -> None:
        self._report(ActionFailed(gateway=self.name, action=action, failure=failure, detail=detail))

    def _start_call(self, target: str) -> Call:
        return self._manager_call("StartUnit", "ss", target, "replace")

    def _kill_call(self) -> Call:
        return self._manager_call("KillUnit", "ssi", self._unit, "all", _SIGKILL)

    def _manager_call(self, method: str, signature: str, *arguments: str | int) -> Call:
        return Call(path=MANAGER_PATH, interface=MANAGER, method=method, signature=signature, arguments=arguments)
