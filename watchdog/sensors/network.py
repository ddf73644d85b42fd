"""Whether this host is on a network: a default route, and a name server that answers.

A gateway that fails because the host is offline must not spend its restart budget on that; this look is how the core
can tell. Invariants: a look takes at most `dns_wait_usec` and happens in a worker thread, never on the loop; it
sends one datagram, asks nothing about anybody (the name servers of the root), and trusts nothing in the answer but
its header.
Deliberately not here: whether a given remote service works, which is a probe's business.
"""

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from watchdog.core.events import NetworkObserved
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass

_RTF_UP = 0x0001
_RTF_REJECT = 0x0200

_SERVFAIL = 2
"""What a local stub such as systemd-resolved answers while its upstreams are out of reach: it lives, DNS does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSources:
    """Where the kernel and the resolver say what is there."""

    route: Path = Path("/proc/net/route")
    route6: Path = Path("/proc/net/ipv6_route")
    resolver: Path = Path("/etc/resolv.conf")
    dns_port: int = 53
    dns_wait_usec: int = SECOND


async def look(sources: NetworkSources | None = None) -> NetworkObserved:
    """Look once, off the loop."""
    return await asyncio.to_thread(look_now, sources if sources is not None else NetworkSources())


def look_now(sources: NetworkSources) -> NetworkObserved:
    """Look once; blocks for at most `dns_wait_usec`. A file that cannot be read counts as one that is empty."""
    has_route = _has_route(_text(sources.route)) or _has_route6(_text(sources.route6))
    server = _first_server(_text(sources.resolver))
    return NetworkObserved(has_route=has_route, has_dns=server is not None and _answers(server, sources))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # No IPv6 in the kernel, or no resolver configured: nothing there is an answer, not an error.
        return ""


def _has_route(table: str) -> bool:
    """Read the IPv4 table: interface, destination, gateway, flags, ..., mask (8th), all hexadecimal."""
    rows = (line.split() for line in table.splitlines()[1:])
    return any(
        row[0] != "lo" and row[1] == "00000000" and row[7] == "00000000" and _is_usable(row[3])
        for row in rows
        if len(row) >= 8
    )


def _has_route6(table: str) -> bool:
    """Read the IPv6 table: destination, prefix length, ..., flags (9th), interface (10th)."""
    rows = (line.split() for line in table.splitlines())
    return any(
        row[9] != "lo" and not row[0].strip("0") and row[1] == "00" and _is_usable(row[8])
        for row in rows
        if len(row) >= 10
    )


def _is_usable(flags: str) -> bool:
    """Whether the route is up and not the kernel's "unreachable", which also looks like a default route."""
    value = int(flags, 16)
    return bool(value & _RTF_UP) and not value & _RTF_REJECT


def _first_server(configuration: str) -> str | None:
    return next(_servers(configuration), None)


def _servers(configuration: str) -> Iterator[str]:
    for line in configuration.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            yield words[1]


def _answers(server: str, sources: NetworkSources) -> bool:
    """Ask for the name servers of the root. Any answer of the server's own counts, a refusal too; SERVFAIL doesn't."""
    ident = os.urandom(2)
    # Header: id, recursion desired, one question. Question: the root name (one zero byte), type NS, class IN.
    query = ident + bytes.fromhex("0100 0001 0000 0000 0000") + bytes.fromhex("00 0002 0001")
    deadline_s = time.monotonic() + sources.dns_wait_usec / SECOND
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            server, sources.dns_port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
        with socket.socket(family, kind) as asked:
            # Connected, so that only this server's datagrams arrive and "port unreachable" is told at once.
            asked.connect(address)
            asked.send(query)
            while (left_s := deadline_s - time.monotonic()) > 0:
                asked.settimeout(left_s)
                answer = asked.recv(512)
                if len(answer) >= 12 and answer[:2] == ident and answer[2] & 0x80:
                    return answer[3] & 0x0F != _SERVFAIL
    except OSError:
        return False
    return False
