"""The gateway's output: a file it appends to itself, kept small, and the last words in it.

Invariant: no pipe. A pipe that only the daemon reads blocks the gateway when the daemon stops and kills it when the
daemon dies (law 10); with O_APPEND the file may be truncated under the writer at any time. What is read here was
written by the supervised side: it leaves this module as one line of at most TEXT_MAX printable characters.
"""

import os
import re
from pathlib import Path

from watchdog.core.endings import most_telling
from watchdog.core.events import TEXT_MAX

_TAIL_BYTES = 8192
"""How far from the end the last lines are looked for."""
LAST_LINES = 8
"""So many are read as one's last words: what stands before them may be hours old."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and the other strings: titles, links
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI as a C1 control
)


def open_log(file: Path) -> int:
    """Open a life's log for the gateway to append to; returns a descriptor that is not inherited by accident.

    Raises:
        OSError: it could not be made.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(file, flags, 0o600)
    except FileNotFoundError:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(file, flags, 0o600)


def earlier_part(file: Path) -> Path:
    """Name the file that keeps what was cut off a log."""
    return file.with_name(file.name + ".1")


def keep_below(file: Path, bytes_max: int) -> int:
    """Move the tail of a log that grew past `bytes_max` to its earlier part and empty it; returns the bytes lost.

    The tail kept is half the bound, so log and earlier part stay below one and a half together. What is written
    between the last byte copied and the cut, some microseconds, is lost too, without a count: the writer is not stopped
    for its log's sake, and a life that floods may lose its last words that way. Where
    the copy fails (a full disk, most likely) the log is emptied all the same: that is when the bound matters.

    Raises:
        OSError: the log cannot be emptied.
    """
    try:
        size = file.stat().st_size
    except FileNotFoundError:
        return 0
    if size <= bytes_max:
        return 0
    with file.open("r+b") as log:
        kept = _copy_end(log.fileno(), size, bytes_max // 2, earlier_part(file))
        log.truncate(0)
    return size - kept


def _copy_end(log: int, size: int, keep: int, into: Path) -> int:
    copied = 0
    try:
        with into.open("wb") as earlier:
            while copied < keep:
                sent = os.sendfile(earlier.fileno(), log, size - keep + copied, keep - copied)
                if sent == 0:
                    break
                copied += sent
    except OSError:
        into.unlink(missing_ok=True)
        return 0
    return copied


def tail(file: Path, bytes_max: int) -> bytes:
    """Return the last bytes of a log, its earlier part included; nothing when there is no log."""
    newest = _end_of(file, bytes_max)
    if len(newest) < bytes_max:
        return _end_of(earlier_part(file), bytes_max - len(newest)) + newest
    return newest


def last_line(file: Path) -> str:
    """Return the most telling of the last lines with something printable in them, made safe; empty if there is none."""
    found: list[str] = []
    for line in reversed(tail(file, _TAIL_BYTES).decode("utf-8", errors="replace").splitlines()):
        clean = one_line(line)
        if clean:
            found.append(clean)
        if len(found) == LAST_LINES:
            break
    return most_telling(tuple(reversed(found)))


def one_line(text: str) -> str:
    """Make text from the supervised side safe to show: no escapes, no controls, one line, at most TEXT_MAX."""
    plain = _ESCAPES.sub("", text)
    words = "".join(character if character.isprintable() else " " for character in plain).split()
    return " ".join(words)[:TEXT_MAX]


def remove_log(file: Path) -> None:
    """Remove a log and its earlier part."""
    file.unlink(missing_ok=True)
    earlier_part(file).unlink(missing_ok=True)


def _end_of(file: Path, bytes_max: int) -> bytes:
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - bytes_max))
            return opened.read(bytes_max)
    except FileNotFoundError:
        return b""
