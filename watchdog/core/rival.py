"""What another owner of a gateway looks like: values that events carry.

Invariant: a rival is named by something a person can go and look at (a unit, a file, a process), and `detail` is the
evidence in one line. Deliberately not here: what follows from one (core/ownership.py).
"""

from enum import Enum

from watchdog.core.values import dataclass


class JobKind(Enum):
    """What a job of the service manager does to a unit."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    OTHER = "other"


class RivalKind(Enum):
    """In which way somebody else could start or end the gateway."""

    RESTART_SETTING = "restart-setting"
    """The unit's own `Restart=` or start limit is in force again."""
    DROP_IN = "drop-in"
    """gatedog's drop-in is not in force."""
    UNIT_FILE = "unit-file"
    """The unit file is not the one that was taken over, or was not read again since it changed."""
    OTHER_UNIT = "other-unit"
    """Another unit, user unit or scheduled job starts the same program."""
    PORT = "port"
    LOCK = "lock"
    DEPENDENCY = "dependency"
    """Another unit pulls the gateway in, or down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """One other owner. `subject` names it, `detail` says what was seen (pid, cgroup, start time, a line of a file)."""

    kind: RivalKind
    subject: str
    detail: str

    def text(self) -> str:
        """Say it in a line."""
        return f"{self.kind.value}: {self.subject}" + (f" ({self.detail})" if self.detail else "")
