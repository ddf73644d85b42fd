"""Quiet hours as arithmetic: across midnight, across a change of clocks, and without any."""

import pytest

from watchdog.core.hours import quiet_until
from watchdog.core.policy import QuietHours, ZoneOffset
from watchdog.core.timeline import DAY, HOUR, MINUTE, Usec

SPRING = 1_774_746_000_000_000
"""2026-03-29 01:00 UTC: in Berlin it becomes three instead of two."""
AUTUMN = 1_792_890_000_000_000
"""2026-10-25 01:00 UTC: in Berlin it becomes two instead of three."""

BERLIN = (
    ZoneOffset(since_wall_usec=0, offset_usec=HOUR),
    ZoneOffset(since_wall_usec=SPRING, offset_usec=2 * HOUR),
    ZoneOffset(since_wall_usec=AUTUMN, offset_usec=HOUR),
)


def hours(begins: int, ends: int, offsets: tuple[ZoneOffset, ...] = ()) -> QuietHours:
    """Make quiet hours."""
    return QuietHours(zone="X", begins_usec=begins, ends_usec=ends, offsets=offsets)


@pytest.mark.parametrize(
    ("at", "end"),
    [
        (21 * HOUR + 59 * MINUTE, None),
        (22 * HOUR, 31 * HOUR),
        (DAY, 31 * HOUR),
        (31 * HOUR - 1, 31 * HOUR),
        (31 * HOUR, None),
    ],
)
def test_o08_a_night_spans_midnight(at: int, end: int | None) -> None:
    """From ten to seven, the end excluded."""
    assert quiet_until(hours(22 * HOUR, 7 * HOUR), Usec(at)) == end


@pytest.mark.parametrize(("at", "end"), [(0, None), (13 * HOUR, 15 * HOUR), (15 * HOUR, None)])
def test_o08_a_nap_does_not(at: int, end: int | None) -> None:
    """Hours within one day."""
    assert quiet_until(hours(13 * HOUR, 15 * HOUR), Usec(at)) == end


def test_o08_seven_is_seven_on_the_morning_after_the_clocks_change() -> None:
    """An hour sooner in spring, an hour later in autumn."""
    night = hours(22 * HOUR, 7 * HOUR, BERLIN)

    assert quiet_until(night, Usec(SPRING - 2 * HOUR)) == SPRING + 4 * HOUR
    assert quiet_until(night, Usec(AUTUMN - 2 * HOUR)) == AUTUMN + 5 * HOUR


def test_a_table_without_an_entry_for_so_early_begins_with_its_first() -> None:
    """A clock that says 1970 is not a reason to wake people for a notice."""
    night = hours(22 * HOUR, 7 * HOUR, BERLIN[1:])

    assert quiet_until(night, Usec(21 * HOUR)) == 29 * HOUR
