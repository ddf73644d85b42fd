"""Lines with a label: the grid that every page is drawn on.

Invariant: a line is never wider than the page, with one exception: a command. A command that was cut cannot be run.
Colour is added last and changes no character that is read.
"""

import textwrap
from enum import Enum

INDENT = 12
"""Column at which the text after the label begins."""

WIDTH_MIN = 40


class Hue(Enum):
    """What a colour may say; the value is the ANSI sequence."""

    BAD = "\x1b[1;31m"
    WARN = "\x1b[1;33m"
    GOOD = "\x1b[32m"
    DIM = "\x1b[2m"


_RESET = "\x1b[0m"


class Page:
    """Lines of one page, in the order they are added."""

    def __init__(self, *, width: int, colour: bool) -> None:
        self.width = max(width, WIDTH_MIN)
        self._colour = colour
        self._lines: list[str] = []

    def paint(self, text: str, hue: Hue) -> str:
        """Colour a text, if colours are wanted."""
        return f"{hue.value}{text}{_RESET}" if self._colour and text else text

    def headline(self, sign: str, hue: Hue, left: str, right: str = "", *, right_hue: Hue | None = None) -> None:
        """Add the first line of a block; `right` goes to the right edge, or to a line of its own."""
        lines = textwrap.wrap(left, self.width - 2, max_lines=2, placeholder=" \u2026") or [""]
        gap = self.width - 2 - len(lines[-1]) - len(right)
        head = f"{self.paint(sign, hue)} {self.paint(lines[0], hue)}"
        rest = [f"  {self.paint(line, hue)}" for line in lines[1:]]
        self._lines += [head, *rest]
        if right and gap >= 2:
            self._lines[-1] += " " * gap + self.paint(right, right_hue or hue)
        elif right:
            self._lines.append(f"{'':{INDENT}}{self.paint(right, right_hue or hue)}")

    def row(self, label: str, text: str, *, lines_max: int | None = 3, hue: Hue | None = None) -> None:
        """Add a text under a label, wrapped, cut after `lines_max` lines; None cuts nothing."""
        wrapped = textwrap.wrap(
            text, self.width - INDENT, max_lines=lines_max, placeholder=" \u2026", break_on_hyphens=False
        )
        for number, line in enumerate(wrapped):
            self._labelled(label if number == 0 else "", self.paint(line, hue) if hue else line)

    def pieces(self, label: str, pieces: list[str], gap: str = "   ") -> None:
        """Add pieces under a label, as many a line as fit, none broken."""
        line = ""
        for piece in pieces:
            longer = f"{line}{gap}{piece}" if line else piece
            if line and len(longer) > self.width - INDENT:
                self._labelled(label, line)
                label, longer = "", piece
            line = longer
        if line:
            self._labelled(label, line)

    def command(self, label: str, command: str, meaning: str = "") -> None:
        """Add a command, never cut; its meaning beside it when there is room, else dropped."""
        if meaning and INDENT + max(len(command), 33) + 2 + len(meaning) <= self.width:
            self._labelled(label, f"{command:<33}  {self.paint(meaning, Hue.DIM)}")
        else:
            self._labelled(label, command)

    def blank(self) -> None:
        """Add an empty line between two blocks."""
        if self._lines:
            self._lines.append("")

    def text(self) -> str:
        """Return the page, each line ended."""
        return "".join(f"{line.rstrip()}\n" for line in self._lines)

    def _labelled(self, label: str, text: str) -> None:
        self._lines.append(f"  {self.paint(f'{label:<9}', Hue.DIM) if label else ' ' * 9} {text}")
