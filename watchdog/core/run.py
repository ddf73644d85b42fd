"""Runbooks for machines, and what is remembered of their runs.

A runbook is a list of steps, each an argv: words, and never a line that a shell takes apart. A run is one pass through
a runbook, for one incident or because a person wanted it. A breaker stands before each runbook: it opens when a run
failed, or when there were too many, and only a person closes it.

Invariant: a run holds its steps as they were when it began, with the names filled in: a policy that is loaded while a
person reads what waits for them changes nothing of it. Deliberately not here: what follows from what (core/runs.py).
"""

from enum import Enum

from watchdog.core.identity import ActionId, BootId, GatewayName, IncidentId, RunId
from watchdog.core.timeline import MINUTE, Usec
from watchdog.core.values import dataclass

STEP_TIMEOUT_USEC = MINUTE
APPROVAL_FOR_USEC = 15 * MINUTE
"""How long a step waits for a person. Who comes later finds another situation than the one that was shown."""

RUNS_KEPT = 64
"""Runs remembered; older ones live on in the journal."""

GATEWAY_WORD = "{gateway}"
INCIDENT_WORD = "{incident}"
"""Stand in an argv for the name of what the run is about."""


class Effect(Enum):
    """What a step does to the world. A step that does not say is DESTABILISING."""

    OBSERVE = "observe"
    REVERSIBLE = "reversible"
    DESTABILISING = "destabilising"


# -- rules ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must hold for a step to be taken; what is empty is not asked for."""

    argv: tuple[str, ...] = ()
    """A program that exits 0."""
    phases: tuple[str, ...] = ()
    """The gateway is in one of these (core/state.py Phase)."""
    holds: tuple[str, ...] = ()
    """Its hold is one of these (core/state.py Hold)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What to look for in how a program ended: all that is not empty must be there."""

    exits: tuple[int, ...] = ()
    output: str = ""
    """A regular expression that is found in a line of what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookStep:
    """One step. `preview` is a text, or the program whose output is shown to who is asked to approve."""

    argv: tuple[str, ...]
    title: str = ""
    effect: Effect = Effect.DESTABILISING
    precondition: Condition = Condition()
    timeout_usec: int = STEP_TIMEOUT_USEC
    success: Sign = Sign(exits=(0,))
    stop_if: Sign = Sign()
    preview: str = ""
    preview_argv: tuple[str, ...] = ()
    blast_radius: str = ""
    costs_starts: int = 0
    """Starts of the gateway that come of it, and that its restart budget will be charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRunbook:
    """What is done about incidents of some rules. `at_most` runs in any sliding `per_usec`."""

    name: str
    title: str
    on: tuple[str, ...]
    steps: tuple[RunbookStep, ...]
    at_most: int = 3
    per_usec: int = 60 * MINUTE


# -- memory --------------------------------------------------------------------------------------------------------


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


# -- events --------------------------------------------------------------------------------------------------------


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
