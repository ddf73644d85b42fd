"""The wall clock of this room, an argument everywhere, so that a day of retries is a unit test."""

import time


def wall_clock() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000
