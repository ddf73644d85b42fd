"""A file system of eight megabytes that a test may fill, for what gatedog does when a disk is full."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TMPFS_BYTES = 8 * 1024 * 1024
MNT_DETACH = 2
"""A failed test may still hold a file."""


def _fill(filler: Path) -> None:
    """Take all the room that is left."""
    with filler.open("ab", buffering=0) as file:
        try:
            for _ in range(TMPFS_BYTES):
                file.write(b"x" * 4_096)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


@pytest.fixture
def fill_disk() -> Callable[[Path], None]:
    """Return the way to fill the disk that a file is on, by that file."""
    return _fill


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 8 MiB of its own, or skip where none may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, f"size={TMPFS_BYTES},mode=700".encode()) != 0:
        pytest.skip(f"mounting a tmpfs needs root and CAP_SYS_ADMIN: {os.strerror(ctypes.get_errno())}")
    try:
        yield place
    finally:
        assert libc.umount2(os.fsencode(place), MNT_DETACH) == 0
