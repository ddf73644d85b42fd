"""Two hours of a gateway's life in one line of letters, 40 on a page.

Invariant: when several things fall into one letter the worst is shown: an exit hides a start, not the other way round.
"""

from collections.abc import Mapping
from typing import Any

from watchdog.core.timeline import HOUR

STRIP_USEC = 2 * HOUR
CELLS = 40
LEGEND = "r start x exit H held"


def strip_text(gateway: Mapping[str, Any]) -> str:
    """Draw the strip with its legend, newest at the right end; "" when nothing happened in it."""
    drawn = strip_cells(gateway, CELLS)
    return f"{drawn}  {LEGEND}" if drawn.strip(".") else ""


def strip_cells(gateway: Mapping[str, Any], count: int) -> str:
    """Draw the two hours in so many letters, newest at the right end."""
    cell_usec = STRIP_USEC // count
    cells = ["."] * count
    for what, letter in (("start", "r"), ("exit", "x")):
        for mark in gateway["strip"]:
            if mark["what"] == what and 0 <= mark["at_usec_ago"] < STRIP_USEC:
                cells[count - 1 - mark["at_usec_ago"] // cell_usec] = letter
    if gateway["phase"] == "held":
        first = count - min(gateway["since_usec_ago"], STRIP_USEC - 1) // cell_usec
        cells[first:] = "H" * (count - first)
    return "".join(cells)
