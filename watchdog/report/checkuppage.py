"""`gatedog doctor` as a page: what fails first, and every bad line followed by what to do.

Invariant: as statuspage.py: no line hides behind colour, and nothing from outside is unescaped.
"""

from collections.abc import Sequence

from watchdog.report.checkup import Check, Verdict
from watchdog.report.escape import visible
from watchdog.report.rows import Hue, Page

_SIGNS = {Verdict.FAIL: "\u2716", Verdict.WARN: "\u25b2", Verdict.OK: "\u25cf"}
_HUES = {Verdict.FAIL: Hue.BAD, Verdict.WARN: Hue.WARN, Verdict.OK: Hue.GOOD}
_WORST_FIRST = (Verdict.FAIL, Verdict.WARN, Verdict.OK)


def render_checkup(checks: Sequence[Check], *, width: int, colour: bool) -> str:
    """Draw the checks, worst first."""
    page = Page(width=width, colour=colour)
    for check in sorted(checks, key=lambda each: _WORST_FIRST.index(each.verdict)):
        page.headline(_SIGNS[check.verdict], _HUES[check.verdict], visible(check.id), check.verdict.value.upper())
        page.row("", visible(check.evidence))
        if check.fix:
            page.command("next", visible(check.fix))
    counts = ", ".join(
        f"{sum(1 for check in checks if check.verdict is verdict)} {verdict.value}" for verdict in _WORST_FIRST
    )
    page.blank()
    return f"{page.text()}{counts}\n"
