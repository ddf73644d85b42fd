"""Whether a login over ssh came from this very host.

An agent that may log in to its own account needs no privilege to look like a person: `ssh -tt localhost` gives it a
fresh terminal, a live session leader and an ancestor (the ssh listener) older than any gateway. What gives it away is
the other end of the connection, which is a socket of this host. The kernel's socket table (sock_diag) is open to
everybody. Which connection belongs to which sshd is not: that takes root. Where it cannot be read, any connection on
this host to a socket that root accepted counts, so a person may be taken for the agent, never the agent for a person.

Invariant: `True` when in doubt. Deliberately not here: logins relayed through another host, which no table shows.
"""

import socket
import struct
from dataclasses import dataclass

from watchdog.origin import procfs

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_DUMP_REQUEST = 0x301
_DONE, _ERROR = 3, 2
_ESTABLISHED = 1 << 1
_CHUNK_BYTES = 1 << 16
_CHUNKS_MAX = 4096
_ANSWER_SECONDS = 1.0
"""The kernel answers at once or not at all; the daemon's loop must not hang on it."""
_MAPPED_PREFIX = bytes(10) + b"\xff\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One end of an established TCP connection, as the kernel lists it. Addresses are packed bytes."""

    source: tuple[bytes, int]
    destination: tuple[bytes, int]
    uid: int
    inode: int


def is_ssh_daemon(comm: str) -> bool:
    """Recognise OpenSSH's server by name: "sshd", and "sshd-session" and "sshd-auth" since 9.8."""
    return comm.startswith(("sshd", "dropbear"))


def logged_in_from_here(daemons: tuple[int, ...]) -> bool:
    """Tell whether one of these ssh daemons (pids) serves a connection whose other end is on this host."""
    try:
        table = read_table()
    except OSError:
        return True
    opened = [procfs.socket_inodes(pid) for pid in daemons]
    inodes = None if any(one is None for one in opened) else frozenset(i for one in opened if one for i in one)
    return has_local_pair(table, inodes)


def has_local_pair(table: tuple[Connection, ...], inodes: frozenset[int] | None) -> bool:
    """Find a connection with both ends in the table, of which one is among `inodes`, or accepted by root if None."""
    ends = {(end.source, end.destination): end for end in table}
    for end in table:
        other = ends.get((end.destination, end.source))
        if other is None:
            continue
        if inodes is None:
            if end.uid == 0 and other.uid != 0:
                return True
        elif end.inode in inodes:
            return True
    return False


def read_table() -> tuple[Connection, ...]:
    """Dump all established TCP connections of our network namespace. Raises OSError."""
    found: list[Connection] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(_ANSWER_SECONDS)
        for family in (socket.AF_INET, socket.AF_INET6):
            query = struct.pack("<BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ESTABLISHED) + bytes(48)
            netlink.send(struct.pack("<IHHII", 16 + len(query), _SOCK_DIAG_BY_FAMILY, _DUMP_REQUEST, 1, 0) + query)
            found.extend(_receive(netlink, 4 if family == socket.AF_INET else 16))
    return tuple(found)


def _receive(netlink: socket.socket, address_bytes: int) -> list[Connection]:
    found: list[Connection] = []
    for _ in range(_CHUNKS_MAX):
        rest = netlink.recv(_CHUNK_BYTES)
        while len(rest) >= 16:
            length, kind = struct.unpack_from("<IH", rest)
            if kind == _DONE:
                return found
            if kind == _ERROR or length < 16 + 72:
                raise OSError("the kernel refused to list TCP connections")
            found.append(_parse(rest[16:length], address_bytes))
            rest = rest[(length + 3) & ~3 :]
    raise OSError("the kernel's list of TCP connections does not end")


def _parse(message: bytes, address_bytes: int) -> Connection:
    source_port, destination_port = struct.unpack_from(">HH", message, 4)
    uid, inode = struct.unpack_from("<II", message, 64)
    return Connection(
        source=(_unmapped(message[8 : 8 + address_bytes]), source_port),
        destination=(_unmapped(message[24 : 24 + address_bytes]), destination_port),
        uid=uid,
        inode=inode,
    )


def _unmapped(address: bytes) -> bytes:
    """Write an IPv4 address carried in an IPv6 socket as IPv4, so that both ends of one connection compare equal."""
    return address[12:] if address.startswith(_MAPPED_PREFIX) else address
