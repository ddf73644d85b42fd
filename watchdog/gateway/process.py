"""One process, held so that it cannot be mistaken: start ticks, pidfd, exit status.

Invariant: a signal goes through a pidfd whose process was checked against its ProcessRef after the pidfd was opened;
a pid alone is never signalled. Reading a status never reaps: `reap` is a step of its own, because an unreaped main
process keeps its pid, and with it its session's number, from being given to a stranger.
"""

import ctypes
import fcntl
import os
import select
import signal
import struct
import time
from pathlib import Path

from watchdog.core.identity import BootId, ProcessRef
from watchdog.core.values import dataclass
from watchdog.origin.procfs import signal_name

_READ_BYTES = 65536
_PR_SET_CHILD_SUBREAPER = 36
_PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, struct pidfd_info), 64 bytes in its first version
_PIDFD_INFO_SIZE = 64
_PIDFD_INFO_EXIT = 8  # mask bit: wait status in the last field, filled after the reap (kernel 6.15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """The fields of /proc/PID/stat that tell processes apart."""

    pid: int
    state: str
    parent: int
    session: int
    start_ticks: int
    memory_bytes: int
    """0 once the process has begun to end."""
    stack: int
    """Where its stack begins; 0 for readers without the right to trace it."""
    exit_status: int
    """As wait(2) gives it, of a zombie; 0 before, and 0 for readers without the right to trace it."""

    @property
    def is_dead(self) -> bool:
        """Ended, whether or not it has been reaped."""
        return self.state in "ZX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a process ended: one of the two, or neither when nobody can say any more."""

    code: int | None = None
    signal: str | None = None


def read_kernel_file(path: str) -> bytes:
    """Read a file of /proc or /sys. A few system calls and no buffers: dozens are read between a death and a start.

    Raises:
        OSError: it cannot be read; ProcessLookupError when the process went away meanwhile.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = os.read(descriptor, _READ_BYTES)
        while text and (more := os.read(descriptor, _READ_BYTES)):
            text += more
    finally:
        os.close(descriptor)
    return text


def read_stat(pid: int) -> Stat | None:
    """Read one process, None when there is none of that pid."""
    try:
        text = read_kernel_file(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses is the process's own choice and may hold spaces and parentheses: cut at the last one.
    fields = text[text.rindex(b")") + 2 :].split()
    return Stat(
        pid=pid,
        state=fields[0].decode("ascii"),
        parent=int(fields[1]),
        session=int(fields[3]),
        start_ticks=int(fields[19]),
        memory_bytes=int(fields[20]),
        stack=int(fields[25]),
        exit_status=int(fields[49]),
    )


def read_children(pid: int) -> tuple[int, ...]:
    """List the direct children of all threads of `pid`, oldest first within a thread."""
    found: list[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - numbers, not paths; on the way from death to start
    except (FileNotFoundError, ProcessLookupError):
        return ()
    for task in tasks:
        found.extend(read_thread_children(pid, int(task)))
    return tuple(found)


def read_thread_children(pid: int, task: int) -> tuple[int, ...]:
    """List the direct children of one thread."""
    try:
        text = read_kernel_file(f"/proc/{pid}/task/{task}/children")
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(int(word) for word in text.split())


def open_pidfd(process: ProcessRef, boot: BootId) -> int | None:
    """Take hold of exactly this process; None when it is gone, or another has its pid."""
    if process.boot != boot:
        return None
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    stat = read_stat(process.pid)
    if stat is None or stat.start_ticks != process.start_ticks:
        os.close(pidfd)
        return None
    return pidfd


def has_ended(pidfd: int) -> bool:
    """Tell whether the process of the pidfd has ended, reaped or not."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def send_signal(pidfd: int, number: signal.Signals) -> bool:
    """Signal the process; False when it is gone already.

    Raises:
        PermissionError: the process runs as a user that may not be signalled from here.
    """
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True


def peek_status(pidfd: int, process: ProcessRef) -> Status | None:
    """Read how the process ended without reaping it; None when it has not, or cannot be known (yet).

    A child of ours is asked for with waitid. Of an adopted process, /proc tells as long as it is a zombie, and the
    pidfd after its parent has reaped it, from Linux 6.15 on. Neither alone will do: one pid 1 reaps within
    microseconds, another lets a second pass.
    """
    try:
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return _status_of_zombie(process) or _status_of_reaped(pidfd)
    if result is None:
        return None
    if result.si_code == os.CLD_EXITED:
        return Status(code=result.si_status)
    return Status(signal=signal_name(result.si_status))


def _status_of_zombie(process: ProcessRef) -> Status | None:
    stat = read_stat(process.pid)
    if stat is None or stat.start_ticks != process.start_ticks or not stat.is_dead:
        return None
    try:
        owner = Path(f"/proc/{process.pid}").stat().st_uid
    except FileNotFoundError:
        return None
    if os.geteuid() not in (0, owner):
        return None  # the kernel shows strangers a 0, which would read as a clean exit
    return _decode_status(stat.exit_status)


def _status_of_reaped(pidfd: int) -> Status | None:
    buffer = bytearray(_PIDFD_INFO_SIZE)
    struct.pack_into("=Q", buffer, 0, _PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, buffer)
    except OSError:
        return None  # an older kernel, or ESRCH: ended and nothing kept
    if not struct.unpack_from("=Q", buffer, 0)[0] & _PIDFD_INFO_EXIT:
        return None
    status: int = struct.unpack_from("=i", buffer, 60)[0]
    return _decode_status(status)


def _decode_status(status: int) -> Status:
    if os.WIFSIGNALED(status):
        return Status(signal=signal_name(os.WTERMSIG(status)))
    return Status(code=os.WEXITSTATUS(status))


def reap(pidfd: int) -> None:
    """Let the kernel forget an ended child; harmless for any other process."""
    try:
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return


def set_subreaper(*, on: bool) -> None:
    """Make orphaned descendants children of this process, so that a daemonised one cannot slip away; or stop that.

    Raises:
        OSError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def read_age_usec(process: ProcessRef) -> int:
    """Return how long ago a process of this boot started, suspend included."""
    return max(0, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000 - read_begin_usec(process))


def read_begin_usec(process: ProcessRef) -> int:
    """Return when a process of this boot started, by CLOCK_BOOTTIME."""
    return process.start_ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")
