"""The records of a perf ring, taken apart.

Invariant: pure. A record that is too short or of another kind is no sample; nothing here raises on what it is given.
"""

import struct

from watchdog.core.values import dataclass

HEADER = struct.Struct("<IHH")
"""type, misc, size: how every record begins."""
_LOST, _SAMPLE = 2, 9
_WHO = struct.Struct("<iiQI")
"""pid, tid, time in nanoseconds, length of the tracepoint's own record behind it."""
_TRACED = struct.Struct("<4xi")
"""Of every tracepoint's record: the thread in whose name it was written, by its number on the host."""
_GENERATED = struct.Struct("<8xiii16xiii")
"""Of signal_generate: signal, errno, code, (name of the target,) thread, group, result."""
_CGROUP = struct.Struct("<Q")
_COUNT = struct.Struct("<QQ")

_SI_USER, _SI_QUEUE, _SI_TKILL = 0, -1, -6
_BY_PROCESS = frozenset({_SI_USER, _SI_QUEUE, _SI_TKILL})
"""kill and cgroup.kill, sigqueue and pidfd_send_signal, tgkill. All else the kernel made: memory, terminals, timers,
faults; then the "sender" is whoever ran on that processor at the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSample:
    """One signal at the moment it was sent."""

    at_usec: int
    """CLOCK_MONOTONIC."""
    signal: int
    target: int
    """The thread it was sent to, by its number on the host; of a whole process that is the process's own."""
    sender: int
    """The process, as seen from the pid namespace of whoever opened the event; 0: not to be seen from there."""
    cgroup_id: int
    by_kernel: bool


def parse_sample(record: bytes) -> SignalSample | None:
    """Read a record of signal_generate; None when it is something else."""
    if len(record) < HEADER.size + _WHO.size or HEADER.unpack_from(record)[0] != _SAMPLE:
        return None
    pid, _, time_nsec, length = _WHO.unpack_from(record, HEADER.size)
    begin = HEADER.size + _WHO.size
    if length < _GENERATED.size or len(record) < begin + length + _CGROUP.size:
        return None
    number, _, code, target, _, _ = _GENERATED.unpack_from(record, begin)
    by_kernel = code not in _BY_PROCESS
    return SignalSample(
        at_usec=time_nsec // 1_000,
        signal=number,
        target=target,
        sender=0 if by_kernel else max(pid, 0),
        cgroup_id=0 if by_kernel else _CGROUP.unpack_from(record, begin + length)[0],
        by_kernel=by_kernel,
    )


def parse_traced(record: bytes) -> int | None:
    """Read from a record of any tracepoint in whose name it was written; None when it is something else."""
    if len(record) < HEADER.size + _WHO.size + _TRACED.size or HEADER.unpack_from(record)[0] != _SAMPLE:
        return None
    number: int = _TRACED.unpack_from(record, HEADER.size + _WHO.size)[0]
    return number


def count_lost(record: bytes) -> int:
    """Read how many records the kernel had no room for; 0 of every other record."""
    if len(record) < HEADER.size + _COUNT.size or HEADER.unpack_from(record)[0] != _LOST:
        return 0
    count: int = _COUNT.unpack_from(record, HEADER.size)[1]
    return count
