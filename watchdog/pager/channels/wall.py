"""Pages on every terminal of this machine, through wall(1), which knows who is logged in and how to reach them.

Invariant: every line after the first is indented, and lines are folded here and not by wall: folded at the margin, the
right number of letters would put "next: ..." of a stranger's text where only gatedog's own lines begin.
Deliberately not here: whether anybody saw it. wall does not say, so this channel is no pager for the night.
"""

import unicodedata
from pathlib import Path

from watchdog.pager.channel import Receipt
from watchdog.pager.channels.exec import refuse_strangers, run_program
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import WallSettings

WALL = Path("/usr/bin/wall")
COLUMNS = 76
"""wall folds at 79."""

_INDENT = "    "
_FOLD = "        "


class WallChannel:
    """All terminals at once."""

    def __init__(self, settings: WallSettings, *, program: Path = WALL) -> None:
        self.name = settings.name
        self._timeout_usec = settings.timeout_usec
        self._program = program

    def deliver(self, message: Message) -> Receipt:
        """Write the page to every terminal that takes it."""
        refuse_strangers(self._program)
        said = run_program((str(self._program),), wall_text(message).encode(), self._timeout_usec)
        return Receipt(detail=f"{said}; who saw it is not known")


def wall_text(message: Message) -> str:
    """Return the page as lines of at most COLUMNS columns; only the first begins at the margin."""
    first, *rest = message.lines
    lines = _folded(f"gatedog: {first}", _FOLD)
    for line in rest:
        lines += _folded(_INDENT + line, _FOLD)
    return "\n".join(lines) + "\n"


def _folded(line: str, indent: str) -> list[str]:
    pieces = [""]
    column = 0
    for letter in line.rstrip():
        width = 2 if unicodedata.east_asian_width(letter) in ("F", "W") else 1
        if column + width > COLUMNS:
            pieces.append(indent)
            column = len(indent)
        pieces[-1] += letter
        column += width
    return pieces
