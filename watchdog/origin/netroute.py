"""Whether an IP address is this host's own, by the kernel's routing decision.

Invariant: nothing is sent and no name is looked up. Comparing with the addresses of the interfaces was rejected: it
misses 127.0.0.5, and addresses that are local by a route alone. Trying to bind() was rejected: with ip_nonlocal_bind,
as failover pairs have it, everybody's address could be bound.
"""

import errno
import socket
import struct

ANSWER_SECONDS = 1.0
"""The kernel answers at once or not at all; the daemon's loop must not hang on it."""

_GET_ROUTE = 26
_REQUEST = 1
_ERROR = 2
_DESTINATION = 1
_LOCAL = 2
_HEADER = struct.Struct("<IHHII")
_ROUTE = struct.Struct("<BBBBBBBBI")
_NOT_REACHED = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL})
"""No route, or one that says no: an own address always has a route. EINVAL is how `blackhole` says it."""
_ANSWER_BYTES = 8192


def is_own_address(address: bytes) -> bool:
    """Ask where a packet to this packed address would go: to this host itself? Raises OSError where nobody says."""
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    attribute = struct.pack("<HH", 4 + len(address), _DESTINATION) + address
    route = _ROUTE.pack(family, len(address) * 8, 0, 0, 0, 0, 0, 0, 0) + attribute
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(ANSWER_SECONDS)
        netlink.send(_HEADER.pack(_HEADER.size + len(route), _GET_ROUTE, _REQUEST, 1, 0) + route)
        answer = netlink.recv(_ANSWER_BYTES)
    return _is_local(answer)


def _is_local(answer: bytes) -> bool:
    if len(answer) < _HEADER.size + 4:
        raise OSError("the kernel's answer about a route is cut off")
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _ERROR:
        failure = -struct.unpack_from("<i", answer, _HEADER.size)[0]
        if failure in _NOT_REACHED:
            return False
        raise OSError(failure, "the kernel would not say where an address is")
    if len(answer) < _HEADER.size + _ROUTE.size:
        raise OSError("the kernel's answer about a route is cut off")
    return bool(_ROUTE.unpack_from(answer, _HEADER.size)[7] == _LOCAL)
