"""One integer timeline out of two clocks that cannot be trusted."""

from dataclasses import replace

import pytest

from watchdog.core.clock import advance
from watchdog.core.events import Stamp
from watchdog.core.identity import BootId, Seq
from watchdog.core.state import Clock
from watchdog.core.timeline import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Usec, duration_text, median

BEGAN = Stamp(seq=Seq(1), wall_usec=Usec(DAY), boot=BootId("one"), uptime_usec=Usec(HOUR))
FIRST = advance(Clock(), BEGAN)


def stamp(*, wall: int, uptime: int, boot: str = "one", synchronised: bool = True) -> Stamp:
    """Make a later stamp."""
    return replace(BEGAN, wall_usec=Usec(wall), uptime_usec=Usec(uptime), boot=BootId(boot), synchronised=synchronised)


def test_the_first_event_begins_the_timeline() -> None:
    """Nothing is known before it, so nothing has passed, and that is no uncertainty."""
    assert FIRST.now_usec == 0
    assert not FIRST.uncertain


def test_within_a_boot_only_the_boot_clock_counts() -> None:
    """A wall clock that jumps by a day moves no budget."""
    after = advance(FIRST, stamp(wall=3 * DAY, uptime=HOUR + MINUTE))

    assert after.now_usec == MINUTE
    assert after.wall_usec == 3 * DAY


def test_a_boot_clock_that_falls_back_is_not_followed() -> None:
    """Time never falls, and a fall is not counted twice when the clock recovers."""
    fallen = advance(FIRST, stamp(wall=DAY, uptime=MINUTE))
    recovered = advance(fallen, stamp(wall=DAY, uptime=HOUR + SECOND))

    assert fallen.now_usec == 0
    assert recovered.now_usec == SECOND


def test_across_boots_a_synchronised_wall_clock_is_believed() -> None:
    """Only the wall clock can say how long the host was down."""
    after = advance(FIRST, stamp(wall=DAY + 20 * MINUTE, uptime=SECOND, boot="two"))

    assert after.now_usec == 20 * MINUTE
    assert not after.uncertain


@pytest.mark.parametrize(("wall", "synchronised"), [(DAY + HOUR, False), (0, True), (DAY, True), (400 * DAY, False)])
def test_across_boots_a_doubtful_wall_clock_counts_as_nothing(wall: int, *, synchronised: bool) -> None:
    """A clock that starts in 1970 or jumps a year ahead must not buy new restarts."""
    after = advance(FIRST, stamp(wall=wall, uptime=SECOND, boot="two", synchronised=synchronised))

    assert after.now_usec == FIRST.now_usec
    assert after.uncertain


def test_the_next_boot_can_be_certain_again() -> None:
    """Uncertainty is about one boot."""
    doubtful = advance(FIRST, stamp(wall=0, uptime=SECOND, boot="two", synchronised=False))
    right = advance(doubtful, stamp(wall=2 * DAY, uptime=MINUTE, boot="two"))
    after = advance(right, stamp(wall=2 * DAY + HOUR, uptime=SECOND, boot="three"))

    assert doubtful.uncertain
    assert right.uncertain
    assert not after.uncertain


def test_a_clock_that_was_wrong_before_the_boot_says_nothing_about_the_time_down() -> None:
    """Set right only after the boot, a slow clock would count its whole error as time, and refill every budget."""
    slow = advance(FIRST, stamp(wall=0, uptime=HOUR + SECOND, synchronised=False))
    after = advance(slow, stamp(wall=300 * DAY, uptime=SECOND, boot="two"))

    assert after.now_usec == slow.now_usec
    assert after.uncertain


@pytest.mark.parametrize(
    ("usec", "text"),
    [
        (-5, "0ms"),
        (0, "0ms"),
        (999 * MILLISECOND, "999ms"),
        (28 * SECOND, "28s"),
        (5 * MINUTE + 20 * SECOND, "5m 20s"),
        (2 * HOUR, "2h"),
        (2 * HOUR + 5 * SECOND, "2h"),
        (13 * DAY + 4 * HOUR + 59 * MINUTE, "13d 4h"),
    ],
)
def test_a_duration_reads_as_people_say_it(usec: int, text: str) -> None:
    """At most two units, the larger first, and never a gap between them."""
    assert duration_text(usec) == text


@pytest.mark.parametrize(("values", "middle"), [((), 0), ((7,), 7), ((9, 1), 1), ((3, 1, 2), 2), ((4, 1, 3, 2), 2)])
def test_the_median_is_the_lower_one(values: tuple[int, ...], middle: int) -> None:
    """A threshold must not depend on rounding."""
    assert median(values) == middle
