"""Who listens on the gateway's port, if it is not the gateway.

Theory of operation. The kernel lists every listener with the cgroup in which its socket was made, and that needs no
right at all; which process holds it does. So the owner is told apart by its cgroup, and named by a pid of it: the one
that holds the socket where that can be seen, else the oldest. A listener whose cgroup is gone, or which systemd made
itself (socket activation), is nobody's in particular and no rival.

Invariant: a listener that may be the gateway's own is never a rival. Deliberately not here: UDP and unix sockets.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from watchdog.core.rival import Rival, RivalKind
from watchdog.core.values import dataclass
from watchdog.origin import procfs
from watchdog.origin.marks import LifeMark
from watchdog.origin.members import list_members
from watchdog.origin.sockdiag import LISTENING, Connection, read_table

CGROUPS_MAX = 20_000
_MANAGER = "/init.scope"
_PIDS_MAX = 4096
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One listener of the port. `cgroup` is "" when its cgroup cannot be found any more."""

    uid: int
    inode: int
    cgroup: str


def look_at_port(port: int, own_cgroups: tuple[str, ...]) -> tuple[Rival, ...]:
    """Return the outside owners of a TCP port; `own_cgroups` are the gateway's. Blocks for some milliseconds.

    An answer of the kernel that cannot be had is nobody: this look is repeated.
    """
    if not port or not own_cgroups:
        return ()
    try:
        table = tuple(each for each in read_table(LISTENING) if each.source[1] == port)
    except OSError:
        return ()
    mount = procfs.find_cgroup_mount()
    if not table or mount is None:
        return ()
    listeners = tuple(_placed(table, mount))
    return tuple(_rival(each, port, mount) for each in outsiders(listeners, own_cgroups))


def look_at_port_of_child(port: int, marks: tuple[LifeMark, ...]) -> tuple[Rival, ...]:
    """Return the outside owners of a child gateway's port, which is free while none of its lives runs. Blocks.

    A life that has no cgroup of its own cannot be told from what else runs in gatedog's.
    """
    own_ids = {mark.cgroup_id for mark in marks}
    try:
        table = tuple(each for each in read_table(LISTENING) if each.source[1] == port)
        home = procfs.read_cgroup(os.getpid())
    except OSError:
        return ()
    mount = procfs.find_cgroup_mount()
    if mount is None or all(each.cgroup_id in own_ids for each in table):
        return ()  # the usual case, and the cheap one: cgroups are not searched
    own_cgroups = tuple(mark.cgroup or home for mark in marks)
    held = {inode for mark in marks for pid in list_members(mark, mount) for inode in procfs.socket_inodes(pid) or ()}
    listeners = tuple(each for each in _placed(table, mount) if each.inode not in held)
    return tuple(_rival(each, port, mount) for each in outsiders(listeners, own_cgroups))


def outsiders(listeners: tuple[Listener, ...], own_cgroups: tuple[str, ...]) -> tuple[Listener, ...]:
    """Return the listeners that cannot be the gateway's, one of each cgroup. Pure."""
    found: dict[str, Listener] = {}
    for each in listeners:
        if each.cgroup and each.cgroup != _MANAGER and not procfs.is_within(each.cgroup, own_cgroups):
            found.setdefault(each.cgroup, each)
    return tuple(found[cgroup] for cgroup in sorted(found))


def _placed(table: tuple[Connection, ...], mount: Path) -> Iterator[Listener]:
    paths = _paths_of(frozenset(each.cgroup_id for each in table), mount)
    for each in table:
        yield Listener(uid=each.uid, inode=each.inode, cgroup=paths.get(each.cgroup_id, ""))


def _paths_of(identities: frozenset[int], mount: Path) -> dict[int, str]:
    """Find cgroups by their ids, which are the inode numbers of their folders."""
    found: dict[int, str] = {}
    waiting, seen = [mount], 0
    while waiting and seen < CGROUPS_MAX and len(found) < len(identities):
        folder = waiting.pop()
        seen += 1
        try:
            with os.scandir(folder) as entries:
                waiting += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
            identity = folder.stat().st_ino
        except OSError:
            continue  # removed meanwhile
        if identity in identities:
            found[identity] = "/" + str(folder.relative_to(mount)).strip(".")
    return found


def _rival(listener: Listener, port: int, mount: Path) -> Rival:
    pid, comm, ticks = _holder(listener, mount)
    who = f"pid {pid} ({comm}), started {ticks / _TICKS_PER_SECOND:.2f} s after boot, " if pid else ""
    detail = f"port {port} is held by {who}uid {listener.uid}, in {listener.cgroup}"
    return Rival(kind=RivalKind.PORT, subject=procfs.one_line(listener.cgroup), detail=procfs.one_line(detail))


def _holder(listener: Listener, mount: Path) -> tuple[int, str, int]:
    """Return pid, name and start of a process of the cgroup: the socket's holder if that shows, else the oldest.

    Of processes that could all be looked into none is guessed at, and neither is one of the root cgroup, which is
    everybody's: (0, "", 0).
    """
    try:
        text = (mount / listener.cgroup.lstrip("/") / "cgroup.procs").read_text(encoding="ascii")
    except OSError:
        return 0, "", 0
    hidden: list[procfs.ProcessStat] = []
    for pid in [int(word) for word in text.split()[:_PIDS_MAX]]:
        inodes = procfs.socket_inodes(pid)
        if inodes is not None and listener.inode not in inodes:
            continue
        try:
            found = procfs.read_stat(pid)
        except OSError:
            continue  # ended meanwhile
        if inodes is not None:
            return pid, found.comm, found.start_ticks
        hidden.append(found)
    oldest = min(hidden, key=lambda each: (each.start_ticks, each.pid), default=None)
    if oldest is None or listener.cgroup == "/":
        return 0, "", 0
    return oldest.pid, oldest.comm, oldest.start_ticks
