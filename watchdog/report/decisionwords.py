"""One decision in one line: what, by which rule, and why.

Invariant: total over the closed union of decisions (mypy proves it), one line each, and nothing from outside unescaped.
Deliberately not here: what became of it; that comes back as an event (story.py joins the two).
"""

from typing import assert_never

from watchdog.core.decisions import (
    AcknowledgementEnded,
    Action,
    AnswerRequest,
    BudgetReset,
    CancelTimer,
    CollectEvidence,
    Decision,
    DropEvidence,
    EndingJudged,
    HealthChanged,
    HoldPlaced,
    HoldReleased,
    IncidentAcknowledged,
    IncidentExtended,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    KillGateway,
    NothingDone,
    OriginJudged,
    PageDelayed,
    PageFolded,
    PageRetried,
    PageWithheld,
    PolicyAdopted,
    PolicyKept,
    ProbationPassed,
    QueuePage,
    QuietEnded,
    QuietGranted,
    SetTimer,
    Severity,
    SlowEntered,
    StartCharged,
    StartGateway,
    StartWithheld,
    StopGateway,
    Verdict,
)
from watchdog.core.paperdecisions import CauseSigned, HypothesisJudged, HypothesisTaken, PostmortemEdited
from watchdog.core.rundecisions import BreakerMoved, EndStep, PerformStep, RunBegan, RunEnded, RunWaits
from watchdog.report.escape import agent_says, visible
from watchdog.report.eventwords import timer_text
from watchdog.report.paperwords import paper_text
from watchdog.report.runwords import run_text

AboutIncident = (
    IncidentOpened
    | IncidentExtended
    | IncidentReopened
    | IncidentResolved
    | IncidentAcknowledged
    | AcknowledgementEnded
)
AboutHealth = HealthChanged | QuietGranted | QuietEnded
AboutPage = PageWithheld | PageDelayed | PageFolded | PageRetried


def decision_text(decision: Decision) -> str:
    """Say a decision: "start openclaw as life 42 [restart.at-once] the first unasked ending"."""
    said = f"{visible(what_text(decision), 300)} [{decision.rule.value}] {decision.because}"
    if isinstance(decision, QueuePage) and decision.agent_says:
        said = f"{visible(said, 400)}; {agent_says(decision.agent_says, 160)}"
    return visible(said).rstrip()


def what_text(decision: Decision) -> str:
    """Say what was decided, without rule and reason."""
    match decision:
        case (
            StartGateway()
            | StopGateway()
            | KillGateway()
            | SetTimer()
            | CancelTimer()
            | CollectEvidence()
            | DropEvidence()
            | QueuePage()
            | AnswerRequest()
            | PerformStep()
            | EndStep()
        ):
            return _action(decision)
        case _:
            return _verdict(decision)


def _action(action: Action) -> str:
    name = action.gateway
    match action:
        case StartGateway():
            return f"start {name} as life {action.life}, charged to {action.charge.value}"
        case StopGateway():
            return f"ask {name} (pid {action.process.pid}) to end"
        case KillGateway():
            return f"kill {name} (pid {action.process.pid}) and all it left behind"
        case SetTimer():
            return f"wait until: {timer_text(action.timer)}"
        case CancelTimer():
            return f"wait no longer until: {timer_text(action.timer)}"
        case CollectEvidence():
            return f"keep evidence of life {action.life} for {action.incident}"
        case DropEvidence():
            return f"drop the evidence in {visible(action.folder, 100)}"
        case QueuePage():
            kind = "notice" if action.severity is Severity.INFO else f"page ({action.severity.value})"
            about = f" {action.incident}" if action.incident else ""
            return f'{kind}{about} to {", ".join(action.channels) or "nobody"}: "{visible(action.title, 120)}"'
        case AnswerRequest():
            return f"answer {action.request}: {action.outcome.value}"
        case PerformStep() | EndStep():
            return run_text(action)
        case _ as unreachable:
            assert_never(unreachable)


def _verdict(verdict: Verdict) -> str:
    name = verdict.gateway
    match verdict:
        case OriginJudged():
            said = f"{verdict.request} comes from: {verdict.origin.value}"
        case EndingJudged():
            said = f"life {verdict.life} ended {'as asked' if verdict.asked else 'and nobody asked for it'}"
        case StartCharged():
            said = f"life {verdict.life} is charged to {verdict.charge.value}"
        case StartWithheld():
            said = f"no start of {name}"
        case HoldPlaced():
            said = f"hold {name}: no automatic start until a human releases it"
        case HoldReleased():
            said = f"{name} is released, on probation"
        case ProbationPassed():
            said = f"{name} has passed its probation"
        case SlowEntered():
            said = f"{name} is tried slowly from here"
        case BudgetReset():
            said = f"the restart budget of {name} is reset"
        case PolicyAdopted():
            said = f"policy {verdict.digest[:12]} is in force"
        case PolicyKept():
            said = "the last good policy stays in force"
        case NothingDone():
            said = "nothing to do"
        case RunBegan() | RunWaits() | RunEnded() | BreakerMoved():
            said = run_text(verdict)
        case HealthChanged() | QuietGranted() | QuietEnded():
            said = _about_health(verdict)
        case HypothesisTaken() | HypothesisJudged() | PostmortemEdited() | CauseSigned():
            said = paper_text(verdict)
        case PageWithheld() | PageDelayed() | PageFolded() | PageRetried():
            said = _about_page(verdict)
        case _:
            said = _about_incident(verdict)
    return said


def _about_health(verdict: AboutHealth) -> str:
    name = verdict.gateway
    match verdict:
        case HealthChanged():
            return f"{name} is {verdict.health.value}"
        case QuietGranted():
            return f"no pages about {visible(verdict.subject, 60) or name} for a while"
        case QuietEnded():
            return f"pages about {visible(verdict.subject, 60) or name} again"
        case _ as unreachable:
            assert_never(unreachable)


def _about_page(verdict: AboutPage) -> str:
    match verdict:
        case PageWithheld():
            return f"{verdict.incident} waits until the quiet is over"
        case PageDelayed():
            return f"{verdict.incident or 'a notice'} waits until the morning"
        case PageFolded():
            return f"no page of its own about {verdict.incident or 'this'} to {', '.join(verdict.channels)}"
        case PageRetried():
            return f"page {verdict.page} is tried again on {', '.join(verdict.channels)}"
        case _ as unreachable:
            assert_never(unreachable)


def _about_incident(verdict: AboutIncident) -> str:
    match verdict:
        case IncidentOpened():
            return f"{verdict.incident} opens ({verdict.severity.value})"
        case IncidentExtended():
            return f"{verdict.incident} goes on ({verdict.severity.value})"
        case IncidentReopened():
            return f"{verdict.incident} opens again ({verdict.severity.value})"
        case IncidentResolved():
            return f"{verdict.incident} is over"
        case IncidentAcknowledged():
            return f"{verdict.incident} is acknowledged"
        case AcknowledgementEnded():
            return f"{verdict.incident} is acknowledged no longer"
        case _ as unreachable:
            assert_never(unreachable)
