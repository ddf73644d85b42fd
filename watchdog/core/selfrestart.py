"""A restart that the gateway made by itself, so that no exit was seen and nothing is to be started.

Theory of operation. A program may execute itself anew, start over inside of its process, or hand its place to another
process: each of the three ends a life and begins the next without anything that looks like a death. Whoever notices
says so with this one event; what follows is decided in core/lifecycle.py.

Invariant: the words of the evidence are gatedog's own, about what it saw; nothing of it is said by the gateway.
"""

from enum import Enum

from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.values import dataclass


class SelfRestartMeans(Enum):
    """By which means a gateway took its own place."""

    EXEC_IN_PLACE = "exec-in-place"
    """The main process executed a program anew: same pid, same start time, new memory."""
    SAME_PID = "same-pid"
    """The program started over without leaving its process: by its lock's, or its own, time of start."""
    HANDED_OFF = "handed-off"
    """Another process of the same run became the main one (MAINPID=)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfRestartSeen:
    """The life of `process` ended and another began in its place, by the gateway's own doing."""

    gateway: GatewayName
    process: ProcessRef
    """The main process of the life that ended."""
    means: SelfRestartMeans
    evidence: str
    """What was seen, one line of at most 200 characters."""
    successor: ProcessRef | None = None
    """The main process of the life that began; None: the same one."""
    mark: str = ""
    """What tells the life that began from the one before (a time of start, an address), so that a report made twice is
    taken once. Empty: the witness remembers by itself what it has reported."""


MEANS_TEXT = {
    SelfRestartMeans.EXEC_IN_PLACE: "it executed a program in place",
    SelfRestartMeans.SAME_PID: "it started over inside of its process",
    SelfRestartMeans.HANDED_OFF: "it handed over to another process",
}
