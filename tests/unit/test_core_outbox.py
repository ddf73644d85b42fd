"""What waits for whom: quiet hours, storms, a network that is away, and what is remembered of deliveries."""

from dataclasses import replace
from typing import Any

import pytest

from watchdog.core.decisions import (
    IncidentOpened,
    PageDelayed,
    PageFolded,
    PageUpdate,
    QueuePage,
    SetTimer,
    Severity,
)
from watchdog.core.outbox import DELIVERIES_MAX, OUTBOX_MAX
from watchdog.core.policy import EscalationPolicy, QuietHours, Window, ZoneOffset
from watchdog.core.rules import RuleId
from watchdog.core.state import PendingPage
from watchdog.core.timeline import DAY, HOUR, MINUTE, Usec

PEOPLE = EscalationPolicy(tiers=(("phone",), ("call",)), notices=("mail",))
NIGHT = replace(PEOPLE, quiet_hours=QuietHours(zone="UTC", begins_usec=0, ends_usec=7 * HOUR, offsets=()))
FEW = replace(PEOPLE, channel_burst=Window(starts=3, per_usec=30 * MINUTE), critical_reserve=2)


def refused_twice(play: Any) -> None:
    """Warn twice of one incident, two hours apart."""
    play.asks("agent", "restart", "please")
    play.is_stuck("phone")
    play.after("2h").asks("agent", "restart", "please")


def spiral(play: Any) -> None:
    """Let a fast spiral be held: one critical page."""
    for _ in range(3):
        play.after("31s").ends(code=1)


# -- a network that is away ----------------------------------------------------------------------------------------


def test_o04_on_reconnect_there_is_one_message_for_an_incident(play: Any) -> None:
    """The latest takes the place of what does not get out, says how many there were, and opens the incident."""
    play.given(escalation=PEOPLE)
    refused_twice(play)
    play.decided(QueuePage, update=PageUpdate.UPDATED)
    (waiting,) = play.state.outbox

    assert waiting.collapsed == 1
    assert waiting.first_wall_usec < waiting.queued_wall_usec
    assert waiting.page.update is PageUpdate.OPENED


def test_o04_what_was_born_and_ended_offline_is_told_as_that(play: Any) -> None:
    """One word, that wakes nobody: there is nothing left to do."""
    play.given(escalation=PEOPLE)
    refused_twice(play)
    play.after("5h").decided(QueuePage, rule=RuleId.PAGE_OVER, severity=Severity.INFO, update=PageUpdate.UPDATED)
    (waiting,) = play.state.outbox

    assert waiting.page.title.startswith("happened and ended: ")
    assert waiting.collapsed == 2


def test_o04_facts_that_each_wake_somebody_are_one_page_that_does(play: Any) -> None:
    """Held, released, and held again while nothing gets out: the latest rings, once, and says how many there were."""
    play.given(escalation=replace(PEOPLE, tiers=(("phone",),)))
    spiral(play)
    play.is_stuck("phone")
    for _ in range(3):
        play.after("1h").asks("human", "release", "try again")
        play.after("1m").ends(code=1)
    play.decided(QueuePage, severity=Severity.CRITICAL, update=PageUpdate.UPDATED)
    (waiting,) = (each for each in play.state.outbox if each.page.incident == "INC-1")

    assert (waiting.page.severity, waiting.page.update) == (Severity.CRITICAL, PageUpdate.OPENED)
    assert (waiting.collapsed, waiting.stuck) == (3, ("phone",))
    assert play.incident().latest == waiting


def test_o04_what_was_queued_before_the_trouble_was_known_is_one_page_too(play: Any) -> None:
    """Two facts in the first minute: when the channel says that it is stuck with the first, the second is all."""
    play.given(escalation=PEOPLE)
    spiral(play)
    play.after("10s").asks("human", "release", "try again")
    play.after("10s").ends(code=1)
    assert [each.page.update for each in play.state.outbox] == [PageUpdate.OPENED, PageUpdate.UPDATED]
    play.is_stuck("phone")
    play.decided(QueuePage, rule=RuleId.PAGE_STUCK, channels=("call",))
    waiting = play.waiting_page("phone")

    assert [each.waiting for each in play.state.outbox] == [("phone",), ("call",)]
    assert (waiting.page.update, waiting.collapsed, waiting.stuck) == (PageUpdate.OPENED, 1, ("phone",))


def test_o04_a_page_that_somebody_may_have_had_keeps_its_words(play: Any) -> None:
    """It bears a key, and a second copy under that key must not say something else."""
    play.given(escalation=replace(PEOPLE, tiers=(("phone", "chat"),)))
    spiral(play)
    play.delivers("chat")
    play.after("10s").asks("human", "release", "try again")
    play.after("10s").ends(code=1)
    play.decided(QueuePage, update=PageUpdate.UPDATED)
    play.is_stuck("phone")
    play.decided_often(QueuePage, 0, channels=("phone", "chat"))

    assert [(each.waiting, each.collapsed) for each in play.state.outbox] == [(("phone",), 0), (("phone", "chat"), 0)]


def test_o04_a_critical_page_is_neither_lost_to_a_quieter_one_nor_overtaken(play: Any) -> None:
    """Opened offline, it still pages when it is over, and before that is told."""
    play.given(escalation=PEOPLE)
    spiral(play)
    play.is_stuck("phone")
    play.after("1m").asks("human", "incident-close", incident="INC-1")
    play.decided(QueuePage, update=PageUpdate.RESOLVED)
    mine = [each.page for each in play.state.outbox if "phone" in each.waiting]

    assert [page.update for page in mine] == [PageUpdate.OPENED, PageUpdate.RESOLVED]
    assert [page.severity for page in mine] == [Severity.CRITICAL, Severity.INFO]


def test_a_page_that_is_only_slow_is_not_merged(play: Any) -> None:
    """It may be under way this very moment."""
    play.given(escalation=PEOPLE)
    play.asks("agent", "restart", "please")
    play.after("2h").asks("agent", "restart", "please")
    play.decided(QueuePage, update=PageUpdate.UPDATED)

    assert [each.collapsed for each in play.state.outbox] == [0, 0]


def test_what_another_channel_has_taken_is_merged_only_where_it_waits(play: Any) -> None:
    """One channel has the opening already; for the other the update takes its place."""
    play.given(escalation=replace(PEOPLE, tiers=(("phone", "chat"),)))
    play.asks("agent", "restart", "please")
    play.delivers("chat")
    play.is_stuck("phone")
    play.after("2h").asks("agent", "restart", "please")
    play.decided(QueuePage, update=PageUpdate.UPDATED)
    (waiting,) = play.state.outbox

    assert waiting.waiting == ("phone", "chat")
    assert waiting.page.update is PageUpdate.UPDATED


# -- quiet hours ---------------------------------------------------------------------------------------------------


def test_o08_a_warning_waits_until_the_morning(play: Any) -> None:
    """At seven, and what came meanwhile has joined it."""
    play.given(escalation=NIGHT)
    play.after("1h").asks("agent", "restart", "please")
    play.decided(PageDelayed, rule=RuleId.PAGE_DELAYED)
    play.after("3h").asks("agent", "restart", "please")
    play.decided(PageDelayed)
    play.after("2h").decided_nothing()
    play.after("1h")
    play.decided(QueuePage, severity=Severity.WARNING, update=PageUpdate.OPENED, channels=("phone",))

    assert play.now_usec == 7 * HOUR
    assert play.state.outbox[0].collapsed == 1
    assert play.state.delayed == ()


def test_o08_a_critical_page_never_waits(play: Any) -> None:
    """And it tells all there is to tell, so what waited of the same incident is forgotten."""
    play.given(escalation=NIGHT)
    spiral(play)
    play.decided(QueuePage, severity=Severity.CRITICAL, channels=("phone",))
    play.decided_often(PageDelayed, 0)


def test_o08_the_end_of_what_woke_somebody_is_told_at_once(play: Any) -> None:
    """Whoever is up because of it may go to bed."""
    play.given(escalation=NIGHT)
    spiral(play)
    play.after("1h").asks("human", "incident-close", incident="INC-1")
    play.decided(QueuePage, update=PageUpdate.RESOLVED, channels=("phone", "call"))


def test_o08_a_test_page_does_not_wait(play: Any) -> None:
    """Whoever asks for one is awake."""
    play.given(escalation=NIGHT)
    play.asks("human", "page-test", severity="warning")
    play.decided(QueuePage, update=PageUpdate.TEST)


def test_what_waited_when_the_policy_lost_its_quiet_hours_is_told_in_the_morning(play: Any) -> None:
    """The alarm is set, whatever the policy says by then."""
    play.given(escalation=NIGHT)
    play.after("1h").asks("agent", "restart", "please")
    play.decided(PageDelayed)
    play.policy_loads(*play.policies(), escalation=PEOPLE)
    play.after("6h").decided_often(QueuePage, 1, channels=("phone",))


# -- how many ------------------------------------------------------------------------------------------------------


def notices(play: Any, count: int) -> None:
    """Queue notices, one a second."""
    for _ in range(count):
        play.after("1s").reject_policy()


def test_o09_more_than_a_channel_is_given_is_told_as_one(play: Any) -> None:
    """Counted, and told when there is room: three at once, then one every ten minutes."""
    play.given(escalation=FEW)
    notices(play, 8)
    play.decided(PageFolded, rule=RuleId.PAGE_FOLDED, channels=("mail",))
    play.after("11m")
    more = play.decided(QueuePage, rule=RuleId.PAGE_MORE, channels=("mail",), severity=Severity.INFO)

    assert more.title == "+5 more"
    assert [each.folded for each in play.state.channels] == [0, 0], "the channel, and all together"


def test_o09_a_storm_of_warnings_does_not_spend_what_a_critical_page_needs(play: Any) -> None:
    """The reserve is theirs."""
    play.given(escalation=replace(FEW, notices=("phone",)))
    notices(play, 8)
    play.decided(PageFolded)
    spiral(play)
    play.decided(QueuePage, severity=Severity.CRITICAL, channels=("phone",))


def test_o09_critical_pages_beyond_the_reserve_are_one_critical_page(play: Any) -> None:
    """They are not lost: the next that has room says how many there were, and is as loud as they."""
    play.given(escalation=FEW)
    for _ in range(5):
        play.after("1s").asks("human", "page-test", severity="critical", subject="phone")
        play.decided(QueuePage, update=PageUpdate.TEST)
    play.after("1s").asks("human", "page-test", severity="critical", subject="phone")
    play.decided(PageFolded)
    play.after("10m")
    more = play.decided(QueuePage, rule=RuleId.PAGE_MORE)

    assert (more.severity, more.title) == (Severity.CRITICAL, "+1 more")


def test_o09_the_end_of_an_incident_is_told_whatever_the_storm(play: Any) -> None:
    """An alert that nobody ends stays open at its receiver."""
    play.given(escalation=replace(FEW, notices=("phone",)))
    spiral(play)
    notices(play, 8)
    play.asks("human", "incident-close", incident="INC-1")
    play.decided(QueuePage, update=PageUpdate.RESOLVED, channels=("phone",))


def test_who_was_not_told_is_not_told_that_it_is_over(play: Any) -> None:
    """Its opening was only counted."""
    play.given(escalation=replace(FEW, notices=("phone",)))
    notices(play, 8)
    play.asks("agent", "restart", "please")
    play.decided(PageFolded, incident="INC-1")
    play.after("1s").asks("human", "incident-close", incident="INC-1")
    play.decided_often(QueuePage, 0, incident="INC-1")


def test_o14_a_storm_leaves_a_bounded_outbox_and_critical_pages_keep_their_place(play: Any) -> None:
    """Whatever is thrown at it, and however large a burst a human allows."""
    play.given(escalation=replace(PEOPLE, channel_burst=Window(starts=1_000, per_usec=MINUTE)))
    spiral(play)
    critical = play.state.outbox[0]
    for _ in range(OUTBOX_MAX + 5):
        play.reject_policy()
    play.decided_often(QueuePage, OUTBOX_MAX + 5, severity=Severity.INFO)

    assert len(play.state.outbox) == OUTBOX_MAX
    assert play.state.outbox[0] == critical


def test_o14_a_thousand_stories_are_a_few_pages(play: Any) -> None:
    """Opened and closed without end: what is told is bounded by the clock, and what is remembered by the house."""
    play.given(escalation=PEOPLE)
    for number in range(1, 1_001):
        play.asks("agent", "restart", "please")
        play.asks("human", "incident-close", incident="INC-1")
        assert len(play.state.outbox) <= 64, number
    told = [each for each in play.decisions() if isinstance(each, QueuePage)]
    play.decided(SetTimer, rule=RuleId.PAGE_FOLDED)

    assert len(told) == PEOPLE.channel_burst.starts
    assert len([page for page in told if page.update is PageUpdate.RESOLVED]) == len(told) / 2


# -- what is remembered --------------------------------------------------------------------------------------------


def test_deliveries_of_an_open_incident_are_remembered_a_few_a_channel(play: Any) -> None:
    """For the channels that must keep something up; the newest count."""
    play.given(escalation=replace(PEOPLE, tiers=(("phone",),), repeat_after_usec=10 * MINUTE))
    spiral(play)
    for _ in range(DELIVERIES_MAX + 3):
        play.delivers("phone")
        play.after("1h")
    play.decided(QueuePage, rule=RuleId.PAGE_REPEAT)
    pages = [each.page for each in play.incident().deliveries]

    assert len(pages) == DELIVERIES_MAX
    assert isinstance(play.incident().latest, PendingPage)


def test_ten_minutes_after_its_end_an_incident_needs_no_more_care(play: Any) -> None:
    """Until then its end is sent again."""
    play.given(escalation=PEOPLE)
    spiral(play)
    play.delivers("phone")
    play.asks("human", "incident-close", incident="INC-1")
    play.after("9m").decided_nothing()
    assert play.incident().deliveries
    assert play.incident().over_wall_usec is not None
    play.after("1m").decided_nothing()

    assert play.incident().deliveries == ()
    assert play.incident().latest is None


def test_what_the_receiver_calls_a_page_is_remembered(play: Any) -> None:
    """A receipt must be asked by its number after a crash, too."""
    play.given(escalation=PEOPLE)
    spiral(play)
    play.decided(QueuePage)
    play.delivers("phone", reference="r-1")
    play.decided_nothing()

    assert [(each.channel, each.reference) for each in play.incident().deliveries] == [("phone", "r-1")]


@pytest.mark.parametrize("days", [0, 30, 400])
def test_the_hours_follow_the_clocks_of_the_zone(days: int, play: Any) -> None:
    """Behind the last change of clock its offset stays."""
    base = 1_742_947_200_000_000 + days * DAY
    offsets = (ZoneOffset(since_wall_usec=0, offset_usec=0), ZoneOffset(since_wall_usec=base, offset_usec=2 * HOUR))
    hours = QuietHours(zone="X", begins_usec=22 * HOUR, ends_usec=7 * HOUR, offsets=offsets)
    play.given(escalation=replace(PEOPLE, quiet_hours=hours))
    play.after(f"{days}d 20h").asks("agent", "restart", "please")
    delayed = play.decided(PageDelayed, incident="INC-1")
    play.decided(IncidentOpened)

    assert delayed.until_wall_usec == Usec(base + 29 * HOUR)
