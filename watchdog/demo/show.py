"""The show on the terminal: a strip for each night that a person reads without an explanation.

Invariant: no line is wider than the terminal; a stream that is no terminal gets whole lines only, without carriage
returns and colours; what other programs said is shown only after `visible`.
"""

import textwrap
from collections.abc import Sequence
from enum import Enum
from typing import TextIO

from watchdog.report.rows import Hue, Page

LABEL_WIDTH = 16
"""As wide as "without gatedog", and one."""

_ELIDED = "..."
_LINE_CLEAR = "\r\x1b[K"
_RESET = "\x1b[0m"


class Beat(Enum):
    """One thing that happened to the gateway, in the word the strip shows."""

    UP = "up"
    DEAD = "x"
    HELD = "HELD"


_HUES = {Beat.UP: Hue.GOOD, Beat.DEAD: Hue.BAD, Beat.HELD: Hue.WARN}


def strip_line(label: str, beats: Sequence[Beat], tail: str, *, columns: int, colour: bool = False) -> str:
    """Draw one strip in one line: as many of the newest beats as fit between label and tail."""
    room = columns - 1 - LABEL_WIDTH - len(tail) - 2
    shown = _newest(beats, room)
    words = [_paint(beat.value, _HUES[beat], colour=colour) for beat in shown]
    drawn = sum(len(beat.value) for beat in shown) + max(len(shown) - 1, 0)
    if len(shown) < len(beats) and room >= len(_ELIDED):
        words.insert(0, _ELIDED)
        drawn += len(_ELIDED) + bool(shown)
    if room < len(_ELIDED):
        return f"{label:<{LABEL_WIDTH}}{tail}"[: max(columns - 1, 1)]
    return f"{label:<{LABEL_WIDTH}}{' '.join(words)}{' ' * (room - drawn)}  {tail}"


def _newest(beats: Sequence[Beat], room: int) -> tuple[Beat, ...]:
    """Return the longest end of the row that fits, with room for the sign of what was left out."""
    whole = sum(len(beat.value) + 1 for beat in beats) - 1
    left = room if whole <= room else room - len(_ELIDED)
    shown: list[Beat] = []
    for beat in reversed(beats):
        left -= len(beat.value) + 1
        if left < (-1 if whole <= room else 0):
            break
        shown.append(beat)
    return tuple(reversed(shown))


def _paint(text: str, hue: Hue, *, colour: bool) -> str:
    return f"{hue.value}{text}{_RESET}" if colour else text


class Show:
    """Writes lines to a stream, or nowhere. `live`: a terminal, whose last line may be drawn again."""

    def __init__(self, stream: TextIO | None, *, live: bool, colour: bool, columns: int) -> None:
        self._stream = stream
        self._live = live
        self._colour = colour
        self._columns = columns
        self._drawn = ""

    def say(self, text: str) -> None:
        """Write a paragraph."""
        for line in textwrap.wrap(text, max(self._columns - 1, 20), subsequent_indent="  "):
            self._line(line)

    def gap(self) -> None:
        """Write an empty line."""
        self._line("")

    def draw(self, label: str, beats: Sequence[Beat], tail: str) -> None:
        """Draw the strip as it is now, over the last one; nothing where that cannot be."""
        line = strip_line(label, beats, tail, columns=self._columns, colour=self._colour)
        if self._live and line != self._drawn:
            self._write(_LINE_CLEAR + line)
            self._drawn = line

    def settle(self, label: str, beats: Sequence[Beat], tail: str) -> None:
        """Draw the strip for good."""
        self._line(strip_line(label, beats, tail, columns=self._columns, colour=self._colour))

    def close(self, rows: Sequence[tuple[str, str]], command: str) -> None:
        """Write the summary: labelled texts, and the one command to try."""
        page = Page(width=self._columns - 1, colour=self._colour)
        for label, text in rows:
            page.row(label, text)
        page.command("try", command)
        self._write("\n" + page.text())

    def _line(self, text: str) -> None:
        begin = _LINE_CLEAR if self._live and self._drawn else ""
        self._drawn = ""
        self._write(f"{begin}{text}\n")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        encoding = self._stream.encoding or "ascii"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()
