"""What is remembered about a gateway's health: probes, learned normals, signs, and what was told.

Invariant: bounded integers and short texts only, and nothing here changes when a passing probe passes again: that is
what lets a year of five probes fit into the journal.
"""

from enum import Enum

from watchdog.core.observations import Measure, ProbeCause
from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass


class Health(Enum):
    """Whether the gateway does its work (core/health.py)."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    SUSPECT = "suspect"
    DEGRADED = "degraded"


class ProbePhase(Enum):
    """What is known through one probe (core/probes.py)."""

    UNKNOWN = "unknown"
    PASSING = "passing"
    FALTERING = "faltering"
    FAILING = "failing"
    RECOVERING = "recovering"


class SignKind(Enum):
    """A sign that something is wrong which no probe gave (core/signs.py)."""

    WORK_FELL = "work-fell"
    SOCKETS_FELL = "sockets-fell"
    LOG_SILENT = "log-silent"
    LOG_FLOOD = "log-flood"
    GROWING = "growing"
    BUSY = "busy"
    DISK_FULL = "disk-full"
    LOG_SAID = "log-said"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dip:
    """One time that a probe failed. `back_usec` None: it has not come back."""

    at_usec: Usec
    back_usec: Usec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeState:
    """One probe. `run` counts equal outcomes in a row, and stops where more of them change nothing."""

    name: str
    phase: ProbePhase = ProbePhase.UNKNOWN
    run: int = 0
    since_usec: Usec = Usec(0)
    """When the run of failures, or of whatever the phase is about, began."""
    errors: int = 0
    """Times in a row that the probe itself could not be run."""
    cause: ProbeCause = ProbeCause.UNKNOWN
    detail: str = ""
    dips: tuple[Dip, ...] = ()
    flapping: bool = False
    passed: bool = False
    """Whether it has passed in this life."""
    in_sight: bool = False
    """Whether it has passed since it was last lost from sight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One reading kept. `span_usec` is the time it was counted over."""

    at_usec: Usec
    value: int
    span_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HourSum:
    """The hour of the week under way: the sum of its readings, and how long they were counted over."""

    hour: int
    weighted: int
    span_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """What is usual for one measure (core/normal.py)."""

    measure: Measure
    slots: tuple[Slot, ...] = ()
    hour: HourSum | None = None
    week: tuple[tuple[int, ...], ...] = ()
    """For each hour of the week, Monday 00:00 UTC first, the last few means; empty until the first hour is over."""
    idle_since_usec: Usec | None = None
    """When it was last not nothing, while it is nothing at a time that had some."""
    lulls: tuple[int, ...] = ()
    """How long the last idle times were that ended by themselves, in microseconds."""
    peak: int = 0
    """The highest a life reached that was ended on request: a level that people have seen and lived with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One sign that stands, or is forming. Counts are thousandths."""

    kind: SignKind
    subject: str = ""
    """The measure, or the class of the log line."""
    since_usec: Usec = Usec(0)
    times: int = 1
    expected: int = 0
    seen: int = 0
    before: int = 0
    """What was usual before it began."""
    last: int = 0
    by_week: bool = False
    """Whether only the hour of the week says that there should be something."""
    steady: bool = False
    """Whether what was usual before had held for an hour, without a gap."""
    flat: bool = False
    """Whether what was usual before had not varied at all."""
    last_usec: Usec = Usec(0)
    detail: str = ""
    good: int = 0
    """Readings in a row that spoke against it since it stood."""
    held: tuple[Slot, ...] = ()
    """Readings that join the normal after all if the sign comes to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthState:
    """Everything about one gateway's health."""

    health: Health = Health.UNKNOWN
    since_usec: Usec = Usec(0)
    since_wall_usec: Usec = Usec(0)
    probes: tuple[ProbeState, ...] = ()
    normals: tuple[Normal, ...] = ()
    signs: tuple[Sign, ...] = ()
    measured: bool = False
    """Whether anything was measured in this life since it was ready."""
    told: tuple[str, ...] = ()
    """The findings that stand and were reported: rule and subject."""
    mended: bool = False
    """Whether this degradation has had its one restart."""
    mending: bool = False
    """A restart for a degradation is under way."""
    fakeable: bool = False
    """Whether the gateway could have faked what that restart is for."""
    settled_usec: int | None = None
    """How long this life took until every probe passed; None: not yet."""
    settles: tuple[int, ...] = ()
    """The same of the lives before, in microseconds, the latest last."""
    remote_usec: Usec | None = None
    """When a probe last came back from a failure whose cause was elsewhere."""
    stale_code: tuple[str, ...] = ()
