"""Connections that processes of this host hold in other network namespaces: containers, `ip netns`, nspawn.

Seen from ours such a connection comes from another address and has no socket here, as one from another host. But every
process that can be seen shows the TCP table of its namespace in /proc/PID/net. Namespaces are told apart by the inode
of that table, because the namespace's own link (ns/net) is not for everybody to read.

A namespace with no interface but its loopback is left out: services with PrivateNetwork= have one each, nobody comes
from there, and the kernel takes milliseconds for every table, however empty.

Invariant: each namespace is read once in a look. Deliberately not here: connections whose address is translated on the
way (NAT), and namespaces without a process that can be seen from here; what is outside of our own container is both.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_TABLES = ("tcp", "tcp6")
_MAPPED_PREFIX = bytes(10) + b"\xff\xff"
_LOCAL, _REMOTE = 1, 2
"""Columns of the table."""


def is_held_elsewhere(here: tuple[bytes, int], there: tuple[bytes, int]) -> bool:
    """Tell whether another network namespace of this host has the connection with these ends, seen from `here`.

    Raises OSError where /proc cannot be read at all.
    """
    wanted = {(_written(end_here), _written(end_there)) for end_here, end_there in _families(here, there)}
    return any(_rows(namespace) & wanted for namespace in _other_namespaces())


def _other_namespaces() -> Iterator[Path]:
    """Yield one folder of tables for each network namespace that is not ours."""
    seen = {(_PROC / "self/net/tcp").stat().st_ino}
    for process in _PROC.iterdir():
        if not process.name.isdigit():
            continue
        try:
            identity = (process / "net/tcp").stat().st_ino
        except OSError:
            continue  # it has ended
        if identity not in seen:
            seen.add(identity)
            if _is_connected(process / "net"):
                yield process / "net"


def _is_connected(folder: Path) -> bool:
    try:
        return has_way_out((folder / "dev").read_text(encoding="ascii", errors="replace"))
    except OSError:
        return True  # in doubt its tables are read


def has_way_out(interfaces: str) -> bool:
    """Say whether /proc/PID/net/dev names an interface besides the loopback. Pure."""
    names = (line.partition(":")[0].strip() for line in interfaces.splitlines() if ":" in line)
    return any(name != "lo" for name in names)


def _rows(folder: Path) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for table in _TABLES:
        try:
            lines = (folder / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue  # its process has ended, or the kernel has no IPv6
        columns = (line.split(None, _REMOTE + 1) for line in lines)
        found |= {(row[_LOCAL], row[_REMOTE]) for row in columns if len(row) > _REMOTE}
    return found


def _families(here: tuple[bytes, int], there: tuple[bytes, int]) -> Iterator[tuple[tuple[bytes, int], ...]]:
    yield here, there
    if len(here[0]) == 4:
        yield (_MAPPED_PREFIX + here[0], here[1]), (_MAPPED_PREFIX + there[0], there[1])


def _written(end: tuple[bytes, int]) -> str:
    """Write an end as the table has it: the address by words in the processor's own order."""
    words = struct.unpack(f">{len(end[0]) // 4}I", end[0])
    swapped = (struct.unpack("=I", struct.pack(">I", word))[0] for word in words)
    return "".join(f"{word:08X}" for word in swapped) + f":{end[1]:04X}"
