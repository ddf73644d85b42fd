"""Quiet hours as people write them, "22:00-07:00 Europe/Berlin", with the zone's changes of clock as numbers.

Theory of operation. The core decides without any table of zones, and a history must decide the same way on a host with
another one. So the changes of clock are looked up once, here, and become part of the policy: from the first of January
of this year on, for three years. Read again in the next year (every start and every reload reads it), the table moves
on; gatedog that ran for two years without either goes on with the last offset it knows.

Invariant: the same text, year and zone database give the same value; what is wrong is a problem with its cure.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchdog.core.policy import QuietHours, ZoneOffset
from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.policyfile.section import Section

YEARS = 3
_HOURS = re.compile(r"([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9]) ([A-Za-z0-9_+/-]{1,64})")
_HOW = 'Write quiet_hours = "22:00-07:00 Europe/Berlin"'


def read_quiet_hours(section: Section, key: str, *, year: int | None = None) -> QuietHours | None:
    """Read quiet hours; None when there are none, or when something is wrong with them."""
    text = section.text(key)
    if not text:
        return None
    match = _HOURS.fullmatch(text)
    begins, ends = _times(match) if match else (0, 0)
    if match is None or max(begins, ends) >= 24 * HOUR:
        section.problem(key, f'{section.named(key)}: "{text[:80]}" is not a span of hours with a zone', _HOW)
        return None
    if begins == ends:
        section.problem(key, f"{section.named(key)} begins when it ends", _HOW)
        return None
    try:
        zone = ZoneInfo(match[5])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        how = "Name one as `timedatectl list-timezones` does; on a small system, install tzdata first"
        section.problem(key, f'{section.named(key)}: this machine knows no zone "{match[5]}"', how)
        return None
    offsets = offsets_of(zone, time.gmtime().tm_year if year is None else year)
    return QuietHours(zone=match[5], begins_usec=begins, ends_usec=ends, offsets=offsets)


def offsets_of(zone: ZoneInfo, year: int) -> tuple[ZoneOffset, ...]:
    """Return the offset at the beginning of a year, and every change in the three years that follow."""
    return tuple(_changes(zone, datetime(year, 1, 1, tzinfo=UTC), datetime(year + YEARS, 1, 1, tzinfo=UTC)))


def _changes(zone: ZoneInfo, day: datetime, end: datetime) -> Iterator[ZoneOffset]:
    known = _offset(zone, day)
    yield ZoneOffset(since_wall_usec=_usec(day), offset_usec=known)
    while day < end:
        following = day + timedelta(days=1)
        if _offset(zone, following) != known:
            low, high = day, following
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
                low, high = (middle, high) if _offset(zone, middle) == known else (low, middle)
            known = _offset(zone, high)
            yield ZoneOffset(since_wall_usec=_usec(high), offset_usec=known)
        day = following


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset() or timedelta()
    return int(offset.total_seconds()) * SECOND


def _usec(at: datetime) -> int:
    return int(at.timestamp()) * SECOND


def _times(match: re.Match[str]) -> tuple[int, int]:
    numbers = [int(each) for each in match.groups()[:4]]
    return numbers[0] * HOUR + numbers[1] * MINUTE, numbers[2] * HOUR + numbers[3] * MINUTE
