"""The ring that the kernel writes records into: a file takes the kernel's place."""

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.sensors.signals.perf import Ring

PAGE = mmap.PAGESIZE
SIZE = 4 * PAGE
HEAD, TAIL = 1024, 1032


class Kernel:
    """Writes into a ring, as the kernel does."""

    def __init__(self, file: Path) -> None:
        file.write_bytes(bytes(PAGE + SIZE))
        self.ring = Ring(os.open(file, os.O_RDWR))
        self._file = os.open(file, os.O_RDWR)
        self.head = 0

    def turn_to(self, position: int) -> None:
        """Have written and read up to here."""
        self.head = position
        os.pwrite(self._file, struct.pack("<QQ", position, position), HEAD)

    def write(self, record: bytes) -> None:
        """Write a record, around the end if need be."""
        for offset, byte in enumerate(record):
            os.pwrite(self._file, bytes([byte]), PAGE + (self.head + offset) % SIZE)
        self.head += len(record)
        os.pwrite(self._file, struct.pack("<Q", self.head), HEAD)

    def read_up_to(self) -> int:
        """Return how far the reader says that it has read."""
        return int(struct.unpack("<Q", os.pread(self._file, 8, TAIL))[0])

    def close(self) -> None:
        """Give the ring back."""
        self.ring.close()
        os.close(self._file)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """Give a ring and its writer."""
    made = Kernel(tmp_path / "ring")
    yield made
    made.close()


def record(length: int, filling: int = 7) -> bytes:
    """Make a record of a kind that nobody knows."""
    return struct.pack("<IHH", 99, 0, length) + bytes([filling]) * (length - 8)


def test_records_come_out_as_they_went_in(kernel: Kernel) -> None:
    """Oldest first, and once."""
    written = [record(16, 1), record(88, 2), record(24, 3)]
    for each in written:
        kernel.write(each)

    assert list(kernel.ring.read(10)) == written
    assert list(kernel.ring.read(10)) == []
    assert kernel.read_up_to() == kernel.head


@pytest.mark.parametrize("before_the_end", range(8, 88, 8))
def test_a_record_around_the_end_is_whole(kernel: Kernel, before_the_end: int) -> None:
    """The ring has no gap at its end, whichever of its multiples of eight bytes that cuts."""
    kernel.turn_to(5 * SIZE - before_the_end)
    kernel.write(record(88))
    kernel.write(record(16))

    assert list(kernel.ring.read(10)) == [record(88), record(16)]


def test_no_more_is_read_than_asked_for(kernel: Kernel) -> None:
    """What is left waits for the next look."""
    for filling in range(5):
        kernel.write(record(16, filling))

    assert list(kernel.ring.read(3)) == [record(16, filling) for filling in range(3)]
    assert kernel.read_up_to() == 3 * 16
    assert list(kernel.ring.read(3)) == [record(16, 3), record(16, 4)]


def test_what_no_kernel_writes_is_left_behind(kernel: Kernel) -> None:
    """A record without a length would be read for ever."""
    kernel.write(record(16))
    kernel.write(bytes(16))

    assert list(kernel.ring.read(10)) == [record(16)]
    assert kernel.read_up_to() == kernel.head


def test_a_holder_that_cannot_be_mapped_is_closed(tmp_path: Path) -> None:
    """Nothing is left open when the kernel refuses the memory."""
    (tmp_path / "ring").write_bytes(bytes(PAGE + SIZE))
    holder = os.open(tmp_path / "ring", os.O_RDONLY)

    with pytest.raises(PermissionError):
        Ring(holder)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(holder)
