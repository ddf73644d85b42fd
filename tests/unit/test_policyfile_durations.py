"""Durations, sizes and windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.policy import Window
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND, duration_text
from watchdog.policyfile.durations import parse_duration, parse_size, parse_window


@pytest.mark.parametrize(
    ("text", "usec"),
    [
        ("90s", 90 * SECOND),
        ("10min", 10 * MINUTE),
        ("5m", 5 * MINUTE),
        ("1h 30min", 90 * MINUTE),
        ("1h30min", 90 * MINUTE),
        ("7d", 7 * DAY),
        ("2 h", 2 * HOUR),
        ("250ms", 250_000),
        ("0s", 0),
    ],
)
def test_duration_is_read(text: str, usec: int) -> None:
    """A duration is a row of numbers with units."""
    assert parse_duration(text) == usec


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 ", " 5s", "s", "1.5h", "-5s", "5sec", "5M", "30min 1h", "1h 1h", "1m 1min", "367d", "1h  30min", "٣s"],
)
def test_sloppy_duration_is_refused(text: str) -> None:
    """What could be read in two ways, or in none, is refused."""
    with pytest.raises(ValueError, match=r"^(is|has|does) "):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=366 * 24 * 60).map(lambda minutes: minutes * MINUTE))
def test_what_gatedog_prints_can_be_written(usec: int) -> None:
    """A duration copied from a status line is understood, to the two units that were printed."""
    assert duration_text(parse_duration(duration_text(usec))) == duration_text(usec)


def test_size_is_read_with_base_1024() -> None:
    """16MB is sixteen times 1024 times 1024 bytes."""
    assert parse_size("16MB") == 16 * 1024 * 1024
    assert parse_size("16MiB") == parse_size("16 MB")


@pytest.mark.parametrize("text", ["16", "MB", "16M", "16 mb", "1.5GB", "-1MB"])
def test_sloppy_size_is_refused(text: str) -> None:
    """A size names its unit exactly."""
    with pytest.raises(ValueError, match=r"^(is|has) "):
        parse_size(text)


def test_window_is_read() -> None:
    """A window is a count and a duration."""
    assert parse_window("5 per 10min") == Window(starts=5, per_usec=10 * MINUTE)


@pytest.mark.parametrize(
    "text", ["5", "5 per 10", "0 per 1h", "1001 per 1h", "5 in 10min", "5 per 10ms", "five per 1h"]
)
def test_sloppy_window_is_refused(text: str) -> None:
    """A window without a count, a unit or a sensible length is refused."""
    with pytest.raises(ValueError, match=r"^(is|has|must) "):
        parse_window(text)
