"""Quiet hours: when people sleep, by the clocks of the place where they do.

The core knows no zone. The policy brings the zone's changes of clock as numbers (`QuietHours.offsets`), made when the
file was read, so that a history decides the same way on a host with another zone database.

Invariant: pure arithmetic on the stamp's wall clock. Deliberately not here: what waits (core/outbox.py); critical
pages never ask here.
"""

from watchdog.core.policy import QuietHours
from watchdog.core.timeline import DAY, Usec


def quiet_until(hours: QuietHours, wall_usec: Usec) -> Usec | None:
    """Return when the quiet hours around an instant end, on the wall clock; None outside of them."""
    offset = _offset(hours, wall_usec)
    of_day = (wall_usec + offset) % DAY
    length = (hours.ends_usec - hours.begins_usec) % DAY
    if (of_day - hours.begins_usec) % DAY >= length:
        return None
    end = wall_usec + (hours.ends_usec - of_day) % DAY
    # In the night in which the clocks change, the morning comes an hour sooner or later.
    return Usec(end + offset - _offset(hours, Usec(end)))


def _offset(hours: QuietHours, wall_usec: Usec) -> int:
    past = [each.offset_usec for each in hours.offsets if each.since_wall_usec <= wall_usec]
    if past:
        return past[-1]
    return hours.offsets[0].offset_usec if hours.offsets else 0
