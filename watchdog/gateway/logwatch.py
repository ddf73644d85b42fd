"""Notice at once that a log is being written, so that its bound holds within moments and not within a round of chores.

A gateway that floods its output writes a gigabyte a second: looked at every few seconds, a log bounded to 10 MB filled
a disk in between. inotify costs nothing while nobody writes. Rejected: looking more often, which an idle host pays for;
RLIMIT_FSIZE, which would kill the gateway for its log, and bind all its other files, too.

Invariant: a log that was written is looked at within `_PAUSE_SECONDS`, and at most that often. Where the kernel gives
no inotify (its limits are per user), nothing is watched, and the round of chores bounds the log as before.
"""

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable
from pathlib import Path

_IN_MODIFY = 0x2
_IN_IGNORED = 0x8000
"""The file is gone, and its watch with it; the kernel gives its number to no other."""
_IN_NONBLOCK = os.O_NONBLOCK
_IN_CLOEXEC = os.O_CLOEXEC
_EVENT = struct.Struct("iIII")
"""Watch, mask, cookie, length of a name: none, because files are watched and not folders."""
_READ_BYTES = 64 * 1024
_PAUSE_SECONDS = 0.05


class LogWatch:
    """The logs that are being written now. One for each daemon."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
        self._looks: dict[int, Callable[[], None]] = {}
        self._due: asyncio.TimerHandle | None = None
        self._listen()

    def add(self, file: Path, look: Callable[[], None]) -> None:
        """Call `look` soon after each time the file was written, until it is removed."""
        if self._descriptor < 0:
            return
        watch = self._libc.inotify_add_watch(self._descriptor, os.fsencode(file), _IN_MODIFY)
        if watch >= 0:
            self._looks[watch] = look

    def close(self) -> None:
        """Watch nothing any more."""
        self._looks.clear()
        if self._due is not None:
            self._due.cancel()
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _listen(self) -> None:
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._written)

    def _written(self) -> None:
        # Not read now: until it is, the kernel folds all further writes into the events that wait already.
        self._loop.remove_reader(self._descriptor)
        self._due = self._loop.call_later(_PAUSE_SECONDS, self._look)

    def _look(self) -> None:
        self._due = None
        self._listen()
        try:
            raw = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        for watch, mask, _, _ in _EVENT.iter_unpack(raw):
            if mask & _IN_IGNORED:
                self._looks.pop(watch, None)
            elif watch in self._looks:
                self._looks[watch]()
