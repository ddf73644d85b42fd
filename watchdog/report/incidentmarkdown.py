"""An incident as Markdown, to be pasted into a ticket.

Invariant: whatever came from outside stands in a code block or a code span that it cannot close, so no heading, link,
mention, picture or HTML of a stranger's reaches the ticket. Deliberately not here: taking secrets out (redaction.py).
"""

from collections.abc import Iterable

from watchdog.report.dossier import Dossier, heading, numbers, rows
from watchdog.report.escape import visible
from watchdog.report.markdown import code_block, code_span
from watchdog.report.postmortemlayers import EVIDENCE_WORD, layers_markdown
from watchdog.report.timeline import evidence_word, timeline_lines


def render_markdown(dossier: Dossier) -> str:
    """Write the whole dossier."""
    head = heading(dossier)
    told, missing = rows(dossier)
    lines = [f"# {visible(dossier.incident, 32)}", ""]
    facts = [
        ("Gateway", head.gateway or "gatedog"),
        ("Severity", head.severity),
        ("Phase", head.phase),
        ("Rule", head.rule),
        ("Title", head.title),
        ("Rule said", head.because),
        ("Journal", dossier.journal_id),
    ]
    lines += [f"- {name}: {code_span(value)}" for name, value in facts if value]
    seen = f"{len(dossier.seen)} times before: {', '.join(code_span(each) for each in dossier.seen)}"
    lines += [f"- Seen: {seen if dossier.seen else 'not before, as far as is remembered'}"]
    lines += ["", *layers_markdown(dossier), "", "## Numbers", "", EVIDENCE_WORD, ""]
    lines += [f"- {name}: {code_span(value)}" for name, value in numbers(dossier)]
    lines += [
        "",
        "## Timeline",
        "",
        "Wall clock in UTC, then uptime; `sync` or `FREE`: the wall clock was, or was not,",
    ]
    lines += ["synchronised; `?`: not told. `*`: filed under the incident; the others are what happened around it.", ""]
    lines += code_block(timeline_lines(told, missing))
    lines += ["", "## Evidence", "", *_evidence(dossier)]
    lines += ["", "## Verification", "", *_verification(dossier)]
    lines += ["", "## Left out", "", *_bullets(dossier.left_out, "Nothing.")]
    redacted = [f"{kind}: {count}" for kind, count in dossier.redacted or ()]
    lines += ["", "## Redacted", "", *_bullets(redacted, "Nothing that has the shape of a secret was found.")]
    lines += ["", "Known shapes of secrets are taken out; read it before you send it to anybody."]
    return "\n".join(lines) + "\n"


def _evidence(dossier: Dossier) -> list[str]:
    if dossier.evidence is None:
        return ["It could not be looked at from where this was written."]
    lines = []
    for each in dossier.evidence:
        lines.append(f"{evidence_word(each)}  {visible(each.folder)}")
        lines += [f"  {file.digest}  {file.size_bytes:>9}  {visible(file.name, 120)}" for file in each.files]
        lines += [f"  problem: {visible(problem)}" for problem in each.problems]
    return code_block(lines) if lines else ["None was kept."]


def _verification(dossier: Dossier) -> list[str]:
    if dossier.checked is None:
        return ["Not verified: the journal could not be read from where this was written."]
    return [f"- {code_span(each)}" for each in (dossier.checked.summary, *dossier.checked.problems)]


def _bullets(said: Iterable[str], otherwise: str) -> list[str]:
    return [f"- {code_span(each)}" for each in said] or [otherwise]
