"""The monthly word that nobody has tried whether pages arrive.

Theory of operation. A way out that was never tried is a hope. One alarm looks, a month after the first policy and then
whenever the oldest test that got through is a month old: a channel of a tier that has taken no test page since is
named in a notice, once a month, until somebody runs `gatedog page test`. `gatedog doctor` says the same at any time.

Invariant: it wakes nobody, and a test that got through puts it off; nothing is sent to find out.
"""

from watchdog.core import escalation, outbox
from watchdog.core.identity import NOBODY
from watchdog.core.rules import RuleId
from watchdog.core.timeline import DAY, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn

TEST_AGE_USEC = 30 * DAY
"""How long a test page that got through is believed."""

_TIMER = TimerId(kind=TimerKind.TEST_DUE, subject="")


def arm(turn: Turn) -> None:
    """Look a month from now, unless a look is due already."""
    if turn.timer_due(_TIMER) is None:
        _look_after(turn, TEST_AGE_USEC)


def on_due(turn: Turn) -> None:
    """Name the channels that nobody has tried for a month, or wait until the oldest test is that old."""
    ages = {channel: _age_usec(turn, channel) for tier in turn.escalation.tiers for channel in tier}
    stale = [channel for channel, age in ages.items() if age >= TEST_AGE_USEC]
    if not stale:
        _look_after(turn, TEST_AGE_USEC - max(ages.values(), default=0))
        return
    month = duration_text(TEST_AGE_USEC)
    escalation.notice(
        turn,
        NOBODY,
        RuleId.PAGE_TEST_DUE,
        title=f"pages have not been tried for {month}",
        because=f"no test page got through {', '.join(stale)} in the last {month}",
        next_command="gatedog page test",
    )
    _look_after(turn, TEST_AGE_USEC)


def _age_usec(turn: Turn, channel: str) -> int:
    tested = outbox.memory_of(turn, channel).tested_wall_usec
    return TEST_AGE_USEC if tested is None else max(turn.stamp.wall_usec - tested, 0)


def _look_after(turn: Turn, delay_usec: int) -> None:
    because = "pages want to be tried once a month"
    turn.set_timer(_TIMER, delay_usec, gateway=NOBODY, rule=RuleId.PAGE_TEST_DUE, because=because)
