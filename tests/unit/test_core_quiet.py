"""Maintenance and silences: a human's, for a time, and never over a hold."""

import shlex
from typing import Any

import pytest
from sensing import probe_policy

from watchdog.core.decisions import (
    AnswerRequest,
    HoldPlaced,
    IncidentOpened,
    Outcome,
    PageUpdate,
    PageWithheld,
    QueuePage,
    QuietEnded,
    QuietGranted,
)
from watchdog.core.quiet import MAINTENANCE_MAX_USEC, SILENCE_MAX_USEC, SILENCES_MAX
from watchdog.core.rules import RuleId
from watchdog.core.timeline import DAY, HOUR

CHANNEL = (probe_policy("channel:x"),)


def breaks(play: Any, minutes: int = 17) -> None:
    """Let the channel fail for long."""
    play.probes("channel:x", "ok")
    play.after("1m").probes("channel:x", "failed", minutes)


def test_a_maintenance_ends_by_itself(play: Any) -> None:
    """What is found meanwhile is not judged; after it, health counts again."""
    play.given(probes=CHANNEL)
    play.asks("human", "maintenance", lasting="2h")
    play.decided(QuietGranted, rule=RuleId.MAINTENANCE_BEGAN)
    breaks(play, 30)
    play.decided_often(QueuePage, 0)
    play.after("2h").decided(QuietEnded, rule=RuleId.MAINTENANCE_ENDED)
    breaks(play)
    play.decided(IncidentOpened, rule=RuleId.PROBE_FAILING)

    assert play.gateway().maintenance is None


def test_pages_of_a_maintenance_wait_for_its_end(play: Any) -> None:
    """An anomaly is recorded, withheld, and told when the maintenance is over."""
    play.given()
    play.asks("human", "maintenance", lasting="1h")
    play.after("10m").ends(code=4711)
    play.gets_ready()
    play.decided(IncidentOpened, rule=RuleId.ANOMALY)
    play.decided(PageWithheld, rule=RuleId.PAGE_WITHHELD)
    play.decided_often(QueuePage, 0)
    play.after("1h").decided(QueuePage, rule=RuleId.ANOMALY, update=PageUpdate.UPDATED)


def test_a_hold_is_told_through_any_quiet(play: Any) -> None:
    """Nothing will start a held gateway by itself, so somebody must know."""
    play.given()
    play.asks("human", "maintenance", lasting="4h")
    play.asks("human", "silence", lasting="4h")
    for _ in range(3):
        play.after("1m").ends(signal="SIGKILL")
    play.decided(HoldPlaced)
    play.decided(QueuePage, rule=RuleId.SPIRAL_IDENTICAL)


@pytest.mark.parametrize("subject", ["", "degradation", "channel:x"])
def test_a_silence_is_about_everything_a_matter_or_a_probe(subject: str, play: Any) -> None:
    """The story is told when the silence ends, if it is not over by then."""
    play.given(probes=CHANNEL)
    play.asks("human", "silence", lasting="1h", subject=subject)
    play.decided(QuietGranted, rule=RuleId.SILENCE_BEGAN)
    breaks(play, 30)
    play.decided_often(QueuePage, 0)
    play.after("30m").decided(QuietEnded, rule=RuleId.SILENCE_ENDED)
    play.probes("channel:x", "failed")
    play.decided_often(HoldPlaced, 0)
    assert any(isinstance(each, QueuePage) and each.rule is RuleId.PROBE_FAILING for each in play.decisions())


def test_a_silence_about_something_else_hides_nothing(play: Any) -> None:
    """A probe that is silenced leaves the others their voice."""
    play.given(probes=CHANNEL)
    play.asks("human", "silence", lasting="1h", subject="channel:y")
    breaks(play)
    play.decided(QueuePage, rule=RuleId.PROBE_FAILING)


def test_a_story_that_ended_in_a_silence_is_not_told_afterwards(play: Any) -> None:
    """Nobody is woken for what is over."""
    play.given(probes=CHANNEL)
    play.asks("human", "silence", lasting="2h")
    breaks(play)
    play.after("1m").probes("channel:x", "ok", 2)
    play.decided_often(QueuePage, 0)
    play.after("2h").decided(QuietEnded)
    play.decided_often(QueuePage, 0)


@pytest.mark.parametrize(("verb", "longest"), [("maintenance", MAINTENANCE_MAX_USEC), ("silence", SILENCE_MAX_USEC)])
def test_no_quiet_lasts_longer_than_it_may(verb: str, longest: int, play: Any) -> None:
    """A year is a day, or a week; without a time it is an hour."""
    play.given()
    play.asks("human", verb, lasting="365d")
    granted = play.decided(QuietGranted)
    assert granted.until_usec == play.state.clock.now_usec + longest
    play.after("1m").asks("human", verb)
    assert play.decided(QuietGranted).until_usec == play.state.clock.now_usec + HOUR
    assert SILENCE_MAX_USEC <= 7 * DAY


@pytest.mark.parametrize("verb", ["maintenance", "silence", "maintenance-end", "silence-end"])
@pytest.mark.parametrize("who", ["agent", "stranger", "cron", "deploy"])
def test_quiet_is_for_humans(who: str, verb: str, play: Any) -> None:
    """An agent that could silence its watchdog would."""
    play.given()
    play.asks(who, verb, lasting="1h")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    assert play.gateway().maintenance is None
    assert play.gateway().silences == ()


@pytest.mark.parametrize("what", ["maintenance", "silence"])
def test_a_human_ends_it_early(what: str, play: Any) -> None:
    """What waits is told then; ending nothing says that there is nothing."""
    play.given()
    play.asks("human", f"{what}-end")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)
    play.after("1m").asks("human", what, lasting="4h")
    play.after("10m").ends(code=4711)
    play.gets_ready()
    play.decided_often(QueuePage, 0)
    play.asks("human", f"{what}-end")
    play.decided(QuietEnded)
    play.decided(QueuePage, rule=RuleId.ANOMALY)
    play.after("5h").decided_often(QuietEnded, 0)


def test_two_quiets_end_each_at_its_time(play: Any) -> None:
    """One alarm serves the earliest end, and is set again for the next."""
    play.given()
    play.asks("human", "silence", lasting="1h", subject="anomaly")
    play.asks("human", "silence", lasting="3h", subject="down")
    play.after("1h").decided(QuietEnded, subject="anomaly")
    play.after("2h").decided(QuietEnded, subject="down")


def test_silences_are_few(play: Any) -> None:
    """Somebody who silences thing after thing wants another tool."""
    play.given()
    for number in range(SILENCES_MAX):
        play.asks("human", "silence", lasting="1h", subject=f"probe-{number}")
    play.after("1m").asks("human", "silence", lasting="1h", subject="one-more")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)
    assert len(play.gateway().silences) == SILENCES_MAX


def test_a_reason_is_kept_with_it(play: Any) -> None:
    """Whoever looks at status at night wants to know whose it is and why."""
    play.given()
    play.asks("human", "maintenance", reason="", lasting="1h")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NEEDS_REASON)
    play.after("1s").asks("human", "maintenance", reason="disk swap", lasting="1h")
    play.decided(QuietGranted)
    assert "disk swap" in play.gateway().maintenance.because


@pytest.mark.parametrize("subject", ["", "degradation", "channel:x"])
def test_the_command_that_is_printed_ends_that_silence_and_no_other(subject: str, play: Any) -> None:
    """One of three is ended by the words that were printed when it began; without words all of them are."""
    play.given(probes=CHANNEL)
    printed = {}
    for each in ("", "degradation", "channel:x"):
        play.after("1s").asks("human", "silence", lasting="1h", subject=each)
        printed[each] = play.decided(AnswerRequest, outcome=Outcome.GRANTED).next_commands[0]
    _, _, name, what, end = shlex.split(printed[subject])
    play.after("1s").asks("human", "silence-end", subject=what, name=name)
    play.decided(QuietEnded, subject=subject)

    assert end == "--end"
    assert {silence.subject for silence in play.gateway().silences} == {"", "degradation", "channel:x"} - {subject}
    play.after("1s").asks("human", "silence-end")
    play.decided_often(QuietEnded, 2)


@pytest.mark.parametrize("subject", ["--end", "two words", "$(reboot)", "x;y"])
def test_a_silence_about_what_has_no_such_name_is_no_silence(subject: str, play: Any) -> None:
    """Nothing could ever be silenced by it, and its end could not be typed."""
    play.given()
    play.asks("human", "silence", lasting="1h", subject=subject)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)
    assert play.gateway().silences == ()
