"""How a crash loop would have gone on, had another policy not stopped it where it was stopped.

Theory of operation. Nothing was recorded of lives that were never begun, so they are made up in the plainest way: each
life goes the way the last recorded one went, as long, to the same end, ready or not, and each start that the other
policy orders succeeds at once. That is stepped until the policy stops it, or for so many cycles, or for so long.

Invariant: bounded, and a guess: whoever shows it says so. The state that was handed in is not changed.
"""

from dataclasses import replace

from watchdog.core.decisions import Decision, HoldPlaced, SlowEntered
from watchdog.core.engine import step
from watchdog.core.events import (
    Event,
    GatewayReady,
    MainProcessExited,
    MainProcessStarted,
    Stamp,
    Stamped,
    Starter,
    TimerFired,
)
from watchdog.core.identity import GatewayName, ProcessRef, Seq
from watchdog.core.rules import RuleId
from watchdog.core.state import ChainLink, GatewayState, State
from watchdog.core.timeline import DAY, SECOND, Usec
from watchdog.core.values import dataclass

CYCLES_MAX = 200
SPAN_MAX_USEC = 7 * DAY
EVENTS_MAX = 20_000
PID = 1_000_000
"""A made-up life's process: above what the kernel gives out by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """So many lives more would have begun and ended within `span_usec`. `stopped_by` None: it was still going on."""

    cycles: int
    span_usec: int
    lived_usec: int
    """How long each of them lives."""
    stopped_by: RuleId | None


def continue_loop(state: State, gateway: GatewayName) -> Continuation | None:
    """Let a gateway go on dying as it last did. None: it has not died yet, or nothing would start it again."""
    known = next((each for each in state.gateways if each.name == gateway), None)
    if known is None or not known.chain:
        return None
    loop = _Loop(state, gateway, known.chain[-1])
    loop.run()
    if not loop.cycles and loop.stopped_by is None:
        return None
    return Continuation(
        cycles=loop.cycles,
        span_usec=loop.passed_usec,
        lived_usec=loop.link.lived_usec,
        stopped_by=loop.stopped_by,
    )


class _Loop:
    """The core, a clock of its own, and one gateway that dies again and again."""

    def __init__(self, state: State, gateway: GatewayName, link: ChainLink) -> None:
        # Nobody is told in a guess: the pages that wait would only take their time.
        self.state = replace(state, outbox=(), delayed=(), given_up=())
        self.name = gateway
        self.link = link
        self.cycles = 0
        self.passed_usec = 0
        self.stopped_by: RuleId | None = None
        self._events = 0
        self._ahead_usec = 0
        """Time that passed since the core's clock last moved."""
        self._seq = max((link.seq, *(each.last_seq for each in state.incidents)), default=0) + 1_000_000

    def run(self) -> None:
        """Go round until the policy stops it, or a bound does."""
        while self._goes_on():
            if self._gateway.start_life is None and not self._wait_for_alarm(None):
                return
            if self._gateway.start_life is not None:
                self._live_once()

    def _goes_on(self) -> bool:
        bounded = self.cycles < CYCLES_MAX and self.passed_usec < SPAN_MAX_USEC and self._events < EVENTS_MAX
        return bounded and self.stopped_by is None

    @property
    def _gateway(self) -> GatewayState:
        return next(each for each in self.state.gateways if each.name == self.name)

    def _live_once(self) -> None:
        life = self._gateway.start_life
        if life is None:
            return
        ticks = self.state.clock.uptime_usec * 100 // SECOND
        process = ProcessRef(pid=PID + self.cycles, start_ticks=ticks, boot=self.state.clock.boot)
        self._feed(MainProcessStarted(gateway=self.name, process=process, life=life, starter=Starter.GATEDOG))
        if self.link.was_ready:
            self._feed(GatewayReady(gateway=self.name, process=process))
        ends_usec = self.passed_usec + max(self.link.lived_usec, 1)
        while self._wait_for_alarm(ends_usec):
            if self._events >= EVENTS_MAX:
                return
        self._pass_to(ends_usec)
        self._feed(MainProcessExited(gateway=self.name, process=process, exit=self.link.exit))
        self.cycles += 1

    def _wait_for_alarm(self, until_usec: int | None) -> bool:
        """Let the next alarm go off, if one is due by then; without `until_usec`, whenever it is due."""
        now = self.state.clock.now_usec
        due = min(self.state.timers, key=lambda each: (each.due_usec, each.timer.kind.value), default=None)
        if due is None:
            return False
        at_usec = self.passed_usec + max(0, due.due_usec - now)
        if at_usec > (SPAN_MAX_USEC if until_usec is None else until_usec):
            return False
        self._pass_to(at_usec)
        self._feed(TimerFired(timer=due.timer))
        return True

    def _pass_to(self, at_usec: int) -> None:
        self._ahead_usec += at_usec - self.passed_usec
        self.passed_usec = at_usec

    def _feed(self, event: Event) -> None:
        self._seq += 1
        self._events += 1
        clock = self.state.clock
        stamp = Stamp(
            seq=Seq(self._seq),
            wall_usec=Usec(clock.wall_usec + self._ahead_usec),
            boot=clock.boot,
            uptime_usec=Usec(clock.uptime_usec + self._ahead_usec),
            synchronised=clock.synchronised,
        )
        self._ahead_usec = 0
        stepped = step(self.state, Stamped(stamp=stamp, event=event))
        self.state = stepped.state
        for decision in stepped.decisions:
            self._note(decision)

    def _note(self, decision: Decision) -> None:
        if decision.gateway == self.name and isinstance(decision, HoldPlaced | SlowEntered):
            self.stopped_by = decision.rule
