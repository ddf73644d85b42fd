"""Runs of runbooks for machines, step by step; what could make things worse waits for a person.

Theory of operation. An incident that opens, or that a new rule joins, begins a run of the first runbook whose `on`
names the rule: one run at a time for a gateway, and none past an open breaker. Each step is an order (PerformStep),
journaled before it is carried out, and answered by one StepEnded. What only looks, and what can be undone, is ordered
at once. A destabilising step is shown to people on a page, with its preview, its reach and its cost, and is ordered
when one of them approves of exactly this argv within a quarter of an hour, or never. The moves are
in core/runphase.py.

Invariants: the argv of a destabilising step is in no PerformStep whose rule is not RUN_APPROVED; no step of a run is
ordered twice; a step that was under way when gatedog died is not taken again, because nobody knows whether it was. A
run that failed, or is lost, opens its runbook's breaker.
"""

from watchdog.core import breaker, incident
from watchdog.core.decisions import IncidentExtended, IncidentOpened, IncidentReopened, IncidentResolved, NothingDone
from watchdog.core.effect import Effect
from watchdog.core.identity import GatewayName, IncidentId, RunId, run_id
from watchdog.core.incident import Matter
from watchdog.core.rules import RuleId
from watchdog.core.runbookpolicy import (
    APPROVAL_FOR_USEC,
    GATEWAY_WORD,
    INCIDENT_WORD,
    MachineRunbook,
    RunbookStep,
    Sign,
)
from watchdog.core.rundecisions import EndStep, PerformStep, RunBegan, RunEnded, RunWaits
from watchdog.core.runphase import RunMove, find, moved, put
from watchdog.core.runstate import Run, RunPhase, StepEnd, StepEnded, StepTaken
from watchdog.core.runtelling import ended_text, tell, tell_waiting
from watchdog.core.state import Incident
from watchdog.core.timeline import SECOND, Usec, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

GATEDOG = "gatedog"
"""Who begins a run that no person asked for."""

ANSWER_USEC = 30 * SECOND
"""How long after its own time a step's end may be reported: behind that, something is wrong with gatedog itself."""

_FAILURES = frozenset({RuleId.RUN_FAILED, RuleId.RUN_LOST})


_RULES = {
    RunMove.FINISH: RuleId.RUN_FINISHED,
    RunMove.STOP: RuleId.RUN_STOPPED,
    RunMove.FAIL: RuleId.RUN_FAILED,
    RunMove.LOSE: RuleId.RUN_LOST,
    RunMove.ABORT: RuleId.RUN_ABORTED,
    RunMove.EXPIRE: RuleId.RUN_EXPIRED,
}


# -- what begins a run ---------------------------------------------------------------------------------------------


def on_decided(turn: Turn, before: tuple[Incident, ...]) -> None:
    """Answer the incidents that this event opened or told something new, and give up what an incident's end settles."""
    policy = turn.state.policy
    if not turn.state.runs.runs and (policy is None or not policy.runbooks):
        return
    for decision in tuple(turn.decisions):
        match decision:
            case IncidentOpened() | IncidentReopened():
                _answer(turn, decision.incident, decision.rule, is_new=True)
            case IncidentExtended():
                known = next((each for each in before if each.incident == decision.incident), None)
                if known is None or decision.rule not in known.rules_seen:
                    _answer(turn, decision.incident, decision.rule, is_new=False)
            case IncidentResolved():
                _let_go(turn, decision.incident)
            case _:
                pass


def _answer(turn: Turn, name: IncidentId, rule: RuleId, *, is_new: bool) -> None:
    story = incident.find(turn, name)
    policy = turn.state.policy
    if story is None or policy is None or not policy.runbooks or rule in breaker.OWN_RULES:
        return
    runbook = breaker.answering(policy, rule)
    if runbook is None:
        if is_new:
            because = f"no runbook for machines answers {rule.value}: {name} is for people to work out"
            turn.decide(NothingDone(gateway=story.gateway, rule=RuleId.RUN_UNKNOWN, because=because))
        return
    if not is_new and any((each.incident, each.runbook) == (name, runbook.name) for each in turn.state.runs.runs):
        return
    reason = why_not(turn, runbook, story.gateway, name)
    if reason:
        because = f"runbook {runbook.name} does not answer {name}: {reason}"
        turn.decide(NothingDone(gateway=story.gateway, rule=RuleId.RUN_WITHHELD, because=because))
        breaker.open_if_worn_out(turn, story.gateway, runbook)
        return
    begin(turn, runbook, gateway=story.gateway, story=name, who=GATEDOG)


def why_not(turn: Turn, runbook: MachineRunbook, gateway: GatewayName, story: IncidentId | None) -> str:
    """Say why a runbook cannot be run about this now; empty when it can."""
    busy = next((each for each in turn.state.runs.runs if each.gateway == gateway and not each.is_over), None)
    if busy is not None:
        return f"{busy.run} of {busy.runbook} is under way, and there is one run at a time"
    words = tuple(word for step in runbook.steps for word in (*step.argv, *step.precondition.argv, *step.preview_argv))
    if not gateway and any(GATEWAY_WORD in word for word in words):
        return "its steps name a gateway, and this is about none"
    if story is None and any(INCIDENT_WORD in word for word in words):
        return "its steps name an incident, and none was given; add --incident INC-n"
    return breaker.why_not(turn.state, runbook)


def begin(turn: Turn, runbook: MachineRunbook, *, gateway: GatewayName, story: IncidentId | None, who: str) -> RunId:
    """Begin a run that `why_not` has nothing against; return its name."""
    memory = turn.state.runs
    name = run_id(memory.count + 1)
    run = Run(
        run=name,
        runbook=runbook.name,
        gateway=gateway,
        incident=story,
        who=who,
        phase=RunPhase.RUNNING,
        steps=tuple(_filled_in(step, gateway, story or "") for step in runbook.steps),
        began_usec=turn.now_usec,
        began_wall_usec=turn.stamp.wall_usec,
        boot=turn.state.clock.boot,
    )
    turn.state = replace(turn.state, runs=replace(memory, count=memory.count + 1))
    breaker.count_run(turn, runbook)
    because = f"runbook {runbook.name} is run by {who}"
    turn.decide(
        RunBegan(
            gateway=gateway, rule=RuleId.RUN_BEGAN, because=because, run=name, runbook=runbook.name, incident=story
        )
    )
    _take_step(turn, run)
    return name


def _filled_in(step: RunbookStep, gateway: str, story: str) -> RunbookStep:
    def filled(argv: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(word.replace(GATEWAY_WORD, gateway).replace(INCIDENT_WORD, story) for word in argv)

    return replace(
        step,
        argv=filled(step.argv),
        precondition=replace(step.precondition, argv=filled(step.precondition.argv)),
        preview_argv=filled(step.preview_argv),
    )


# -- steps ---------------------------------------------------------------------------------------------------------


def _take_step(turn: Turn, run: Run) -> None:
    step = run.step
    unmet = unmet_of(turn, run)
    if unmet:
        end(turn, run, RunMove.STOP, f"the precondition of step {run.number} does not hold: {unmet}")
    elif step.effect is not Effect.DESTABILISING:
        order(turn, run, RuleId.RUN_STEP, f"step {run.number} of {len(run.steps)} is {step.effect.value}")
    elif step.preview_argv:
        order(turn, replace(run, previewing=True), RuleId.RUN_STEP, f"what step {run.number} would do")
    else:
        _wait(turn, run, step.preview)


def unmet_of(turn: Turn, run: Run) -> str:
    """Say which condition on the gateway's state does not hold for the step at hand; empty when all do."""
    wanted = run.step.precondition
    if not wanted.phases and not wanted.holds:
        return ""
    if not turn.knows(run.gateway):
        return "there is no such gateway"
    gateway = turn.gateway(run.gateway)
    if wanted.phases and gateway.phase.value not in wanted.phases:
        return f"{run.gateway} is {gateway.phase.value}, not {' or '.join(wanted.phases)}"
    if wanted.holds and gateway.hold.value not in wanted.holds:
        return f"the hold of {run.gateway} is {gateway.hold.value}, not {' or '.join(wanted.holds)}"
    return ""


def order(turn: Turn, run: Run, rule: RuleId, because: str) -> None:
    """Have the step at hand, or its preview, carried out."""
    step = run.step
    action = turn.next_action()
    put(turn, replace(run, action=action, because=because))
    turn.decide(
        PerformStep(
            gateway=run.gateway,
            rule=rule,
            because=because,
            action=action,
            run=run.run,
            number=run.number,
            incident=run.incident,
            argv=step.preview_argv if run.previewing else step.argv,
            precondition=step.precondition.argv,
            timeout_usec=step.timeout_usec,
            success="" if run.previewing else step.success.output,
            stop_if="" if run.previewing else step.stop_if.output,
        )
    )
    # Twice: what must hold before it has the same time.
    _alarm(turn, run, 2 * step.timeout_usec + ANSWER_USEC, rule, "until the step must have ended")


def on_step_ended(turn: Turn, event: StepEnded) -> None:
    """Take in how a step ended, and go on, or end the run."""
    run = find(turn, event.run)
    if run is None or run.action != event.action:
        return  # the run has gone on without it: there is nothing left to decide, and the record says what came
    preview = "preview: " if run.previewing else ""
    taken = StepTaken(number=run.number, ended=preview + ended_text(event), said=event.said)
    run = replace(run, action=None, taken=(*run.taken, taken))
    if run.is_over:
        put(turn, run)
        return
    turn.cancel_timer(_timer(run), gateway=run.gateway, rule=RuleId.RUN_STEP, because="the step has ended")
    step = run.step
    move, because = _judge(step, event, previewing=run.previewing)
    if move is not RunMove.GO_ON:
        end(turn, run, move, because)
    elif run.previewing:
        _wait(turn, replace(run, previewing=False), event.said)
    elif run.number == len(run.steps):
        end(turn, run, RunMove.FINISH, f"all {len(run.steps)} steps were taken")
    else:
        _take_step(turn, moved(turn, replace(run, number=run.number + 1), RunMove.GO_ON))


def _judge(step: RunbookStep, event: StepEnded, *, previewing: bool) -> tuple[RunMove, str]:
    what = f"{'the preview of ' if previewing else ''}step {event.number}"
    how = ended_text(event)
    if event.end is StepEnd.UNMET:
        return RunMove.STOP, f"the precondition of {what} does not hold"
    if event.end is not StepEnd.OVER:
        return RunMove.FAIL, f"{what} {how}"
    if previewing:
        return (RunMove.GO_ON, "") if event.code == 0 else (RunMove.FAIL, f"{what} {how}")
    if step.stop_if != Sign() and _shows(step.stop_if, event.code, in_output=event.stops):
        return RunMove.STOP, f"{what} {how}: that is when the runbook says to stop"
    if not _shows(step.success, event.code, in_output=event.succeeded):
        return RunMove.FAIL, f"{what} {how}: that is no success"
    return RunMove.GO_ON, ""


def _shows(sign: Sign, code: int | None, *, in_output: bool) -> bool:
    return (not sign.exits or code in sign.exits) and in_output


# -- waiting for a person ------------------------------------------------------------------------------------------


def _wait(turn: Turn, run: Run, preview: str) -> None:
    story = incident.find(turn, run.incident) if run.incident is not None else None
    lasting = duration_text(APPROVAL_FOR_USEC)
    because = f"step {run.number} is destabilising: it waits {lasting} for a person"
    run = replace(
        moved(turn, run, RunMove.WAIT),
        until_wall_usec=Usec(turn.stamp.wall_usec + APPROVAL_FOR_USEC),
        because=because,
        story_next=story.next_command if story is not None else "",
    )
    put(turn, run)
    until = Usec(turn.now_usec + APPROVAL_FOR_USEC)
    rule = RuleId.RUN_NEEDS_APPROVAL
    turn.decide(
        RunWaits(gateway=run.gateway, rule=rule, because=because, run=run.run, number=run.number, until_usec=until)
    )
    _alarm(turn, run, APPROVAL_FOR_USEC, rule, "until it is given up")
    tell_waiting(turn, run, preview)


def approve(turn: Turn, run: Run, who: str) -> None:
    """Take the step that waits: a person approves of it."""
    _settle_story(turn, run)
    approved = replace(moved(turn, run, RunMove.APPROVE), until_wall_usec=Usec(0))
    order(turn, approved, RuleId.RUN_APPROVED, f"{who} approves step {run.number}")


def on_due(turn: Turn, name: RunId) -> None:
    """Nobody approved in time, or no word came of a step."""
    run = find(turn, name)
    if run is None or run.is_over:
        return
    if run.phase is RunPhase.WAITING:
        lasting = duration_text(APPROVAL_FOR_USEC)
        end(turn, run, RunMove.EXPIRE, f"nobody approved step {run.number} within {lasting}")
    else:
        end(turn, run, RunMove.LOSE, f"no word came of step {run.number}")


def on_supervisor_started(turn: Turn) -> None:
    """Give up what was under way when gatedog ended: a step is not taken again to find out whether it was."""
    for run in turn.state.runs.runs:
        if run.phase is RunPhase.RUNNING:
            end(turn, run, RunMove.LOSE, f"gatedog's own end cut step {run.number} off")
        elif run.phase is RunPhase.WAITING and run.boot != turn.state.clock.boot:
            end(turn, run, RunMove.EXPIRE, "the host was booted since: what was to be approved is of yesterday")


def _let_go(turn: Turn, story: IncidentId) -> None:
    for run in turn.state.runs.runs:
        if run.incident == story and run.phase is RunPhase.WAITING:
            end(turn, run, RunMove.ABORT, f"{story} is over")


# -- the end of a run ----------------------------------------------------------------------------------------------


def end(turn: Turn, run: Run, move: RunMove, because: str) -> None:
    """End a run; tell people unless it did what it should, or they ended it themselves."""
    was_under_way = run.action is not None
    _settle_story(turn, run)
    # Its action stays: the program's end is still taken in.
    ended = replace(moved(turn, run, move), because=because, ended_wall_usec=turn.stamp.wall_usec)
    put(turn, ended)
    rule = _RULES[move]
    turn.decide(
        RunEnded(
            gateway=run.gateway,
            rule=rule,
            because=because,
            run=run.run,
            phase=ended.phase,
            incident=run.incident,
        )
    )
    turn.cancel_timer(_timer(run), gateway=run.gateway, rule=rule, because="the run is over")
    if was_under_way and move is not RunMove.LOSE:
        turn.decide(EndStep(gateway=run.gateway, rule=rule, because="the run is over", run=run.run))
    if move in (RunMove.FAIL, RunMove.LOSE):
        breaker.trip(turn, run.gateway, run.runbook, f"{run.run}: {because}")
    if move not in (RunMove.FINISH, RunMove.ABORT):
        tell(turn, ended, rule)
    if rule not in _FAILURES:
        incident.resolve_matter(turn, run.gateway, Matter.RUNBOOK, rule=rule, because=f"{run.run} is over")


def _settle_story(turn: Turn, run: Run) -> None:
    """Give the incident its own next command back, when nothing waits any more."""
    story = incident.find(turn, run.incident) if run.incident is not None else None
    if run.phase is RunPhase.WAITING and story is not None and run.story_next:
        incident.put(turn, replace(story, next_command=run.story_next))


def _timer(run: Run) -> TimerId:
    return TimerId(kind=TimerKind.RUN, subject=run.run)


def _alarm(turn: Turn, run: Run, delay_usec: int, rule: RuleId, because: str) -> None:
    turn.set_timer(_timer(run), delay_usec, gateway=run.gateway, rule=rule, because=because)
