"""Lines of a screen: coloured pieces, cut at the right edge.

Invariant: a line takes up at most the columns it was given, wide letters counted as the two that they take, and colour
changes no letter and is always ended. Deliberately not here: wrapping; what must be read whole stands on a page
(rows.py).
"""

import unicodedata

from watchdog.report.escape import visible
from watchdog.report.rows import Hue

Line = list[tuple[str, Hue | None]]
"""Pieces of text, each with what its colour says."""

_RESET = "\x1b[0m"
_ELLIPSIS = "\u2026"


def text_of(line: Line) -> str:
    """Return the letters of a line."""
    return "".join(text for text, _ in line)


def pad(text: str, columns: int) -> str:
    """Return a stranger's text, visible, in exactly so many columns."""
    cut = _cut(visible(text), columns)
    return cut + " " * (columns - _columns(cut))


def fitted(line: Line, width: int, *, colour: bool) -> str:
    """Return a line as it is written, with an ellipsis in the last column where it was cut."""
    whole = _columns(text_of(line)) <= width
    left = width if whole else width - 1
    written = ""
    for text, hue in line:
        piece = _cut(text, left, mark="")
        left -= _columns(piece)
        written += f"{hue.value}{piece}{_RESET}" if colour and hue is not None and piece else piece
        if piece != text:
            break
    return written if whole else written + _ELLIPSIS


def _cut(text: str, columns: int, mark: str = _ELLIPSIS) -> str:
    if _columns(text) <= columns:
        return text
    kept, left = "", columns - len(mark)
    for letter in text:
        left -= _columns(letter)
        if left < 0:
            break
        kept += letter
    return kept + mark


def _columns(text: str) -> int:
    return len(text) + sum(1 for letter in text if unicodedata.east_asian_width(letter) in "WF")
