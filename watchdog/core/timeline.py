"""Integer microseconds: the only kind of time the core knows.

Invariant: no float and no datetime; durations and instants are `Usec`. Deliberately not here: reading a clock
(the daemon stamps events) and calendar arithmetic (the shell formats wall time for people).
"""

from typing import NewType

Usec = NewType("Usec", int)

MILLISECOND = 1_000
SECOND = 1_000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"))


def duration_text(usec: int) -> str:
    """Say a duration in at most two units, the way a person would: "28s", "5m 20s", "2h", "13d 4h"."""
    if usec < SECOND:
        return f"{max(usec, 0) // MILLISECOND}ms"
    words: list[str] = []
    rest = usec
    for size, letter in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count}{letter}")
        elif words:
            break
    return " ".join(words[:2])


def median(values: tuple[int, ...]) -> int:
    """Return the lower median; of nothing, 0. Integer on purpose: a threshold must not depend on rounding."""
    return sorted(values)[(len(values) - 1) // 2] if values else 0
