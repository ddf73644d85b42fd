"""The monthly word on pages that nobody has tried, and the word on each restart."""

from dataclasses import replace
from typing import Any

from watchdog.core.decisions import NothingDone, QueuePage, Severity
from watchdog.core.policy import EscalationPolicy, QuietHours, Window
from watchdog.core.rules import RuleId
from watchdog.core.timeline import HOUR, MINUTE

PEOPLE = EscalationPolicy(tiers=(("phone",), ("call",)), notices=("mail",))
TOLD = replace(PEOPLE, changes=("pd",))


def test_pages_that_nobody_tries_are_a_notice_once_a_month(play: Any) -> None:
    """Every thirty days, naming the channels, and waking nobody."""
    play.given(escalation=PEOPLE)
    play.after("29d").decided_often(QueuePage, 0)
    play.after("2d")
    page = play.decided(QueuePage, rule=RuleId.PAGE_TEST_DUE, severity=Severity.INFO, channels=("mail",))
    play.after("28d").decided_often(QueuePage, 0)
    play.after("1d").decided(QueuePage, rule=RuleId.PAGE_TEST_DUE)

    assert "phone, call" in page.because
    assert page.next_command == "gatedog page test"


def test_a_test_that_got_through_puts_the_reminder_off(play: Any) -> None:
    """Thirty days from the test; and only what did not take it is named."""
    play.given(escalation=PEOPLE)
    play.after("20d").asks("human", "page-test", severity="critical")
    play.delivers("phone")
    play.delivers("call")
    play.after("29d").decided_often(QueuePage, 0)
    play.after("1d").decided(QueuePage, rule=RuleId.PAGE_TEST_DUE)


def test_a_channel_that_did_not_take_the_test_is_named(play: Any) -> None:
    """The others are not."""
    play.given(escalation=PEOPLE)
    play.after("20d").asks("human", "page-test", severity="critical")
    play.delivers("phone")
    play.after("10d")
    page = play.decided(QueuePage, rule=RuleId.PAGE_TEST_DUE)

    assert page.because.startswith("no test page got through call ")


def test_a_policy_that_comes_again_does_not_put_the_reminder_off(play: Any) -> None:
    """The alarm is set once; loading a policy every week must not silence it."""
    play.given(escalation=PEOPLE)
    for _ in range(3):
        play.after("7d").policy_loads(*play.policies(), escalation=PEOPLE)
    play.after("10d").decided(QueuePage, rule=RuleId.PAGE_TEST_DUE)


# -- changes -------------------------------------------------------------------------------------------------------


def test_each_restart_is_one_change_where_that_is_wanted(play: Any) -> None:
    """By whom it was charged; the first start and a hold are none."""
    play.given(escalation=TOLD)
    play.after("31s").ends(code=1)
    change = play.decided(QueuePage, rule=RuleId.CHANGE_TOLD, channels=("pd",))
    play.after("31s").ends(code=1)
    play.after("31s").decided_often(QueuePage, 1, channels=("pd",))
    play.ends(code=1)
    play.after("1h").decided_often(QueuePage, 0, channels=("pd",))

    assert (change.title, change.severity, change.incident) == ("restarted (automatic)", Severity.INFO, None)


def test_nobody_is_told_of_restarts_who_did_not_ask_for_it(play: Any) -> None:
    """As it is without a word in pager.toml."""
    play.given(escalation=PEOPLE)
    play.after("31s").ends(code=1)
    play.decided_often(QueuePage, 0)


def test_a_refused_request_is_no_change(play: Any) -> None:
    """Nothing was restarted."""
    play.given(escalation=TOLD)
    play.asks("agent", "restart", "please")
    play.decided_often(QueuePage, 0, channels=("pd",))


def test_a_change_that_cannot_be_told_is_forgotten(play: Any) -> None:
    """It is not kept to be tried again: what is kept is for pages."""
    play.given(escalation=TOLD)
    play.after("31s").ends(code=1)
    play.decided(QueuePage, rule=RuleId.CHANGE_TOLD)
    play.channel_fails("pd", "404 no such key")
    play.decided_nothing()

    assert (play.state.outbox, play.state.given_up) == ((), ())


def test_changes_do_not_wait_for_the_morning_and_are_few(play: Any) -> None:
    """They wake nobody at any hour; more than the burst are in the journal alone, and cost no page its room."""
    hours = QuietHours(zone="UTC", begins_usec=0, ends_usec=7 * HOUR, offsets=())
    few = Window(starts=2, per_usec=30 * MINUTE)
    play.given(escalation=replace(TOLD, tiers=(("pd",),), quiet_hours=hours, channel_burst=few))
    for _ in range(2):
        play.asks("human", "restart", "an update")
        play.ends(signal="SIGTERM")
        play.gets_ready()
    play.decided_often(QueuePage, 2, channels=("pd",), rule=RuleId.CHANGE_TOLD)
    play.asks("human", "restart", "an update")
    play.ends(signal="SIGTERM")
    play.decided(NothingDone, rule=RuleId.PAGE_FOLDED)
    for _ in range(3):
        play.after("31s").ends(code=1)
    play.decided(QueuePage, severity=Severity.CRITICAL, channels=("pd",))
