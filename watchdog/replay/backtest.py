"""Backtest: what would another policy have decided in the recorded history?

Theory of operation. The journal is stepped twice: as it was, and with the other policy in place of every one that was
loaded. Up to the first record where the two do something different, the history is the same history, so that first
divergence is a fact. After it the recorded events are answers to decisions that the other policy would not have taken:
had it not restarted, the next death would not have happened. What differs later is therefore reported apart, as
speculative, each time measured from the recorded state, and no sum is made of it.

Invariant: reads only; never calls the speculative part anything else.
"""

from dataclasses import replace
from pathlib import Path

from watchdog.core.decisions import (
    AnswerRequest,
    Decision,
    HoldPlaced,
    IncidentResolved,
    KillGateway,
    QueuePage,
    SetTimer,
    Severity,
    SlowEntered,
    StartGateway,
    StartWithheld,
    StopGateway,
)
from watchdog.core.engine import step
from watchdog.core.events import PolicyLoaded, Stamped
from watchdog.core.identity import GatewayName, IncidentId, Seq
from watchdog.core.policy import Policy
from watchdog.core.timeline import Usec
from watchdog.core.timer import TimerKind
from watchdog.core.turn import Step
from watchdog.core.values import dataclass
from watchdog.journal.reader import JournalReader
from watchdog.replay.continuation import Continuation, continue_loop
from watchdog.replay.verification import beginning

SPECULATIVE_MAX = 200
LOOPS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """One record on which the two policies do different things."""

    seq: Seq
    wall_usec: Usec
    event: str
    incidents: tuple[IncidentId, ...]
    """Open incidents at that moment."""
    recorded: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopChange:
    """A crash loop that the other policy stops later, or earlier. A guess, but for `fewer`: those lives are on record.

    `incident` None: none was open. Exactly one of `more` and `fewer` is set.
    """

    seq: Seq
    gateway: GatewayName
    incident: IncidentId | None
    more: Continuation | None = None
    """How it would have gone on, where the recorded policy stopped it."""
    fewer: int | None = None
    """Lives on record that the other policy would not have begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """`first` is a fact. `speculative` is what differs later, measured from the recorded state each time."""

    records: int
    first: Divergence | None
    speculative: tuple[Divergence, ...]
    loops: tuple[LoopChange, ...] = ()
    """One for each time that one of the two policies stopped a loop and the other did not."""


def backtest(folder: Path, policy: Policy) -> Backtest:
    """Step over the journal in `folder` as it was and under `policy`. Raises the errors of journal/."""
    found: list[Divergence] = []
    loops = _Loops()
    records = 0
    with JournalReader.open_folder(folder) as journal:
        recorded, after = beginning(journal)
        other = replace(recorded, policy=policy) if recorded.policy is not None else recorded
        for record in journal.records(after):
            records += 1
            was = step(recorded, record.stamped)
            would_be = step(other, _under(record.stamped, policy))
            recorded, other = was.state, would_be.state
            loops.count(was)
            did, would_do = _effects(was.decisions), _effects(would_be.decisions)
            if did == would_do:
                continue
            loops.compare(record.stamped.stamp.seq, was, would_be)
            if len(found) <= SPECULATIVE_MAX:
                open_now = tuple(each.incident for each in recorded.incidents if each.resolved_usec is None)
                stamp = record.stamped.stamp
                found.append(
                    Divergence(
                        seq=stamp.seq,
                        wall_usec=stamp.wall_usec,
                        event=type(record.stamped.event).__name__,
                        incidents=open_now,
                        recorded=did,
                        other=would_do,
                    )
                )
            other = replace(recorded, policy=policy)
    first = found[0] if found else None
    return Backtest(records=records, first=first, speculative=tuple(found[1:]), loops=loops.told())


class _Loops:
    """Which loops one policy stopped and the other did not."""

    def __init__(self) -> None:
        self.found: list[LoopChange] = []
        self._counting: dict[GatewayName, int] = {}
        """Where a loop stands in `found` that the other policy stopped and the recorded one did not yet."""

    def compare(self, seq: Seq, was: Step, would_be: Step) -> None:
        """Take in a record on which the two differ."""
        stopped, would_stop = _stopped(was), _stopped(would_be)
        for name in sorted({*stopped, *would_stop}):
            if len(self.found) >= LOOPS_MAX or (name in stopped and name in would_stop):
                continue
            incident = next(
                (e.incident for e in was.state.incidents if e.gateway == name and e.resolved_usec is None), None
            )
            if name in stopped:
                more = continue_loop(would_be.state, name)
                if more is not None and more.cycles:
                    self.found.append(LoopChange(seq=seq, gateway=name, incident=incident, more=more))
            elif name not in self._counting:
                self._counting[name] = len(self.found)
                self.found.append(LoopChange(seq=seq, gateway=name, incident=incident, fewer=0))

    def told(self) -> tuple[LoopChange, ...]:
        """Return those in which anything changed."""
        return tuple(each for each in self.found if each.more is not None or each.fewer)

    def count(self, was: Step) -> None:
        """Count the recorded lives of loops that the other policy would have stopped, until it was stopped."""
        if not self._counting:
            return
        for decision in was.decisions:
            place = self._counting.get(decision.gateway)
            if place is None:
                continue
            if isinstance(decision, StartGateway):
                known = self.found[place]
                self.found[place] = replace(known, fewer=(known.fewer or 0) + 1)
            elif isinstance(decision, HoldPlaced | SlowEntered | IncidentResolved):
                del self._counting[decision.gateway]


def _stopped(stepped: Step) -> tuple[GatewayName, ...]:
    return tuple(each.gateway for each in stepped.decisions if isinstance(each, HoldPlaced | SlowEntered))


def _under(stamped: Stamped, policy: Policy) -> Stamped:
    if isinstance(stamped.event, PolicyLoaded):
        return replace(stamped, event=replace(stamped.event, policy=policy))
    return stamped


def _effects(decisions: tuple[Decision, ...]) -> tuple[str, ...]:
    """Say what a step does to the world or to people; bookkeeping does not count as a difference."""
    return tuple(said for said in map(_effect, decisions) if said)


def _effect(decision: Decision) -> str:
    name = decision.gateway
    match decision:
        case StartGateway():
            return f"starts {name} [{decision.rule.value}]"
        case SetTimer(timer=timer) if timer.kind is TimerKind.START_DUE:
            return f"starts {name} later: {decision.because} [{decision.rule.value}]"
        case StopGateway() | KillGateway():
            return f"ends {name} [{decision.rule.value}]"
        case HoldPlaced():
            return f"holds {name}: {decision.because} [{decision.rule.value}]"
        case SlowEntered():
            return f"tries {name} slowly: {decision.because} [{decision.rule.value}]"
        case StartWithheld():
            return f"leaves {name} down: {decision.because} [{decision.rule.value}]"
        case QueuePage(severity=severity) if severity is not Severity.INFO:
            return f"pages {severity.value}: {decision.title} [{decision.rule.value}]"
        case AnswerRequest():
            return f"answers {decision.outcome.value} [{decision.rule.value}]"
        case _:
            return ""
