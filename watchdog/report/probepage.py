"""`gatedog probe list`, `run` and `history`.

Invariant: as statuspage.py: what is bad stands first within its gateway, and words of the supervised side are quoted.
A probe that has not looked is shown as that, and never as passing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from watchdog.core.timeline import duration_text
from watchdog.report.escape import agent_says, visible
from watchdog.report.moments import ago
from watchdog.report.rows import Hue, Page

Object = Mapping[str, Any]

_BADNESS = {"failed": 0, "error": 1}
_SIGNS = {"ok": ("\u25cf", Hue.GOOD), "failed": ("\u2716", Hue.BAD)}
_UNKNOWN = ("\u25d0", Hue.WARN)
_MILLISECOND = 1000


def render_probes(rows: Sequence[Object], *, width: int, colour: bool) -> str:
    """Draw all probes."""
    page = Page(width=width, colour=colour)
    for row in sorted(rows, key=lambda each: (each["gateway"], _badness(each["last"]), each["name"])):
        last = row["last"]
        sign, hue = _UNKNOWN if last is None else _sign(last)
        target = f" {visible(row['what'], 120)}" if row["what"] else ""
        title = f"{visible(row['gateway'])} {visible(row['name'])}  {visible(row['kind'])}{target}"
        page.headline(sign, hue, title)
        page.row("last", "no look yet" if last is None else _look(last))
        due = "not looking: there is no process" if row["due_in_usec"] is None else _due(row["due_in_usec"])
        page.row("next", f"{due}; every {duration_text(row['period_usec'])}")
        if last is not None and last["result"] != "ok":
            page.command("try", f"gatedog probe run {visible(row['gateway'])} {visible(row['name'])}", "look now")
    return page.text() or "the policy has no probe\n"


def render_look(name: str, look: Object, *, width: int, colour: bool) -> str:
    """Draw the outcome of one look."""
    page = Page(width=width, colour=colour)
    _draw_look(page, visible(name), look)
    return page.text()


def render_looks(name: str, looks: Sequence[Object], *, width: int, colour: bool) -> str:
    """Draw remembered looks, newest first."""
    page = Page(width=width, colour=colour)
    for look in reversed(looks):
        _draw_look(page, ago(look["at_usec_ago"]), look)
    return page.text() or f"{visible(name)} has not looked yet\n"


def _draw_look(page: Page, left: str, look: Object) -> None:
    sign, hue = _sign(look)
    page.headline(sign, hue, f"{left}  {_outcome(look)}")
    if look["detail"]:
        page.row("", agent_says(look["detail"]), lines_max=2)


def _look(look: Object) -> str:
    said = f"{ago(look['at_usec_ago'])}: {_outcome(look)}"
    return f"{said}; {agent_says(look['detail'])}" if look["detail"] else said


def _outcome(look: Object) -> str:
    word = "could not be run" if look["result"] == "error" else visible(look["result"])
    cause = "" if look["cause"] == "unknown" else f", {visible(look['cause'])} cause"
    return f"{word} in {_took(look['took_usec'])}{cause}"


def _took(usec: int) -> str:
    return f"{usec // _MILLISECOND} ms" if usec < 1000 * _MILLISECOND else duration_text(usec)


def _due(usec: int) -> str:
    return "now" if usec < 1000 * _MILLISECOND else f"in {duration_text(usec)}"


def _sign(look: Object) -> tuple[str, Hue]:
    return _SIGNS.get(look["result"], _UNKNOWN)


def _badness(look: Object | None) -> int:
    return 2 if look is None else _BADNESS.get(look["result"], 3)
