"""Where somebody who logged in over ssh came from: this host, or another one.

An agent that may log in to its own account, or has root, needs nothing else to look like a person: `ssh -tt localhost`
gives it a fresh terminal, a login session, and an ancestor (the ssh listener) older than any gateway. What gives it
away is the other end of the connection.

The connection is the ssh daemon's own, read from its socket by pidfd_getfd, which takes CAP_SYS_PTRACE alone. Failing
that, /proc/PID/fd names the socket's inode and the kernel's table (sock_diag, open to everybody) its ends. Failing
that, the login session's word for the remote host counts, where root holds a connection from there.

Invariant: ELSEWHERE is said of a connection that was seen, whose other end is neither an address nor a socket of this
host, whatever network namespace that is in. Deliberately not here: logins relayed through another host, which nothing
on this one shows.
"""

import ctypes
import os
import socket
from collections.abc import Callable
from pathlib import Path

from watchdog.core.peer import RemoteEnd
from watchdog.core.values import dataclass
from watchdog.origin import pidfd, procfs
from watchdog.origin.netroute import is_own_address
from watchdog.origin.netspaces import is_held_elsewhere
from watchdog.origin.sockdiag import Connection, find_end, read_table, unmapped

DESCRIPTORS_MAX = 64
"""How many descriptors of an ssh daemon are looked at: its connection is among the first ten."""
SLICES_MAX = 20
"""How many slices are looked through for the name of a cgroup: a few milliseconds of the loop."""

End = tuple[bytes, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A TCP connection as its holder sees it: packed address and port of either end."""

    here: End
    there: End


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where the other end is, and the cgroup that opened it where that is known."""

    end: RemoteEnd
    cgroup: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """The questions to the kernel, each of which may raise OSError."""

    is_own_address: Callable[[bytes], bool] = is_own_address
    find_end: Callable[[End, End], Connection | None] = find_end
    read_table: Callable[[], tuple[Connection, ...]] = read_table
    is_in_other_namespace: Callable[[End, End], bool] = is_held_elsewhere


def is_ssh_daemon(comm: str) -> bool:
    """Recognise OpenSSH's server by name: "sshd", and "sshd-session" and "sshd-auth" since 9.8."""
    return comm.startswith(("sshd", "dropbear"))


def trace(
    daemons: tuple[int, ...],
    remote_host: str,
    *,
    facilities: pidfd.Facilities,
    cgroup_mount: Path | None,
    wires: Wires | None = None,
) -> Remote:
    """Say from where the login was made that these ssh daemons (pids, nearest to the listener first) serve.

    Only the first daemon that holds a connection speaks: those below it hold what its user forwards, too.
    `remote_host` is what the login session has on record, "" for nothing. Never raises OSError.
    """
    asked = wires or Wires()
    try:
        links = _links(daemons, facilities, asked)
        if links is None:
            links = _links_of_host(remote_host, asked)
        return _locate(_primary(links, remote_host), cgroup_mount, asked)
    except OSError:
        return Remote(end=RemoteEnd.UNKNOWN)


def _locate(links: tuple[Link, ...], cgroup_mount: Path | None, wires: Wires) -> Remote:
    for link in links:
        other = wires.find_end(link.there, link.here)
        if other is not None:
            return Remote(end=RemoteEnd.HERE, cgroup=_name_cgroup(cgroup_mount, other.cgroup_id))
        if wires.is_own_address(link.there[0]) or wires.is_in_other_namespace(link.there, link.here):
            return Remote(end=RemoteEnd.HERE)
    return Remote(end=RemoteEnd.ELSEWHERE if links else RemoteEnd.UNKNOWN)


def _primary(links: tuple[Link, ...], remote_host: str) -> tuple[Link, ...]:
    """Of several connections keep those from the host on record: the others are what root's ssh daemon forwards."""
    if len(links) <= 1:
        return links
    address = _packed(remote_host)
    return tuple(link for link in links if link.there[0] == address) or links


def _links(daemons: tuple[int, ...], facilities: pidfd.Facilities, wires: Wires) -> tuple[Link, ...] | None:
    """Find the connections of the first daemon that has any; None where one of them cannot be looked into."""
    for pid in daemons:
        found = _copied_links(pid) if facilities.descriptors else None
        if found is None:
            found = _listed_links(pid, wires)
        if found is None or found:
            return found
    return ()


def _copied_links(pid: int) -> tuple[Link, ...] | None:
    libc = ctypes.CDLL(None, use_errno=True)
    found: list[Link] = []
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        for number in range(DESCRIPTORS_MAX):
            copied = pidfd.copy_socket(libc, descriptor, number)
            if copied is not None:
                with copied:
                    found += _connected(copied)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return tuple(dict.fromkeys(found))


def _connected(copied: socket.socket) -> list[Link]:
    """Return both ends of a TCP connection; nothing for another socket, or one that listens."""
    if copied.family not in (socket.AF_INET, socket.AF_INET6) or copied.type != socket.SOCK_STREAM:
        return []
    try:
        return [Link(here=_end(copied.getsockname()), there=_end(copied.getpeername()))]
    except OSError:
        return []  # it listens, or was closed from the other side


def _end(name: tuple[str, int]) -> End:
    return _pack(name[0]), name[1]


def _listed_links(pid: int, wires: Wires) -> tuple[Link, ...] | None:
    inodes = procfs.socket_inodes(pid)
    if inodes is None:
        return None
    return tuple(Link(here=each.source, there=each.destination) for each in wires.read_table() if each.inode in inodes)


def _links_of_host(remote_host: str, wires: Wires) -> tuple[Link, ...]:
    """Find connections of root's from the host on record, some of which must be the login's."""
    address = _packed(remote_host)
    if address is None:
        return ()
    return tuple(
        Link(here=each.source, there=each.destination)
        for each in wires.read_table()
        if each.uid == 0 and each.destination[0] == address
    )


def _packed(remote_host: str) -> bytes | None:
    try:
        return _pack(remote_host)
    except OSError:
        return None  # a name, or nothing


def _pack(address: str) -> bytes:
    """Pack an address as it is written, without its scope. Raises OSError where it is none."""
    bare = address.partition("%")[0]
    return unmapped(socket.inet_pton(socket.AF_INET6 if ":" in bare else socket.AF_INET, bare))


def _name_cgroup(mount: Path | None, identity: int) -> str:
    """Find a cgroup's path by its id, the inode of its folder; "" when it is gone, or is no unit or session in a slice.

    Only slices are looked into: listing a cgroup costs a third of a millisecond, and a host has hundreds.
    """
    waiting = [] if mount is None or identity == 0 else [mount]
    for _ in range(SLICES_MAX):
        if not waiting or mount is None:
            return ""
        folder = waiting.pop(0)
        try:
            with os.scandir(folder) as entries:
                below = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue  # a slice that ended meanwhile
        for entry in below:
            if entry.inode() == identity:
                return procfs.one_line("/" + str(Path(entry.path).relative_to(mount)), procfs.PATH_MAX)
        waiting += [Path(entry.path) for entry in below if entry.name.endswith(".slice")]
    return ""
