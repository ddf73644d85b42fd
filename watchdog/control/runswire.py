"""Runbooks for machines and their runs, as they travel. See wire.py for what holds of all such types."""

from watchdog.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatus:
    """One step as its runbook has it. `effect` is "observe", "reversible" or "destabilising"."""

    number: int
    title: str
    argv: list[str]
    effect: str
    precondition: list[str]
    phases: list[str]
    holds: list[str]
    timeout_usec: int
    success: str
    stop_if: str
    preview: str
    blast_radius: str
    costs_starts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookStatus:
    """One runbook in force. `breaker` is "closed" or "open"; `recent` runs count against `at_most`."""

    name: str
    title: str
    on: list[str]
    steps: list[StepStatus]
    at_most: int
    per_usec: int
    recent: int
    breaker: str
    breaker_because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenStatus:
    """A step that was taken, or tried. `said` is the last line it printed: a program's text, untrusted."""

    number: int
    ended: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """One run. `phase`: "running", "waiting", "finished", "stopped", "failed", "aborted" or "lost".

    `argv` and `argv_sha256` are of the step at hand, empty when the run is over.
    """

    run: str
    runbook: str
    gateway: str
    incident: str | None
    who: str
    phase: str
    because: str
    step: int
    argv: list[str]
    argv_sha256: str
    began_wall_usec: int
    ended_wall_usec: int | None
    until_wall_usec: int | None
    taken: list[TakenStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbooksStatus:
    """The runbooks in force, by name; the runs that are remembered, newest first; whose host they are."""

    host: str
    runbooks: list[RunbookStatus]
    runs: list[RunStatus]
