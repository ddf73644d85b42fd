"""An incident as one HTML file, to be opened from a disk years later.

Invariant: one file, no script, nothing loaded from anywhere, and its own content policy forbids both; every text is
escaped, and stands in an element, never in a script, a style, a URL or an unquoted attribute. Light and dark follow the
reader's setting. Deliberately not here: taking secrets out (redaction.py).
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Final

from watchdog.report.dossier import UNSIGNED, Dossier, Row, heading, numbers, rows
from watchdog.report.incidentchart import render_chart, text
from watchdog.report.lanes import picture
from watchdog.report.moments import instant, precise_time
from watchdog.report.timeline import uptime_text

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#59636e;--line:#d1d9e0;--up:#2f7d4f;--bad:#b3261e;
--wait:#8a6100;--ask:#5b3fb0;--held:#7a3b3b}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--paper:#15181c;--soft:#9aa4af;--line:#363d46;--up:#57b37e;
--bad:#ff8a80;--wait:#e0b23c;--ask:#b9a4ff;--held:#d29a9a}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:72rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:var(--soft)}dd{margin:0;
overflow-wrap:anywhere}
figure{margin:0;overflow-x:auto}figcaption,caption{color:var(--soft);font-size:.85rem;text-align:left}
svg{min-width:44rem;width:100%;height:auto;font:12px system-ui,sans-serif}
svg text{fill:var(--ink)}svg .tick{fill:var(--soft);font-size:11px}svg .word{fill:var(--paper);font-size:11px}
.grid{stroke:var(--line)}.up,.ok{fill:var(--up)}.starting{fill:var(--wait)}
.held,.slow{fill:var(--held);stroke:var(--bad);stroke-width:2;stroke-dasharray:6 3}
.failed{fill:var(--bad);stroke:var(--ink);stroke-width:2}.unseen{fill:var(--soft);
stroke:var(--ink);stroke-dasharray:2 2}
.mark-exit,.mark-people{stroke:var(--bad);stroke-width:3;fill:none}.mark-people{stroke:var(--ink)}
.mark-start{fill:var(--up)}.mark-ask{fill:var(--ask)}.mark-page{fill:var(--bad)}
.memory{fill:none;stroke:var(--ask);stroke-width:2}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem;
text-align:left;vertical-align:top;overflow-wrap:anywhere}th{color:var(--soft);font-weight:600}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}code{font-size:.85rem;overflow-wrap:anywhere}
.bad{color:var(--bad);font-weight:600}
"""


def render_html(dossier: Dossier) -> str:
    """Write the whole dossier."""
    head = heading(dossier)
    name = text(dossier.incident)
    hashed = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    facts = [
        ("gateway", head.gateway or "gatedog"),
        ("severity", head.severity),
        ("phase", head.phase),
        ("rule", head.rule),
        ("because", head.because),
        ("seen before", f"{len(dossier.seen)} times: {', '.join(dossier.seen)}" if dossier.seen else "not remembered"),
        ("journal", dossier.journal_id),
    ]
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{name} {text(head.title)}</h1>",
        _list(facts),
        f"<h2>Cause</h2>\n<p>{text(UNSIGNED)}</p>",
        "<h2>Numbers</h2>",
        _list(numbers(dossier)),
        *_figure(dossier),
        *_timeline(dossier),
        *_evidence(dossier),
        *_verification(dossier),
        "<h2>Left out</h2>",
        _bullets(dossier.left_out, "Nothing."),
        "<h2>Redacted</h2>",
        _bullets((f"{kind}: {count}" for kind, count in dossier.redacted or ()), "Nothing of a known shape was found."),
        "<p>Known shapes of secrets are taken out; read it before you send it to anybody.</p>",
        "</main>\n</body>\n</html>",
    ]
    return "\n".join(parts) + "\n"


def _figure(dossier: Dossier) -> list[str]:
    if not dossier.records:
        return []
    drawn = picture(dossier.records)
    moved = " The wall clock was moved meanwhile: the table says what it showed." if drawn.wall_moved else ""
    key = "triangle: a start; cross: an ending; diamond: somebody asked; square: a page; bar: people or the incident"
    return [
        "<h2>Picture</h2>\n<figure>",
        render_chart(drawn, f"{dossier.incident} on one axis of time"),
        f"<figcaption>{text(key)}.{moved}</figcaption>\n</figure>",
    ]


def _timeline(dossier: Dossier) -> list[str]:
    told, missing = rows(dossier)
    lines = ["<h2>Timeline</h2>\n<table>"]
    more = f" {missing} more records lie in the middle and are not told here." if missing else ""
    lines.append(f"<caption>Machine facts in the journal's order; times are UTC. {more}</caption>")
    names = ("record", "wall clock", "uptime", "clock", "filed", "what happened, and what was decided")
    lines += [_head_row(names), "<tbody>"]
    lines += [_row(row) for row in told]
    return [*lines, "</tbody>\n</table>"]


def _row(row: Row) -> str:
    date = instant(row.wall_usec).partition(" ")[0]
    cells = [str(row.seq), f"{date} {precise_time(row.wall_usec)}", uptime_text(row.uptime_usec), row.clock]
    cells.append("yes" if row.is_filed else "")
    said = "<br>".join(text(line) for line in row.said)
    return "<tr>" + "".join(f'<td class="n">{text(cell)}</td>' for cell in cells) + f"<td>{said}</td></tr>"


def _head_row(names: Iterable[str]) -> str:
    return "<thead><tr>" + "".join(f'<th scope="col">{name}</th>' for name in names) + "</tr></thead>"


def _evidence(dossier: Dossier) -> list[str]:
    if dossier.evidence is None:
        return ["<h2>Evidence</h2>\n<p>It could not be looked at from where this was written.</p>"]
    if not dossier.evidence:
        return ["<h2>Evidence</h2>\n<p>None was kept.</p>"]
    lines = ["<h2>Evidence</h2>\n<table>\n<caption>Files as they are now, before anything was taken out.</caption>"]
    lines.append(_head_row(("file", "bytes", "SHA-256")))
    for each in dossier.evidence:
        bad = f' <span class="bad">does not fit: {text("; ".join(each.problems))}</span>' if each.problems else " fits"
        lines.append(f'<tbody><tr><th scope="rowgroup" colspan="3">{text(each.folder)}{bad}</th></tr>')
        for file in each.files:
            cells = f'<td>{text(file.name)}</td><td class="n">{file.size_bytes}</td><td><code>{file.digest}</code></td>'
            lines.append(f"<tr>{cells}</tr>")
        lines.append("</tbody>")
    return [*lines, "</table>"]


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
