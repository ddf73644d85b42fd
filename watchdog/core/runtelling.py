"""What people are told of a run: as one more fact of the incident that it answers.

Invariant: what a program printed is quoted, at the end, and never in a title or beside a command. A run tells nobody
twice of the same thing.
"""

from shlex import join

from watchdog.core import budget, incident
from watchdog.core.decisions import Severity
from watchdog.core.incident import Finding, Matter
from watchdog.core.rules import RuleId
from watchdog.core.runstate import Run, RunPhase, StepEnd, StepEnded
from watchdog.core.state import Incident, IncidentPhase
from watchdog.core.turn import Turn
from watchdog.core.values import replace

COMMAND_MAX = 200
"""Characters of a command on a page; `gatedog runbook runs` shows all of it."""

_BREAKER = "ended the run, and opened the runbook's breaker: it answers nothing more until a person closes it"


def tell_waiting(turn: Turn, run: Run, preview: str) -> None:
    """Show people the step that waits for one of them."""
    step = run.step
    reach = step.blast_radius or f"nobody wrote it down; take it for all of {run.gateway or 'this host'}"
    because = f"step {run.number} of {len(run.steps)}: {command_text(step.argv)}; blast radius: {reach}; "
    because += cost_text(turn, run)
    if preview:
        because += f"; preview: {quoted(preview) if step.preview_argv else preview}"
    finding = Finding(
        gateway=run.gateway,
        matter=_matter(turn, run),
        severity=Severity.WARNING,
        rule=RuleId.RUN_NEEDS_APPROVAL,
        title=f"{run.run} WAITS FOR YOU - step {run.number} of {run.runbook}",
        because=because,
        did="nothing: it waits 15m for a person, and is given up then",
        next_command=approve_command(run),
        tell_anyway=True,
    )
    _report(turn, run, finding, keeps_command=False)


def tell(turn: Turn, run: Run, rule: RuleId) -> None:
    """Say how a run ended."""
    fails = run.phase in (RunPhase.FAILED, RunPhase.LOST)
    finding = Finding(
        gateway=run.gateway,
        matter=_matter(turn, run),
        severity=Severity.WARNING,
        rule=rule,
        title=_title(run, rule),
        because=run.because,
        did=_BREAKER if fails else "ended the run; what it did until then stands",
        next_command="gatedog runbook runs",
        tell_anyway=True,
    )
    _report(turn, run, finding, keeps_command=True)


def _title(run: Run, rule: RuleId) -> str:
    match rule:
        case RuleId.RUN_EXPIRED:
            return f"{run.run} was given up - nobody approved step {run.number} of {run.runbook}"
        case RuleId.RUN_FAILED:
            return f"{run.run} FAILED at step {run.number} of {run.runbook}"
        case RuleId.RUN_LOST:
            return f"{run.run} is LOST - nobody knows whether step {run.number} of {run.runbook} was taken"
        case _:
            return f"{run.run} stopped at step {run.number} of {run.runbook}"


def approve_command(run: Run) -> str:
    """Say what a person types to approve of the step at hand."""
    return f"gatedog runbook approve {run.run}/{run.number}"


def command_text(argv: tuple[str, ...]) -> str:
    """Say an argv as it would be typed, cut to what a page holds."""
    text = join(argv)
    return text if len(text) <= COMMAND_MAX else f"{text[:COMMAND_MAX]}... (cut)"


def cost_text(turn: Turn, run: Run) -> str:
    """Say what the step at hand costs of the gateway's restart budget."""
    starts = run.step.costs_starts
    if not starts or not turn.knows(run.gateway):
        return "costs no start"
    ledger = turn.gateway(run.gateway).ledger
    windows = turn.policy_of(run.gateway).budget.windows
    spent = (len(budget.used(ledger, each, budget.PLAIN_ACCOUNTS, turn.now_usec)) for each in windows)
    standing = ", ".join(f"{used} of {budget.window_text(each)}" for used, each in zip(spent, windows, strict=True))
    return f"costs {starts} start{'s' if starts > 1 else ''} of its budget, of which {standing} are used"


def ended_text(event: StepEnded) -> str:
    """Say how a step ended, as the end of a sentence about it."""
    match event.end:
        case StepEnd.OVER:
            return f"exited with {event.code}" if event.code is not None else f"was ended by {event.detail}"
        case StepEnd.TIMEOUT:
            return "did not end in time, and was killed"
        case StepEnd.UNMET:
            return "was not taken: its precondition does not hold"
        case StepEnd.NOT_RUN:
            return f"could not be run: {event.detail}"


def quoted(text: str) -> str:
    """Set apart what a program printed."""
    return '"' + text.replace('"', "'") + '"'


def _matter(turn: Turn, run: Run) -> Matter:
    story = _story(turn, run)
    if story is None:
        return Matter.RUNBOOK
    return Matter(story.fingerprint.removeprefix(f"{story.gateway}:"))


def _story(turn: Turn, run: Run) -> Incident | None:
    """Return the incident that a run answers, while it is open."""
    story = incident.find(turn, run.incident) if run.incident is not None else None
    return story if story is not None and story.phase is not IncidentPhase.RESOLVED else None


def _report(turn: Turn, run: Run, finding: Finding, *, keeps_command: bool) -> None:
    """Tell of a run as a fact of its incident, which goes on to be about what it is about."""
    story = _story(turn, run)
    incident.report(turn, finding)
    told = None if story is None else incident.find(turn, story.incident)
    if story is None or told is None:
        return
    command = story.next_command if keeps_command else told.next_command
    restored = replace(told, title=story.title, because=story.because, rule=story.rule, next_command=command)
    incident.put(turn, restored)
