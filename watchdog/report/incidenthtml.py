"""An incident as one HTML file, to be opened from a disk years later.

Invariant: one file, no script, nothing loaded from anywhere, and its own content policy forbids both; every text is
escaped, and stands in an element, never in a script, a style, a URL or an unquoted attribute. Light and dark follow the
reader's setting, and a phone needs no scrolling sideways but for the picture. Deliberately not here: taking secrets out
(redaction.py).
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Final

from watchdog.journal.evidence import Evidence, KeptFile
from watchdog.report.dossier import Dossier, Heading, Row, drift_text, heading, numbers, rows
from watchdog.report.incidentchart import render_chart, render_key, text
from watchdog.report.keptfiles import describe, excerpt, missing, weighed
from watchdog.report.lanes import Kind, picture
from watchdog.report.moments import day, precise_time
from watchdog.report.pagestyle import STYLE
from watchdog.report.postmortemlayers import layers_html
from watchdog.report.timeline import evidence_word, uptime_text

_KEY: Final = (
    (Kind.EXIT, "an ending"),
    (Kind.START, "a start, and to which budget it was charged"),
    (Kind.ASK, "somebody asked"),
    (Kind.PAGE, "people were told"),
    (Kind.PEOPLE, "people, or the incident"),
)

_CAPTION: Final = (
    "Machine facts in the journal's order. Wall clock (CLOCK_REALTIME) in UTC, then uptime (CLOCK_BOOTTIME), and "
    "whether the kernel called the wall clock synchronised. With a bar: filed under the incident; the others are what "
    "happened around it."
)


def render_html(dossier: Dossier) -> str:
    """Write the whole dossier as a file of its own."""
    hashed = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{text(dossier.incident)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
        render_article(dossier),
        "</main>\n</body>\n</html>",
    ]
    return "\n".join(parts) + "\n"


def render_article(dossier: Dossier) -> str:
    """Write the whole dossier as a part of a page that has STYLE (pagestyle.py)."""
    parts = [
        *_header(dossier, heading(dossier)),
        *_figure(dossier),
        *layers_html(dossier),
        "<h2>Numbers</h2>",
        _list(numbers(dossier)),
        *_timeline(dossier),
        *_evidence(dossier),
        *_verification(dossier),
        "<h2>Left out</h2>",
        _bullets(dossier.left_out, "Nothing."),
        "<h2>Redacted</h2>",
        _bullets((f"{kind}: {count}" for kind, count in dossier.redacted or ()), "Nothing of a known shape was found."),
        "<p>Known shapes of secrets are taken out; read it before you send it to anybody.</p>",
    ]
    return "\n".join(parts)


def _header(dossier: Dossier, head: Heading) -> list[str]:
    times = f"{len(dossier.seen)} {'time' if len(dossier.seen) == 1 else 'times'}"
    facts = [
        ("gateway", head.gateway or "gatedog"),
        ("why", head.because),
        ("rule", head.rule),
        ("seen before", f"{times}: {', '.join(dossier.seen)}" if dossier.seen else "not remembered"),
        ("journal", dossier.journal_id),
    ]
    loud = "chip loud" if head.severity == "critical" else "chip"
    return [
        "<header>",
        f'<p><span class="{loud}">{text(head.severity)}</span> <span class="chip">{text(head.phase)}</span></p>',
        f"<h1>{text(dossier.incident)} {text(head.title)}</h1>",
        _list(facts),
        "</header>",
    ]


def _figure(dossier: Dossier) -> list[str]:
    if not dossier.records:
        return []
    drawn = picture(dossier.records, weighed(dossier.evidence or ()))
    moved = "<p>The wall clock was moved meanwhile: the axis is uptime, the table says what it showed.</p>"
    key = "".join(f"<li>{render_key(kind)} {text(said)}</li>" for kind, said in _KEY)
    return [
        '<h2>Picture</h2>\n<figure>\n<div class="wide" tabindex="0" role="region" aria-label="Picture">',
        render_chart(drawn, f"{dossier.incident} on one axis of time"),
        "</div>",
        f'<figcaption><ul class="keys">{key}</ul>{moved if drawn.wall_moved else ""}</figcaption>\n</figure>',
    ]


def _timeline(dossier: Dossier) -> list[str]:
    told, left_out = rows(dossier)
    more = f" {left_out} more records lie in the middle and are not told here." if left_out else ""
    lines = [
        '<h2>Timeline</h2>\n<table class="timeline">',
        f"<caption>{_CAPTION}{more}</caption>",
        _head_row(("record", "wall clock", "uptime", "clock", "what happened, and what was decided")),
    ]
    today = ""
    for row in told:
        if (date := day(row.wall_usec)) != today:
            lines.append("</tbody>" if today else "")
            today = date
            lines.append(f'<tbody><tr><th class="day" scope="rowgroup" colspan="5">{text(date)}</th></tr>')
        lines.append(_row(row))
    return [*lines, "</tbody>\n</table>"]


def _row(row: Row) -> str:
    cells = [str(row.seq), precise_time(row.wall_usec), uptime_text(row.uptime_usec), row.clock]
    first, *rest = row.said
    decided = "".join(f'<span class="did">{text(line)}</span>' for line in rest)
    drift = f'<span class="did bad">{text(drift_text(row))}</span>' if drift_text(row) else ""
    filed = ' class="filed"' if row.is_filed else ""
    drawn = "".join(f'<td class="n">{text(cell)}</td>' for cell in cells)
    return f"<tr{filed}>{drawn}<td>{text(first)}{decided}{drift}</td></tr>"


def _head_row(names: Iterable[str]) -> str:
    return "<thead><tr>" + "".join(f'<th scope="col">{name}</th>' for name in names) + "</tr></thead>"


def _evidence(dossier: Dossier) -> list[str]:
    if dossier.evidence is None:
        return ["<h2>Evidence</h2>\n<p>It could not be looked at from where this was written.</p>"]
    if not dossier.evidence:
        return ["<h2>Evidence</h2>\n<p>None was kept.</p>"]
    lines = ["<h2>Evidence</h2>\n<p>Sizes and digests are those of the files as they are now, before redaction.</p>"]
    for each in dossier.evidence:
        lines += _folder(each)
    return lines


def _folder(folder: Evidence) -> list[str]:
    bad = ' class="bad"' if folder.problems else ""
    by = "" if folder.record is None else f", kept by record {folder.record}"
    lines = [f"<h3>{text(folder.folder)}</h3>\n<p{bad}>{text(evidence_word(folder) + by)}</p>"]
    lines += [_bullets(folder.problems, "")] if folder.problems else []
    about = describe(folder)
    lines += [_file(file, *about.get(file.name, ("", ""))) for file in folder.files]
    if missing(folder):
        lines.append(f"<p>Not there:</p>\n{_bullets(missing(folder), '')}")
    return lines


def _file(file: KeptFile, whose: str, what: str) -> str:
    which, content = excerpt(file)
    shown = "\n".join(text(line) for line in content)
    words = f'<span class="whose">words of {text(whose)}</span>' if whose else ""
    part = "" if which == "whole" else f"; below is {which}"
    return (
        f"<details><summary><b>{text(file.name)}</b> {words}</summary>\n"
        f"<p>{text(what)}</p>\n"
        f"<p>{file.size_bytes} bytes, SHA-256 <code>{text(file.digest)}</code>{part}</p>\n"
        f"<pre>{shown}</pre></details>"
    )


def _verification(dossier: Dossier) -> list[str]:
    if dossier.checked is None:
        return [
            "<h2>Verification</h2>\n<p>Not verified: the journal could not be read from where this was written.</p>"
        ]
    return [
        f"<h2>Verification</h2>\n<p>{text(dossier.checked.summary)}</p>",
        _bullets(dossier.checked.problems, "No problem was found."),
    ]


def _list(pairs: Iterable[tuple[str, str]]) -> str:
    return (
        "<dl>" + "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>\n" for name, value in pairs if value) + "</dl>"
    )


def _bullets(said: Iterable[str], otherwise: str) -> str:
    items = "".join(f"<li>{text(each)}</li>" for each in said)
    return f"<ul>{items}</ul>" if items else f"<p>{text(otherwise)}</p>"
