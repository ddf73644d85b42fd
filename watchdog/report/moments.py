"""Instants and distances as people read them at night: UTC, always with how long ago.

Invariant: total over every integer; an instant no calendar holds is shown as a number, not raised. Deliberately not
here: reading a clock. Instants are microseconds since the epoch.
"""

import time

from watchdog.core.timeline import DAY, SECOND, duration_text

_LAST_SECOND = 253_402_300_799
"""The last of the year 9999: later ones are a broken clock, not a date."""


def clock_time(wall_usec: int) -> str:
    """Say the time of day: "03:04:11"."""
    return _format(wall_usec, "%H:%M:%S")


def precise_time(wall_usec: int) -> str:
    """Say the time of day with milliseconds: "03:04:11.204"."""
    return f"{_format(wall_usec, '%H:%M:%S')}.{wall_usec % SECOND // 1000:03d}"


def instant(wall_usec: int) -> str:
    """Say date and time: "2026-11-22 03:04:11 UTC"."""
    return _format(wall_usec, "%Y-%m-%d %H:%M:%S UTC")


def day(wall_usec: int) -> str:
    """Say the date alone: "2026-11-22 UTC"."""
    return _format(wall_usec, "%Y-%m-%d UTC")


def since(wall_usec: int, ago_usec: int) -> str:
    """Say an instant and its distance; the date only when the time of day could be meant for another day."""
    said = instant(wall_usec) if ago_usec >= DAY // 2 else f"{clock_time(wall_usec)} UTC"
    return f"{said}, {ago(ago_usec)}"


def ago(ago_usec: int) -> str:
    """Say a distance into the past: "6m ago"."""
    return "just now" if ago_usec < SECOND else f"{duration_text(ago_usec)} ago"


def _format(wall_usec: int, layout: str) -> str:
    seconds = wall_usec // SECOND
    if not 0 <= seconds <= _LAST_SECOND:
        return f"{seconds}s"
    return time.strftime(layout, time.gmtime(seconds))
