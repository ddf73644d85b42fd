"""How a life can be recognised by the kernel: what gateway/ knows and origin/ looks for.

Invariant: a mark is made by the room that started or adopted the life, never read from what a peer says. It stands
here, below both rooms, because gateway/ fills it and origin/ compares with it.
"""

from watchdog.core.identity import GatewayName, LifeId, ProcessRef
from watchdog.core.peer import UNSET_ID
from watchdog.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeMark:
    """One life whose processes may still exist. Without a cgroup of its own, `cgroup_id` is 0 and `cgroup` empty."""

    gateway: GatewayName
    life: LifeId
    cgroup_id: int
    """Inode of the cgroup's folder: the number that PIDFD_GET_INFO gives for a member."""
    cgroup: str
    """The cgroup as /proc/PID/cgroup names it; a member's is this one or below it."""
    process: ProcessRef
    audit_session: int = UNSET_ID
    """The audit session that its own PAM session gave it: what it starts keeps it, whatever cgroup that is in."""
