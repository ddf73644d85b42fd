"""Which sockets a life holds, and how many of them lead to other hosts.

Invariant: a number is counted, or there is none: where the sockets of some of its processes may not be seen, or the
life has a network of its own, nothing is returned, because a 0 that is not true pages somebody. Deliberately not here:
who is at the other end.
"""

import ipaddress
from collections.abc import Callable, Iterable
from pathlib import Path

from watchdog.core.values import dataclass
from watchdog.origin import procfs
from watchdog.origin.sockdiag import ESTABLISHED, LISTENING, Connection, read_table

Table = Callable[[int], tuple[Connection, ...]]

HELD_MAX = 1000
_TOLD_STATES = {"LISTEN": LISTENING, "ESTABLISHED": ESTABLISHED, "SYN_SENT": 1 << 2, "CLOSE_WAIT": 1 << 8}
"""In the order in which they are told: who serves, who is served, who waits for whom, and what was never closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One TCP socket. `is_own`: a process of the life holds it; else it listens on the life's port."""

    state: str
    connection: Connection
    is_own: bool


def list_held(pids: Iterable[int], port: int, read: Table = read_table) -> tuple[Held, ...]:
    """List the TCP sockets of these processes, and whoever else listens on `port` (0: none); at most HELD_MAX.

    Only those of our own network are seen, and only where the processes may be looked into. Raises OSError.
    """
    inodes = frozenset(inode for pid in pids for inode in procfs.socket_inodes(pid) or ())
    found: list[Held] = []
    for state, mask in _TOLD_STATES.items():
        for each in read(mask):
            is_own = each.inode in inodes
            if is_own or (port and state == "LISTEN" and each.source[1] == port):
                found.append(Held(state=state, connection=each, is_own=is_own))
    return tuple(found[:HELD_MAX])


def count_remote(pids: Iterable[int], read: Table = read_table) -> int | None:
    """Count the established TCP connections of these processes that lead off this host; None when it cannot be told."""
    inodes: set[int] = set()
    for pid in pids:
        found = procfs.socket_inodes(pid)
        if found is None:
            if Path(f"/proc/{pid}").exists():
                return None
        elif not inodes and not _is_in_our_network(pid):
            return None
        else:
            inodes |= found
    try:
        table = read(ESTABLISHED)
    except OSError:
        return None
    return sum(1 for each in table if each.inode in inodes and not _is_here(each))


def _is_here(connection: Connection) -> bool:
    there = ipaddress.ip_address(connection.destination[0])
    return there.is_loopback or connection.destination[0] == connection.source[0]


def _is_in_our_network(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        return False
