"""The age of a file that the gateway touches.

Theory of operation. The first look compares the file's time with the wall clock. From then on the age is counted from
the last change that was seen, by the clock that nobody sets: a stepped wall clock would otherwise make every heartbeat
stale, or none for ever.

Invariant: the file is never opened: its writer chooses what lies there, and a pipe would hang whoever opens it.
Deliberately not here: what it says inside; whoever wants that writes an exec probe.
"""

import os
import stat
import time
from dataclasses import dataclass, field

from watchdog.core.observations import ProbeCause
from watchdog.core.timeline import duration_text
from watchdog.sensors.probes.outcome import CannotAsk, Failing, reason

Trace = tuple[int, int, int]


@dataclass(slots=True, kw_only=True)
class Heartbeat:
    """One file, as it was seen so far."""

    path: str
    stale_after_usec: int
    _trace: Trace | None = None
    _beat_usec: int = field(default=0)

    def look(self, now_usec: int) -> str:
        """Look once; may block on a dead disk. `now_usec` is CLOCK_BOOTTIME. Raises Failing, CannotAsk."""
        try:
            status = os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError) as error:
            self._trace = None
            raise Failing("there is no such file", ProbeCause.LOCAL) from error
        except OSError as error:
            raise CannotAsk(f"{self.path} cannot be looked at: {reason(error)}") from error
        if not stat.S_ISREG(status.st_mode):
            raise Failing("it is not a file", ProbeCause.LOCAL)
        trace = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._trace is None:
            age_usec = max(0, time.time_ns() - status.st_mtime_ns) // 1_000
            self._beat_usec = now_usec - age_usec
        elif trace != self._trace:
            self._beat_usec = now_usec
        self._trace = trace
        if now_usec - self._beat_usec > self.stale_after_usec:
            raise Failing(f"not touched for more than {duration_text(self.stale_after_usec)}", ProbeCause.LOCAL)
        return "touched"
