"""Who else holds the gateway's lock file: a process that it names and that is not the gateway's.

Theory of operation. Programs that must run once write their pid into a file, plain or as JSON, and read it at their
start: whoever is named there decides whether the next life comes up. The named process is a rival when it lives, is not
in the gateway's cgroup, and is not younger than the file: a pid that was handed out again after the lock was left
behind belongs to a stranger, and a stale lock to nobody.

Invariant: the file is the supervised side's own words. It is read as data, bounded, and can only add a rival that a
person then looks at. Deliberately not here: waiting for a lock, and what follows from a rival (core/).
"""

import json
import os
import re
import stat

from watchdog.core.rival import Rival, RivalKind
from watchdog.core.timeline import SECOND
from watchdog.origin import procfs
from watchdog.sensors.clocks import read_clocks

LOCK_BYTES_MAX = 4096
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_SLACK_USEC = 2 * SECOND
"""A process may write its lock a little before what /proc rounds its start to."""


def look_at_lock(path: str, own_cgroups: tuple[str, ...]) -> tuple[Rival, ...]:
    """Return the outside owner of a lock file, if there is one; `own_cgroups` are the gateway's. Blocks briefly.

    A file that cannot be read is nobody's: this look is repeated.
    """
    if not path or not own_cgroups:
        return ()
    try:
        text, written_usec = _read(path)
        pid = named_pid(text)
        if not pid:
            return ()
        found = procfs.read_stat(pid)
        cgroup = procfs.read_cgroup(pid)
    except OSError:
        return ()
    reading = read_clocks()
    started_usec = reading.wall_usec - reading.uptime_usec + found.start_ticks * SECOND // _TICKS_PER_SECOND
    if procfs.is_within(cgroup, own_cgroups) or started_usec > written_usec + _SLACK_USEC:
        return ()
    since = f"started {found.start_ticks / _TICKS_PER_SECOND:.2f} s after boot"
    detail = f"it names pid {pid} ({found.comm}), {since}, in {cgroup}"
    return (Rival(kind=RivalKind.LOCK, subject=procfs.one_line(path), detail=procfs.one_line(detail)),)


def named_pid(text: str) -> int:
    """Return the pid that a lock's text names: a JSON object's "pid", or the first word; 0 for none. Pure."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict):
        value = value.get("pid")
        return value if isinstance(value, int) and value > 0 else 0
    first = re.match(r"\s*(\d{1,9})\b", text)
    return int(first[1]) if first else 0


def _read(path: str) -> tuple[str, int]:
    """Return the text of a regular file and when it was written. Raises OSError."""
    descriptor = os.open(path, _OPEN)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is no regular file")
        text = os.read(descriptor, LOCK_BYTES_MAX).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
    return text, status.st_mtime_ns // 1_000
