"""One daemon, from its start to its death: the product's own supervisor, inbox, journal and recovery in a fake world.

What daemon/wiring.py, daemon/performer.py and daemon/rounds.py do with an event loop, threads and the network is done
here on virtual time, in the same order. Everything that decides or remembers is the product's own code.

Invariant: an incarnation shares nothing with the next one but the disk.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from brokendisk import BrokenDisk
from illness import outcomes
from observer import Observer
from people import Asked
from phones import LossyCourier, Phones
from programs import Program, ProgramBackend
from virtualtime import Scope, VirtualTime

from watchdog.core.decisions import (
    AnswerRequest,
    CancelTimer,
    CollectEvidence,
    Decision,
    KillGateway,
    SetTimer,
    StartGateway,
    StopGateway,
)
from watchdog.core.events import (
    Event,
    NetworkObserved,
    PolicyLoaded,
    SupervisorStarted,
    SupervisorStopping,
    TimerFired,
)
from watchdog.core.evidence import EvidenceCollected, EvidenceFailed
from watchdog.core.identity import GatewayName, Seq
from watchdog.core.policy import Policy
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import PendingPage, State
from watchdog.core.timeline import MILLISECOND, MINUTE, SECOND
from watchdog.core.timer import TimerId
from watchdog.daemon.evidence import OWED_RECORDS, owed_evidence
from watchdog.daemon.inbox import Arrival, Inbox
from watchdog.daemon.recovery import remember
from watchdog.daemon.supervisor import NotRemembered, Supervisor
from watchdog.journal.errors import JournalMissing
from watchdog.journal.reader import JournalReader, Record
from watchdog.sensors.clocks import StepWatch


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What a daemon finds when it starts."""

    folder: Path
    policy: Policy
    time: VirtualTime
    chance: Random
    disk: BrokenDisk
    programs: Mapping[GatewayName, Program]
    phones: Phones
    observer: Observer
    has_network: bool = True
    alarms_get_lost: float = 0.0
    signals_get_lost: float = 0.0
    is_unsteady: bool = True
    """Whether a probe gets lost now and then."""
    guard: Callable[[Callable[[], None]], None] = lambda call: call()
    """Runs a piece of the daemon, and buries it if it dies there."""


class _Answer:
    """Stands in for the future that a peer waits for."""

    def __init__(self, asked: Asked, answered: Callable[[Asked, AnswerRequest], None]) -> None:
        self._asked = asked
        self._answered = answered
        self._done = False

    def done(self) -> bool:
        return self._done

    def set_result(self, answer: AnswerRequest) -> None:
        self._done = True
        self._answered(self._asked, answer)

    def set_exception(self, error: Exception) -> None:
        assert isinstance(error, NotRemembered)
        self._done = True


class Incarnation:
    """A running daemon. Building one is starting it."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._time = around.time
        self.inbox = Inbox()
        self._steps = StepWatch()
        self._alarms: dict[TimerId, int] = {}
        self._alarm_number = 0
        self._pumping = False
        self._offered: tuple[PendingPage, ...] = ()
        newest_life = max((life for program in around.programs.values() for life in program.records), default=0)
        around.observer.remembered(*_on_disk(around.folder))
        memory = remember(around.folder, newest_life=newest_life, machine_id="simulated")
        self.journal = memory.journal
        self._untold = memory.untold
        around.disk.serve(self.journal)
        self._seq = 0
        self.supervisor = Supervisor(
            memory.state, memory.journal, self, around.time.read, self.inbox, call_later=self._call_later
        )

    def begin(self) -> None:
        """Look, and only then act; the order of daemon/wiring.py."""
        around, journal = self._around, self.journal
        self._courier = LossyCourier(around.phones, self._report, journal.journal_id)
        self.backends = {
            name: ProgramBackend(program, self._report, self._time, around.chance, around.disk.step_of_start)
            for name, program in around.programs.items()
        }
        observed = [backend.recover() for backend in self.backends.values()]
        journal.skip_to(Seq(max((look.life or 0 for look in observed), default=0) + 1))
        owed = owed_evidence(journal.tail(OWED_RECORDS))
        self._take(Arrival(SupervisorStarted(version="simulated", rules=RULES_VERSION)))
        if self.supervisor.state.policy != around.policy:
            self._take(Arrival(PolicyLoaded(policy=around.policy, digest="simulated")))
        if self._untold is not None:
            self._take(Arrival(self._untold))
        for look in observed:
            self._take(Arrival(look))
        self._rearm()
        for order in owed:
            self._collect_soon(order)
        self.settle(self.supervisor.state)
        self._pump()
        self._look_after(SECOND)

    def end(self) -> None:
        """End as on SIGTERM: the journal is sealed, the gateways go on."""
        self._take(Arrival(SupervisorStopping(reason="asked to stop")))
        self.supervisor.seal()

    # -- what reaches it -------------------------------------------------------------------------------------------

    def ask(self, asked: Asked) -> None:
        """Take a request from the socket."""
        self._around.observer.asked(asked)
        answer = _Answer(asked, lambda who, what: self._around.observer.answered(who, what, self._seq))
        self.inbox._put(Arrival(asked.event, answer))  # type: ignore[arg-type]  a future needs a running loop
        self._wake()

    def hear(self, event: Event) -> None:
        """Hear of something that no backend of the simulation sees."""
        self._report(event)

    def _report(self, event: Event) -> None:
        self.inbox.put(event)
        self._wake()

    def _wake(self) -> None:
        if not self._pumping:
            self._pumping = True
            delay = self._around.chance.choice((0, 0, MILLISECOND, 30 * MILLISECOND))
            self._later(delay, self._pump)

    def _pump(self) -> None:
        self._pumping = True
        while (arrival := self.inbox.next()) is not None:
            self._take(arrival)
        self._pumping = False

    def _take(self, arrival: Arrival) -> None:
        self._seq = self.journal.next_seq
        self._around.observer.told(arrival.event)
        self.supervisor.take(arrival)

    def _later(self, delay_usec: int, call: Callable[[], None]) -> None:
        self._time.after(delay_usec, lambda: self._around.guard(call), Scope.DAEMON)

    def _call_later(self, delay_s: float, call: Callable[[], None]) -> None:
        self._later(int(delay_s * SECOND), call)

    # -- performing: see daemon/performer.py -----------------------------------------------------------------------

    def perform(self, decision: Decision, state: State) -> None:
        """Do one thing, unless the daemon dies before it."""
        around = self._around
        around.disk.step()
        around.observer.ordered(self._seq, decision, excused=around.disk.is_full)
        match decision:
            case StartGateway(gateway=name):
                self.backends[name].start(decision)
                around.observer.order_answered(name)
            case StopGateway(gateway=name):
                self.backends[name].stop(decision)
            case KillGateway(gateway=name):
                self.backends[name].kill(decision)
            case SetTimer(timer=timer, due_usec=due):
                self._set_alarm(timer, due - state.clock.now_usec)
            case CancelTimer(timer=timer):
                self._alarms.pop(timer, None)
            case CollectEvidence():
                self._collect_soon(decision)
            case _:
                pass

    def settle(self, state: State) -> None:
        """Offer the outbox."""
        if state.outbox != self._offered:
            self._offered = state.outbox
            self._courier.offer(state.outbox)

    def _collect_soon(self, order: CollectEvidence) -> None:
        self._later(self._around.chance.randint(MILLISECOND, 200 * MILLISECOND), lambda: self._collect(order))

    def _collect(self, order: CollectEvidence) -> None:
        self._around.observer.kept_evidence(order)
        if self._around.disk.is_full:
            self._report(EvidenceFailed(reason="no room"))
            return
        folder = f"incidents/{order.incident}/{order.action}"
        self._report(
            EvidenceCollected(
                gateway=order.gateway, incident=order.incident, folder=folder, digest="simulated", size_bytes=1
            )
        )

    def _set_alarm(self, timer: TimerId, delay_usec: int) -> None:
        """Set an alarm that may be late, early, or never go off until it is set again."""
        chance = self._around.chance
        self._alarm_number += 1
        number = self._alarms[timer] = self._alarm_number
        if chance.random() < self._around.alarms_get_lost:
            return
        late = chance.choice((0, 0, MILLISECOND, 2 * SECOND, -SECOND)) if self._around.alarms_get_lost else 0
        self._later(delay_usec + late, lambda: self._ring(timer, number))

    def _ring(self, timer: TimerId, number: int) -> None:
        if self._alarms.get(timer) == number:
            del self._alarms[timer]
            self._report(TimerFired(timer=timer))

    def _rearm(self) -> None:
        state, reading = self.supervisor.state, self._time.read()
        now = state.clock.now_usec
        if reading.boot == state.clock.boot:
            now += max(0, reading.uptime_usec - state.clock.uptime_usec)
        self._alarms.clear()
        for timer in state.timers:
            self._set_alarm(timer.timer, timer.due_usec - now)

    # -- the rounds: see daemon/rounds.py --------------------------------------------------------------------------

    def _look_after(self, delay_usec: int) -> None:
        self._later(delay_usec, self._look)

    def _look(self) -> None:
        stepped = self._steps.look(self._time.read())
        if stepped is not None:
            self._report(stepped)
        for backend in self.backends.values():
            backend.signals_get_lost = self._around.signals_get_lost
            self._report(backend.observe())
        for name, program in self._around.programs.items():
            if program.process is not None:
                unsteady = self._around.is_unsteady
                for seen in outcomes(name, program.process.illness, self._around.chance, unsteady=unsteady):
                    self._report(seen)
        network = self._around.has_network
        self._report(NetworkObserved(has_route=network, has_dns=network))
        self._rearm()
        self.supervisor.commit()
        self._look_after(self._around.chance.randint(20 * SECOND, 2 * MINUTE))


def _on_disk(folder: Path) -> tuple[tuple[Record, ...], Seq]:
    """Read what the dead left, before anybody repairs it."""
    try:
        with JournalReader.open_folder(folder) as journal:
            return tuple(journal.records()), journal.last_seq
    except JournalMissing:
        return (), Seq(0)
