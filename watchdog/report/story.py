"""The journal as a story: what happened, what was decided on it, and what became of that.

Invariant: nothing is told that no record says. An outcome is the event that answers an action, found by its id; when
none is among the records, none is shown.
"""

from collections.abc import Iterable, Mapping, Sequence

from watchdog.core.decisions import (
    AcknowledgementEnded,
    CancelTimer,
    CollectEvidence,
    Decision,
    IncidentAcknowledged,
    IncidentExtended,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    KillGateway,
    QueuePage,
    SetTimer,
    StartGateway,
    StopGateway,
)
from watchdog.core.deliveries import PageAcknowledged, PageDelivered, PageFailed, PageStuck
from watchdog.core.events import (
    ActionFailed,
    ActionRequested,
    ActionSucceeded,
    ClockStepped,
    EnforcementObserved,
    Event,
    JournalDamageFound,
    JournalFailed,
    JournalGapFound,
    JournalRenewed,
    LimitReached,
    MainProcessExited,
    MainProcessStarted,
    NetworkObserved,
    PolicyLoaded,
    PolicyRejected,
    SocketLost,
    SupervisorStarted,
    SupervisorStopping,
    TimerFired,
)
from watchdog.core.evidence import EvidenceCollected, EvidenceFailed, EvidenceTooOld
from watchdog.core.identity import IncidentId
from watchdog.core.timer import TimerKind
from watchdog.journal.reader import Record
from watchdog.report.decisionwords import decision_text
from watchdog.report.escape import visible
from watchdog.report.eventwords import event_text
from watchdog.report.moments import day, instant, precise_time
from watchdog.report.postmortempapers import papers_of

_INDENT = " " * 14

Outcomes = Mapping[object, Sequence[Record]]
"""The events that answer an action, by what names it: an action id, a page id, a life, a process, an incident."""


def sentence(record: Record, *, alarms: bool = True) -> str:
    """Tell one record: a line for the event, and one for each decision on it.

    Without `alarms`, those that only watch over something else are left out; a delayed start stays.
    """
    when = precise_time(record.stamped.stamp.wall_usec)
    lines = [f"{when}  {event_text(record.stamped.event)}"]
    told = [decision for decision in record.decisions if alarms or not watches(decision)]
    lines += [f"{_INDENT}-> {decision_text(decision)}" for decision in told]
    return "\n".join(lines)


def explain(incident: IncidentId, records: Iterable[Record], seen: Sequence[str] = ()) -> str:
    """Tell one incident from the journal, room by room: seq, what was seen, rule, decision, outcome.

    `seen` are earlier incidents about the same, newest first.
    """
    known = sorted(records, key=lambda record: record.stamped.stamp.seq)
    papers = papers_of(incident, known)
    lines = [_headline(incident, known), *([seen_text(seen)] if seen else [])]
    if papers.guesses or papers.signed:
        lines.append(f"hypotheses: {papers.guesses_line}; cause: {papers.cause_line}")
    outcomes = _outcomes(known)
    today = day(known[0].stamped.stamp.wall_usec) if known else ""
    for record in known:
        stamp = record.stamped.stamp
        if (date := day(stamp.wall_usec)) != today:
            today = date
            lines += ["", f"{'':8}  {date}"]
        room = _room(record.stamped.event)
        lines += ["", f"{stamp.seq:>8}  {precise_time(stamp.wall_usec)}  {room}: {event_text(record.stamped.event)}"]
        told = [decision for decision in record.decisions if not watches(decision) or _escalates(decision)]
        for decision in told:
            lines.append(f"{'':8}  core: -> {decision_text(decision)}")
            lines += [f"{'':8}           = {_answer(answer)}" for answer in _answers(decision, outcomes)]
    return "\n".join(lines)


def seen_text(seen: Sequence[str]) -> str:
    """Say which other incidents were about the same: "seen 3 times before: INC-4, INC-2, INC-1"."""
    return visible(f"seen {len(seen)} {'times' if len(seen) > 1 else 'time'} before: {', '.join(seen)}")


def watches(decision: Decision) -> bool:
    """Tell whether a decision only sets or drops an alarm that watches over something; a delayed start is a fact."""
    if isinstance(decision, SetTimer):
        return decision.timer.kind is not TimerKind.START_DUE
    return isinstance(decision, CancelTimer)


def _escalates(decision: Decision) -> bool:
    return isinstance(decision, SetTimer) and decision.timer.kind is TimerKind.ESCALATE


def _headline(incident: IncidentId, records: Sequence[Record]) -> str:
    title, severity, phase, gateway = "", "", "not in these records", ""
    for decision in (decision for record in records for decision in record.decisions):
        match decision:
            case QueuePage() if decision.incident == incident:
                title = decision.title
            case IncidentOpened() | IncidentExtended() | IncidentReopened() if decision.incident == incident:
                severity, gateway = decision.severity.value.upper(), decision.gateway
                phase = phase if isinstance(decision, IncidentExtended) else "open"
            case IncidentAcknowledged() if decision.incident == incident:
                phase = "acknowledged"
            case AcknowledgementEnded() if decision.incident == incident:
                phase = "open"
            case IncidentResolved() if decision.incident == incident:
                phase = "resolved"
            case _:
                pass
    began = instant(records[0].stamped.stamp.wall_usec) if records else ""
    parts = (incident, gateway or "gatedog", severity, phase, title, began and f"first seen {began}")
    return visible("  ".join(part for part in parts if part))


def _outcomes(records: Sequence[Record]) -> Outcomes:
    found: dict[object, list[Record]] = {}
    for record in records:
        key = _answers_to(record.stamped.event)
        if key is not None:
            found.setdefault(key, []).append(record)
    return found


def _answers_to(event: Event) -> object:
    match event:
        case ActionSucceeded() | ActionFailed():
            return ("action", event.action)
        case PageDelivered() | PageFailed() | PageStuck():
            return ("page", event.page)
        case MainProcessStarted():
            return ("life", event.life)
        case MainProcessExited():
            return ("end", event.process)
        case EvidenceCollected():
            return ("evidence", event.incident)
        case _:
            return None


def _answers(decision: Decision, outcomes: Outcomes) -> Sequence[Record]:
    match decision:
        case StartGateway():
            keys: tuple[object, ...] = (("life", decision.life), ("action", decision.action))
        case StopGateway() | KillGateway():
            keys = (("end", decision.process), ("action", decision.action))
        case CollectEvidence():
            keys = (("evidence", decision.incident), ("action", decision.action))
        case QueuePage():
            keys = (("page", decision.page),)
        case _:
            return ()
    return [record for key in keys for record in outcomes.get(key, ())]


def _answer(record: Record) -> str:
    stamp = record.stamped.stamp
    return f"{stamp.seq}  {precise_time(stamp.wall_usec)}  {event_text(record.stamped.event)}"


def _room(event: Event) -> str:
    match event:
        case PageDelivered() | PageFailed() | PageStuck() | PageAcknowledged():
            return "pager"
        case ActionRequested() | SocketLost():
            return "control"
        case PolicyLoaded() | PolicyRejected():
            return "policyfile"
        case TimerFired() | ClockStepped() | NetworkObserved():
            return "sensors"
        case SupervisorStarted() | SupervisorStopping() | EnforcementObserved():
            return "daemon"
        case LimitReached() | EvidenceFailed() | EvidenceTooOld():
            return "daemon"
        case JournalFailed() | JournalGapFound() | JournalDamageFound() | JournalRenewed():
            return "journal"
        case _:
            return "gateway"
