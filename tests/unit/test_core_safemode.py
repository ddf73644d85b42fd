"""Safe mode: one automatic start per boot and gateway while part of the memory is lost."""

from typing import Any

import pytest

from watchdog.core.decisions import (
    Charge,
    HoldPlaced,
    IncidentExtended,
    IncidentOpened,
    IncidentResolved,
    NothingDone,
    QueuePage,
    Severity,
    StartGateway,
)
from watchdog.core.events import Failure, JournalGapFound, JournalRenewed
from watchdog.core.identity import Seq
from watchdog.core.rules import RuleId
from watchdog.core.state import Hold, Phase


def test_a_damaged_journal_is_critical_and_names_its_first_bad_record(play: Any) -> None:
    """On a lock screen the record does; the page says where the damaged file is kept."""
    play.given()
    play.journal_damaged("41")
    play.decided(IncidentOpened, rule=RuleId.JOURNAL_DAMAGED, severity=Severity.CRITICAL)
    page = play.decided(QueuePage, rule=RuleId.JOURNAL_DAMAGED)

    assert "record 41" in page.title
    assert "/state/journal.damaged-1" in page.because


def test_damage_of_the_whole_file_is_told_as_that(play: Any) -> None:
    """Where no record can be named, none is made up."""
    play.given()
    play.journal_damaged("file")

    assert "the file" in play.decided(QueuePage, rule=RuleId.JOURNAL_DAMAGED).title


def test_the_second_ending_in_safe_mode_is_held(play: Any) -> None:
    """The first is answered by a start, the second by a hold, although no budget is spent."""
    play.given()
    play.journal_damaged("41")
    play.ends(code=1)
    play.decided(StartGateway, rule=RuleId.RESTART_AT_ONCE)
    play.after("3h")
    play.ends(code=1)
    play.decided(HoldPlaced, rule=RuleId.SAFE_MODE)
    play.decided(QueuePage, rule=RuleId.SAFE_MODE, severity=Severity.CRITICAL)
    play.stands(Phase.HELD, Hold.HELD)


def test_a_hold_that_can_still_be_read_is_placed_again(play: Any) -> None:
    """It cannot be verified, and it only makes gatedog more careful."""
    play.given()
    play.journal_damaged("41", "main", "unheard-of")
    play.decided(HoldPlaced, rule=RuleId.SAFE_MODE)
    play.after("1s")
    play.ends(code=1)
    play.stands(Phase.HELD, Hold.HELD)


@pytest.mark.parametrize("how", ["close", "release"])
def test_a_human_ends_safe_mode(play: Any, how: str) -> None:
    """By closing the incident, or by releasing a gateway: both say that somebody has looked."""
    play.given()
    play.journal_damaged("41", *(("main",) if how == "release" else ()))
    if how == "close":
        play.asks("human", "incident-close", "restored", incident="INC-1")
    else:
        play.asks("human", "release", "looked")
    play.decided(IncidentResolved, rule=RuleId.INCIDENT_CLOSED if how == "close" else RuleId.HOLD_RELEASED)
    for _ in range(2):
        play.after("5h")
        play.ends(code=1)
        play.decided(StartGateway, rule=RuleId.RESTART_AT_ONCE)


def test_what_a_human_asks_for_is_not_counted(play: Any) -> None:
    """The one automatic start is still there after a restart on request."""
    play.given()
    play.journal_damaged("41")
    play.asks("human", "restart")
    play.ends(code=0)
    play.after("5h")
    play.ends(code=1)

    assert play.decided(StartGateway, rule=RuleId.RESTART_AT_ONCE).charge is Charge.AUTOMATIC


def test_the_next_boot_has_a_start_of_its_own(play: Any) -> None:
    """And only one."""
    play.given()
    play.journal_damaged("41")
    play.ends(code=1)
    play.host_shuts_down()
    play.ends(code=0)
    play.host_reboots()
    play.looks()
    play.decided(StartGateway, rule=RuleId.START_AT_BOOT)
    play.after("1m")
    play.ends(code=1)
    play.decided(HoldPlaced, rule=RuleId.SAFE_MODE)


def test_a_second_damage_is_told_although_its_rule_has_spoken(play: Any) -> None:
    """A second file was kept, and people must know of it."""
    play.given()
    play.journal_damaged("41")
    play.after("1m")
    play.journal_damaged("7")
    play.decided(IncidentExtended, rule=RuleId.JOURNAL_DAMAGED)

    assert "record 7" in play.decided(QueuePage, rule=RuleId.JOURNAL_DAMAGED).title


def test_a_renewed_journal_is_a_warning_and_no_safe_mode(play: Any) -> None:
    """Nothing was lost: the budget decides as always."""
    play.given()
    play.feed(JournalRenewed(reason="another machine", kept_as="/state/journal.moved-1"))
    play.decided(IncidentOpened, rule=RuleId.JOURNAL_RENEWED, severity=Severity.WARNING)
    for _ in range(2):
        play.after("5h")
        play.ends(code=1)
        play.decided(StartGateway, rule=RuleId.RESTART_AT_ONCE)


def test_a_full_disk_that_lost_nothing_is_over_when_it_is_over(play: Any) -> None:
    """Nobody has to look for a gap that is none."""
    play.given()
    play.journal_fails()
    play.after("1m")
    play.feed(JournalGapFound(after_seq=Seq(9), lost=0, reason="the disk was full"))
    play.decided(NothingDone, rule=RuleId.JOURNAL_GAP)
    play.decided(IncidentResolved, rule=RuleId.JOURNAL_GAP)


def test_a_start_that_waits_when_its_boot_has_none_left_is_held(play: Any) -> None:
    """A second damage in the same boot finds a delay running whose start was made before: it is not made again."""
    play.given()
    play.journal_damaged("41")
    play.ends(code=1)
    play.asks("human", "incident-close", "restored", incident="INC-1")
    play.ends(code=1)
    play.stands(Phase.BACKOFF)
    play.journal_damaged("7")
    play.decided(HoldPlaced, rule=RuleId.SAFE_MODE)
    play.stands(Phase.HELD, Hold.HELD)


def test_a_start_that_the_journal_did_not_take_is_not_counted(play: Any) -> None:
    """It was never made, so the one start of this boot is still there ten minutes later."""
    play.given()
    play.answers_starts = False
    play.journal_damaged("41")
    play.ends(code=1)
    play.start_fails("the journal cannot be written", Failure.JOURNAL)
    play.after("10m 30s")
    play.decided(StartGateway, rule=RuleId.RESTART_DUE)
    play.begins()
    play.ends(code=1)
    play.decided(HoldPlaced, rule=RuleId.SAFE_MODE)
