"""Runbooks for machines, as a bundle has them: lists of steps, each an argv, never a line that a shell takes apart.

Invariant: a step that does not say what it does is destabilising. Deliberately not here: what is remembered of runs
(core/runstate.py), and what follows from what (core/runs.py).
"""

from watchdog.core.effect import Effect
from watchdog.core.timeline import MINUTE
from watchdog.core.values import dataclass

STEP_TIMEOUT_USEC = MINUTE
APPROVAL_FOR_USEC = 15 * MINUTE
"""How long a step waits for a person. Who comes later finds another situation than the one that was shown."""

GATEWAY_WORD = "{gateway}"
INCIDENT_WORD = "{incident}"
"""Stand in an argv for the name of what the run is about."""


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
