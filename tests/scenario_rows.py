"""How a scenario prints what was decided: `at  decision  [rule]  because` (tests/scenario_language.py)."""

from watchdog.core.decisions import (
    AnswerRequest,
    CancelTimer,
    Decision,
    EndingJudged,
    HealthChanged,
    IncidentExtended,
    IncidentOpened,
    IncidentReopened,
    QueuePage,
    SetTimer,
    StartGateway,
)
from watchdog.core.timeline import SECOND


def row(at_usec: int, decision: Decision) -> str:
    """Return the line of one decision."""
    seconds = at_usec // SECOND
    at = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{at}  {_words(decision):<42} [{decision.rule.value}]  {decision.because}"


def _words(decision: Decision) -> str:
    name = type(decision).__name__
    match decision:
        case StartGateway(charge=charge):
            return f"{name} {charge.value}"
        case EndingJudged(ending=ending, asked=asked):
            return f"{name} {ending.value} {'asked' if asked else 'unasked'}"
        case IncidentOpened() | IncidentReopened() | IncidentExtended():
            return f"{name} {decision.incident} {decision.severity.value}"
        case QueuePage(severity=severity, update=update, channels=channels):
            return f"{name} {severity.value} {update.value} > {' '.join(channels)}"
        case HealthChanged(health=health):
            return f"{name} {health.value}"
        case AnswerRequest(outcome=outcome):
            return f"{name} {outcome.value}"
        case SetTimer(timer=timer):
            return f"{name} {timer.kind.value}"
        case CancelTimer(timer=timer):
            return f"{name} {timer.kind.value}"
        case _:
            return f"{name} {decision.charge.value}" if hasattr(decision, "charge") else name
