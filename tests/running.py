"""Words of screenplays and scenarios for runbooks that machines run: their rules, and what becomes of their steps."""

import re
from typing import Any

from stage import Stage, usec

from watchdog.core.effect import Effect
from watchdog.core.enclosure import StepReviewed
from watchdog.core.identity import GatewayName
from watchdog.core.runbookpolicy import Condition, MachineRunbook, RunbookStep, Sign
from watchdog.core.rundecisions import PerformStep, RunWaits
from watchdog.core.runstate import Run, StepEnd, StepEnded

_RUNBOOK = re.compile(r"(?P<name>\S+) on (?P<on>\S+)(?: at most (?P<runs>\d+) per (?P<per>\S+))?: (?P<steps>.+)")


def step(effect: str, *argv: str, **more: object) -> RunbookStep:
    """Return a step; without words it runs a program called as its effect."""
    fields: dict[str, Any] = {"argv": argv or (f"/bin/{effect}",), "effect": Effect(effect), **more}
    return RunbookStep(**fields)


def runbook(
    name: str = "mend", *steps: RunbookStep, on: tuple[str, ...] = ("spiral.identical-endings",), **more: int
) -> MachineRunbook:
    """Return a runbook; without steps it has one that looks and one that waits for a person."""
    taken = steps or (step("observe"), step("destabilising", costs_starts=1))
    return MachineRunbook(name=name, title=f"the {name} runbook", on=on, steps=taken, **more)


def runbook_of(text: str) -> MachineRunbook:
    """Read "NAME on RULE,RULE at most 3 per 1h: observe look | destabilising mend if phase up | ..."."""
    found = _RUNBOOK.fullmatch(text)
    assert found is not None, f"{text!r} is no runbook"
    window = {"at_most": int(found["runs"]), "per_usec": usec(found["per"])} if found["runs"] else {}
    steps = tuple(_step_of(each.split()) for each in found["steps"].split("|"))
    return runbook(found["name"], *steps, on=tuple(found["on"].split(",")), **window)


def _step_of(words: list[str]) -> RunbookStep:
    match words:
        case [effect, what, "if", "phase", phase]:
            return step(effect, f"/bin/{what}", precondition=Condition(phases=(phase,)))
        case [effect, what, "stops", "at", code]:
            return step(effect, f"/bin/{what}", stop_if=Sign(exits=(int(code),)))
        case [effect, what, "preview", preview]:
            return step(effect, f"/bin/{what}", preview_argv=(f"/bin/{preview}",))
        case [effect, what]:
            return step(effect, f"/bin/{what}")
        case _:
            raise AssertionError(f"no step reads {words!r}")


def given(play: Any, *runbooks: MachineRunbook, **rules: object) -> None:
    """Put a policy with these runbooks in force."""
    play.runbooks = runbooks
    play.given(**rules)


def spirals(play: Any) -> None:
    """Let the gateway die until people are told of a spiral."""
    play.after("20s").ends(signal="SIGKILL")
    for _ in range(2):
        play.after("40s").gets_ready()
        play.ends(signal="SIGKILL")


def waiting(play: Any, **more: object) -> None:
    """Bring a run to a step that waits for a person."""
    given(play, runbook("mend", step("observe"), step("destabilising", **more), on=("request.agent-never",)))
    play.asks("agent", "restart")
    ends_step(play)
    play.decided(RunWaits, run="RUN-1", number=2)


def order_of(stage: Stage) -> PerformStep:
    """Return the order that was given last."""
    return next(each for each in reversed(stage.decisions()) if isinstance(each, PerformStep))


def last_run(stage: Stage) -> Run:
    """Return the run that began last."""
    return stage.state.runs.runs[-1]


def ends_step(
    stage: Stage, code: int | None = 0, *, end: StepEnd = StepEnd.OVER, order: PerformStep | None = None, **more: Any
) -> None:
    """Let the step that was ordered last end."""
    order = order or order_of(stage)
    fields: dict[str, Any] = {
        "gateway": order.gateway,
        "run": order.run,
        "number": order.number,
        "action": order.action,
    }
    stage.feed(StepEnded(**fields, end=end, code=code if end is StepEnd.OVER else None, **more))


def approves(
    stage: Stage, what: str, *, who: str = "human", argv: tuple[str, ...] | None = None, host: str = "", **more: object
) -> None:
    """Let somebody approve of a step, as it is or as they think it is."""
    run = next((each for each in stage.state.runs.runs if each.run == what.partition("/")[0]), None)
    shown = run.step.argv if run is not None and run.steps else ("/bin/unknown",)
    reviewed = StepReviewed(argv=shown if argv is None else argv, host=host)
    stage.asks(who, "runbook-approve", subject=what, **{"enclosed": reviewed, **more})


def happens_to_runs(stage: Stage, name: str, words: list[str]) -> bool:
    """Play an event of this kind; False when the words say something else."""
    match words:
        case ["step", "exits", code]:
            ends_step(stage, int(code))
        case ["step", "exits", code, "saying", said]:
            ends_step(stage, int(code), said=said)
        case ["step", "runs", "too", "long"]:
            ends_step(stage, end=StepEnd.TIMEOUT)
        case ["step", "is", "unmet"]:
            ends_step(stage, end=StepEnd.UNMET)
        case ["step", "cannot", "run", detail]:
            ends_step(stage, end=StepEnd.NOT_RUN, detail=detail)
        case [who, "approves", what]:
            approves(stage, what, who=who, name=name)
        case [who, "approves", what, "as", program]:
            approves(stage, what, who=who, name=name, argv=(f"/bin/{program}",))
        case [who, "runs", book]:
            stage.asks(who, "runbook-run", subject=book, name=GatewayName(name))
        case [who, "aborts", run]:
            stage.asks(who, "runbook-abort", subject=run, name=name)
        case [who, "closes", book]:
            stage.asks(who, "runbook-close", subject=book, name=name)
        case _:
            return False
    return True
