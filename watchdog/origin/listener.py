"""Whether it is the gateway that listens where a probe asks, or an impostor.

Theory of operation. A healthy port is no healthy gateway: in a takeover the unit has failed while the port answers 200,
from the process that killed it. So before a local address is asked, the kernel's list of listeners says who would
answer. A listener is the gateway's when its socket was made in the life's cgroup, or is open in one of its processes;
a stranger's when all processes of the life could be looked into and none has it, or when it is another account's.

Invariant: in doubt it is the gateway's: an impostor is named to people and may be acted upon. Deliberately not here:
ports that nobody asks, and who started the impostor (rivals.py).
"""

import ipaddress
import os
from collections.abc import Callable
from pathlib import Path

from watchdog.origin import procfs
from watchdog.origin.marks import LifeMark
from watchdog.origin.members import is_member, list_members
from watchdog.origin.sockdiag import LISTENING, Connection, read_table

_KNOWN_MAX = 64
_SEARCHED_MAX = 4096
_MANAGER = 1
"""The first process hands out sockets that it listens on for others."""
_MANAGER_CGROUP = "init.scope"
"""Where systemd makes those (socket activation)."""

Table = Callable[[int], tuple[Connection, ...]]


class Listeners:
    """Who listens, remembered by the socket's inode: an inode once seen with the life stays the life's."""

    def __init__(self, read: Table = read_table, manager_id: int | None = None) -> None:
        """`manager_id` is the id of systemd's own cgroup; None: it is looked up."""
        self._read = read
        self._known: dict[tuple[int, int, int], str] = {}
        self._mount = procfs.find_cgroup_mount()
        here = 0 if self._mount is None else _identity(self._mount / _MANAGER_CGROUP)
        self._manager_id = here if manager_id is None else manager_id

    def stranger_at(self, host: str, port: int, mark: LifeMark) -> str:
        """Name the stranger that listens at a local address; "" when it is the gateway, nobody, or cannot be told."""
        try:
            table = self._read(LISTENING)
        except OSError:
            return ""
        for listener in answering(table, host, port):
            key = (mark.process.pid, mark.process.start_ticks, listener.inode)
            if key not in self._known:
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known[key] = self._judge(listener, mark)
            if self._known[key]:
                return self._known[key]
        return ""

    def _judge(self, listener: Connection, mark: LifeMark) -> str:
        if mark.cgroup_id and listener.cgroup_id == mark.cgroup_id:
            return ""
        hidden = False
        for pid in list_members(mark, self._mount):
            inodes = procfs.socket_inodes(pid)
            if inodes is None:
                hidden = hidden or Path(f"/proc/{pid}").exists()
            elif listener.inode in inodes:
                return ""
        by_manager = bool(self._manager_id) and listener.cgroup_id == self._manager_id
        if hidden and (by_manager or listener.uid == _uid_of(mark.process.pid)):
            return ""
        return _name_holder(listener)


def stranger_behind(pid: int, mark: LifeMark) -> str:
    """Name the stranger that listens on a unix socket, by the pid the kernel gives for its peer; "" if it is none."""
    if pid <= _MANAGER or is_member(pid, mark):
        return ""
    try:
        return f"pid {pid} ({procfs.read_stat(pid).comm})"
    except OSError:
        return ""  # it has handed the socket on and ended


def answering(table: tuple[Connection, ...], host: str, port: int) -> tuple[Connection, ...]:
    """Return the listeners that would take a connection to this address: the most exact ones. Pure."""
    wanted = ipaddress.ip_address(host.partition("%")[0]).packed
    there = [each for each in table if each.source[1] == port]
    for address in (wanted, bytes(len(wanted)), bytes(16)):
        found = tuple(each for each in there if each.source[0] == address)
        if found:
            return found
    return ()


def _name_holder(listener: Connection) -> str:
    for entry in sorted(os.listdir("/proc"))[:_SEARCHED_MAX]:  # noqa: PTH208 - numbers, not paths
        if entry.isdigit() and listener.inode in (procfs.socket_inodes(int(entry)) or ()):
            try:
                return f"pid {entry} ({procfs.read_stat(int(entry)).comm})"
            except OSError:
                break
    return f"a process of uid {listener.uid}"


def _uid_of(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return -1


def _identity(cgroup: Path) -> int:
    try:
        return cgroup.stat().st_ino
    except OSError:
        return 0
