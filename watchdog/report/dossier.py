"""All that is known of one incident, in the shape every export is made from.

Invariant: whatever is in a dossier comes from the journal's records, from files compared with their digests, or is
gatedog's own count of both. There is no place in it for a cause: a human writes and signs that elsewhere.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from watchdog.core.decisions import (
    AcknowledgementEnded,
    HoldPlaced,
    IncidentAcknowledged,
    IncidentExtended,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    QueuePage,
    Severity,
    StartCharged,
)
from watchdog.core.deliveries import PageDelivered
from watchdog.core.events import MainProcessExited, PolicyLoaded, TimerFired
from watchdog.core.identity import IncidentId, Seq
from watchdog.core.timeline import SECOND, duration_text
from watchdog.core.values import dataclass
from watchdog.journal.evidence import Evidence
from watchdog.journal.reader import Record
from watchdog.report.keptfiles import wall_error_text
from watchdog.report.lanes import axis
from watchdog.report.moments import instant
from watchdog.report.postmortempapers import papers_of
from watchdog.report.story import sentence

ROWS_MAX: Final = 1000
"""Records told in a timeline. The first and the last half of them stay when there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check of the journal and of the evidence found. `problems` is empty when everything fits."""

    problems: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """One incident. `records` are in the journal's order: those in `filed` name it, the others surround them."""

    incident: IncidentId
    journal_id: str
    records: tuple[Record, ...]
    filed: frozenset[Seq]
    clocks_known: bool = True
    """Whether the records say if the wall clock was synchronised."""
    seen: tuple[str, ...] = ()
    """Other incidents of the same fingerprint, newest first."""
    evidence: tuple[Evidence, ...] | None = None
    """None: it could not be looked at from here."""
    checked: Checked | None = None
    left_out: tuple[str, ...] = ()
    """What is not in here, one sentence each."""
    redacted: tuple[tuple[str, int], ...] | None = None
    """Kinds and counts of what was taken out; None: nothing was looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """How the incident stands, as far as its records say."""

    gateway: str
    severity: str
    phase: str
    rule: str
    title: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record as it is told. `clock` says what the wall clock was worth; `said` are lines, the event's first.

    `drift_usec`: how far the wall clock is from that of the first record, carried on by uptime.
    """

    seq: int
    wall_usec: int
    uptime_usec: int
    clock: str
    drift_usec: int
    is_filed: bool
    said: tuple[str, ...]


def heading(dossier: Dossier) -> Heading:
    """Read from the records how the incident stands."""
    found = {"gateway": "", "severity": "unknown", "phase": "not in these records", "rule": "", "because": ""}
    title = ""
    for decision in (each for record in dossier.records for each in record.decisions):
        if getattr(decision, "incident", None) != dossier.incident:
            continue
        match decision:
            case IncidentOpened() | IncidentExtended() | IncidentReopened():
                found |= {"gateway": decision.gateway, "severity": decision.severity.value}
                found |= {"rule": decision.rule.value, "because": decision.because}
                if not isinstance(decision, IncidentExtended):
                    found["phase"] = "open"
            case QueuePage():
                title = decision.title
            case IncidentAcknowledged():
                found["phase"] = "acknowledged"
            case AcknowledgementEnded():
                found["phase"] = "open"
            case IncidentResolved():
                found["phase"] = "resolved"
            case _:
                pass
    return Heading(title=title, **found)


def rows(dossier: Dossier) -> tuple[tuple[Row, ...], int]:
    """Tell the records in order; and how many were left out in the middle."""
    placed = zip(dossier.records, axis(dossier.records), strict=True)
    told = tuple(_row(dossier, record, at) for record, at in placed if _tells(dossier, record))
    if len(told) <= ROWS_MAX:
        return told, 0
    half = ROWS_MAX // 2
    return told[:half] + told[-half:], len(told) - ROWS_MAX


def is_of_gateway(record: Record, gateway: str) -> bool:
    """Tell whether a record is about a gateway, or about the host that it runs on."""
    event = record.stamped.event
    about = getattr(event, "gateway", None)
    if isinstance(event, TimerFired):
        return event.timer.subject == gateway and bool(record.decisions)
    return about == gateway or (about is None and not isinstance(event, PolicyLoaded)) or gateway == ""


def numbers(dossier: Dossier) -> tuple[tuple[str, str], ...]:
    """Count what can be counted: name and value."""
    ends = [record for record in dossier.records if isinstance(record.stamped.event, MainProcessExited)]
    made = [(record, each) for record in dossier.records for each in record.decisions]
    charges: dict[str, int] = {}
    for _, decision in made:
        if isinstance(decision, StartCharged):
            charges[decision.charge.value] = charges.get(decision.charge.value, 0) + 1
    mine = [(record, each) for record, each in made if getattr(each, "incident", None) == dossier.incident]
    opened = _first(mine, IncidentOpened)
    pages = [
        (record, each) for record, each in mine if isinstance(each, QueuePage) and each.severity is not Severity.INFO
    ]
    ids = {each.page for _, each in pages if isinstance(each, QueuePage)}
    taken = [
        record
        for record in dossier.records
        if isinstance(record.stamped.event, PageDelivered) and record.stamped.event.page in ids
    ]
    found = [
        ("endings in these records", str(len(ends))),
        ("starts in these records", ", ".join(f"{count} {kind}" for kind, count in sorted(charges.items())) or "none"),
        ("opened", "" if opened is None else instant(opened.stamped.stamp.wall_usec)),
        ("first ending to first page", _span(ends, [record for record, _ in pages])),
        ("first page to its delivery", _span([record for record, _ in pages], taken)),
        ("first page to acknowledgement", _span([record for record, _ in pages], _all(mine, IncidentAcknowledged))),
        ("first ending to hold", _span(ends, _all(made, HoldPlaced))),
        ("opened to resolved", _span([opened] if opened else [], _all(mine, IncidentResolved))),
        ("wall clock may be wrong by", wall_error_text(dossier.evidence or ())),
    ]
    return tuple((name, value or "not in these records") for name, value in found)


def clock_word(record: Record, *, known: bool) -> str:
    """Say what the wall clock of a record was worth."""
    if not known:
        return "not told"
    return "synchronised" if record.stamped.stamp.synchronised else "not synchronised"


def object_of(dossier: Dossier) -> Mapping[str, object]:
    """Write what an export says of itself as JSON holds it, without records and contents."""
    checked = dossier.checked
    papers = papers_of(dossier.incident, (each for each in dossier.records if each.stamped.stamp.seq in dossier.filed))
    return {
        "incident": dossier.incident,
        "journal": dossier.journal_id,
        "records": len(dossier.records),
        "filed": len(dossier.filed),
        "cause": papers.cause_line,
        "hypotheses": len(papers.guesses),
        "seen_before": list(dossier.seen),
        "verified": None if checked is None else not checked.problems,
        "verification": None if checked is None else [checked.summary, *checked.problems],
        "evidence": None if dossier.evidence is None else [evidence_object(each) for each in dossier.evidence],
        "left_out": list(dossier.left_out),
        "redacted": dict(dossier.redacted or ()),
    }


def evidence_object(evidence: Evidence) -> dict[str, object]:
    """Write one folder of evidence as JSON holds it."""
    return {
        "folder": evidence.folder,
        "record": evidence.record,
        "dropped": evidence.dropped,
        "recorded_digest": evidence.promised_digest,
        "recorded_bytes": evidence.promised_bytes,
        "digest": evidence.digest,
        "files": [{"name": file.name, "bytes": file.size_bytes, "sha256": file.digest} for file in evidence.files],
        "problems": list(evidence.problems),
    }


def drift_text(row: Row) -> str:
    """Say how far the wall clock was moved, or ran off, meanwhile; empty within a second."""
    if abs(row.drift_usec) < SECOND:
        return ""
    return f"wall clock {'+' if row.drift_usec > 0 else '-'}{duration_text(abs(row.drift_usec))} against uptime"


def _row(dossier: Dossier, record: Record, at_usec: int) -> Row:
    stamp = record.stamped.stamp
    first, *rest = sentence(record, alarms=False).splitlines()
    return Row(
        seq=stamp.seq,
        wall_usec=stamp.wall_usec,
        uptime_usec=stamp.uptime_usec,
        clock=clock_word(record, known=dossier.clocks_known),
        drift_usec=stamp.wall_usec - at_usec,
        is_filed=stamp.seq in dossier.filed,
        said=(first.partition("  ")[2], *(line.strip() for line in rest)),
    )


def _tells(dossier: Dossier, record: Record) -> bool:
    """An alarm on which nothing was done but setting another one is no fact."""
    is_alarm = isinstance(record.stamped.event, TimerFired)
    return not is_alarm or record.stamped.stamp.seq in dossier.filed or "\n" in sentence(record, alarms=False)


def _all(made: Iterable[tuple[Record, object]], kind: type[object]) -> list[Record]:
    return [record for record, decision in made if isinstance(decision, kind)]


def _first(made: Iterable[tuple[Record, object]], kind: type[object]) -> Record | None:
    return next(iter(_all(made, kind)), None)


def _span(begins: list[Record], ends: list[Record]) -> str:
    """Measure from the first of one to the first of the other: uptime within a boot, else the wall clock."""
    if not begins or not ends:
        return ""
    one, other = begins[0].stamped.stamp, ends[0].stamped.stamp
    same = one.boot == other.boot
    usec = other.uptime_usec - one.uptime_usec if same else other.wall_usec - one.wall_usec
    return duration_text(usec) if usec >= 0 else ""
