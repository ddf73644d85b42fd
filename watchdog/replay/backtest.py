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
from watchdog.core.identity import IncidentId, Seq
from watchdog.core.policy import Policy
from watchdog.core.timeline import Usec
from watchdog.core.timer import TimerKind
from watchdog.core.values import dataclass
from watchdog.journal.reader import JournalReader
from watchdog.replay.verification import beginning

SPECULATIVE_MAX = 200


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
class Backtest:
    """`first` is a fact. `speculative` is what differs later, measured from the recorded state each time."""

    records: int
    first: Divergence | None
    speculative: tuple[Divergence, ...]


def backtest(folder: Path, policy: Policy) -> Backtest:
    """Step over the journal in `folder` as it was and under `policy`. Raises the errors of journal/."""
    found: list[Divergence] = []
    records = 0
    with JournalReader.open_folder(folder) as journal:
        recorded, after = beginning(journal)
        other = replace(recorded, policy=policy) if recorded.policy is not None else recorded
        for record in journal.records(after):
            records += 1
            was = step(recorded, record.stamped)
            would_be = step(other, _under(record.stamped, policy))
            recorded, other = was.state, would_be.state
            did, would_do = _effects(was.decisions), _effects(would_be.decisions)
            if did == would_do:
                continue
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
    return Backtest(records=records, first=found[0] if found else None, speculative=tuple(found[1:]))


def _under(stamped: Stamped, policy: Policy) -> Stamped:
    if isinstance(stamped.event, PolicyLoaded):
        return replace(stamped, event=PolicyLoaded(policy=policy, digest="backtest"))
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
