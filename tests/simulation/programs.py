"""The gateways as processes: they start, serve, misbehave and end, whether or not a daemon is there to see it.

`Program` outlives the daemon; its life records are files that survive a reboot, its processes do not. `ProgramBackend`
is one daemon's view of it and keeps the promises of watchdog/gateway/backend.py, its order of writing included: the
record first, then the program, then the report. A foreign starter may start the program as well.

Invariant: a process ends by its own nature, by a signal somebody sent, or with its host; never by a daemon's death.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from illness import Illness
from observer import Observer
from virtualtime import Scope, VirtualTime

from watchdog.core.decisions import KillGateway, StartGateway, StopGateway
from watchdog.core.endings import ExitRecord, Sender
from watchdog.core.events import (
    ActionFailed,
    Event,
    Failure,
    GatewayObserved,
    GatewayReady,
    MainProcessExited,
    MainProcessStarted,
    Starter,
)
from watchdog.core.identity import FOREIGN_LIFE, ActionId, GatewayName, LifeId, ProcessRef
from watchdog.core.timeline import HOUR, MILLISECOND, MINUTE, SECOND

FAILED = ExitRecord(code=1)
NOT_ENDED = ExitRecord()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """How lives of a program go: how long they last (None: until somebody ends them), and how they end."""

    lasts_usec: tuple[int, int] | None = None
    ends: ExitRecord = FAILED
    serves: bool = True
    launches: bool = True


HEALTHY = Nature()
NATURES = (
    HEALTHY,
    Nature(lasts_usec=(20 * MINUTE, 5 * HOUR), ends=ExitRecord(code=1, last_line="socket hang up")),
    Nature(lasts_usec=(SECOND, 90 * SECOND), ends=ExitRecord(code=1, last_line="boom 17")),
    Nature(lasts_usec=(SECOND, 20 * SECOND), ends=ExitRecord(code=78), serves=False),
    Nature(lasts_usec=(140 * SECOND, 160 * SECOND), ends=ExitRecord(signal="SIGKILL", by=Sender.SUPERVISED)),
    Nature(lasts_usec=(30 * SECOND, 10 * MINUTE), ends=ExitRecord(code=0)),
    Nature(lasts_usec=(SECOND, 5 * SECOND), ends=ExitRecord(code=0, by=Sender.PEER_INSTANCE)),
    Nature(lasts_usec=(5 * MINUTE, HOUR), ends=ExitRecord(signal="SIGKILL", by=Sender.KERNEL_OOM)),
    Nature(lasts_usec=(MINUTE, HOUR), ends=ExitRecord(signal="SIGSTKFLT")),
    Nature(launches=False),
)


FAST = tuple(nature for nature in NATURES if nature.lasts_usec is not None and nature.lasts_usec[1] < 3 * MINUTE)


@dataclass(slots=True, kw_only=True, eq=False)
class Process:
    """One run of the program."""

    ref: ProcessRef
    life: LifeId
    alive: bool = True
    serves: bool = False
    deaf: bool = False
    """Does not hear the stop signal."""
    illness: Illness | None = None
    exit: ExitRecord = NOT_ENDED


class Program:
    """One gateway in the world."""

    def __init__(self, name: GatewayName, time: VirtualTime, chance: Random, observer: Observer) -> None:
        self.name = name
        self.nature = HEALTHY
        self.process: Process | None = None
        self.records: dict[LifeId, Process] = {}
        self.backend: ProgramBackend | None = None
        self._time = time
        self._chance = chance
        self._observer = observer
        self._next_pid = 1_000

    def make(self, life: LifeId) -> Process:
        """Fork; the program does not run yet."""
        self._next_pid += 1
        ticks = self._time.read().uptime_usec // 10_000
        ref = ProcessRef(pid=self._next_pid, start_ticks=ticks, boot=self._time.boot)
        return Process(ref=ref, life=life, alive=False, deaf=self._chance.random() < 0.1)

    def begin(self, process: Process) -> None:
        """Let the program of a process run."""
        self._observer.began(self.name, process.ref)
        self.process = process
        process.alive = True
        nature = self.nature
        if nature.lasts_usec is not None:
            lasts = self._chance.randint(*nature.lasts_usec)
            self._time.after(lasts, lambda: self.end(process, nature.ends), Scope.HOST)
        if nature.serves:
            self._time.after(self._chance.randint(SECOND, 8 * SECOND), lambda: self._serve(process), Scope.HOST)

    def end(self, process: Process, how: ExitRecord) -> None:
        """End a process that has not ended yet."""
        if not process.alive:
            return
        self.falls_ill(None)
        process.alive = False
        process.exit = how
        self.process = None
        self._observer.ended(self.name, process.ref)
        if self.backend is not None:
            self.backend.noticed_end(process)

    def falls_ill(self, illness: Illness | None) -> None:
        """Let the present life be ill, or well again; there may be none."""
        if self.process is not None and self.process.illness is not illness:
            self.process.illness = illness
            self._observer.fell_ill(self.name, ill=illness is not None)

    def foreign_start(self) -> None:
        """Somebody else starts the program, if it does not run."""
        if self.process is not None:
            return
        process = self.make(FOREIGN_LIFE)
        self.begin(process)
        if self.backend is not None:
            self.backend.noticed_foreign(process)

    def foreign_takeover(self) -> None:
        """Somebody else restarts the program."""
        if self.process is not None:
            self.end(self.process, ExitRecord(signal="SIGTERM", by=Sender.SECOND_MANAGER))
        self.foreign_start()

    def host_goes(self, how: ExitRecord) -> None:
        """The host ends: so does everything on it, unseen."""
        self.backend = None
        if self.process is not None:
            self.end(self.process, how)

    def _serve(self, process: Process) -> None:
        if not process.alive:
            return
        process.serves = True
        if self.backend is not None:
            self.backend.noticed_ready(process)


class ProgramBackend:
    """A gateway as one daemon sees and orders it; see watchdog/gateway/backend.py."""

    def __init__(
        self,
        program: Program,
        report: Callable[[Event], None],
        time: VirtualTime,
        chance: Random,
        crash_point: Callable[[], None],
    ) -> None:
        self.signals_get_lost = 0.0
        self._program = program
        self._report = report
        self._time = time
        self._chance = chance
        self._crash_point = crash_point
        self._seen: Process | None = None
        program.backend = self

    # -- looking ---------------------------------------------------------------------------------------------------

    def recover(self) -> GatewayObserved:
        """Claim what runs."""
        return self.observe()

    def observe(self) -> GatewayObserved:
        """Look; now and then the only sign of a death is that there is nothing to be seen."""
        seen, self._seen = self._seen, self._program.process
        if seen is not None and not seen.alive and self._chance.random() < 0.7:
            self._report(MainProcessExited(gateway=self._program.name, process=seen.ref, exit=seen.exit))
        process = self._program.process
        if process is None:
            newest = max(self._program.records, default=None)
            return GatewayObserved(gateway=self._program.name, process=None, life=newest)
        if process is not seen and process.serves:
            self.noticed_ready(process)
        return GatewayObserved(gateway=self._program.name, process=process.ref, life=process.life)

    # -- orders ----------------------------------------------------------------------------------------------------

    def start(self, order: StartGateway) -> None:
        """Start a life: record, program, report, and a possible death of the daemon before each."""
        program = self._program
        if program.process is not None:
            self._fail(order.action, Failure.STALE, "it runs already")
        elif order.life in program.records:
            self._fail(order.action, Failure.STALE, "that life has ended")
        elif not program.nature.launches:
            self._fail(order.action, Failure.SPAWN, "no such file")
        else:
            self._crash_point()
            process = program.make(order.life)
            program.records[order.life] = process
            self._crash_point()
            program.begin(process)
            self._seen = process
            self._crash_point()
            started = MainProcessStarted(
                gateway=program.name, process=process.ref, life=order.life, starter=Starter.GATEDOG
            )
            self._report(started)

    def stop(self, order: StopGateway) -> None:
        """Send the stop signal."""
        process = self._find(order.process, order.action)
        if process is not None and not process.deaf:
            how = ExitRecord(signal="SIGTERM", by=Sender.GATEDOG)
            delay = self._chance.randint(MILLISECOND, 20 * SECOND)
            self._time.after(delay, lambda: self._program.end(process, how), Scope.HOST)

    def kill(self, order: KillGateway) -> None:
        """Kill it, which takes the kernel a moment, and longer now and then."""
        process = self._find(order.process, order.action)
        if process is not None:
            how = ExitRecord(signal="SIGKILL", by=Sender.GATEDOG)
            delay = self._chance.choice((MILLISECOND, 50 * MILLISECOND, 45 * SECOND))
            self._time.after(delay, lambda: self._program.end(process, how), Scope.HOST)

    # -- what the kernel shows -------------------------------------------------------------------------------------

    def noticed_end(self, process: Process) -> None:
        """A process ended: the signal comes, comes twice, or is lost until the next look."""
        if self._chance.random() < self.signals_get_lost:
            return
        if self._seen is process:
            self._seen = None
        ended = MainProcessExited(gateway=self._program.name, process=process.ref, exit=process.exit)
        self._later(ended)
        if self._chance.random() < self.signals_get_lost:
            self._later(ended)

    def noticed_ready(self, process: Process) -> None:
        """A process serves."""
        self._later(GatewayReady(gateway=self._program.name, process=process.ref))

    def noticed_foreign(self, process: Process) -> None:
        """Somebody else started one; half the time only a look will show it."""
        if self._chance.random() < 0.5:
            self._later(
                MainProcessStarted(
                    gateway=self._program.name, process=process.ref, life=FOREIGN_LIFE, starter=Starter.FOREIGN
                )
            )

    def _find(self, ref: ProcessRef, action: ActionId) -> Process | None:
        process = self._program.process
        if process is not None and process.ref == ref:
            return process
        self._fail(action, Failure.STALE, "it does not run any more")
        return None

    def _fail(self, action: ActionId, failure: Failure, detail: str) -> None:
        self._report(ActionFailed(gateway=self._program.name, action=action, failure=failure, detail=detail))

    def _later(self, event: Event) -> None:
        self._time.after(self._chance.randint(0, 20 * MILLISECOND), lambda: self._report(event), Scope.DAEMON)
