"""What probes and sensors saw: the events about a gateway's health, and the values they carry.

Counterpart of core/health.py, which judges them. Invariant: no data is said as no data. A probe that could not be
run is an ERROR and not a failure, a measure that could not be read is left out and not 0, and neither ever makes a
gateway look better or worse. Texts are one line of at most 200 characters, cut by the room that read them.
"""

from enum import Enum

from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.values import dataclass


class ProbeResult(Enum):
    """How a look at the gateway came out."""

    OK = "ok"
    FAILED = "failed"
    """The gateway was asked and did not do what it should."""
    ERROR = "error"
    """The probe itself could not be run (no descriptor, no permission, a target that makes no sense): no data."""


class ProbeCause(Enum):
    """Where a failure must have its cause, as far as the probe can tell."""

    UNKNOWN = "unknown"
    LOCAL = "local"
    """On this host: refused, reset or silent on loopback, a stale heartbeat, a program that hangs."""
    REMOTE = "remote"
    """Elsewhere: a name that does not resolve, a provider that refuses, a quota, an expired login."""
    IMPOSTOR = "impostor"
    """Somebody else answers: the listener is no process of the gateway's. `detail` names it."""


class LogClass(Enum):
    """What a line of the gateway's log was recognised as."""

    GAVE_UP = "gave-up"
    """It stopped trying to reconnect."""
    AUTH_EXPIRED = "auth-expired"
    DISK_FULL = "disk-full"
    UNCAUGHT = "uncaught-exception"
    PORT_IN_USE = "port-in-use"
    CONFIG_INVALID = "config-invalid"
    CHANNELS_OFF = "channels-off"
    """It runs with channels or plugins switched off."""


class Measure(Enum):
    """What can be counted about a gateway without asking it. The unit is part of the meaning."""

    MEMORY = "memory"
    """Resident memory of all its processes, KiB."""
    HANDLES = "handles"
    """Open file descriptors."""
    THREADS = "threads"
    PROCESSES = "processes"
    CPU = "cpu"
    """Thousandths of one processor, mean over the span."""
    SOCKETS = "sockets"
    """Established connections to other hosts."""
    WORK = "work"
    """Messages or jobs done, thousandths per minute, mean over the span."""
    LOG_LINES = "log-lines"
    """Lines logged, thousandths per minute, mean over the span."""
    DISK = "disk"
    """Used share of the file system that holds its state folder, per mille."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One measure. `value` is a level's median over the span, or a rate's mean."""

    measure: Measure
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeObserved:
    """A probe looked. `probe` is its name in the policy; `detail` says what came back."""

    gateway: GatewayName
    probe: str
    result: ProbeResult
    cause: ProbeCause = ProbeCause.UNKNOWN
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogClassSeen:
    """The gateway logged something that is known. At most one report per class and five minutes, with its count."""

    gateway: GatewayName
    log_class: LogClass
    line: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuresObserved:
    """What was counted over the last `span_usec`, sorted by measure; what could not be read is not in it.

    Empty: nothing can be read any more.
    """

    gateway: GatewayName
    process: ProcessRef
    span_usec: int
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeObserved:
    """Whether the code on disk is the one that runs. `changed` names what is newer than the process, sorted, 8 at most.

    Empty: the next restart runs the same code. `detail` may say more, such as two versions.
    """

    gateway: GatewayName
    process: ProcessRef
    changed: tuple[str, ...] = ()
    detail: str = ""
