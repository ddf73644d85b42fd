"""Read what was appended to a log since the last time, and nothing twice.

Invariants: at most READ_BYTES in one go (a flood is counted, not read), lines cut to LINE_BYTES, a half line waits for
its end. A log that was truncated is read from its begin, one that was replaced from the begin of the new one; a log
that cannot be read is no log, and neither is silence. What lies there is opened without following a link and read only
if it is a plain file.
"""

import os
import stat
from pathlib import Path
from typing import Protocol

from watchdog.core.values import dataclass

READ_BYTES = 256 * 1024
LINE_BYTES = 1024
_LINE_BYTES_USUAL = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What was found: lines, and how many were passed over unread, as far as can be estimated."""

    lines: tuple[str, ...] = ()
    skipped: int = 0
    is_cut: bool = False
    """Whether lines were left out that nobody has counted."""


class Tail(Protocol):
    """A log that is read again and again: a file's, or a unit's journal."""

    def read(self) -> Piece | None:
        """Return what is new; None when there is no log to be read."""
        ...


class LogTail:
    """One log, by its path."""

    def __init__(self, path: Path, *, from_begin: bool) -> None:
        """`from_begin`: what is in it already is news, too."""
        self._path = path
        self._inode = 0
        self._offset = 0 if from_begin else -1
        self._half = b""

    def read(self) -> Piece | None:
        """Return what is new; None when there is no log to be read."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            return self._read(descriptor, status) if stat.S_ISREG(status.st_mode) else None
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, status: os.stat_result) -> Piece:
        if self._offset < 0:
            self._offset = status.st_size
        elif (self._inode and status.st_ino != self._inode) or status.st_size < self._offset:
            self._offset, self._half = 0, b""
        self._inode = status.st_ino
        skipped = 0
        if status.st_size - self._offset > READ_BYTES:
            skipped = (status.st_size - self._offset - READ_BYTES) // _LINE_BYTES_USUAL
            self._offset, self._half = status.st_size - READ_BYTES, b""
        raw = os.pread(descriptor, READ_BYTES, self._offset)
        self._offset += len(raw)
        *whole, self._half = (self._half + raw).split(b"\n")
        self._half = self._half[:LINE_BYTES]
        return Piece(lines=tuple(line[:LINE_BYTES].decode("utf-8", "replace") for line in whole), skipped=skipped)
