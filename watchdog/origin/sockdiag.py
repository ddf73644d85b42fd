"""The kernel's table of TCP sockets (sock_diag), open to everybody.

Invariant: a dump is whole or an OSError, takes at most ANSWER_SECONDS for each part, and addresses of IPv4 carried in
IPv6 sockets are written as IPv4. Deliberately not here: what a socket means.
"""

import errno
import socket
import struct
from collections.abc import Iterator

from watchdog.core.values import dataclass

ESTABLISHED = 1 << 1
LISTENING = 1 << 10

ANSWER_SECONDS = 1.0
"""The kernel answers at once or not at all; the daemon's loop must not hang on it."""

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_DUMP_REQUEST = 0x301
_DONE, _ERROR = 3, 2
_CHUNK_BYTES = 1 << 16
_CHUNKS_MAX = 4096
_HEADER_BYTES = 72
_CGROUP_ID = 21
_MAPPED_PREFIX = bytes(10) + b"\xff\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One end of a TCP connection, or a listener, as the kernel lists it. Addresses are packed bytes."""

    source: tuple[bytes, int]
    destination: tuple[bytes, int]
    uid: int
    inode: int
    cgroup_id: int = 0
    """Of the cgroup in which the socket was made, whoever holds it by now; 0 where the kernel does not say."""


def read_table(states: int = ESTABLISHED) -> tuple[Connection, ...]:
    """Dump the TCP sockets of our network namespace that are in one of `states` (a mask). Raises OSError."""
    found: list[Connection] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(ANSWER_SECONDS)
        for family in (socket.AF_INET, socket.AF_INET6):
            query = struct.pack("<BBBBI", family, socket.IPPROTO_TCP, 0, 0, states) + bytes(48)
            netlink.send(struct.pack("<IHHII", 16 + len(query), _SOCK_DIAG_BY_FAMILY, _DUMP_REQUEST, 1, 0) + query)
            found.extend(_receive(netlink, 4 if family == socket.AF_INET else 16))
    return tuple(found)


def find_end(here: tuple[bytes, int], there: tuple[bytes, int]) -> Connection | None:
    """Look one connection up by the addresses of its ends, as seen from the end at `here`; None when it has none.

    One question instead of a dump, because a busy server has ten thousand connections. Raises OSError.
    """
    family = socket.AF_INET if len(here[0]) == 4 else socket.AF_INET6
    ports = struct.pack(">HH", here[1], there[1])
    ends = here[0].ljust(16, b"\0") + there[0].ljust(16, b"\0")
    query = struct.pack("<BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0) + ports + ends + bytes(4) + b"\xff" * 8
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(ANSWER_SECONDS)
        netlink.send(struct.pack("<IHHII", 16 + len(query), _SOCK_DIAG_BY_FAMILY, 1, 1, 0) + query)
        answer = netlink.recv(_CHUNK_BYTES)
    if len(answer) < 20:
        raise OSError("the kernel's answer about a TCP connection is cut off")
    length, kind = struct.unpack_from("<IH", answer)
    if kind == _ERROR:
        failure = -struct.unpack_from("<i", answer, 16)[0]
        if failure == errno.ENOENT:
            return None
        raise OSError(failure, "the kernel would not look a TCP connection up")
    if length < 16 + _HEADER_BYTES:
        raise OSError("the kernel's answer about a TCP connection is cut off")
    found = _parse(answer[16:length], len(here[0]))
    # Without such a connection the kernel names whoever listens at `here`.
    return found if found.destination == there else None


def _receive(netlink: socket.socket, address_bytes: int) -> list[Connection]:
    found: list[Connection] = []
    for _ in range(_CHUNKS_MAX):
        rest = netlink.recv(_CHUNK_BYTES)
        while len(rest) >= 16:
            length, kind = struct.unpack_from("<IH", rest)
            if kind == _DONE:
                return found
            if kind == _ERROR or length < 16 + _HEADER_BYTES:
                raise OSError("the kernel refused to list TCP connections")
            found.append(_parse(rest[16:length], address_bytes))
            rest = rest[(length + 3) & ~3 :]
    raise OSError("the kernel's list of TCP connections does not end")


def _parse(message: bytes, address_bytes: int) -> Connection:
    source_port, destination_port = struct.unpack_from(">HH", message, 4)
    uid, inode = struct.unpack_from("<II", message, 64)
    return Connection(
        source=(unmapped(message[8 : 8 + address_bytes]), source_port),
        destination=(unmapped(message[24 : 24 + address_bytes]), destination_port),
        uid=uid,
        inode=inode,
        cgroup_id=next(
            (struct.unpack("<Q", value)[0] for kind, value in _attributes(message) if kind == _CGROUP_ID), 0
        ),
    )


def _attributes(message: bytes) -> Iterator[tuple[int, bytes]]:
    rest = message[_HEADER_BYTES:]
    while len(rest) >= 4:
        length, kind = struct.unpack_from("<HH", rest)
        if length < 4:
            return
        yield kind, rest[4:length]
        rest = rest[(length + 3) & ~3 :]


def unmapped(address: bytes) -> bytes:
    """Write an IPv4 address carried in an IPv6 socket as IPv4, so that both ends of one connection compare equal."""
    return address[12:] if address.startswith(_MAPPED_PREFIX) else address
