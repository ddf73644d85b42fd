"""A gateway that restarts itself without an exit."""

from typing import Any

import pytest

from watchdog.core.decisions import (
    Charge,
    CollectEvidence,
    EndingJudged,
    HoldPlaced,
    IncidentOpened,
    NothingDone,
    QueuePage,
    StartCharged,
    StartGateway,
    StartWithheld,
)
from watchdog.core.endings import EndingClass
from watchdog.core.rules import RuleId
from watchdog.core.selfrestart import SelfRestartMeans
from watchdog.core.state import Hold, Phase


@pytest.mark.parametrize("means", [each.value for each in SelfRestartMeans])
def test_a_restart_in_place_ends_a_life_and_starts_nothing(means: str, play: Any) -> None:
    """It counts as an unasked ending on the gateway's own account, and the life that runs already gets a new id."""
    play.given()
    before = play.gateway().life
    play.after("1h").restarts_itself(means)
    play.decided(EndingJudged, rule=RuleId.ENDING_UNASKED, ending=EndingClass.REPLACED, asked=False)
    play.decided(StartWithheld, rule=RuleId.RESTARTED_IN_PLACE)
    play.decided(StartCharged, charge=Charge.SELF_RESTART)
    play.decided_often(StartGateway, 0)
    play.stands(Phase.UP)

    after = play.gateway().life
    assert after.process == before.process
    assert after.life > before.life
    assert len(play.gateway().chain) == 1


def test_one_that_was_not_ready_is_still_waited_for(play: Any) -> None:
    """Readiness is handed on as it is: a program that starts over while it starts has not served yet."""
    play.answers_starts = False
    play.given_nothing()
    play.gatedog_starts()
    play.policy_loads(*play.policies())
    play.looks()
    play.begins()
    play.restarts_itself()
    play.decided(StartWithheld, rule=RuleId.RESTARTED_IN_PLACE)
    play.stands(Phase.STARTING)
    play.gets_ready()
    play.stands(Phase.UP)


def test_a_start_that_is_handed_on_is_one_life(play: Any) -> None:
    """A wrapper that names another main process before anything serves is a part of starting, and costs nothing."""
    play.answers_starts = False
    play.given_nothing()
    play.gatedog_starts()
    play.policy_loads(*play.policies())
    play.looks()
    play.begins()
    new = play.new_process()
    play.restarts_itself("handed-off", to=new)
    play.decided(NothingDone, rule=RuleId.RESTARTED_IN_PLACE)
    play.decided_often(EndingJudged, 0)
    play.gets_ready(process=new)
    play.stands(Phase.UP)


def test_its_evidence_is_that_of_the_life_its_process_was_started_as(play: Any) -> None:
    """Outside of gatedog, lives in one process have one record, by the number of the first."""
    play.given()
    first = play.gateway().life.life
    for _ in range(2):
        play.after("19m").restarts_itself()
        play.decided(EndingJudged, ending=EndingClass.REPLACED)
    play.after("19m").restarts_itself()
    play.decided(CollectEvidence, life=first)


def test_the_next_process_is_the_present_life_after_a_handover(play: Any) -> None:
    """The exit of the process that handed over is stale; the exit of the other one is an ending."""
    play.given()
    old, new = play.process(), play.new_process()
    play.after("1h").restarts_itself("handed-off", to=new)
    play.decided(EndingJudged, ending=EndingClass.REPLACED)
    assert play.process() == new
    play.ends(code=0, process=old)
    play.decided(NothingDone, rule=RuleId.STALE_REPORT)
    play.ends(code=1, process=new)
    play.decided(EndingJudged, ending=EndingClass.FAILED)


def test_the_third_in_an_hour_is_held_and_left_running(play: Any) -> None:
    """The small budget for self restarts counts these like every other; nobody is killed, and a human is told."""
    play.given()
    for _ in range(2):
        play.after("20m").restarts_itself()
        play.decided_often(HoldPlaced, 0)
    play.after("18m").restarts_itself()
    play.decided(HoldPlaced, rule=RuleId.SELF_RESTART_SPENT)
    play.decided(QueuePage, title="HELD, but RUNNING - it restarts itself")
    play.stands(Phase.UP, Hold.HELD)
    play.after("1m").ends(code=1)
    play.decided(StartWithheld, rule=RuleId.HELD_NO_START)
    play.stands(Phase.HELD, Hold.HELD)


def test_it_goes_on_while_held(play: Any) -> None:
    """During a hold it is nobody else's start: the ending is on record, and the gateway is left alone."""
    play.given()
    play.asks("human", "hold")
    play.after("1h").restarts_itself()
    play.decided(StartWithheld, rule=RuleId.HELD_NO_START)
    play.decided_often(IncidentOpened, 0)
    play.stands(Phase.UP, Hold.HELD)


def test_where_the_policy_says_slow_it_runs_on(play: Any) -> None:
    """There is no start to slow down, so a spent plain budget only counts."""
    play.given(budget=play.slow_budget())
    play.after("20m").restarts_itself()
    play.decided_often(StartGateway, 0)
    play.stands(Phase.UP, Hold.FREE)


def test_a_report_made_twice_is_taken_once(play: Any) -> None:
    """A witness without memory may say it again after a restart of gatedog; another mark is another restart."""
    play.given()
    play.after("1h").restarts_itself(mark="12:00")
    play.decided(EndingJudged)
    play.after("1m").restarts_itself(mark="12:00")
    play.decided(NothingDone, rule=RuleId.STALE_REPORT)
    play.after("1m").restarts_itself(mark="13:00")
    play.decided(EndingJudged, ending=EndingClass.REPLACED)


def test_a_report_about_a_process_that_is_gone_is_stale(play: Any) -> None:
    """What ended in another way meanwhile is not ended again."""
    play.given()
    play.after("1h").restarts_itself(process=play.new_process())
    play.decided(NothingDone, rule=RuleId.STALE_REPORT)
    play.decided_often(EndingJudged, 0)


def test_one_that_is_being_stopped_does_not_get_away(play: Any) -> None:
    """Restarting in place is no answer to a stop: the deadline stands, and kills it."""
    play.given()
    play.asks("human", "stop")
    play.restarts_itself()
    play.decided(NothingDone, rule=RuleId.STALE_REPORT)
    play.stands(Phase.STOPPING)
