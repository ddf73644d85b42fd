"""Reading the clocks for stamps, and noticing when the wall clock jumps.

Invariant: all readings are integer microseconds; `uptime_usec` is CLOCK_BOOTTIME, which counts suspend and which
nobody can set. Deliberately not here: what to do about a step (core/) and waking anybody (alarm.py).
"""

import ctypes
import errno
import os
import time
from functools import cache
from pathlib import Path

from watchdog.core.events import ClockStepped
from watchdog.core.identity import BootId
from watchdog.core.timeline import MILLISECOND, SECOND, Usec
from watchdog.core.values import dataclass
from watchdog.origin.procfs import read_boot

TIMESYNC_FOLDER = Path("/run/systemd/timesync")
"""There while systemd-timesyncd runs; its file `synchronized` while it has a clock to follow."""

STEP_USEC_MIN = SECOND
"""A wall clock that moved less than this against CLOCK_BOOTTIME between two readings was slewed, not stepped."""

_READ_TRIES = 3
_READ_TOGETHER_USEC = MILLISECOND
_TIME_ERROR = 5
_STA_UNSYNC = 0x0040


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All clocks, read together."""

    wall_usec: Usec
    uptime_usec: Usec
    boot: BootId
    synchronised: bool


def read_clocks(boot: BootId | None = None) -> Reading:
    """Read wall clock and CLOCK_BOOTTIME as one moment. Give `boot` when it is known: it saves reading a file.

    Between two clock reads the process may be stopped for seconds, which would look like a step of the wall clock;
    so the wall clock is read between two readings of the other, again if those lie apart.
    """
    for _ in range(_READ_TRIES):
        before_usec = _read(time.CLOCK_BOOTTIME)
        wall_usec = _read(time.CLOCK_REALTIME)
        after_usec = _read(time.CLOCK_BOOTTIME)
        if after_usec - before_usec <= _READ_TOGETHER_USEC:
            break
    return Reading(
        wall_usec=Usec(wall_usec),
        uptime_usec=Usec((before_usec + after_usec) // 2),
        boot=read_boot() if boot is None else boot,
        synchronised=is_synchronised(),
    )


class StepWatch:
    """Compares each reading with the one before. Pure: readings are passed in."""

    def __init__(self) -> None:
        self._last: Reading | None = None

    def look(self, reading: Reading) -> ClockStepped | None:
        """Return the step since the last reading, if there was one. Another boot begins a new comparison.

        Compared with the last reading and not with the first: a clock that ntpd slews for hours never steps.
        """
        last, self._last = self._last, reading
        if last is None or last.boot != reading.boot:
            return None
        delta_usec = (reading.wall_usec - reading.uptime_usec) - (last.wall_usec - last.uptime_usec)
        return ClockStepped(delta_usec=delta_usec) if abs(delta_usec) > STEP_USEC_MIN else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """How the kernel keeps the wall clock."""

    result: int
    status: int
    maxerror_usec: int


class _Timex(ctypes.Structure):
    """The head of the kernel's struct timex, padded beyond its 208 bytes: only `status` and `maxerror` are read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def is_synchronised() -> bool:
    """Ask the kernel (adjtimex, reading only) whether something keeps the wall clock right."""
    found = _adjtimex()
    if found is None:
        return timesyncd_says()
    return _follows(found)


def wall_error_usec() -> int | None:
    """Return by how much the kernel thinks the wall clock may be wrong; None when it does not know, or is not asked."""
    found = _adjtimex()
    return found.maxerror_usec if found is not None and _follows(found) else None


def _follows(found: _Kept) -> bool:
    return found.result != _TIME_ERROR and not found.status & _STA_UNSYNC


def timesyncd_says(folder: Path = TIMESYNC_FOLDER) -> bool:
    """Where the kernel may not be asked (ProtectClock= of our own unit forbids it), take the word of timesyncd.

    Without timesyncd, not knowing is taken as the ordinary case: to distrust every clock of such hosts would mark each
    of their decisions uncertain, and say nothing.
    """
    return not folder.is_dir() or (folder / "synchronized").exists()


def _adjtimex() -> _Kept | None:
    try:
        call = _libc().adjtimex
    except (OSError, AttributeError):
        return None
    timex = _Timex()
    result = call(ctypes.byref(timex))
    if result < 0:
        error = ctypes.get_errno()
        if error in (errno.EPERM, errno.ENOSYS, errno.EACCES):
            return None
        raise OSError(error, os.strerror(error), "adjtimex")
    return _Kept(result=result, status=timex.status, maxerror_usec=timex.maxerror)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _read(clock: int) -> int:
    return time.clock_gettime_ns(clock) // 1_000
