"""How often a telephone rings in eight hours: a loop, a hold, a flapping gateway, a network that is away.

The numbers are the promise: whoever changes one of them changes how somebody sleeps.
"""

from typing import Any

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.policy import BudgetPolicy, EscalationPolicy, OnExhausted, Window
from watchdog.core.timeline import HOUR, MINUTE

PEOPLE = EscalationPolicy(tiers=(("phone",), ("call",)), notices=("mail",))
SLOW = BudgetPolicy(windows=(Window(starts=3, per_usec=HOUR),), on_exhausted=OnExhausted.SLOW)


def rings(play: Any, channel: str, *, since_usec: int = 0) -> int:
    """Count the critical pages queued for a channel."""
    return sum(
        1
        for at, _, stepped in play.steps
        for each in stepped.decisions
        if at >= since_usec and isinstance(each, QueuePage)
        if each.severity is Severity.CRITICAL and channel in each.channels
    )


def ring_times(play: Any) -> list[int]:
    """Return when any telephone was to ring, in minutes."""
    return [
        at // MINUTE
        for at, _, stepped in play.steps
        for each in stepped.decisions
        if isinstance(each, QueuePage) and each.severity is Severity.CRITICAL
    ]


def test_a_gateway_that_is_held_all_night(play: Any) -> None:
    """Once the first, then the second tier: five in two hours, and hourly after that."""
    play.given(escalation=PEOPLE)
    for _ in range(3):
        play.after("31s").ends(code=1)
    play.after("8h").decided_often(QueuePage, 10, channels=("call",))

    assert (rings(play, "phone"), rings(play, "call")) == (1, 10)
    assert ring_times(play) == [1, 6, 36, 66, 96, 126, 186, 246, 306, 366, 426]


def test_a_loop_of_slow_tries_all_night(play: Any) -> None:
    """A try every half hour that fails each time rings no oftener than a hold."""
    play.given(budget=SLOW, escalation=PEOPLE)
    for _ in range(8 * 12):
        play.after("5m")
        if play.gateway().life is not None:
            play.ends(code=1)
    play.decided_often(QueuePage, 0, update=PageUpdate.OPENED)

    assert (rings(play, "phone"), rings(play, "call")) == (1, 11)
    assert ring_times(play) == [15, 20, 20, 50, 50, 80, 140, 200, 260, 320, 380, 440]


def test_a_gateway_that_flaps_all_night(play: Any) -> None:
    """Ten times up for a while and gone again in eight hours: told when it is a story, not each time."""
    play.given(escalation=PEOPLE)
    for _ in range(10):
        play.after("1m").gets_ready()
        play.after("47m").ends(code=1)
    play.decided_often(QueuePage, 0, update=PageUpdate.OPENED)

    assert (rings(play, "phone"), rings(play, "call")) == (1, 4)
    assert ring_times(play) == [192, 197, 288, 384, 480]


def test_a_night_without_a_network(play: Any) -> None:
    """What waits when it is back: what happened, once for each tier, and not every time that nobody could hear it."""
    play.given(escalation=PEOPLE)
    for _ in range(3):
        play.after("31s").ends(code=1)
    play.is_stuck("phone")
    play.is_stuck("call")
    play.after("8h").decided_often(QueuePage, 0, incident="INC-1")
    waiting = [(each.page.update, each.waiting) for each in play.state.outbox if each.page.incident == "INC-1"]

    assert waiting == [(PageUpdate.OPENED, ("phone",)), (PageUpdate.REPEATED, ("call",))]


def test_somebody_who_takes_it_sleeps_on(play: Any) -> None:
    """Eight hours of an acknowledgement are eight hours of quiet."""
    play.given(escalation=PEOPLE)
    for _ in range(3):
        play.after("31s").ends(code=1)
    play.after("1m").asks("human", "ack", incident="INC-1", lasting="8h")
    play.after("479m").decided_nothing()

    assert rings(play, "phone", since_usec=3 * MINUTE) == 0
