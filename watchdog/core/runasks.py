"""What people ask of runs: to run a runbook, to approve of a step, to give a run up, to close a breaker.

Invariant: an approval is for one step of one run, with the argv that the person had before them, on this host, while it
waits; nothing else is approved by it. Where the run's gateway wants approvals signed, an unsigned one is none, however
the request named its gateway; of a run that is no gateway's, where any gateway does.

Deliberately not here: who may ask (core/requests.py lets humans alone through).
"""

from typing import Literal, assert_never

from watchdog.core import breaker, incident, runs
from watchdog.core.asks import Ask, fail, grant, needs_signature
from watchdog.core.enclosure import StepReviewed
from watchdog.core.identity import GatewayName, RunId
from watchdog.core.incident import Matter
from watchdog.core.refusal import ask_for_signature
from watchdog.core.rules import RuleId
from watchdog.core.runbookpolicy import MachineRunbook
from watchdog.core.runphase import RunMove, find
from watchdog.core.runstate import Run, RunPhase
from watchdog.core.runtelling import approve_command, command_text
from watchdog.core.turn import Turn
from watchdog.core.verbs import Verb

RunVerb = Literal[Verb.RUN_RUNBOOK, Verb.APPROVE_STEP, Verb.ABORT_RUN, Verb.CLOSE_BREAKER]

_RUNS = "gatedog runbook runs"


def on_granted(turn: Turn, ask: Ask, verb: RunVerb) -> None:
    """Do what was asked by somebody who may."""
    match verb:
        case Verb.RUN_RUNBOOK:
            _run(turn, ask)
        case Verb.APPROVE_STEP:
            _approve(turn, ask)
        case Verb.ABORT_RUN:
            _abort(turn, ask)
        case Verb.CLOSE_BREAKER:
            _close(turn, ask)
        case _ as unreachable:
            assert_never(unreachable)


def _run(turn: Turn, ask: Ask) -> None:
    event = ask.event
    runbook = _runbook(turn, event.subject)
    story = None if event.incident is None else incident.find(turn, event.incident)
    if runbook is None:
        names = ", ".join(each.name for each in _runbooks(turn)) or "none"
        because = f"no runbook for machines is called {event.subject or '(nothing)'}; known: {names}"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, "gatedog runbook list")
        return
    if event.incident is not None and story is None:
        because = f"no incident {event.incident} is remembered"
        fail(turn, ask, RuleId.REQUEST_UNKNOWN_INCIDENT, because, "gatedog incident list --all")
        return
    gateway = story.gateway if story is not None else event.gateway or _only_gateway(turn)
    if gateway and not turn.knows(gateway):
        fail(turn, ask, RuleId.REQUEST_UNKNOWN_GATEWAY, f"no gateway is called {gateway}", "gatedog status")
        return
    reason = runs.why_not(turn, runbook, gateway, event.incident)
    if reason:
        fail(turn, ask, RuleId.RUN_WITHHELD, f"runbook {runbook.name} is not run: {reason}", _RUNS)
    elif needs_signature(turn, ask, gateway):
        ask_for_signature(turn, ask)
    else:
        name = runs.begin(turn, runbook, gateway=gateway, story=event.incident, who=ask.who)
        grant(turn, ask, f"{name} of runbook {runbook.name} is under way", _RUNS)


def _approve(turn: Turn, ask: Ask) -> None:
    name, _, number = ask.event.subject.partition("/")
    run = find(turn, RunId(name))
    if run is None or run.phase is not RunPhase.WAITING:
        because = f"{name or 'no run'} waits for nobody{f': it is {run.phase.value}' if run is not None else ''}"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, _RUNS)
        return
    other = _why_other(run, number, ask)
    if other:
        fail(turn, ask, RuleId.RUN_NOT_APPROVED, other, approve_command(run))
    elif needs_signature(turn, ask, run.gateway):
        ask_for_signature(turn, ask)
    elif unmet := runs.unmet_of(turn, run):
        runs.end(turn, run, RunMove.STOP, f"the precondition of step {run.number} does not hold any more: {unmet}")
        fail(turn, ask, RuleId.RUN_STOPPED, f"not taken: {unmet}", _RUNS)
    else:
        runs.approve(turn, run, ask.who)
        grant(turn, ask, f"step {run.number} of {run.run} is taken: {command_text(run.step.argv)}", _RUNS)


def _why_other(run: Run, number: str, ask: Ask) -> str:
    """Say in what an approval is not for the step that waits; empty when it is for exactly that."""
    reviewed = ask.event.enclosed
    if number != str(run.number):
        return f"what waits is step {run.number} of {run.run}, not step {number or '(none)'}"
    if not isinstance(reviewed, StepReviewed):
        return "an approval says what it approves of"
    if reviewed.host:
        return f"what was approved is a step on {reviewed.host}, and this is another host"
    if reviewed.argv != run.step.argv:
        return f"what was approved is not what waits, which is: {command_text(run.step.argv)}"
    return ""


def _abort(turn: Turn, ask: Ask) -> None:
    run = find(turn, RunId(ask.event.subject))
    if run is None or run.is_over:
        because = f"{ask.event.subject or 'no run'} is not under way"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, _RUNS)
        return
    runs.end(turn, run, RunMove.ABORT, f"given up by {ask.who}")
    grant(turn, ask, f"{run.run} is given up; what it did until now stands", _RUNS)


def _close(turn: Turn, ask: Ask) -> None:
    name = ask.event.subject
    if not breaker.close(turn, ask.event.gateway, name, f"closed by {ask.who}"):
        because = f"the breaker of {name or 'no runbook'} is not open"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, "gatedog runbook list")
        return
    for gateway in {each.gateway: None for each in turn.state.incidents}:
        because = f"{ask.who} looked at runbook {name}"
        incident.resolve_matter(turn, gateway, Matter.RUNBOOK, rule=RuleId.BREAKER_CLOSED, because=because)
    grant(turn, ask, f"runbook {name} answers incidents again", "gatedog runbook list")


def _runbooks(turn: Turn) -> tuple[MachineRunbook, ...]:
    return () if turn.state.policy is None else turn.state.policy.runbooks


def _runbook(turn: Turn, name: str) -> MachineRunbook | None:
    return next((each for each in _runbooks(turn) if each.name == name), None)


def _only_gateway(turn: Turn) -> GatewayName:
    gateways = () if turn.state.policy is None else turn.state.policy.gateways
    return gateways[0].name if len(gateways) == 1 else GatewayName("")
