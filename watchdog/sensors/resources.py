"""What a process uses, for status and evidence.

Invariant: the figures belong to the process that was asked for, or there are none: the start time is compared before
and after, because a pid may pass to a stranger between two reads. Deliberately not here: limits and trends.
"""

from dataclasses import dataclass
from pathlib import Path

import psutil

from watchdog.core.identity import ProcessRef
from watchdog.core.timeline import SECOND
from watchdog.sensors.clocks import read_boot_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """One process at one moment. `cpu_usec` is user and system time since its start."""

    rss_bytes: int
    open_files: int | None
    """Open descriptors of every kind; None when gatedog may not look."""
    threads: int
    cpu_usec: int
    children: int
    """Descendants of any depth."""


def measure(process: ProcessRef) -> Resources | None:
    """Measure the process; None when it is gone, a zombie, or its pid is somebody else's by now."""
    if not _is_same(process):
        return None
    try:
        found = _measure(psutil.Process(process.pid))
    except (psutil.NoSuchProcess, FileNotFoundError):
        # ZombieProcess is a NoSuchProcess, too: what has ended uses nothing.
        return None
    return found if _is_same(process) else None


def _measure(seen: psutil.Process) -> Resources:
    with seen.oneshot():
        cpu = seen.cpu_times()
        try:
            open_files = seen.num_fds()
        except psutil.AccessDenied:
            open_files = None
        return Resources(
            rss_bytes=seen.memory_info().rss,
            open_files=open_files,
            threads=seen.num_threads(),
            cpu_usec=round((cpu.user + cpu.system) * SECOND),
            children=len(seen.children(recursive=True)),
        )


def _is_same(process: ProcessRef) -> bool:
    if process.boot != read_boot_id():
        return False
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Behind the name, which may hold spaces and brackets: field 3 is the state, field 22 the start time.
    fields = stat.rpartition(b")")[2].split()
    return int(fields[19]) == process.start_ticks and fields[0] not in (b"Z", b"X")
