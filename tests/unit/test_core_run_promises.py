"""Whatever happens to runs, in whatever order: what makes things worse is run once, by a person, or never."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from running import approves, ends_step, order_of, runbook, step

from watchdog.core.events import ActionRequested
from watchdog.core.rules import RuleId
from watchdog.core.runbookpolicy import Condition
from watchdog.core.rundecisions import BreakerMoved, PerformStep
from watchdog.core.runstate import BreakerPhase, RunPhase, StepEnd, breaker_of
from watchdog.core.verbs import Verb

GRAVE = "/bin/grave"
BOOKS = (
    runbook(
        "ask", step("observe"), step("destabilising", GRAVE), step("observe"), on=("request.agent-never",), at_most=50
    ),
    runbook("show", step("destabilising", GRAVE, preview_argv=("/bin/show",)), on=("request.humans-only",), at_most=50),
    runbook("held", step("reversible", precondition=Condition(holds=("free",))), step("destabilising", GRAVE), on=()),
)
EVENTS_PER_HISTORY = 120


def happens(play: Any, chance: Random) -> None:
    """Let one thing happen that may concern a run."""
    runs = play.state.runs.runs
    what = f"{runs[-1].run if runs else 'RUN-1'}/{chance.choice((1, 2, 2, 3))}"
    match chance.randrange(10):
        case 0 | 1:
            play.asks(chance.choice(("agent", "stranger")), "restart")
        case 2 | 3 if any(isinstance(each, PerformStep) for each in play.decisions()):
            ends_step(play, chance.choice((0, 0, 0, 0, 1)), order=order_of(play))
        case 4:
            argv = chance.choice((None, None, (GRAVE,), ("/bin/other",)))
            approves(play, what, who=chance.choice(("human", "human", "agent", "stranger")), argv=argv)
        case 5:
            play.asks(chance.choice(("human", "agent")), "runbook-run", subject=chance.choice(("ask", "show", "held")))
        case 6:
            play.asks(
                "human",
                chance.choice(("runbook-close", "runbook-abort")),
                subject=chance.choice(("ask", "RUN-1", "show")),
            )
        case 7:
            play.wait(chance.choice((1, 60, 1000, 20_000)) * 1_000_000)
        case 8 if chance.random() < 0.3:
            play.gatedog_starts()
        case _ if any(isinstance(each, PerformStep) for each in play.decisions()):
            ends_step(play, end=chance.choice((StepEnd.TIMEOUT, StepEnd.UNMET, StepEnd.OVER)), order=order_of(play))
        case _:
            pass


@pytest.mark.parametrize("seed", range(12))
def test_a_grave_step_is_run_once_by_a_persons_word(seed: int, play: Any) -> None:
    """One order for each step, one run at a time, no order that nobody approved of, no run past an open breaker."""
    chance = Random(seed)  # noqa: S311 - the same histories every time
    play.runbooks = BOOKS
    play.given()
    ordered: Counter[tuple[str, int, tuple[str, ...]]] = Counter()
    for _ in range(EVENTS_PER_HISTORY):
        seen, was_open = len(play.steps), {each.name: breaker_of(play.state.runs, each.name).phase for each in BOOKS}
        count = play.state.runs.count
        happens(play, chance)
        for _, event, stepped in play.steps[seen:]:
            for order in (each for each in stepped.decisions if isinstance(each, PerformStep)):
                ordered[order.run, order.number, order.argv] += 1
                if order.argv == (GRAVE,):
                    assert order.rule is RuleId.RUN_APPROVED
                    assert isinstance(event, ActionRequested)
                    assert event.verb is Verb.APPROVE_STEP
                    assert event.peer.comm == "bash"
        active = [each for each in play.state.runs.runs if not each.is_over]
        assert len(active) <= 1
        assert all((each.action is not None) is (each.phase is RunPhase.RUNNING) for each in active)
        begun = play.state.runs.runs[-1] if play.state.runs.count > count else None
        closed = any(isinstance(each, BreakerMoved) for _, _, done in play.steps[seen:] for each in done.decisions)
        assert begun is None or closed or was_open[begun.runbook] is BreakerPhase.CLOSED
    assert ordered
    assert max(ordered.values()) == 1
    play.decided_often(PerformStep, sum(ordered.values()))
