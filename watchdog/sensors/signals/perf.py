"""perf_event_open(2): as much of it as reading one tracepoint takes.

Theory of operation. A ring of memory belongs to one processor, and a tracepoint's filter can be set once in an event's
life. So each ring is held by an event that counts nothing, and the event that is filtered writes into that ring and is
replaced when the filter changes; for a moment there are two, and a signal may be written twice, never not at all.

Invariant: descriptors and memory are bounded by the number of processors; nothing here waits. A processor that is
plugged in later is not traced. Deliberately not here: what a record means (samples.py).
"""

import ctypes
import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from watchdog.sensors.signals.samples import HEADER

_SYSCALLS = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "ppc64le": 319, "s390x": 331}
_SOFTWARE, _TRACEPOINT = 1, 2
_COUNTS_NOTHING = 9
_TID, _TIME, _RAW, _CGROUP = 1 << 1, 1 << 2, 1 << 10, 1 << 21
_SAMPLE_TYPE = _TID | _TIME | _RAW | _CGROUP
_DISABLED, _WITH_CLOCK = 1 << 0, 1 << 25
_CLOCK_MONOTONIC = 1
_CLOSE_ON_EXEC = 8
_ENABLE, _SET_OUTPUT, _SET_FILTER = 0x2400, 0x2405, 0x40082406
_ATTRIBUTES_BYTES = 112
_HEAD, _TAIL = 1024, 1032
"""Where the first page of a ring says how far it was written, and how far it was read."""
_PAGES = 4
"""Of data, for each processor: about 180 signals between two looks. The first page comes on top."""

FILTER_BYTES_MAX = 4000
"""The kernel reads one page."""


class PerfRefused(Exception):  # noqa: N818 - what the person reads
    """The kernel does not let us; the text says what, why, and what helps."""


class Ring:
    """Memory that the kernel writes records into, held by an event."""

    def __init__(self, holder: int) -> None:
        """Map it and own `holder` from now on. Raises OSError, and closes it then."""
        self.holder = holder
        try:
            self._memory = mmap.mmap(holder, (1 + _PAGES) * mmap.PAGESIZE)
        except OSError:
            os.close(holder)
            raise

    def read(self, limit: int) -> Iterator[bytes]:
        """Take out at most `limit` records, oldest first."""
        size = _PAGES * mmap.PAGESIZE
        head, tail = struct.unpack_from("<QQ", self._memory, _HEAD)
        while tail < head and limit > 0:
            length = HEADER.unpack(self._part(tail % size, HEADER.size))[2]
            if length < HEADER.size:
                tail = head  # no kernel writes that; what is left cannot be taken apart any more
                break
            yield self._part(tail % size, length)
            tail, limit = tail + length, limit - 1
        struct.pack_into("<Q", self._memory, _TAIL, tail)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        os.close(self.holder)

    def _part(self, begin: int, length: int) -> bytes:
        first, size = mmap.PAGESIZE, _PAGES * mmap.PAGESIZE
        part = self._memory[first + begin : first + min(begin + length, size)]
        return part + self._memory[first : first + length - len(part)]


class HostTrace:
    """A tracepoint on every processor."""

    def __init__(self, tracepoint: int) -> None:
        """Map the rings; nothing is written yet.

        Raises:
            PerfRefused: the kernel does not let us.
        """
        self._tracepoint = tracepoint
        self._armed: list[int] = []
        self._rings: list[tuple[int, Ring]] = []
        try:
            for processor in _online():
                holder = _open(_SOFTWARE, _COUNTS_NOTHING, processor=processor)
                self._rings.append((processor, Ring(holder)))
        except OSError as error:
            self.close()
            raise _refused(error) from error

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What becomes readable when something was written."""
        return tuple(ring.holder for _, ring in self._rings)

    def arm(self, predicate: str) -> None:
        """Write what passes this filter from now on, in place of what passed the one before.

        Raises:
            PerfRefused: the kernel does not let us; then the filter before stays.
        """
        fresh: list[int] = []
        try:
            for processor, ring in self._rings:
                event = _open(_TRACEPOINT, self._tracepoint, processor=processor)
                fresh.append(event)
                _begin(event, predicate, ring)
        except OSError as error:
            _close(fresh)
            raise _refused(error) from error
        before, self._armed = self._armed, fresh
        _close(before)

    def disarm(self) -> None:
        """Write nothing any more. What was written can still be read."""
        before, self._armed = self._armed, []
        _close(before)

    def read(self, limit: int) -> Iterator[bytes]:
        """Take out at most `limit` records of each processor."""
        for _, ring in self._rings:
            yield from ring.read(limit)

    def close(self) -> None:
        """Give everything back."""
        self.disarm()
        for _, ring in self._rings:
            ring.close()
        self._rings = []


class TaskTrace:
    """A tracepoint in one thread, wherever it runs."""

    def __init__(self, tracepoint: int, thread: int, predicate: str) -> None:
        """Begin to write.

        Raises:
            OSError: the kernel does not let us, or the thread is gone.
        """
        self._ring = Ring(_open(_TRACEPOINT, tracepoint, thread=thread))
        try:
            _begin(self._ring.holder, predicate, None)
        except OSError:
            self._ring.close()
            raise

    def read(self, limit: int) -> Iterator[bytes]:
        """Take out at most `limit` records, also after the thread has ended."""
        return self._ring.read(limit)

    def close(self) -> None:
        """Give everything back."""
        self._ring.close()


def _open(kind: int, config: int, *, thread: int = -1, processor: int = -1) -> int:
    machine = os.uname().machine
    if machine not in _SYSCALLS:
        raise OSError(0, f"gatedog does not know the number of perf_event_open on {machine}")
    attributes = bytearray(_ATTRIBUTES_BYTES)
    flags = _DISABLED | _WITH_CLOCK
    struct.pack_into("<IIQQQQQI", attributes, 0, kind, len(attributes), config, 1, _SAMPLE_TYPE, 0, flags, 1)
    struct.pack_into("<i", attributes, 92, _CLOCK_MONOTONIC)
    libc = ctypes.CDLL(None, use_errno=True)
    given = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    event: int = libc.syscall(_SYSCALLS[machine], given, thread, processor, -1, ctypes.c_ulong(_CLOSE_ON_EXEC))
    if event < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return event


def _begin(event: int, predicate: str, ring: Ring | None) -> None:
    fcntl.ioctl(event, _SET_FILTER, bytearray(predicate.encode("ascii") + b"\0"))
    if ring is not None:
        fcntl.ioctl(event, _SET_OUTPUT, ring.holder)
    fcntl.ioctl(event, _ENABLE, 0)


def _close(events: list[int]) -> None:
    for event in events:
        os.close(event)


def _online() -> tuple[int, ...]:
    """List the processors that run: "0-3,6"."""
    found: list[int] = []
    for part in Path("/sys/devices/system/cpu/online").read_text(encoding="ascii").strip().split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def _refused(error: OSError) -> PerfRefused:
    why = error.strerror or str(error)
    if error.errno in (1, 13):
        why += "; it takes CAP_PERFMON on the host, and a container's seccomp filter must let perf_event_open pass"
    return PerfRefused(f"perf_event_open: {why}")
