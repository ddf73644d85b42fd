"""Ownership: a second owner is named once, and a human who breaks the glass is obeyed."""

from typing import Any

from watchdog.core.decisions import (
    EndingJudged,
    IncidentExtended,
    IncidentOpened,
    IncidentResolved,
    NothingDone,
    QueuePage,
    Severity,
    StartGateway,
    StartWithheld,
)
from watchdog.core.endings import EndingClass
from watchdog.core.rules import RuleId
from watchdog.core.state import Phase


def test_one_foreign_job_is_a_notice(play: Any) -> None:
    """An operator may have had a reason; nobody is woken."""
    play.given()
    play.foreign_job("stop")
    play.decided(QueuePage, rule=RuleId.FOREIGN_JOB, severity=Severity.INFO)
    play.decided_often(IncidentOpened, 0)


def test_the_second_foreign_job_within_a_chains_reach_is_a_second_manager(play: Any) -> None:
    """Two of them within four hours are told as one incident, and a third is no new story."""
    play.given()
    play.foreign_job("stop")
    play.after("3h 59m").foreign_job("restart")
    opened = play.decided(IncidentOpened, rule=RuleId.FOREIGN_JOBS)
    play.after("1m").foreign_job("stop")
    extended = play.decided(IncidentExtended, rule=RuleId.FOREIGN_JOBS)

    assert opened.incident == extended.incident


def test_foreign_jobs_that_lie_far_apart_are_notices_each(play: Any) -> None:
    """What is older than a chain can reach is another story."""
    play.given()
    play.foreign_job("stop")
    play.after("4h 1s").foreign_job("stop")
    play.decided(QueuePage, rule=RuleId.FOREIGN_JOB)
    play.decided_often(IncidentOpened, 0)


def test_rivals_are_told_when_they_appear_and_over_when_they_are_gone(play: Any) -> None:
    """The same rivals again are folded; one that leaves is no news; a new one is."""
    play.given()
    play.rivals("restart-setting=Restart=always")
    first = play.decided(IncidentOpened, rule=RuleId.RIVAL_FOUND)
    play.after("20s").rivals("restart-setting=Restart=always")
    play.decided_often(QueuePage, 0)
    play.after("1m").rivals("restart-setting=Restart=always", "port=18789")
    play.decided(QueuePage, rule=RuleId.RIVAL_FOUND)
    play.after("1m").rivals("port=18789")
    play.decided(NothingDone, rule=RuleId.RIVAL_FOUND)
    play.after("1m").rivals()
    last = play.decided(IncidentResolved, rule=RuleId.RIVAL_FOUND)

    assert first.incident == last.incident


def test_a_break_glass_stop_is_asked_and_stays_down(play: Any) -> None:
    """Root's word on record is a human's: nothing is charged, nothing starts again."""
    play.given()
    play.break_glass("stop")
    play.decided(IncidentOpened, rule=RuleId.BREAK_GLASS)
    play.after("1s").ends(signal="SIGTERM", by="human")
    judged = play.decided(EndingJudged, rule=RuleId.ENDING_ASKED)
    play.decided(StartWithheld, rule=RuleId.STOPPED_ON_REQUEST)
    play.stands(Phase.STOPPED)

    assert (judged.ending, judged.asked) == (EndingClass.TERMINATED, True)


def test_a_break_glass_stop_calls_a_waiting_start_off(play: Any) -> None:
    """A start that was due is not made behind that person's back."""
    play.given()
    play.ends(code=1)
    play.after("1s").ends(code=1)
    play.after("100ms").break_glass("stop")
    play.decided(IncidentOpened, rule=RuleId.BREAK_GLASS)
    play.stands(Phase.STOPPED)
    play.after("1h").looks()
    play.decided_often(StartGateway, 0)


def test_a_record_of_break_glass_is_taken_in_once(play: Any) -> None:
    """Every daemon start reads the same records again."""
    play.given()
    play.break_glass("start")
    play.after("1m").break_glass("start", used_usec=play.break_glass_usec)
    play.decided(NothingDone, rule=RuleId.BREAK_GLASS)


def test_a_silent_systemd_is_no_death(play: Any) -> None:
    """It is told once, and over when it answers."""
    play.given()
    play.manager(reachable=False)
    play.decided(IncidentOpened, rule=RuleId.SYSTEMD_UNREACHABLE)
    play.stands(Phase.UP)
    play.after("1m").manager(reachable=False)
    play.decided_often(QueuePage, 0)
    play.after("1m").manager(reachable=True)
    play.decided(IncidentResolved, rule=RuleId.SYSTEMD_UNREACHABLE)


def test_a_shutdown_that_is_called_off_brings_back_what_it_ended(play: Any) -> None:
    """What was wanted is started; without a shutdown there is nothing to call off."""
    play.given()
    play.host_shuts_down()
    play.ends(signal="SIGTERM")
    play.decided_often(StartGateway, 0)
    play.after("1s").host_stays_up()
    play.decided(StartGateway, rule=RuleId.SHUTDOWN_CALLED_OFF)
    play.after("1s").host_stays_up()
    play.decided(NothingDone, rule=RuleId.STALE_REPORT)
