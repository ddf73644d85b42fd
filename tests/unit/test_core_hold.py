"""The hold: no automatic start until a human releases."""

from typing import Any

import pytest

from watchdog.core.decisions import (
    AnswerRequest,
    BudgetReset,
    Charge,
    HoldPlaced,
    HoldReleased,
    IncidentExtended,
    IncidentOpened,
    ProbationPassed,
    QueuePage,
    SetTimer,
    StartGateway,
    StartWithheld,
)
from watchdog.core.policy import BudgetPolicy, Window
from watchdog.core.rules import RuleId
from watchdog.core.state import Hold, Phase
from watchdog.core.timeline import HOUR

ONE_AN_HOUR = BudgetPolicy(windows=(Window(starts=1, per_usec=HOUR),))


def hold_by_budget(play: Any) -> None:
    """Let it spend its budget."""
    play.given(budget=ONE_AN_HOUR)
    play.after("1m").ends(code=1)
    play.after("10m").ends(code=2)
    play.stands(Phase.HELD, Hold.HELD)


def test_a_held_gateway_runs_on(play: Any) -> None:
    """A hold ends nothing; the next ending is the last."""
    play.given()
    play.after("1m").asks("human", "hold")
    play.decided(HoldPlaced, rule=RuleId.HOLD_BY_HUMAN)
    play.stands(Phase.UP, Hold.HELD)
    play.after("1m").ends(code=1)
    play.decided(StartWithheld, rule=RuleId.HELD_NO_START)
    play.stands(Phase.HELD, Hold.HELD)


def test_a_hold_cancels_a_start_that_is_due(play: Any) -> None:
    """Between two tries, too."""
    play.given()
    play.after("1m").ends(code=1)
    play.after("5s").ends(code=2)
    play.asks("human", "hold")
    play.stands(Phase.HELD, Hold.HELD)
    play.after("1h").decided_nothing()


def test_a_start_on_its_way_when_the_hold_came_is_the_last(play: Any) -> None:
    """It was ordered before, so it may live; when it ends nothing follows."""
    play.given()
    play.answers_starts = False
    play.after("1m").ends(code=1)
    play.asks("human", "hold")
    play.begins()
    play.decided_often(IncidentOpened, 0)
    play.stands(Phase.STARTING, Hold.HELD)
    play.ends(code=1)
    play.stands(Phase.HELD, Hold.HELD)


def test_waiting_out_the_window_does_not_lift_a_hold(play: Any) -> None:
    """Time releases nothing."""
    hold_by_budget(play)
    play.after("7d").looks()
    play.decided_often(StartGateway, 0)
    play.stands(Phase.HELD, Hold.HELD)


def test_a_reboot_does_not_lift_a_hold(play: Any) -> None:
    """Nor does a crash of the host."""
    play.given()
    play.asks("human", "hold")
    play.after("1m").host_reboots()
    play.looks()
    play.decided_often(StartGateway, 0)
    play.stands(Phase.HELD, Hold.HELD)


def test_resetting_the_budget_does_not_lift_a_hold(play: Any) -> None:
    """Two decisions, two commands."""
    hold_by_budget(play)
    play.asks("human", "reset-budget")
    play.decided(BudgetReset, rule=RuleId.BUDGET_RESET)
    play.stands(Phase.HELD, Hold.HELD)

    assert play.gateway().ledger == ()


@pytest.mark.parametrize("verb", ["start", "restart"])
def test_starting_a_held_gateway_is_answered_with_the_release(verb: str, play: Any) -> None:
    """Nobody lifts a hold by the way."""
    hold_by_budget(play)
    play.asks("human", verb)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_HELD, next_commands=('gatedog release main -m "why"',))


def test_release_is_one_start_outside_the_windows(play: Any) -> None:
    """The windows stay as spent as they are, and probation begins."""
    hold_by_budget(play)
    play.asks("human", "release")
    play.decided(HoldReleased, rule=RuleId.HOLD_RELEASED)
    play.decided(StartGateway, charge=Charge.RELEASE, rule=RuleId.HOLD_RELEASED)
    play.stands(Phase.STARTING, Hold.PROBATION)

    assert len(play.gateway().chain) == 2


def test_an_ending_on_probation_holds_again(play: Any) -> None:
    """As an update of the story that is open."""
    hold_by_budget(play)
    play.asks("human", "release")
    play.after("9m").ends(code=3)
    play.decided(HoldPlaced, rule=RuleId.PROBATION_FAILED)
    play.decided(IncidentExtended)
    play.stands(Phase.HELD, Hold.HELD)


def test_ten_minutes_up_pass_the_probation(play: Any) -> None:
    """From then on it is like any other."""
    hold_by_budget(play)
    play.asks("human", "release")
    play.after("10m")
    play.decided(ProbationPassed, rule=RuleId.PROBATION_PASSED)
    play.stands(Phase.STARTING, Hold.FREE)


def test_releasing_a_running_gateway_starts_nothing(play: Any) -> None:
    """Its probation counts from the release, however long it is up."""
    play.given()
    play.after("5h").asks("human", "hold")
    play.after("1m").asks("human", "release")
    play.decided(SetTimer, rule=RuleId.HOLD_RELEASED)
    play.decided_often(StartGateway, 0)
    play.after("9m").stands(Phase.UP, Hold.PROBATION)
    play.after("1m").stands(Phase.UP, Hold.FREE)


def test_releasing_on_the_way_down_starts_after_the_ending(play: Any) -> None:
    """The one start that a release stands for is not lost."""
    play.given()
    play.asks("human", "hold")
    play.asks("human", "stop")
    play.asks("human", "release")
    play.stands(Phase.STOPPING, Hold.PROBATION)
    play.ends(code=0)
    play.decided(StartGateway, charge=Charge.RELEASE)


def test_a_hold_on_probation_is_a_hold(play: Any) -> None:
    """A human may change his mind."""
    hold_by_budget(play)
    play.asks("human", "release")
    play.asks("human", "hold")
    play.stands(Phase.STARTING, Hold.HELD)


def test_a_foreign_start_during_a_hold_is_told_and_left_alone(play: Any) -> None:
    """Gatedog does not fight."""
    play.given()
    play.asks("human", "hold")
    play.ends(code=1)
    play.after("1h").begins(foreign=True)
    play.decided(QueuePage, rule=RuleId.LIFE_FOREIGN, title="HELD, but RUNNING - somebody else started it")
    play.stands(Phase.STARTING, Hold.HELD)
    play.after("1h").ends(code=1)
    play.stands(Phase.HELD, Hold.HELD)
