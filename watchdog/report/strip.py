"""Two hours of a gateway's life in one line of 40 letters.

Invariant: when several things fall into one letter's three minutes the worst is shown: an exit hides a start, never the
other way round.
"""

from collections.abc import Mapping
from typing import Any

from watchdog.core.timeline import HOUR

STRIP_USEC = 2 * HOUR
CELLS = 40
_CELL_USEC = STRIP_USEC // CELLS
LEGEND = "r start x exit H held"


def strip_text(gateway: Mapping[str, Any]) -> str:
    """Draw the strip, newest at the right end; "" when nothing happened in it."""
    cells = ["."] * CELLS
    for what, letter in (("start", "r"), ("exit", "x")):
        for mark in gateway["strip"]:
            if mark["what"] == what and 0 <= mark["at_usec_ago"] < STRIP_USEC:
                cells[_cell(mark["at_usec_ago"])] = letter
    if gateway["phase"] == "held":
        first = _cell(min(gateway["since_usec_ago"], STRIP_USEC - 1)) + 1
        cells[first:] = "H" * (CELLS - first)
    drawn = "".join(cells)
    return f"{drawn}  {LEGEND}" if drawn.strip(".") else ""


def _cell(ago_usec: int) -> int:
    return CELLS - 1 - ago_usec // _CELL_USEC
