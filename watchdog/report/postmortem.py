"""`gatedog postmortem draft`: the usual template, filled in as far as a machine may fill it.

Theory of operation. What was recorded and counted stands under evidence; guesses stand in a section of their own, with
who made them; cause, trigger, lessons and actions are a person's, empty and UNSIGNED until one writes them. Between the
two stand questions that somebody inside the system does not ask, each with the numbers that bear on it and no answer.

Invariant: no word of causing in the machine's own sections (tests/causal_words.py: every golden scenario is drafted). A
rule's own sentence is quoted, behind "rule said:". Deliberately not here: taking secrets out, which is done before.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from watchdog.core.decisions import (
    AnswerRequest,
    Charge,
    HoldPlaced,
    OriginJudged,
    OriginKind,
    Outcome,
    QueuePage,
    Severity,
    StartCharged,
)
from watchdog.core.events import (
    JournalGapFound,
    MainProcessExited,
    MainProcessStarted,
    TimerFired,
)
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.timeline import duration_text
from watchdog.journal.evidencehead import is_evidence
from watchdog.journal.reader import Record
from watchdog.report.decisionwords import what_text
from watchdog.report.dossier import Dossier, clock_word, heading, numbers
from watchdog.report.escape import visible
from watchdog.report.eventwords import event_text
from watchdog.report.markdown import code_block, code_span
from watchdog.report.moments import instant, precise_time
from watchdog.report.postmortemlayers import EVIDENCE_WORD, cause_sections, hypothesis_section, papers_in
from watchdog.report.postmortempapers import Papers
from watchdog.report.story import watches

ROWS_MAX: Final = 400
"""Records told in a draft: the first and the last half of them."""


def render_draft(dossier: Dossier) -> str:
    """Write the whole draft as Markdown."""
    papers = papers_in(dossier)
    parts = (
        _head(dossier, papers),
        _summary(dossier),
        _impact(dossier),
        _detection(dossier),
        _timeline(dossier),
        _supporting(dossier),
        hypothesis_section(dossier, papers),
        _questions(dossier),
        *cause_sections(papers),
    )
    return "\n".join(line for part in parts for line in (*part, "")).rstrip() + "\n"


def _head(dossier: Dossier, papers: Papers) -> list[str]:
    head = heading(dossier)
    first = dossier.records[0].stamped.stamp.wall_usec if dossier.records else 0
    authors = ", ".join(papers.authors) or "nobody yet"
    facts = [
        ("Date", instant(first)),
        ("Authors", authors),
        ("Status", f"{head.phase}; {papers.cause_line}"),
        ("Gateway", head.gateway or "gatedog"),
        ("Severity", head.severity),
        ("Journal", dossier.journal_id),
    ]
    name = visible(dossier.incident, 32)
    return [
        f"# Postmortem of {name}",
        "",
        f"- Title: {code_span(head.title or 'none on record')}",
        *(f"- {what}: {code_span(said)}" for what, said in facts),
        "",
        "DRAFT by a machine: it holds what was recorded, and questions. Why it happened is for a person to write.",
        *_evidence_read(dossier),
    ]


def _evidence_read(dossier: Dossier) -> list[str]:
    """Say how far the evidence in here goes, so that whoever signs signs what they have read, and no record more."""
    filed = (each for each in dossier.records if each.stamped.stamp.seq in dossier.filed and is_evidence(each))
    last = max((each.stamped.stamp.seq for each in filed), default=None)
    if last is None:
        return []
    command = f"gatedog postmortem sign {visible(dossier.incident, 32)} --evidence {last}"
    return ["", f"Its evidence ends with record #{last}. Who has read it signs with: {code_span(command)}"]


def _summary(dossier: Dossier) -> list[str]:
    head = heading(dossier)
    endings = _count(dossier, MainProcessExited)
    holds = sum(isinstance(each, HoldPlaced) for record in dossier.records for each in record.decisions)
    first, last = (dossier.records[place].stamped.stamp.wall_usec for place in (0, -1)) if dossier.records else (0, 0)
    told = (
        f"Between {instant(first)} and {instant(last)}, {len(dossier.records)} records tell of {endings} endings of "
        f"{code_span(head.gateway or 'gatedog')} and of {holds} holds. {visible(dossier.incident, 32)} was opened by "
        f"rule {code_span(head.rule or 'none')}."
    )
    return [
        *("## Summary", "", EVIDENCE_WORD, "", told, ""),
        f"- The rule said: {code_span(head.because or 'nothing on record')}",
    ]


def _impact(dossier: Dossier) -> list[str]:
    down = _down_spans(dossier.records)
    facts = [*numbers(dossier)]
    facts.append(("times without a process", str(len(down))))
    facts.append(("without a process, longest", duration_text(max(down)) if down else "not in these records"))
    facts.append(("without a process, in all", duration_text(sum(down)) if down else "not in these records"))
    lines = ["## Impact", "", EVIDENCE_WORD, "", "| what | value |", "| --- | --- |"]
    return [
        *lines,
        *(f"| {name} | {code_span(value)} |" for name, value in facts),
        "",
        "Who noticed: (a person writes)",
    ]


def _down_spans(records: Sequence[Record]) -> list[int]:
    """Measure from each ending to the next start on record, within one boot."""
    spans: list[int] = []
    ended = None
    for record in records:
        event, stamp = record.stamped.event, record.stamped.stamp
        if isinstance(event, MainProcessExited):
            ended = ended or stamp
        elif isinstance(event, MainProcessStarted) and ended is not None:
            if ended.boot == stamp.boot:
                spans.append(max(stamp.uptime_usec - ended.uptime_usec, 0))
            ended = None
    return spans


def _detection(dossier: Dossier) -> list[str]:
    pages = [
        (record.stamped.stamp, each)
        for record in dossier.records
        for each in record.decisions
        if isinstance(each, QueuePage) and each.incident == dossier.incident and each.severity is not Severity.INFO
    ]
    lines = ["## Detection", "", EVIDENCE_WORD, ""]
    if not pages:
        return [*lines, "No page is on record."]
    told = [
        f"- {instant(stamp.wall_usec)}: page to {code_span(', '.join(page.channels) or 'nobody')} by rule "
        f"{code_span(page.rule.value)}"
        for stamp, page in pages[:16]
    ]
    more = [f"- and {len(pages) - 16} more pages"] if len(pages) > 16 else []
    return [*lines, *told, *more]


def _timeline(dossier: Dossier) -> list[str]:
    told = [_told(dossier, record) for record in dossier.records if _is_fact(record)]
    half = ROWS_MAX // 2
    missing = max(len(told) - ROWS_MAX, 0)
    shown = [*told[:half], [f"... {missing} records are not told here"], *told[-half:]] if missing else told
    lines = ["## Timeline", "", EVIDENCE_WORD, "", "UTC. `#n` is the record's number, and how it is cited. `FREE`: the"]
    lines += ["wall clock was not synchronised. What a rule said is quoted as its own sentence.", ""]
    return [*lines, *code_block(line for row in shown for line in row)]


def _is_fact(record: Record) -> bool:
    if not is_evidence(record):
        return False
    is_alarm = isinstance(record.stamped.event, TimerFired)
    return not is_alarm or any(not watches(each) for each in record.decisions)


def _told(dossier: Dossier, record: Record) -> list[str]:
    stamp = record.stamped.stamp
    free = {"synchronised": "", "not synchronised": " FREE", "not told": " ?"}
    clock = free[clock_word(record, known=dossier.clocks_known)]
    date = instant(stamp.wall_usec).partition(" ")[0]
    when = f"#{stamp.seq} {date} {precise_time(stamp.wall_usec)}{clock}"
    lines = [f"{when}  {event_text(record.stamped.event)}"]
    for decision in record.decisions:
        if not watches(decision):
            said = visible(decision.because.replace('"', "'")) or "nothing"
            lines.append(f'    -> {visible(what_text(decision), 300)}; rule {decision.rule.value} said: "{said}"')
    return lines


def _supporting(dossier: Dossier) -> list[str]:
    lines = ["## Supporting data", "", EVIDENCE_WORD, ""]
    if dossier.evidence is None:
        lines.append("Files could not be looked at from where this was written.")
    elif not dossier.evidence:
        lines.append("No file was kept.")
    else:
        told = []
        for each in dossier.evidence:
            mark = "does not fit its digest" if each.problems else "fits its digest"
            told.append(f"{visible(each.folder)}  {mark}")
            by = "" if each.record is None else f"#{each.record}/"
            told += [f"  {by}{visible(file.name, 120)}  {file.size_bytes} bytes  {file.digest}" for file in each.files]
        lines += code_block(told)
    if dossier.checked is not None:
        lines += ["", *(f"- {code_span(each)}" for each in (dossier.checked.summary, *dossier.checked.problems))]
    lines += ["", *(f"- left out: {code_span(each)}" for each in dossier.left_out)]
    redacted = ", ".join(f"{kind}: {count}" for kind, count in dossier.redacted or ())
    return [*lines, f"- taken out as secrets: {code_span(redacted or 'nothing of a known shape')}"]


# -- questions -----------------------------------------------------------------------------------------------------


def _questions(dossier: Dossier) -> list[str]:
    lines = ["## Questions that somebody inside the system does not ask", ""]
    lines.append("Machines count; a person answers, in the sections below.")
    for question, facts in _asked(dossier):
        lines += ["", f"### {question}", "", *(f"- {fact}" for fact in facts), "- Answer: (a person writes this)"]
    return lines


def _asked(dossier: Dossier) -> Iterable[tuple[str, tuple[str, ...]]]:
    charges = [each.charge for record in dossier.records for each in record.decisions if isinstance(each, StartCharged)]
    automatic = sum(each in (Charge.AUTOMATIC, Charge.SLOW) for each in charges)
    foreign = sum(each is Charge.FOREIGN for each in charges)
    asks, refused = _asks_of_agents(dossier.records)
    holds = sum(isinstance(each, HoldPlaced) for record in dossier.records for each in record.decisions)
    seen = ", ".join(dossier.seen) or "none that is remembered"
    free = sum(clock_word(record, known=dossier.clocks_known) != "synchronised" for record in dossier.records)
    gaps = sum(isinstance(record.stamped.event, JournalGapFound) for record in dossier.records)
    kept = sum(isinstance(record.stamped.event, EvidenceCollected) for record in dossier.records)
    frame = (
        f"{free} of {len(dossier.records)} records were made while the clock was not known to be synchronised; "
        f"{gaps} gaps are on record; {len(dossier.left_out)} things are left out here; {kept} folders were kept."
    )
    yield (
        "Was the watchdog's own policy part of it?",
        (
            f"gatedog itself started it {automatic} times in these records, and placed {holds} holds.",
            "Would another budget, another threshold or another probe have ended it earlier, or started it at all?",
        ),
    )
    yield (
        "Should the agent have this access at all?",
        (
            f"{asks} requests came from inside a gateway, and {refused} of them were refused.",
            "What could it reach that it did not need: units, files, sockets, accounts, the network?",
        ),
    )
    yield (
        "Who else acts on this host?",
        (f"{foreign} starts were not gatedog's.", "Who started, stopped or changed something, and is not asked here?"),
    )
    yield (
        "What is outside the frame?",
        (
            frame,
            "What happened before the first record, on other hosts, at the provider, or where nothing looks?",
        ),
    )
    yield (
        "Whose words are these numbers?",
        ("Log lines, probe answers and hypotheses of the agent are its own words: which of them bear weight here?",),
    )
    yield (
        "Has this been seen before, and what was decided then?",
        (f"Incidents about the same: {code_span(seen)}.", "Was what was decided then done, and did anybody look?"),
    )
    yield (
        "What if nobody had been paged, or gatedog had been dead?",
        ("Who would have noticed, by what, and how much later?",),
    )


def _asks_of_agents(records: Iterable[Record]) -> tuple[int, int]:
    asks = refused = 0
    for record in records:
        judged = [each for each in record.decisions if isinstance(each, OriginJudged)]
        if any(each.origin is OriginKind.SUPERVISED for each in judged):
            asks += 1
            refused += any(
                isinstance(each, AnswerRequest) and each.outcome is Outcome.REFUSED for each in record.decisions
            )
    return asks, refused


def _count(dossier: Dossier, kind: type[object]) -> int:
    return sum(isinstance(record.stamped.event, kind) for record in dossier.records)
