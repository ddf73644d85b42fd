"""`gatedog incident timeline` and `evidence`: machine facts in order, for a terminal.

Invariant: one record's lines are never cut, and nothing from outside is unescaped. Order is the journal's, whatever the
wall clock did; both clocks stand beside each fact.
"""

from collections.abc import Iterable

from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.journal.evidence import Evidence
from watchdog.report.dossier import Dossier, Heading, Row, drift_text, heading, rows
from watchdog.report.escape import visible
from watchdog.report.keptfiles import describe, missing
from watchdog.report.moments import day, precise_time

_CLOCKS = {"synchronised": "sync", "not synchronised": "FREE", "not told": "?"}
_INDENT = 38


def render_timeline(dossier: Dossier) -> str:
    """Tell an incident's records, one or more lines each."""
    told, missing = rows(dossier)
    return "\n".join([*_head(dossier, heading(dossier)), *timeline_lines(told, missing)]) + "\n"


def timeline_lines(told: Iterable[Row], missing: int = 0) -> list[str]:
    """Say each row in lines: number, wall clock (UTC), uptime, clock, what happened; `missing` is said at the end."""
    lines: list[str] = []
    today = ""
    for row in told:
        if (date := day(row.wall_usec)) != today:
            today = date
            lines.append(f"-- {date}")
        mark = "*" if row.is_filed else " "
        clock = _CLOCKS[row.clock]
        first, *rest = row.said
        lines.append(
            f"{row.seq:>7} {mark} {precise_time(row.wall_usec)}  {uptime_text(row.uptime_usec):>11} {clock:>4}  {first}"
        )
        rest = [*rest, f"({drift})"] if (drift := drift_text(row)) else rest
        lines += [f"{'':{_INDENT}}  {line}" for line in rest]
    if missing:
        lines.append(f"{missing} more records lie in the middle and are not told here")
    return lines


def uptime_text(usec: int) -> str:
    """Say time since boot, to the millisecond: "26:00:31.000"."""
    hours, rest = divmod(max(usec, 0), HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, rest = divmod(rest, SECOND)
    return f"{hours}:{minutes:02d}:{seconds:02d}.{rest // 1000:03d}"


def render_evidence(incident: str, found: Iterable[Evidence], owed: Iterable[str] = ()) -> str:
    """Say which files were kept, and whether they are still what was recorded."""
    lines: list[str] = []
    for evidence in found:
        word = evidence_word(evidence)
        by = "" if evidence.record is None else f"  record {evidence.record}"
        lines.append(f"{word}  {visible(evidence.folder)}{by}")
        if evidence.record is not None:
            lines.append(f"    recorded  {visible(evidence.promised_digest, 80)}  {evidence.promised_bytes} bytes")
        whose = describe(evidence)
        for file in evidence.files:
            by = whose.get(file.name, ("", ""))[0]
            words = f"  (words of {visible(by, 40)})" if by else ""
            lines.append(f"    {file.digest}  {file.size_bytes:>9}  {visible(file.name, 120)}{words}")
        lines += [f"    not there: {visible(each)}" for each in missing(evidence)]
        lines += [f"    problem: {visible(problem)}" for problem in evidence.problems]
    lines += [f"OWED  {visible(action)}: it was asked for, and no record says that it was kept" for action in owed]
    return "".join(f"{line}\n" for line in lines) or f"no evidence was kept for {visible(incident)}\n"


def evidence_word(evidence: Evidence) -> str:
    """Say how a folder stands, in capitals when a person has to look."""
    if evidence.problems:
        return "DOES NOT FIT"
    if evidence.dropped is not None:
        return f"dropped by record {evidence.dropped}, for newer evidence to have room"
    return "OK"


def _head(dossier: Dossier, head: Heading) -> list[str]:
    parts = (dossier.incident, head.gateway or "gatedog", head.severity.upper(), head.phase, head.title)
    lines = [visible("  ".join(part for part in parts if part))]
    lines.append("in the journal's order; wall clock (CLOCK_REALTIME) in UTC, then uptime (CLOCK_BOOTTIME)")
    lines.append("sync/FREE: the kernel called the wall clock synchronised, or did not; ?: not told")
    lines.append("*: filed under the incident; the others are what happened around it")
    lines += [f"left out: {visible(each)}" for each in dossier.left_out]
    return lines
