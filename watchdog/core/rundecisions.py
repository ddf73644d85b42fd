"""What is decided about runbooks for machines: part of the union of core/decisions.py."""

from watchdog.core.base import Base
from watchdog.core.identity import ActionId, IncidentId, RunId
from watchdog.core.runstate import BreakerPhase, RunPhase
from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformStep(Base):
    """Run a program once, and what must hold for it before; answered by StepEnded, however it goes."""

    action: ActionId
    run: RunId
    number: int
    incident: IncidentId | None
    argv: tuple[str, ...]
    precondition: tuple[str, ...]
    timeout_usec: int
    success: str
    """A regular expression to look for in the output; empty: none."""
    stop_if: str
    """Likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStep(Base):
    """End the program of a run that is over, and all it left behind. Nobody waits for an answer."""

    run: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan(Base):
    """A runbook is run."""

    run: RunId
    runbook: str
    incident: IncidentId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWaits(Base):
    """The step at hand is not taken until a person approves, at the latest at `until_usec` of the core's timeline."""

    run: RunId
    number: int
    until_usec: Usec


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Base):
    """Nothing more comes of a run."""

    run: RunId
    phase: RunPhase
    incident: IncidentId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerMoved(Base):
    """A runbook may run no more, or again."""

    runbook: str
    phase: BreakerPhase


RunAction = PerformStep | EndStep
RunVerdict = RunBegan | RunWaits | RunEnded | BreakerMoved
