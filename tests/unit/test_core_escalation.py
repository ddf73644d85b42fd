"""Who is told, when again, and until whose acknowledgement."""

from typing import Any

import pytest

from watchdog.core.decisions import (
    AcknowledgementEnded,
    IncidentAcknowledged,
    IncidentOpened,
    PageUpdate,
    QueuePage,
    SetTimer,
    Severity,
)
from watchdog.core.policy import EscalationPolicy
from watchdog.core.rules import RuleId
from watchdog.core.state import IncidentPhase

THREE_TIERS = EscalationPolicy(tiers=(("phone", "chat"), ("call",), ("boss",)), notices=("mail",))


def hold(play: Any, escalation: EscalationPolicy = THREE_TIERS) -> None:
    """Let a fast spiral be held: one critical page."""
    play.given(escalation=escalation)
    for _ in range(3):
        play.after("31s").ends(code=1)
    play.decided(QueuePage, severity=Severity.CRITICAL, channels=escalation.tiers[0] if escalation.tiers else ())


def test_nobody_answers_so_the_next_tier_is_told(play: Any) -> None:
    """After five minutes the next, after five more the last, and then the last again every half hour."""
    hold(play)
    play.after("5m")
    play.decided(QueuePage, rule=RuleId.PAGE_NEXT_TIER, channels=("call",), update=PageUpdate.REPEATED)
    play.after("5m")
    play.decided(QueuePage, rule=RuleId.PAGE_NEXT_TIER, channels=("boss",))
    play.after("29m").decided_nothing()
    play.after("1m")
    play.decided(QueuePage, rule=RuleId.PAGE_REPEAT, channels=("boss",))


def test_a_phone_does_not_ring_all_night(play: Any) -> None:
    """Six times in eight hours, and then once an hour."""
    hold(play)
    play.after("100m")
    play.decided_often(QueuePage, 5)
    play.decided(SetTimer, rule=RuleId.PAGE_NIGHT_LIMIT)
    play.after("59m").decided_nothing()
    play.after("1m").decided_often(QueuePage, 1)
    play.after("5h").decided_often(QueuePage, 5)


def test_an_acknowledgement_rests_the_pages(play: Any) -> None:
    """For as long as the person said, and then it goes on where it stood."""
    hold(play)
    play.asks("human", "ack", incident="INC-1", lasting="2h")
    play.decided(IncidentAcknowledged, rule=RuleId.ACKNOWLEDGED)
    play.after("119m").decided_nothing()
    play.after("1m")
    play.decided(AcknowledgementEnded, rule=RuleId.ACK_ENDED)
    play.decided(QueuePage, rule=RuleId.PAGE_NEXT_TIER)


@pytest.mark.parametrize(("lasting", "rests"), [("", "1h"), ("20h", "12h")])
def test_an_acknowledgement_has_an_end(lasting: str, rests: str, play: Any) -> None:
    """An hour unless said otherwise, and never more than twelve."""
    hold(play)
    play.asks("human", "ack", incident="INC-1", lasting=lasting)
    play.after(rests)
    play.decided(AcknowledgementEnded)


def test_an_acknowledgement_given_back_escalates_again(play: Any) -> None:
    """Nobody has it, so somebody must be found."""
    hold(play)
    play.asks("human", "ack", incident="INC-1")
    play.asks("human", "unack", incident="INC-1")
    play.decided(AcknowledgementEnded)
    play.after("5m")
    play.decided(QueuePage, rule=RuleId.PAGE_NEXT_TIER)


def test_an_acknowledged_warning_ends_quietly(play: Any) -> None:
    """A warning is told once per fact: it does not escalate, and its acknowledgement ends without a page."""
    play.given()
    play.after("1h").ends(code=4711)
    play.decided(QueuePage, severity=Severity.WARNING)
    play.asks("human", "ack", incident="INC-1")
    play.after("1h")
    play.decided(AcknowledgementEnded)
    play.decided_often(QueuePage, 0, incident="INC-1")


def test_giving_a_warning_back_tells_nobody(play: Any) -> None:
    """There was no escalation to go on with."""
    play.given()
    play.after("1h").ends(code=4711)
    play.asks("human", "ack", incident="INC-1")
    play.asks("human", "unack", incident="INC-1")
    play.after("2h").decided_often(QueuePage, 0, incident="INC-1")


def test_a_page_leaves_the_outbox_when_every_channel_took_it(play: Any) -> None:
    """And not before."""
    hold(play)
    play.delivers("phone")
    assert play.waiting_page("chat").delivered == ("phone",)
    play.delivers("chat")
    play.decided_nothing()

    assert play.state.outbox == ()


def test_when_every_channel_gives_up_the_next_tier_is_told(play: Any) -> None:
    """At once: the five minutes are for a person who might answer."""
    hold(play)
    play.channel_fails("phone")
    play.decided_nothing()
    play.channel_fails("chat", "401 wrong token")
    page = play.decided(QueuePage, rule=RuleId.PAGE_CHANNEL_FAILED, channels=("call",))

    assert page.did == "channel chat could not deliver: 401 wrong token"


def test_one_delivery_is_enough_to_wait(play: Any) -> None:
    """Somebody may be on their way."""
    hold(play)
    play.delivers("phone")
    play.channel_fails("chat")
    play.decided_nothing()


def test_behind_the_last_tier_is_the_last_resort(play: Any) -> None:
    """The page is given up, this machine is told that nobody was, and the repetition goes on."""
    hold(play, EscalationPolicy(tiers=(("phone",),)))
    play.channel_fails("phone")
    play.decided(QueuePage, rule=RuleId.PAGES_UNDELIVERED, channels=("terminal",))
    play.after("30m")
    play.decided(QueuePage, rule=RuleId.PAGE_REPEAT)


@pytest.mark.parametrize("verb", ["ack", "incident-close"])
def test_a_channel_that_fails_late_raises_nothing(verb: str, play: Any) -> None:
    """A person has it, or it is over: the next tier has no reason to be woken."""
    hold(play)
    play.asks("human", verb, incident="INC-1")
    play.channel_fails("phone")
    play.channel_fails("chat")
    play.after("1s").decided_nothing()


def test_a_failed_warning_raises_nothing(play: Any) -> None:
    """Only a critical page goes on to the next tier."""
    play.given()
    play.after("1h").ends(code=4711)
    play.channel_fails("phone")
    play.after("1s").decided_nothing()


def test_an_answer_about_an_unknown_page_is_harmless(play: Any) -> None:
    """Deliveries are reported at least once, so they come twice."""
    hold(play)
    page = play.waiting_page("phone").page.page
    play.delivers("phone")
    play.delivered(page, "phone")
    play.delivered("0.0", "phone")
    play.decided_nothing()


def test_without_tiers_nothing_waits_for_a_channel(play: Any) -> None:
    """A policy without anybody to tell still records what would have been told."""
    hold(play, EscalationPolicy(tiers=(), notices=()))
    play.stands(play.gateway().phase, play.gateway().hold)

    assert play.state.outbox == ()


def test_tiers_that_were_taken_away_are_not_missed(play: Any) -> None:
    """A policy with fewer tiers tells the last one it has."""
    hold(play)
    play.after("10m")
    play.policy_loads(*play.policies(), escalation=EscalationPolicy(tiers=(("only",),)))
    play.after("30m")
    play.decided(QueuePage, channels=("only",))


@pytest.mark.parametrize("severity", [Severity.CRITICAL, Severity.INFO])
def test_a_test_page_takes_the_real_way(severity: Severity, play: Any) -> None:
    """To every channel of every tier, marked as a test, and it opens nothing."""
    play.given(escalation=THREE_TIERS)
    play.asks("human", "page-test", severity=severity.value)
    play.decided(
        QueuePage,
        rule=RuleId.PAGE_TEST,
        severity=severity,
        update=PageUpdate.TEST,
        channels=("phone", "chat", "call", "boss"),
    )
    play.decided_often(IncidentOpened, 0)


def test_everybody_who_was_told_hears_that_it_is_over(play: Any) -> None:
    """Each tier that was reached, and nobody is woken for it."""
    hold(play)
    play.after("5m").asks("human", "incident-close", incident="INC-1")
    play.decided(QueuePage, rule=RuleId.PAGE_OVER, channels=("phone", "chat", "call"), severity=Severity.INFO)

    assert play.incident().phase is IncidentPhase.RESOLVED
