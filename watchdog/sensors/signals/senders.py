"""What can be read about the sender of a signal while it still lives.

Invariant: nothing is said about another process than the sender: a pid whose cgroup is not the one that the kernel
noted is somebody else's by now, or was moved, and is left alone. Text is cut to one line and a small alphabet, in which
no sentence and no command can be written.
"""

import re
from pathlib import Path

from watchdog.core.peer import UNSET_ID
from watchdog.core.values import dataclass
from watchdog.origin import procfs
from watchdog.sensors.signals.cgroupnames import CgroupNames
from watchdog.sensors.signals.samples import SignalSample

_ANCESTORS_MAX = 32
_COMM_MAX = 16
_FOREIGN = re.compile(r"[^A-Za-z0-9_.:@/+\\-]")
_COMMAND_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSender:
    """The sender of one signal, as far as it could be seen."""

    sample: SignalSample
    cgroup: str = ""
    comm: str = ""
    uid: int | None = None
    audit_session: int = UNSET_ID
    lineage: tuple[int, ...] = ()
    """Its pid and those of its parents, nearest first."""
    command: tuple[str, ...] = ()
    """Its program, and the first word behind it that is no option: what an interpreter runs."""


def look_at_sender(sample: SignalSample, names: CgroupNames, *, briefly: bool = False) -> SeenSender:
    """Read what /proc still says, or (`briefly`) only name the cgroup. Never raises."""
    if not sample.sender:
        return SeenSender(sample=sample)  # what is outside of our container has no name in it
    try:
        cgroup = "" if briefly else procfs.read_cgroup(sample.sender)
        is_sender = bool(cgroup) and names.learn(cgroup) == sample.cgroup_id
        stat = procfs.read_stat(sample.sender) if is_sender else None
    except OSError:
        stat = None
    if stat is None:
        return SeenSender(sample=sample, cgroup=names.name(sample.cgroup_id))
    return SeenSender(
        sample=sample,
        cgroup=cgroup,
        comm=plain(stat.comm, _COMM_MAX),
        uid=_read_owner(sample.sender),
        audit_session=procfs.read_audit_id(sample.sender, "sessionid"),
        lineage=(sample.sender, *_parents(stat)),
        command=read_command(sample.sender),
    )


def read_command(pid: int) -> tuple[str, ...]:
    """Read the program of a command line and its first word that is no option; () of a process that is gone."""
    try:
        with Path(f"/proc/{pid}/cmdline").open("rb") as opened:
            words = opened.read(_COMMAND_BYTES_MAX).split(b"\0")
    except OSError:
        return ()
    told = [word.decode("utf-8", "replace") for word in words if word]
    return (*told[:1], *[word for word in told[1:] if not word.startswith("-")][:1])


def plain(text: str, length_max: int) -> str:
    """Make a name that a stranger chose harmless to show, even beside a command."""
    return _FOREIGN.sub("?", text[:length_max])


def _parents(stat: procfs.ProcessStat) -> tuple[int, ...]:
    """Walk up to pid 1. A parent younger than its child is a recycled pid: the walk ends before it."""
    found: list[int] = []
    while stat.parent_pid > 0 and len(found) < _ANCESTORS_MAX:
        try:
            parent = procfs.read_stat(stat.parent_pid)
        except OSError:
            break
        if parent.start_ticks > stat.start_ticks:
            break
        found.append(parent.pid)
        stat = parent
    return tuple(found)


def _read_owner(pid: int) -> int | None:
    """Read the account of a process; None when it is gone."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None
