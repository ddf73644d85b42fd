"""What is remembered of the runs of runbooks for machines, and the event of a step's end.

A run is one pass through a runbook, for one incident or because a person wanted it. A breaker stands before each
runbook: it opens when a run failed, or when there were too many, and only a person closes it.

Invariant: a run holds its steps as they were when it began, with the names filled in: a policy that is loaded while a
person reads what waits for them changes nothing of it. Deliberately not here: what follows from what (core/runs.py).
"""

from enum import Enum

from watchdog.core.identity import ActionId, BootId, GatewayName, IncidentId, RunId
from watchdog.core.runbookpolicy import RunbookStep
from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass

RUNS_KEPT = 64
"""Runs remembered; older ones live on in the journal."""


class RunPhase(Enum):
    """Where a run stands (core/runs.py)."""

    RUNNING = "running"
    WAITING = "waiting"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    ABORTED = "aborted"
    LOST = "lost"


class BreakerPhase(Enum):
    """Whether a runbook may run (core/breaker.py)."""

    CLOSED = "closed"
    OPEN = "open"


class StepEnd(Enum):
    """How far a step got."""

    OVER = "over"
    TIMEOUT = "timeout"
    UNMET = "unmet"
    """Its precondition did not hold, so it was not taken."""
    NOT_RUN = "not-run"
    """Its program could not be run, or must not be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTaken:
    """One step that was taken, or tried. `said` is the last line of its output: a program's text, untrusted."""

    number: int
    ended: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pass through a runbook. `number` counts steps from 1; it is the step at hand."""

    run: RunId
    runbook: str
    gateway: GatewayName
    incident: IncidentId | None
    who: str
    """Who began it: "gatedog", or the person."""
    phase: RunPhase
    steps: tuple[RunbookStep, ...]
    began_usec: Usec
    began_wall_usec: Usec
    boot: BootId
    number: int = 1
    action: ActionId | None = None
    """The order that is under way."""
    previewing: bool = False
    """It is the preview of the step that is under way, not the step."""
    until_wall_usec: Usec = Usec(0)
    """Of a run that waits: until when."""
    taken: tuple[StepTaken, ...] = ()
    because: str = ""
    """Why it is where it is."""
    story_next: str = ""
    """What the incident's next command was, before it was to approve."""
    ended_wall_usec: Usec | None = None

    @property
    def step(self) -> RunbookStep:
        """The step at hand."""
        return self.steps[self.number - 1]

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.phase not in (RunPhase.RUNNING, RunPhase.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What stands before a runbook. `begun`: when its runs began, as far back as a window may reach."""

    runbook: str
    phase: BreakerPhase = BreakerPhase.CLOSED
    begun: tuple[Usec, ...] = ()
    because: str = ""
    since_wall_usec: Usec = Usec(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsMemory:
    """All runs that are remembered, oldest first, and the breakers, sorted by runbook."""

    count: int = 0
    runs: tuple[Run, ...] = ()
    breakers: tuple[Breaker, ...] = ()


def breaker_of(memory: RunsMemory, runbook: str) -> Breaker:
    """Return what stands before a runbook, closed if it never ran."""
    known = next((each for each in memory.breakers if each.runbook == runbook), None)
    return known if known is not None else Breaker(runbook=runbook)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    """A step that was ordered ended, or could not be taken.

    `code` None with end OVER: a signal ended it, see `detail`. `succeeded` and `stops` say whether the output holds
    what `success` and `stop_if` look for; both are true where they look for nothing in it. `said` is its last line.
    """

    gateway: GatewayName
    run: RunId
    number: int
    action: ActionId
    end: StepEnd
    code: int | None = None
    succeeded: bool = True
    stops: bool = True
    said: str = ""
    detail: str = ""
