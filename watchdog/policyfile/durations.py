"""Times, sizes and windows as people write them: "90s", "1h 30min", "16MB", "5 per 10min".

Invariant: a number without a unit is refused. Whether `timeout = 30` meant seconds or milliseconds has been guessed
wrong in both directions, by readers and by programs. Units must fall ("1h 30min", never "30min 1h") and each may
stand once, so there is one meaning to a text.
"""

import re

from watchdog.core.policy import Window
from watchdog.core.timeline import DAY, HOUR, MILLISECOND, MINUTE, SECOND

DURATION_MAX_USEC = 366 * DAY
STARTS_MAX = 1_000
"""More starts in one window than the restart ledger is ever meant to hold."""

_TIME_UNITS = {"d": DAY, "h": HOUR, "min": MINUTE, "m": MINUTE, "s": SECOND, "ms": MILLISECOND}
_SIZE_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
"""KB is 1024 bytes, as in systemd.unit(5) and in what `ls -h` shows."""

_PART = re.compile(r"([0-9]{1,9})\s?([a-z]+)")
_PARTS = re.compile(rf"{_PART.pattern}(?:\s?{_PART.pattern})*")
_SIZE = re.compile(r"([0-9]{1,9})\s?([A-Za-z]+)")
_WINDOW = re.compile(r"([0-9]{1,9}) per (.+)")


def parse_duration(text: str) -> int:
    """Return microseconds; raise ValueError with a sentence's middle ("... is not ...") when the text is none."""
    if not _PARTS.fullmatch(text):
        raise ValueError('is not a duration such as "90s", "10min", "1h 30min" or "7d"')
    total, above = 0, DURATION_MAX_USEC + 1
    for count, unit in _PART.findall(text):
        if unit not in _TIME_UNITS:
            raise ValueError(f'has the unknown unit "{unit}" (known: ms, s, min, h, d)')
        size = _TIME_UNITS[unit]
        if size >= above:
            raise ValueError("does not name its units once each, from large to small")
        total, above = total + int(count) * size, size
    if total > DURATION_MAX_USEC:
        raise ValueError("is longer than 366 days")
    return total


def parse_size(text: str) -> int:
    """Return bytes; raise ValueError like `parse_duration`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError('is not a size such as "512KB" or "16MB"')
    count, unit = match.groups()
    if unit not in _SIZE_UNITS:
        raise ValueError(f'has the unknown unit "{unit}" (known: B, KB, MB, GB)')
    return int(count) * _SIZE_UNITS[unit]


def parse_window(text: str) -> Window:
    """Return the window of "5 per 10min"; raise ValueError like `parse_duration`."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError('is not a window such as "5 per 10min"')
    starts = int(match.group(1))
    per_usec = parse_duration(match.group(2))
    if not 1 <= starts <= STARTS_MAX:
        raise ValueError(f"must allow between 1 and {STARTS_MAX} starts")
    if per_usec < SECOND:
        raise ValueError("is shorter than a second")
    return Window(starts=starts, per_usec=per_usec)
