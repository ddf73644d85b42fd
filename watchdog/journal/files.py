"""The two files beside the journal: the writer's lock and the ballast.

Invariant: the lock belongs to an open file description, so it ends with the process however that ends, and no stale
lock can keep a gateway unwatched. The ballast is room on the disk, reserved while there was some: given back when
the disk is full, so that the death in hand can still be recorded.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from watchdog.journal.errors import JournalBusy, JournalUnreadable, JournalUnwritable

BALLAST_BYTES: Final = 1024 * 1024
_ROOM_FACTOR: Final = 4
"""The ballast is made again only when this many times its size is free: it must not itself fill the disk."""


class WriterLock:
    """The right to write the journal of one folder."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Take the lock at once or raise JournalBusy or JournalUnwritable. Started programs do not inherit it."""
        path = folder / "journal.lock"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise JournalUnwritable(path, str(error)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise JournalBusy(folder) from error
        return cls(descriptor)

    @classmethod
    def borrow(cls, folder: Path) -> Self | None:
        """Keep writers away from a folder that is only read; None when no writer was ever there.

        Raises JournalBusy. Makes no lock file, so that nothing in a damaged folder changes.
        """
        try:
            descriptor = os.open(folder / "journal.lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise JournalUnreadable(folder / "journal.lock", str(error)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise JournalBusy(folder) from error
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back. The file stays: unlinking a lock file lets two writers hold two locks of one name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Ballast:
    """Reserved room beside the journal."""

    def __init__(self, folder: Path, *, size_bytes: int = BALLAST_BYTES) -> None:
        self._path = folder / "ballast"
        self._size_bytes = size_bytes
        self.present = self._path.exists()

    def make(self) -> None:
        """Reserve the room if it is not reserved and there is plenty; having none is no error."""
        if self.present:
            return
        room = os.statvfs(self._path.parent)
        if room.f_bavail * room.f_frsize < _ROOM_FACTOR * self._size_bytes:
            return
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size_bytes)
            self.present = True
        except OSError:  # quota, or the room went meanwhile: the next commit tries again
            self._path.unlink()
        finally:
            os.close(descriptor)

    def free(self) -> bool:
        """Give the room back. False: there was none to give."""
        if not self.present:
            return False
        self._path.unlink(missing_ok=True)
        self.present = False
        return True
