"""What can be known about a process that asks for something.

Invariant: facts only, as the kernel gave them; every judgement on them is in core/origin.py, and every byte was
gathered by origin/ while the peer's pidfd still said "alive". `None` means "could not be read", never "no".
"""

from enum import Enum

from watchdog.core.identity import LifeId, ProcessRef
from watchdog.core.values import dataclass

UNSET_ID = 0xFFFFFFFF
"""loginuid and sessionid of a process that no login made (the kernel's (u32)-1)."""


class RemoteEnd(Enum):
    """Where the other end of the ssh connection is over which the peer was logged in."""

    NONE = "none"
    """No ssh daemon stands above the peer, and its login session names none."""
    ELSEWHERE = "elsewhere"
    HERE = "here"
    """On this very host, in whatever container or network namespace of it that can be seen."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSession:
    """The login session (logind) whose scope holds the peer."""

    name: str
    session_class: str
    """"user", "background", "manager", ... as logind has it."""
    program: str
    """The PAM name that opened it: "sshd", "login", "su-l", "gdm-password", ..."""
    uid: int
    leader: ProcessRef | None
    """None when it is gone, or another process than the one that opened the session."""
    leader_audit_session: int = UNSET_ID
    leader_program: str = ""
    """File name of what the leader executes; its own name, which it may choose itself, where that cannot be read."""
    leader_tty: int = 0
    """tty_nr of the leader. Unlike `virtual_terminal`, which whoever opens a session may claim, it is the kernel's."""
    virtual_terminal: int = 0
    remote_host: str = ""
    closing: bool = False


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
    has_logind: bool = False
    """Login sessions are kept on this host, so that who logged in has one."""
    login: LoginSession | None = None
    remote_end: RemoteEnd = RemoteEnd.NONE
    connected_from: str = ""
    """The cgroup that opened the other end of the ssh connection, where that is here: for the record alone."""
    has_local_desktop: bool = False
    """The peer is below the user@ of a uid that has a graphical session at this machine's own seat, whose leader lives,
    and under which no gateway runs."""
    sure: str = ""
    """Which kernel facilities the evidence rests on, for `whoami`: "peerpidfd+info", "peercred", ..."""
