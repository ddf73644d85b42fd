"""How many connections to other hosts a life holds.

Invariant: a number is counted, or there is none: where the sockets of some of its processes may not be seen, or the
life has a network of its own, nothing is returned, because a 0 that is not true pages somebody. Deliberately not here:
who is at the other end.
"""

import ipaddress
from collections.abc import Callable, Iterable
from pathlib import Path

from watchdog.origin import procfs
from watchdog.origin.sockdiag import ESTABLISHED, Connection, read_table

Table = Callable[[int], tuple[Connection, ...]]


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
