"""Three layers of an incident, apart by word and by colour: evidence, hypotheses, cause.

Invariant: a heading says which layer stands below it and who speaks there. A guess is quoted and never stands in the
layer of the cause; words of an agent are marked as such; a person's text is shown letter for letter, in a block that it
cannot leave. Deliberately not here: evidence itself (incidentmarkdown.py, incidenthtml.py).
"""

from collections.abc import Callable
from html import escape
from typing import Final

from watchdog.core.enclosure import SECTION_MAX
from watchdog.core.paperdecisions import Standing
from watchdog.core.papers import record_cited
from watchdog.report.dossier import Dossier
from watchdog.report.escape import visible
from watchdog.report.incidentchart import text
from watchdog.report.markdown import code_block, code_span
from watchdog.report.moments import instant
from watchdog.report.postmortempapers import SECTIONS, UNSIGNED, Guess, Papers, Written, papers_of

EVIDENCE_WORD: Final = "Layer: evidence. Recorded and counted by machines; no person has judged it."
HYPOTHESES_WORD: Final = "Layer: hypothesis. Guesses by agents and people; none of them is evidence, none is a cause."
CAUSE_WORD: Final = "Layer: cause. A person's text, under a person's name."
NO_GUESS: Final = "Nobody has offered a hypothesis."
_EMPTY: Final = "(empty: a person writes this)"
_MARKS: Final = {Standing.OPEN: "OPEN", Standing.REFUTED: "REFUTED", Standing.SUPPORTED: "SUPPORTED"}


def papers_in(dossier: Dossier) -> Papers:
    """Read the papers of a dossier from the records that are filed under its incident."""
    filed = (record for record in dossier.records if record.stamped.stamp.seq in dossier.filed)
    return papers_of(dossier.incident, filed)


def guess_lines(guess: Guess, known: Callable[[str], str] = str) -> list[str]:
    """Say a guess in lines; `known` says of a citation what it names."""
    also = f"; the same by {visible(', '.join(guess.also), 200)}" if guess.also else ""
    lines = [
        f"{guess.hypothesis}  {_MARKS[guess.standing]}",
        f"  offered by      {visible(guess.who, 120)} at {instant(guess.wall_usec)}{also}",
        f"  claim           {guess.said}",
        f"  cites           {', '.join(visible(known(cite), 200) for cite in guess.cites)}",
        f"  would refute it {guess.would_refute}",
    ]
    if guess.judged_by:
        lines.append(f'  judged by       {visible(guess.judged_by, 120)}: "{visible(guess.judged_because)}"')
    return lines


def text_blocks(papers: Papers) -> list[tuple[str, str, Written]]:
    """Return the texts there are, each with what it is called and who stands for it: the signed one first."""
    found: list[tuple[str, str, Written]] = []
    if papers.signed is not None:
        found.append(("signed" if not papers.signed.attested else "attested", papers.cause_line, papers.signed))
    if papers.written is not None and (papers.signed is None or papers.is_changed):
        who = f"UNSIGNED draft by {visible(papers.written.who, 120)} at {instant(papers.written.wall_usec)}"
        found.append(("unsigned", who, papers.written))
    return found


def sections_of(written: Written) -> tuple[tuple[str, str], ...]:
    """Return heading and text of each section, the empty ones too."""
    fields = {"cause": written.text.cause, "trigger": written.text.trigger}
    fields |= {"lessons": written.text.lessons, "actions": written.text.actions}
    return tuple((heading, fields[field]) for heading, field in SECTIONS)


# -- Markdown --------------------------------------------------------------------------------------------------------


def layers_markdown(dossier: Dossier) -> list[str]:
    """Write cause and hypotheses, apart."""
    papers = papers_in(dossier)
    return [line for part in (*cause_sections(papers), hypothesis_section(dossier, papers)) for line in (*part, "")][
        :-1
    ]


def cause_sections(papers: Papers) -> list[list[str]]:
    """Write what only a person writes: the signed text, the newer one, or the empty headings."""
    blocks = text_blocks(papers)
    if not blocks:
        opened = [f"## {SECTIONS[0][0]}", "", CAUSE_WORD, "", f"{UNSIGNED}.", "", _EMPTY]
        return [opened, *([f"## {name}", "", f"UNSIGNED. {_EMPTY}"] for name, _ in SECTIONS[1:])]
    found = []
    for _, who, written in blocks:
        first, *rest = sections_of(written)
        head = written.text.evidence_head
        lines = [f"## {first[0]}", "", CAUSE_WORD, "", f"- {code_span(who)}"]
        lines += [f"- Evidence signed with it: {code_span(head)}"] if head else []
        found.append([*lines, "", *_human(first[1])])
        found += [[f"## {name}", "", *_human(said)] for name, said in rest]
    return found


def hypothesis_section(dossier: Dossier, papers: Papers) -> list[str]:
    """Write the guesses, each with its author and what it rests on."""
    lines = ["## Hypotheses", "", HYPOTHESES_WORD, ""]
    if not papers.guesses:
        return [*lines, NO_GUESS]
    told = [
        line for guess in papers.guesses for line in (*guess_lines(guess, lambda cite: cited_text(dossier, cite)), "")
    ]
    return [*lines, *code_block(told[:-1])]


def _human(said: str) -> list[str]:
    return code_block(visible(line, SECTION_MAX * 10) for line in said.split("\n")) if said else [_EMPTY]


def cited_text(dossier: Dossier, cite: str) -> str:
    """Return a citation, and say so when it names nothing among these records."""
    seq = record_cited(cite)
    record = next((each for each in dossier.records if each.stamped.stamp.seq == seq), None)
    if record is None:
        return f"{cite} (not among these records)"
    name = cite.partition("/")[2]
    if name and dossier.evidence is not None:
        folder = next((each for each in dossier.evidence if each.record == seq), None)
        if folder is None or not any(file.name == name for file in folder.files):
            return f"{cite} (no such file was kept)"
    return cite


# -- HTML ----------------------------------------------------------------------------------------------------------


def layers_html(dossier: Dossier) -> list[str]:
    """Write hypotheses and cause as two blocks of their own."""
    papers = papers_in(dossier)
    lines = [
        '<div class="layer hypothesis">',
        f'<h2>Hypotheses</h2>\n<p class="who">{text(HYPOTHESES_WORD)}</p>',
        *(_guess_html(guess) for guess in papers.guesses),
    ]
    lines += [] if papers.guesses else [f"<p>{NO_GUESS}</p>"]
    lines.append("</div>")
    blocks = text_blocks(papers)
    for word, who, written in blocks:
        lines += _cause_html(word, who, written)
    return lines if blocks else [*lines, *_no_cause_html()]


def _no_cause_html() -> list[str]:
    said = f'<h2>Cause</h2>\n<p class="who">{text(CAUSE_WORD)}</p>\n<p>{text(UNSIGNED)}</p>'
    return ['<div class="layer cause unsigned">', said, "</div>"]


def _cause_html(word: str, who: str, written: Written) -> list[str]:
    state = " unsigned" if word == "unsigned" else ""
    lines = [f'<div class="layer cause{state}">', f'<h2>Cause</h2>\n<p class="who">{text(CAUSE_WORD)}</p>']
    lines.append(f"<p><b>{text(who)}</b></p>")
    if written.text.evidence_head:
        lines.append(f"<p>Evidence signed with it: <code>{text(written.text.evidence_head)}</code></p>")
    for heading, said in sections_of(written):
        if said:
            shown = "\n".join(escape(visible(line, SECTION_MAX * 10)) for line in said.split("\n"))
            lines.append(f"<h3>{heading}</h3>\n<pre>{shown}</pre>")
    return [*lines, "</div>"]


def _guess_html(guess: Guess) -> str:
    pairs = [("claim", guess.said), ("cites", ", ".join(guess.cites)), ("would refute it", guess.would_refute)]
    pairs.append(("offered by", f"{guess.who} at {instant(guess.wall_usec)}"))
    pairs += [("the same by", ", ".join(guess.also))] if guess.also else []
    if guess.judged_by:
        pairs.append(("judged by", f'{guess.judged_by}: "{guess.judged_because}"'))
    said = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in pairs)
    return f"<h3>{text(guess.hypothesis)} {_MARKS[guess.standing]}</h3>\n<dl>{said}</dl>"
