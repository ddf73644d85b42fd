"""What is usual for a gateway: learned, robust, small.

Theory of operation. Three memories for three questions, none of them an average that one bad hour could move.

    recently     the readings of the last hours, as they came. Quantiles of these say what the gateway did just now: a
                 fall is measured against the lower quartile, so traffic with gaps in it expects nothing.
    this life    memory, handles and threads, thinned as the life grows older: always two dozen readings from its
                 beginning to now. A leak is a straight line through them, a warm-up bends.
    this hour    for every hour of the week (UTC) the means of the last four weeks. An hour without two of them yet is
                 judged by the same hour of other days; with fewer than three of those nothing is known, and nothing is
                 vetoed. The hours beside it always count as well, and the least of the three is what is expected: a
                 change of the UTC offset moves people by an hour, not the clock that they are measured by.

The hours mostly speak against an alarm, after three days by the hour of the day, after two weeks by the hour of the
week. Only then, and only for work that there was in that hour of every week, do they raise one: a gateway that went
deaf at night is found when the morning's work does not come.

Beside these stand the lulls: how long the last idle times were that ended by themselves, so that a gateway whose people
come and go teaches gatedog to wait.

Invariant: integers only, everything bounded, and a reading that belongs to a sign is not learned (core/signs.py).
"""

from watchdog.core.healthstate import HourSum, Normal, Slot
from watchdog.core.observations import Measure
from watchdog.core.timeline import HOUR, MINUTE, Usec
from watchdog.core.values import replace

RECENT_MAX = 24
RECENT_USEC = 3 * HOUR
RECENT_KEPT = 12
"""So many readings stay however old they are: a host may be read twice an hour."""
LIFE_MAX = 24
FIRST = 3
"""The readings of a life that say what it began with."""
WEEKS = 4
HOURS = 168
WARM_WEEKS = 2
WARM_DAYS = 3
STEADY_USEC = HOUR
"""A recent normal that reaches back so far has seen more than one conversation."""
LULLS_MAX = 24
LULL_USEC = 15 * MINUTE
"""Shorter pauses are no lull."""

LEVELS = frozenset({Measure.MEMORY, Measure.HANDLES, Measure.THREADS, Measure.PROCESSES})
"""What can leak."""
WEEKLY = frozenset({Measure.WORK, Measure.LOG_LINES, Measure.SOCKETS})
"""What people's hours show in."""

_EPOCH_HOURS = 3 * 24
"""1 January 1970 was a Thursday."""


def hour_of_week(wall_usec: int) -> int:
    """Return 0 for Monday 00:00 to 00:59 UTC, up to 167."""
    return (wall_usec // HOUR + _EPOCH_HOURS) % HOURS


def quantile(values: tuple[int, ...], percent: int) -> int:
    """Return the value that `percent` of the values do not exceed; 0 of none."""
    if not values:
        return 0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def values(normal: Normal) -> tuple[int, ...]:
    """Return the readings kept, oldest first."""
    return tuple(slot.value for slot in normal.slots)


def reach_usec(normal: Normal) -> int:
    """Return how far the readings kept reach, from the first to the last."""
    return normal.slots[-1].at_usec - normal.slots[0].at_usec if normal.slots else 0


def learn(normal: Normal, slot: Slot, wall_usec: int) -> Normal:
    """Take a reading into the normal of its measure."""
    if normal.measure in LEVELS:
        return replace(normal, slots=thinned(normal.slots, slot))
    kept = (*normal.slots, slot)[-RECENT_MAX:]
    fresh = tuple(one for one in kept if slot.at_usec - one.at_usec <= RECENT_USEC)
    learned = replace(normal, slots=fresh if len(fresh) >= RECENT_KEPT else kept[-RECENT_KEPT:])
    return _learn_hour(learned, slot, hour_of_week(wall_usec)) if normal.measure in WEEKLY else learned


def thinned(slots: tuple[Slot, ...], slot: Slot) -> tuple[Slot, ...]:
    """Append a reading to a life's history, evenly spaced; a full one loses every second, but never the first three."""
    if len(slots) > FIRST:
        spacing = (slots[-1].at_usec - slots[0].at_usec) // (len(slots) - 1)
        if (slot.at_usec - slots[-1].at_usec) * 5 < spacing * 4:
            return slots
    if len(slots) < LIFE_MAX:
        return (*slots, slot)
    return (*slots[:FIRST], *slots[FIRST + 1 :: 2], slot)


def paused(normal: Normal, slot: Slot) -> Normal:
    """Keep account of the times in which there was nothing, of something that there had been some of before."""
    if normal.measure not in WEEKLY:
        return normal
    if slot.value == 0:
        if normal.idle_since_usec is None and quantile(values(normal), 75) > 0:
            return replace(normal, idle_since_usec=Usec(slot.at_usec - slot.span_usec))
        return normal
    if normal.idle_since_usec is None:
        return normal
    lasted = slot.at_usec - slot.span_usec - normal.idle_since_usec
    lulls = normal.lulls if lasted < LULL_USEC else (*normal.lulls, lasted)[-LULLS_MAX:]
    return replace(normal, idle_since_usec=None, lulls=lulls)


def longest_lull_usec(normal: Normal) -> int:
    """Return how long an idle time may be that is nothing new: half as long again as the longest of the last ones."""
    return max(normal.lulls, default=0) * 3 // 2


def usual_this_hour(normal: Normal, wall_usec: int) -> int | None:
    """Return the least that the hours of the week, or the hours of the day, call usual now; None: they do not know."""
    if not normal.week:
        return None
    said = [_of_hour(normal.week, hour) for hour in _hours_around(wall_usec)]
    known = [one for one in said if one is not None]
    return min(known) if len(known) == len(said) else None


def due_this_hour(normal: Normal, wall_usec: int) -> int:
    """Return what there was at least in this hour of every week that is remembered; 0 before the second."""
    if not normal.week:
        return 0
    around = [normal.week[hour] for hour in _hours_around(wall_usec)]
    return 0 if any(len(hour) < WARM_WEEKS for hour in around) else min(min(hour) for hour in around)


def _hours_around(wall_usec: int) -> tuple[int, ...]:
    hour = hour_of_week(wall_usec)
    return ((hour - 1) % HOURS, hour, (hour + 1) % HOURS)


def _of_hour(week: tuple[tuple[int, ...], ...], hour: int) -> int | None:
    if len(week[hour]) >= WARM_WEEKS:
        return quantile(week[hour], 25)
    same_hour = tuple(value for day in range(7) for value in week[day * 24 + hour % 24])
    return quantile(same_hour, 25) if len(same_hour) >= WARM_DAYS else None


def _learn_hour(normal: Normal, slot: Slot, hour: int) -> Normal:
    weighted = slot.value * (slot.span_usec // 1_000)
    under_way = normal.hour
    if under_way is not None and under_way.hour == hour:
        summed = under_way.weighted + weighted
        return replace(normal, hour=HourSum(hour=hour, weighted=summed, span_usec=under_way.span_usec + slot.span_usec))
    begun = replace(normal, hour=HourSum(hour=hour, weighted=weighted, span_usec=slot.span_usec))
    if under_way is None or under_way.span_usec < 1_000:
        return begun
    mean = under_way.weighted // (under_way.span_usec // 1_000)
    week = normal.week or ((),) * HOURS
    of_hour = (*week[under_way.hour], mean)[-WEEKS:]
    return replace(begun, week=(*week[: under_way.hour], of_hour, *week[under_way.hour + 1 :]))
