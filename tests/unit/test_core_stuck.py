"""Pages that do not get out, tests that do, and what a human can have tried again."""

from dataclasses import replace
from typing import Any

from watchdog.core.decisions import (
    AnswerRequest,
    IncidentOpened,
    IncidentResolved,
    NothingDone,
    Outcome,
    PageRetried,
    PageUpdate,
    QueuePage,
    Severity,
)
from watchdog.core.policy import EscalationPolicy
from watchdog.core.rules import RuleId
from watchdog.core.state import IncidentPhase

PEOPLE = EscalationPolicy(tiers=(("phone", "chat"), ("call",)), notices=("mail",), last_resort=("wall",))


def hold(play: Any, escalation: EscalationPolicy = PEOPLE) -> None:
    """Let a fast spiral be held: one critical page."""
    play.given(escalation=escalation)
    for _ in range(3):
        play.after("31s").ends(code=1)
    play.decided(QueuePage, severity=Severity.CRITICAL, channels=escalation.tiers[0])


def test_o06_when_every_channel_of_a_tier_is_stuck_the_next_is_told(play: Any) -> None:
    """At once: the minutes of the escalation are for a person who might answer, and this one cannot know."""
    hold(play)
    play.is_stuck("phone")
    play.decided_nothing()
    play.is_stuck("chat", "no route")
    page = play.decided(QueuePage, rule=RuleId.PAGE_STUCK, channels=("call",), severity=Severity.CRITICAL)

    assert page.did == "channel chat has not taken it so far: no route"


def test_one_delivery_is_enough(play: Any) -> None:
    """Somebody may be on their way."""
    hold(play)
    play.delivers("phone")
    play.is_stuck("chat")
    play.after("6m").decided_often(IncidentOpened, 0)
    play.decided(QueuePage, rule=RuleId.PAGE_NEXT_TIER)


def test_o13_pages_that_do_not_get_out_for_five_minutes_are_an_incident(play: Any) -> None:
    """Critical, and told where it can be told: on this machine."""
    hold(play)
    for channel in ("phone", "chat", "call"):
        play.is_stuck(channel)
    play.after("4m 59s").decided_nothing()
    play.after("1s")
    play.decided(IncidentOpened, rule=RuleId.PAGES_UNDELIVERED, severity=Severity.CRITICAL)
    page = play.decided(QueuePage, channels=("wall",))

    assert "INC-1" in page.because
    assert page.next_command == "gatedog page channels"


def test_o13_it_is_over_when_a_page_gets_out(play: Any) -> None:
    """And the word of that goes where its beginning went."""
    hold(play)
    for channel in ("phone", "chat", "call"):
        play.is_stuck(channel)
    play.after("5m")
    play.decided(QueuePage, channels=("wall",))
    play.delivers("wall")
    play.decided_nothing()
    play.after("1m").delivers("call")
    play.decided(IncidentResolved, rule=RuleId.PAGES_UNDELIVERED)
    play.decided(QueuePage, update=PageUpdate.RESOLVED, channels=("wall",))


def test_it_does_not_escalate_itself(play: Any) -> None:
    """The tiers are what does not work; an acknowledgement given back changes nothing about that."""
    hold(play)
    for channel in ("phone", "chat", "call"):
        play.is_stuck(channel)
    play.after("5m")
    play.decided(IncidentOpened)
    play.asks("human", "ack", incident="INC-2")
    play.asks("human", "unack", incident="INC-2")
    play.after("3h").decided_often(QueuePage, 0, incident="INC-2")


def test_o07_a_page_that_waits_is_not_queued_again(play: Any) -> None:
    """A repetition of what has not got out would only be the second thing to arrive."""
    hold(play)
    for channel in ("phone", "chat", "call"):
        play.is_stuck(channel)
    play.after("30m")
    play.decided(NothingDone, rule=RuleId.PAGE_STILL_WAITS)
    play.after("5h 30m").decided_often(NothingDone, 11, rule=RuleId.PAGE_STILL_WAITS)
    play.decided_often(QueuePage, 0, incident="INC-1")
    waits = [each for each in play.state.outbox if each.page.incident == "INC-1"]

    assert [each.page.update for each in waits] == [PageUpdate.OPENED, PageUpdate.REPEATED]


def test_a_passing_trouble_is_no_incident(play: Any) -> None:
    """Delivered within the five minutes after all."""
    hold(play)
    play.is_stuck("phone")
    play.is_stuck("chat")
    play.delivers("phone")
    play.after("4m 59s").decided_often(IncidentOpened, 0)


def test_the_five_minutes_count_from_the_oldest_page_that_is_still_lost(play: Any) -> None:
    """The one that set the alarm may have got out since."""
    hold(play, replace(PEOPLE, tiers=(("phone",), ("call",))))
    play.is_stuck("phone")
    play.decided(QueuePage, rule=RuleId.PAGE_STUCK, channels=("call",))
    play.after("1m").asks("human", "page-test", severity="critical", subject="chat")
    play.delivers("call")
    play.is_stuck("chat")
    play.after("4m").decided_often(IncidentOpened, 0)
    play.after("1m")
    play.decided(IncidentOpened, rule=RuleId.PAGES_UNDELIVERED)


def test_a_stuck_report_about_what_does_not_wait_is_harmless(play: Any) -> None:
    """Reports come twice, and after the delivery."""
    hold(play)
    page = play.waiting_page("phone").page.page
    play.delivers("phone")
    play.stuck(page, "phone")
    play.stuck("0.0", "phone")
    play.decided_nothing()


# -- tests ---------------------------------------------------------------------------------------------------------


def test_o10_a_test_ends_where_it_arrived(play: Any) -> None:
    """A receiver that opened an alert for it must close that; and when it got through is remembered."""
    play.given(escalation=PEOPLE)
    play.asks("human", "page-test", severity="critical")
    play.decided(QueuePage, rule=RuleId.PAGE_TEST)
    tested = play.waiting_page("phone").page.page
    play.after("1s").delivers("phone")
    play.channel_fails("chat", "401 wrong token")
    play.decided_nothing()
    play.delivers("call")
    over = play.decided(QueuePage, rule=RuleId.PAGE_TEST_OVER, update=PageUpdate.RESOLVED, channels=("phone", "call"))

    assert over.story == tested
    assert [each.channel for each in play.state.channels if each.tested_wall_usec] == ["call", "phone"]


def test_o10_a_test_of_one_channel_leaves_the_others_alone(play: Any) -> None:
    """Also one that no tier names."""
    play.given(escalation=PEOPLE)
    play.asks("human", "page-test", severity="info", subject="pigeon")
    play.decided(QueuePage, rule=RuleId.PAGE_TEST, channels=("pigeon",), severity=Severity.INFO)


# -- trying again --------------------------------------------------------------------------------------------------


def test_what_a_channel_gave_up_is_given_to_it_again(play: Any) -> None:
    """By a human who has mended it; the page keeps its name."""
    hold(play, replace(PEOPLE, tiers=(("phone",),)))
    page = play.waiting_page("phone").page.page
    play.channel_fails("phone", "401")
    play.decided(IncidentOpened, rule=RuleId.PAGES_UNDELIVERED)
    play.asks("human", "page-retry", subject=page)
    play.decided(PageRetried, rule=RuleId.PAGE_RETRIED, page=page, channels=("phone",))
    play.delivers("phone")
    play.decided(IncidentResolved, rule=RuleId.PAGES_UNDELIVERED)

    assert play.state.given_up == ()


def test_a_page_that_waits_elsewhere_can_be_retried(play: Any) -> None:
    """One channel still tries; the other is mended."""
    hold(play)
    page = play.waiting_page("phone").page.page
    play.channel_fails("phone", "401")
    play.after("1s").asks("human", "page-retry", subject=page)
    play.decided(PageRetried, channels=("phone",))

    assert play.waiting_page("phone").waiting == ("chat", "phone")


def test_an_older_word_is_not_told_after_a_newer_one(play: Any) -> None:
    """It would tell people what is no longer so."""
    hold(play, replace(PEOPLE, tiers=(("phone",), ("call",))))
    page = play.waiting_page("phone").page.page
    play.channel_fails("phone", "401")
    play.decided(QueuePage, rule=RuleId.PAGE_CHANNEL_FAILED)
    play.asks("human", "page-retry", subject=page)
    answer = play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.REQUEST_NOTHING_TO_DO)

    assert "tells more of INC-1" in answer.because


def test_nothing_to_retry_is_an_answer(play: Any) -> None:
    """A page that nobody gave up."""
    hold(play)
    play.asks("human", "page-retry", subject="0.0")
    play.decided(AnswerRequest, outcome=Outcome.FAILED)
    play.asks("human", "page-retry")
    play.decided(AnswerRequest, outcome=Outcome.FAILED)

    assert play.incident().phase is IncidentPhase.OPEN
