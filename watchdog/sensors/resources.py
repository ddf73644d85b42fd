"""What a life uses: memory, descriptors, threads, processor time, of its main process and all others of it.

Invariant: the figures belong to the life that was asked for, or there are none: the main process's start time is
compared before and after, because a pid may pass to a stranger between two reads. A figure that may not be seen is
None and not 0. Deliberately not here: limits and trends.
"""

from collections.abc import Iterable
from pathlib import Path

import psutil

from watchdog.core.identity import ProcessRef
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass
from watchdog.origin.procfs import read_boot


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """A life at one moment."""

    rss_bytes: int
    open_files: int | None
    """Open descriptors of every kind; None when gatedog may not look."""
    threads: int
    processes: int
    cpu_usec: tuple[tuple[int, int], ...]
    """(pid, user and system time since its start) of each process: a sum would fall when one ends."""


def measure(process: ProcessRef, others: Iterable[int] = ()) -> Resources | None:
    """Measure a main process and other pids of its life; None when it is gone, a zombie, or somebody else by now."""
    if not _is_same(process):
        return None
    found = [figures for pid in dict.fromkeys((process.pid, *others)) if (figures := _measure(pid)) is not None]
    if not found or not _is_same(process):
        return None
    files = [each.open_files for each in found if each.open_files is not None]
    return Resources(
        rss_bytes=sum(each.rss_bytes for each in found),
        open_files=sum(files) if len(files) == len(found) else None,
        threads=sum(each.threads for each in found),
        processes=len(found),
        cpu_usec=tuple(pair for each in found for pair in each.cpu_usec),
    )


def cpu_between(before: Resources, after: Resources) -> int:
    """Return the processor time spent between two measurements, as far as it can be seen, in microseconds."""
    earlier = dict(before.cpu_usec)
    return sum(max(0, spent - earlier.get(pid, 0)) for pid, spent in after.cpu_usec)


def _measure(pid: int) -> Resources | None:
    try:
        seen = psutil.Process(pid)
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
                processes=1,
                cpu_usec=((pid, round((cpu.user + cpu.system) * SECOND)),),
            )
    except (psutil.NoSuchProcess, FileNotFoundError):
        # ZombieProcess is a NoSuchProcess, too: what has ended uses nothing.
        return None


def _is_same(process: ProcessRef) -> bool:
    if process.boot != read_boot():
        return False
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Behind the name, which may hold spaces and brackets: field 3 is the state, field 22 the start time.
    fields = stat.rpartition(b")")[2].split()
    return int(fields[19]) == process.start_ticks and fields[0] not in (b"Z", b"X")
