"""The one loop: stamp, step, journal, perform. Nothing else steps the core or writes the journal.

Theory of operation. Everything that happens becomes an event in the inbox; one reader takes them one at a time. An
event and its decisions are committed before any decision is performed (law 3), decisions are performed in the order
given, and whatever comes of them comes back as an event. An observation that changes nothing is folded: counted, not
stored, and forgotten by the core as well, so that a replay sees exactly what the core saw.

When the journal cannot be written, the state still moves on (deaths must not be missed and pages must go out), but a
start is made at most once per ten minutes and requests are turned away: what cannot be remembered must not be spent.

Invariant: a bug in the core ends the loop, and with it the process; systemd restarts gatedog, the gateway runs on, and
recovery looks again. Continuing with a half-taken step is how a supervisor comes to believe things.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from watchdog.core.decisions import AnswerRequest, Decision, StartGateway
from watchdog.core.engine import changes_nothing, step
from watchdog.core.events import (
    OBSERVATIONS,
    ActionFailed,
    Event,
    Failure,
    JournalFailed,
    JournalGapFound,
    Stamp,
    Stamped,
)
from watchdog.core.identity import Seq
from watchdog.core.restart import UNJOURNALED_START_USEC
from watchdog.core.rundecisions import PerformStep
from watchdog.core.runstate import StepEnd, StepEnded
from watchdog.core.state import State
from watchdog.core.timeline import Usec
from watchdog.daemon.inbox import Arrival, Inbox
from watchdog.journal.errors import JournalUnwritable
from watchdog.journal.store import Journal
from watchdog.sensors.clocks import Reading

GROUP_COMMIT_S = 1.0
"""Events without a decision wait at most this long for the disk."""


class Performer(Protocol):
    """Carries out what was decided; see daemon/performer.py."""

    def perform(self, decision: Decision, state: State) -> None:
        """Do one thing; whatever comes of it comes back through the inbox."""
        ...

    def settle(self, state: State) -> None:
        """Everything of one step was performed: bring the views of the state up to date."""
        ...


CallLater = Callable[[float, Callable[[], None]], object]


def call_later(delay_s: float, call: Callable[[], None]) -> object:
    """Call back on the running loop; the simulation passes a clock of its own instead."""
    return asyncio.get_running_loop().call_later(delay_s, call)


class NotRemembered(Exception):  # noqa: N818 - an answer to a request, not a fault of the program
    """A request was judged but could not be journaled, so it was not carried out."""


class Supervisor:
    """The loop and what it holds: the state, the journal, the inbox."""

    def __init__(
        self,
        state: State,
        journal: Journal,
        performer: Performer,
        read_clocks: Callable[[], Reading],
        inbox: Inbox,
        call_later: CallLater = call_later,
    ) -> None:
        self.state = state
        self.inbox = inbox
        self._journal = journal
        self._performer = performer
        self._read_clocks = read_clocks
        self._call_later = call_later
        self._flush_set = False
        self._unwritable = False
        self._gap_reported = False
        self._last_unjournaled_start_usec: int | None = None
        self._last_observed: dict[tuple[str, str], Seq] = {}
        self.taken = 0
        """Events taken so far: whoever vouches for this loop from outside of it asks whether it moves on."""
        self.changed = asyncio.Event()
        """Set after every stored record; whoever waits for records clears it."""

    async def run(self) -> None:
        """Take events until cancelled."""
        while True:
            self.take(await self.inbox.get())

    def take(self, arrival: Arrival) -> None:
        """Take one event through stamp, step, journal, perform."""
        if arrival.answer is not None and self._unwritable and not self._can_write():
            arrival.answer.set_exception(NotRemembered("the journal cannot be written"))
            return
        self.taken += 1
        stamped = self._stamped(arrival.event)
        stepped = step(self.state, stamped)
        if isinstance(arrival.event, OBSERVATIONS):
            if changes_nothing(self.state, stepped):
                self._fold(arrival.event, stamped.stamp.wall_usec)
                return
            self._last_observed[_subject(arrival.event)] = stamped.stamp.seq
        before, self.state = self.state, stepped.state
        remembered = self._remember(stamped, stepped.decisions)
        if arrival.answer is not None and not remembered:
            self._journal.take_back()
            self.state = before
            arrival.answer.set_exception(NotRemembered("the journal cannot be written"))
            return
        for decision in stepped.decisions:
            self._carry_out(decision, arrival, remembered=remembered)
        self._performer.settle(self.state)
        self.changed.set()

    def foresee(self, event: Event) -> tuple[Decision, ...]:
        """Say what would be decided now on an event, which is not taken: nothing comes of it."""
        return step(self.state, self._stamped(event)).decisions

    def _stamped(self, event: Event) -> Stamped:
        reading = self._read_clocks()
        stamp = Stamp(
            seq=self._journal.next_seq,
            wall_usec=reading.wall_usec,
            boot=reading.boot,
            uptime_usec=reading.uptime_usec,
            synchronised=reading.synchronised,
        )
        return Stamped(stamp=stamp, event=event)

    def commit(self) -> None:
        """Put what waits on disk; the group commit of events without a decision."""
        self._flush_set = False
        try:
            self._journal.commit()
        except JournalUnwritable as error:
            self._note_unwritable(error)
        else:
            self._note_writable()

    # -- remembering -----------------------------------------------------------------------------------------------

    def _remember(self, stamped: Stamped, decisions: tuple[Decision, ...]) -> bool:
        try:
            self._journal.append(stamped, decisions)
        except JournalUnwritable as error:
            self._note_unwritable(error)
            return False
        if self._journal.pending:
            if not self._flush_set:
                self._flush_set = True
                self._call_later(GROUP_COMMIT_S, self.commit)
        else:
            self._note_writable()
        if self._journal.seal_due:
            self.seal()
        return True

    def _fold(self, event: Event, wall_usec: Usec) -> None:
        equal = self._last_observed.get(_subject(event))
        if equal is None:
            return  # nothing of the kind was stored since the daemon began
        try:
            self._journal.fold(equal, wall_usec)
        except JournalUnwritable as error:
            self._note_unwritable(error)

    def _can_write(self) -> bool:
        self.commit()
        return not self._unwritable

    def seal(self) -> None:
        """Close the journal's segment with the present state: the next start reads from here."""
        reading = self._read_clocks()
        try:
            self._journal.seal(self.state)
            if reading.synchronised:  # a clock that wrongly says 2099 would make every record old
                self._journal.prune(reading.wall_usec)
        except JournalUnwritable as error:
            self._note_unwritable(error)

    def _note_unwritable(self, error: JournalUnwritable) -> None:
        if not self._unwritable:
            self._unwritable = True
            self.inbox.put(JournalFailed(reason=error.message))

    def _note_writable(self) -> None:
        loss = self._journal.loss
        if loss is None:
            self._gap_reported = False
            if self._unwritable:
                reason = "the journal could not be written for a while"
                self.inbox.put(JournalGapFound(after_seq=self._journal.last_seq, lost=0, reason=reason))
        elif not self._gap_reported:
            self._gap_reported = True
            self.inbox.put(
                JournalGapFound(after_seq=loss.after_seq, lost=loss.lost, reason="the journal could not be written")
            )
        self._unwritable = False

    # -- carrying out ----------------------------------------------------------------------------------------------

    def _carry_out(self, decision: Decision, arrival: Arrival, *, remembered: bool) -> None:
        if isinstance(decision, AnswerRequest):
            if arrival.answer is not None and not arrival.answer.done():
                arrival.answer.set_result(decision)
        elif isinstance(decision, StartGateway) and not remembered:
            self._start_unremembered(decision)
        elif isinstance(decision, PerformStep) and not remembered:
            self.inbox.put(_not_taken(decision))
        else:
            self._performer.perform(decision, self.state)

    def _start_unremembered(self, order: StartGateway) -> None:
        now = self.state.clock.now_usec
        last = self._last_unjournaled_start_usec
        if last is None or now - last >= UNJOURNALED_START_USEC:
            self._last_unjournaled_start_usec = now
            self._performer.perform(order, self.state)
            return
        detail = "the journal cannot be written, and one start was made in the last 10m"
        self.inbox.put(ActionFailed(gateway=order.gateway, action=order.action, failure=Failure.JOURNAL, detail=detail))


def _not_taken(order: PerformStep) -> StepEnded:
    """Answer a step that must not be taken, because nobody could ever tell whether it was."""
    return StepEnded(
        gateway=order.gateway,
        run=order.run,
        number=order.number,
        action=order.action,
        end=StepEnd.NOT_RUN,
        detail="the journal cannot be written",
    )


def _subject(event: Event) -> tuple[str, str]:
    return type(event).__name__, str(getattr(event, "gateway", ""))
