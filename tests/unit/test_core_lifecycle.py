"""One gateway from start to end."""

from typing import Any

import pytest

from watchdog.core.decisions import (
    CancelTimer,
    Charge,
    EndingJudged,
    IncidentExtended,
    IncidentOpened,
    IncidentResolved,
    KillGateway,
    NothingDone,
    QueuePage,
    SetTimer,
    Severity,
    StartCharged,
    StartGateway,
    StartWithheld,
    StopGateway,
)
from watchdog.core.endings import EndingClass
from watchdog.core.events import Failure
from watchdog.core.rules import RuleId
from watchdog.core.state import Hold, Phase
from watchdog.core.timer import TimerKind


def test_the_first_look_starts_the_gateway(play: Any) -> None:
    """Nothing is started before it was looked for, and the first start is charged to the boot."""
    play.given_nothing()
    play.gatedog_starts()
    play.decided(NothingDone, rule=RuleId.LIFE_ADOPTED)
    play.given()
    play.stands(Phase.UP)

    assert [entry.charge for entry in play.gateway().ledger] == [Charge.BOOT]


def test_a_later_boot_starts_it_once(play: Any) -> None:
    """The host lost its power: one unasked ending, one start charged to the boot, no incident."""
    play.given()
    play.after("1h").host_reboots(down="20m")
    play.looks()
    play.decided(EndingJudged, rule=RuleId.ENDING_HOST_LOST, ending=EndingClass.HOST_LOST, asked=False)
    play.decided(StartGateway, rule=RuleId.START_AT_BOOT, charge=Charge.BOOT)
    play.decided_often(IncidentOpened, 0)


def test_the_very_first_start_has_its_own_name(play: Any) -> None:
    """Whoever reads the journal can tell an installation from a reboot."""
    play.answers_starts = False
    play.given_nothing()
    play.gatedog_starts()
    play.policy_loads(*play.policies())
    play.looks()
    play.decided(StartGateway, rule=RuleId.START_FIRST, charge=Charge.BOOT)
    play.begins()
    play.decided(SetTimer, rule=RuleId.LIFE_BEGAN, because="until it is ready")


def test_a_process_found_at_the_first_look_is_adopted(play: Any) -> None:
    """Gatedog never starts a second one beside it."""
    play.given_nothing()
    play.policy_loads(*play.policies())
    play.looks(process=play.new_process(), traceable=False)
    play.decided(StartCharged, charge=Charge.FOREIGN)
    play.decided_often(StartGateway, 0)

    assert not play.gateway().traceable


def test_a_look_that_shows_what_is_known_changes_nothing(play: Any) -> None:
    """Looking is not doing."""
    play.given()
    play.looks(process=play.process())
    play.decided_nothing()


def test_an_exit_that_was_never_reported_is_found(play: Any) -> None:
    """A lost signal delays, never hides, a death."""
    play.given()
    play.after("1h").looks()
    play.decided(EndingJudged, ending=EndingClass.STATUS_UNKNOWN, rule=RuleId.ENDING_UNASKED)
    play.decided(StartGateway)


def test_another_process_in_its_place_ends_the_life(play: Any) -> None:
    """Exec in place ends a life, too; what took its place is charged as foreign, and nothing is started beside it."""
    play.given()
    play.after("1h").looks(process=play.new_process())
    play.decided(EndingJudged, ending=EndingClass.REPLACED, asked=False)
    play.decided(StartCharged, charge=Charge.FOREIGN)
    play.decided_often(StartGateway, 0)


def test_after_a_reboot_another_process_is_no_replacement(play: Any) -> None:
    """The old life ended with its host; nobody restarted himself."""
    play.given()
    play.after("1h").host_reboots(down="20m")
    play.begins(foreign=True)
    play.decided(EndingJudged, ending=EndingClass.HOST_LOST)

    assert play.gateway().start_charge is not Charge.SELF_RESTART


def test_a_foreign_start_takes_the_place_of_the_life(play: Any) -> None:
    """A second start without an exit in between means that the first life is gone."""
    play.given()
    play.after("1h").begins(foreign=True)
    play.decided(EndingJudged, ending=EndingClass.REPLACED)
    play.decided(SetTimer, rule=RuleId.LIFE_FOREIGN, because="until it is stable")


def test_the_same_start_twice_is_one_life(play: Any) -> None:
    """A report that is repeated is recorded and left alone."""
    play.given()
    play.begins(foreign=True, process=play.process())
    play.decided(NothingDone, rule=RuleId.STALE_REPORT)


@pytest.mark.parametrize("report", ["ends", "gets_ready"])
def test_a_report_about_another_process_is_stale(report: str, play: Any) -> None:
    """An exit reported twice ends one life, not two."""
    play.given()
    getattr(play, report)(process=play.new_process())
    play.decided(NothingDone, rule=RuleId.STALE_REPORT)
    play.stands(Phase.UP)


def test_a_report_about_an_unknown_gateway_is_left_alone(play: Any) -> None:
    """What the policy does not name is none of gatedog's business, and the record says what came."""
    play.given()
    play.looks("stranger")
    play.decided(NothingDone, rule=RuleId.STALE_REPORT)


def test_an_ending_while_the_host_goes_down_is_asked(play: Any) -> None:
    """No start, no page, no charge until it is back; what was not seen to end has ended with the host."""
    play.given("other")
    play.after("1h").host_shuts_down()
    play.ends(signal="SIGTERM")
    play.decided(EndingJudged, rule=RuleId.ENDING_ASKED, asked=True)
    play.decided(StartWithheld, rule=RuleId.HOST_GOING_DOWN)
    play.after("5s").host_reboots()
    play.decided(EndingJudged, gateway="other", asked=True, ending=EndingClass.HOST_LOST)
    play.decided_often(QueuePage, 0)
    play.looks()
    play.decided(StartGateway, charge=Charge.BOOT)


def test_a_start_that_is_due_while_the_host_goes_down_is_not_made(play: Any) -> None:
    """It is the boot's to make, and the boot's only."""
    play.given()
    play.after("1m").ends(code=1)
    play.after("5s").ends(code=1)
    play.host_shuts_down()
    play.stands(Phase.BACKOFF)
    play.after("5s")
    play.decided(StartWithheld, rule=RuleId.HOST_GOING_DOWN)
    play.stands(Phase.STOPPED)
    play.host_reboots()
    play.looks()
    play.decided(StartGateway, charge=Charge.BOOT)


def test_a_host_that_does_not_go_down_after_all_is_told(play: Any) -> None:
    """Down with no start due is nobody's business, and so somebody's page; being up again ends it."""
    play.given()
    play.after("1h").host_shuts_down()
    play.ends(signal="SIGTERM")
    play.after("5s").looks()
    play.after("9m").looks()
    play.decided_often(IncidentOpened, 0)
    play.after("1m")
    play.decided(IncidentOpened, rule=RuleId.DOWN_UNOWNED, severity=Severity.CRITICAL)
    play.asks("human", "start")
    play.gets_ready()
    play.decided(IncidentResolved, rule=RuleId.INCIDENT_UP)


def test_a_stop_ends_the_search_for_an_owner(play: Any) -> None:
    """A human who stops it owns it."""
    play.given()
    play.host_shuts_down()
    play.ends(signal="SIGTERM")
    play.after("1s").looks()
    play.asks("human", "stop")
    play.after("1h")
    play.decided_often(IncidentOpened, 0)
    play.stands(Phase.STOPPED)


def test_a_restart_waits_for_the_ending(play: Any) -> None:
    """Stop, see it gone, start: charged to nobody's budget because a human asked."""
    play.given()
    play.after("1m").asks("human", "restart")
    play.decided(StopGateway)
    play.stands(Phase.STOPPING)
    play.after("2s").ends(code=0)
    play.decided(StartGateway, rule=RuleId.START_AFTER_STOP, charge=Charge.HUMAN)


def test_a_restart_whose_place_is_taken_starts_nothing_beside(play: Any) -> None:
    """Somebody else was quicker: a start of gatedog's own would be a second process."""
    play.given()
    play.after("1m").asks("human", "restart")
    play.begins(foreign=True)
    play.decided(StartWithheld, rule=RuleId.START_AFTER_STOP)
    play.decided_often(StartGateway, 0)
    play.stands(Phase.STARTING)


def test_a_stop_is_final(play: Any) -> None:
    """It stays down until a human starts it, and nobody is paged for that."""
    play.given()
    play.after("1m").asks("human", "stop")
    play.after("2s").ends(signal="SIGTERM")
    play.decided(StartWithheld, rule=RuleId.STOPPED_ON_REQUEST)
    play.after("1h").looks()
    play.decided_nothing()


def test_a_signal_never_makes_an_ending_asked(play: Any) -> None:
    """Whoever sent it: only a granted request or the host's shutdown does."""
    play.given()
    play.after("1m").ends(signal="SIGTERM", by="human")
    play.decided(EndingJudged, asked=False)


def test_what_ignores_the_stop_signal_is_killed(play: Any) -> None:
    """After the policy's timeout; what survives the kill is told once, and over when it has ended after all."""
    play.given()
    play.asks("human", "stop")
    play.after("30s")
    play.decided(KillGateway, rule=RuleId.STOP_TIMEOUT)
    play.after("10s")
    play.decided(IncidentOpened, rule=RuleId.STOP_FAILED, severity=Severity.CRITICAL)
    play.after("20s")
    play.decided_often(KillGateway, 2)
    play.decided_often(IncidentOpened, 0)
    play.ends(signal="SIGKILL", by="gatedog")
    play.decided(IncidentResolved, because="it has ended after all")


def test_a_stop_that_cannot_be_carried_out_is_told(play: Any) -> None:
    """The gateway runs on, its next ending is unasked again, and no start hangs in the air."""
    play.given()
    play.asks("human", "restart")
    play.stop_fails("no permission")
    play.decided(QueuePage, rule=RuleId.STOP_FAILED, severity=Severity.INFO)
    play.stands(Phase.UP)
    play.after("1m").ends(code=0)
    play.decided(EndingJudged, asked=False)


def test_a_stale_answer_to_a_stop_changes_nothing(play: Any) -> None:
    """The life it was about is gone already, and its ending says so."""
    play.given()
    play.asks("human", "stop")
    play.stop_fails("another life", failure=Failure.STALE)
    play.decided(NothingDone, rule=RuleId.STALE_REPORT)
    play.stands(Phase.STOPPING)


def test_a_start_that_nobody_answers_is_a_failed_start(play: Any) -> None:
    """After a minute it is told, charged, and tried again after a delay."""
    play.given()
    play.answers_starts = False
    play.after("1m").ends(code=1)
    play.after("60s")
    play.decided(IncidentOpened, rule=RuleId.START_UNANSWERED)
    play.decided(StartCharged, charge=Charge.AUTOMATIC, rule=RuleId.BUDGET_CHARGED)
    play.stands(Phase.BACKOFF)


def test_a_start_that_fails_is_charged_and_tried_again(play: Any) -> None:
    """A program that is not there spends the budget like one that dies."""
    play.given()
    play.answers_starts = False
    play.after("1m").ends(code=1)
    play.start_fails("no such file")
    play.decided(StartCharged, charge=Charge.AUTOMATIC)
    play.decided(CancelTimer, rule=RuleId.START_FAILED)
    play.stands(Phase.BACKOFF)

    assert play.gateway().last_exit.launch_failed


def test_a_crash_of_gatedog_between_order_and_act_strands_nobody(play: Any) -> None:
    """Nothing in the world carries the life that was ordered, so it is ordered again."""
    play.given()
    play.answers_starts = False
    play.after("1m").ends(code=1)
    play.gatedog_starts()
    play.stands(Phase.STOPPED)
    play.looks()
    play.decided(StartGateway, rule=RuleId.START_LOST, charge=Charge.AUTOMATIC)


@pytest.mark.parametrize("still_there", [True, False])
def test_a_life_that_began_while_gatedog_was_away_is_charged_once(*, still_there: bool, play: Any) -> None:
    """Budgets count lives: the one that was ordered, whether it still runs or has ended."""
    play.given()
    play.answers_starts = False
    play.after("1m").ends(code=1)
    life = play.ordered_life()
    play.gatedog_starts()
    play.looks(process=play.new_process() if still_there else None, life=life)
    play.decided(StartCharged, charge=Charge.AUTOMATIC, life=life)
    play.stands(Phase.STARTING if still_there else Phase.BACKOFF)


def test_not_being_ready_in_time_is_a_notice(play: Any) -> None:
    """Slow is not down: nobody is woken, nothing is restarted."""
    play.given()
    play.after("1m").ends(code=1)
    play.after("5m")
    play.decided(QueuePage, rule=RuleId.NEVER_READY, severity=Severity.INFO, incident=None)
    play.stands(Phase.STARTING)


def test_ten_minutes_up_begin_the_backoff_anew(play: Any) -> None:
    """A stable life makes the next unasked ending a first one; only four hours make the chain forget."""
    play.given()
    play.after("1m").ends(code=1)
    play.after("5s").ends(code=2)
    play.after("11m")
    play.decided(SetTimer, rule=RuleId.BACKOFF_RESET)
    assert len(play.gateway().chain) == 2
    play.ends(code=3)
    play.decided(StartGateway, rule=RuleId.RESTART_AT_ONCE)
    assert len(play.gateway().chain) == 3
    play.after("4h").stands(Phase.STARTING)

    assert play.gateway().chain == ()


def test_four_hours_up_end_the_story(play: Any) -> None:
    """The incident is over, and whoever was told of it is told so, without being woken."""
    play.given()
    for _ in range(4):
        play.after("1h").ends(code=1)
    play.decided(IncidentOpened, rule=RuleId.SPIRAL_CHAIN)
    play.after("5h")
    play.decided(IncidentResolved, rule=RuleId.INCIDENT_STABLE)
    play.decided(QueuePage, rule=RuleId.PAGE_OVER, severity=Severity.INFO)


def test_an_ending_without_a_model_is_a_humans(play: Any) -> None:
    """It opens an incident of its own, and the plain course of things goes on beside it."""
    play.given()
    play.after("1m").ends(signal="SIGSTKFLT")
    play.decided(IncidentOpened, rule=RuleId.ANOMALY, severity=Severity.WARNING)
    play.decided(StartGateway)
    play.after("5h").ends(code=4711)
    play.decided(IncidentExtended, rule=RuleId.ANOMALY)


def test_the_eldest_life_of_the_boot_is_remembered(play: Any) -> None:
    """A human's terminal is older than it; what a former life left behind is not."""
    play.given()
    eldest = play.process()
    play.after("1m").ends(code=1)
    assert play.state.eldest_life == eldest
    play.host_reboots()
    play.looks()
    play.stands(Phase.STARTING, Hold.FREE)

    assert play.state.eldest_life == play.process()


@pytest.mark.parametrize("kind", list(TimerKind))
def test_an_alarm_that_nobody_set_does_nothing(kind: TimerKind, play: Any) -> None:
    """Early, late or twice: only an alarm that is set and due counts."""
    play.given()
    play.alarm(kind)
    play.decided_nothing()
