"""What can be known about a process that asks for something.

Invariant: facts only, as the kernel gave them; every judgement on them is in core/origin.py, and every byte was
gathered by origin/ while the peer's pidfd still said "alive". `None` means "could not be read", never "no".
"""

from dataclasses import dataclass

from watchdog.core.identity import LifeId, ProcessRef

UNSET_ID = 0xFFFFFFFF
"""loginuid and sessionid of a process that no login made (the kernel's (u32)-1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """One process on the way from the peer to pid 1, nearest first. `comm` is the kernel's 15 bytes, untrusted."""

    process: ProcessRef
    comm: str
    cgroup: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The evidence on one requester, complete enough to judge it again years later."""

    process: ProcessRef | None
    """None when the process was gone before it could be read."""
    uid: int
    gid: int
    comm: str = ""
    cgroup: str = ""
    cgroup_id: int = 0
    ancestors: tuple[Ancestor, ...] = ()
    tty: int = 0
    """tty_nr of /proc/PID/stat; 0 is no controlling terminal."""
    session_leader: ProcessRef | None = None
    login_uid: int = UNSET_ID
    audit_session: int = UNSET_ID
    alive: bool = False
    """Still alive after the last read, so every read was of this process."""
    same_writer: bool = True
    """The process that wrote the message is the one that connected (SCM_CREDENTIALS against SO_PEERCRED)."""
    same_pid_namespace: bool = True
    in_life: tuple[tuple[str, LifeId], ...] = ()
    """(gateway, life) pairs whose cgroup or process tree holds the peer, as found by the kernel at accept."""
    sure: str = ""
    """Which kernel facilities the evidence rests on, for `whoami`: "peerpidfd+info", "peercred", ..."""
