"""What the kernel says about a process behind a file descriptor, without any race.

A pid is recycled, a pidfd is not. Three facilities build on each other: SO_PEERPIDFD (Linux 6.5) gives the pidfd of
the process that called connect(2); PIDFD_GET_INFO (6.13) gives its pid and cgroup id in one atomic call; and poll(2)
on it says whether it still lives. Invariant: every pidfd opened here is closed by the caller's `with`.
"""

import ctypes
import errno
import fcntl
import os
import select
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchdog.core.values import dataclass

_SO_PEERPIDFD = 77
_PIDFD_GET_INFO = 0xC040FF0B
"""_IOWR(0xFF, 11, struct pidfd_info) with the 64 bytes of its first version."""
_INFO_PID, _INFO_CREDENTIALS, _INFO_CGROUP = 1, 2, 4
_INFO_LAYOUT = struct.Struct("<QQ11Ii")
"""mask, cgroup id, pid, tgid, ppid, real/effective/saved/filesystem uid and gid in pairs, exit code."""
_CREDENTIALS = struct.Struct("3i")
_PIDFD_GETFD = 438
"""The same number on every architecture, as for all system calls since Linux 5.1."""
_FORCED_OLD = "GATEDOG_KERNEL"
"""Set to "old" in gatedog's own environment, it makes gatedog do without what a newer kernel offers, for tests. It
takes evidence away and gives none: those who ask have no say in it, and can only lose by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facilities:
    """Which of the newer facilities this kernel has. Found out once, then passed along, so both ways are testable."""

    peerpidfd: bool
    info: bool
    descriptors: bool = True
    """Another process's sockets may be looked at by pidfd_getfd (Linux 5.6), and their cgroups are told (5.9)."""
    forced: bool = False

    @property
    def text(self) -> str:
        """Name what the evidence rests on, for the record."""
        found = "peercred" if not self.peerpidfd else "peerpidfd+info" if self.info else "peerpidfd"
        return f"{found} (an older kernel, by {_FORCED_OLD})" if self.forced else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who was at the other end when it called connect(2). `pid` 0: not visible in our pid namespace."""

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PidfdInfo:
    """What PIDFD_GET_INFO tells in one call."""

    pid: int
    cgroup_id: int


def probe_facilities() -> Facilities:
    """Try each facility on ourselves, unless we are told to do without them."""
    if os.environ.get(_FORCED_OLD) == "old":
        return Facilities(peerpidfd=False, info=False, descriptors=False, forced=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        try:
            fd = _peer_pidfd(ours)
        except OSError:
            return Facilities(peerpidfd=False, info=False)
    try:
        read_info(fd)
    except OSError:
        return Facilities(peerpidfd=True, info=False)
    finally:
        os.close(fd)
    return Facilities(peerpidfd=True, info=True)


def peer_credentials(connection: socket.socket) -> Credentials:
    """Read SO_PEERCRED: fixed at connect(2), whoever holds the socket by now."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(raw)
    return Credentials(pid=pid, uid=uid, gid=gid)


@contextmanager
def peer_pidfd(connection: socket.socket, pid: int, facilities: Facilities) -> Iterator[int | None]:
    """Hold a pidfd of the connector open; None when it is gone.

    Without SO_PEERPIDFD the pid is opened by number, and the caller compares start times around its reads.
    """
    try:
        fd = _peer_pidfd(connection) if facilities.peerpidfd else os.pidfd_open(pid)
    except (OSError, ValueError):
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


def read_info(fd: int) -> PidfdInfo:
    """Ask PIDFD_GET_INFO. Raises OSError: ESRCH when the process was reaped, ENOTTY or EINVAL on old kernels."""
    buffer = bytearray(_INFO_LAYOUT.size)
    struct.pack_into("<Q", buffer, 0, _INFO_PID | _INFO_CREDENTIALS | _INFO_CGROUP)
    fcntl.ioctl(fd, _PIDFD_GET_INFO, buffer)
    _, cgroup_id, _, tgid, *_ = _INFO_LAYOUT.unpack(buffer)
    return PidfdInfo(pid=tgid, cgroup_id=cgroup_id)


def pid_of(fd: int) -> int:
    """Read the pid behind a pidfd on any kernel: -1 when reaped, 0 when not visible in our pid namespace."""
    for line in Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == "Pid":
            return int(value)
    return -1


def is_alive(fd: int) -> bool:
    """Tell whether the process still runs. A zombie counts as ended: it reads and writes nothing any more."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return not poll.poll(0)


def copy_socket(libc: ctypes.CDLL, pidfd: int, descriptor: int) -> socket.socket | None:
    """Copy one descriptor of another process by its number; None where it has none such, or it is no socket.

    Raises OSError where that may not be done: PermissionError without CAP_SYS_PTRACE, ENOSYS on old kernels.
    """
    copied = libc.syscall(_PIDFD_GETFD, pidfd, descriptor, 0)
    if copied < 0:
        failure = ctypes.get_errno()
        if failure == errno.EBADF:
            return None
        raise OSError(failure, "pidfd_getfd")
    if not stat.S_ISSOCK(os.fstat(copied).st_mode):
        os.close(copied)
        return None
    return socket.socket(fileno=copied)


def _peer_pidfd(connection: socket.socket) -> int:
    raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, 4)
    return int(struct.unpack("i", raw)[0])
