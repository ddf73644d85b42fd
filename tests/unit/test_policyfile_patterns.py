"""Patterns that may be tried on text which somebody else writes."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.policyfile.patterns import CHOICES_MAX, OVERLAP, PIECE, search, why_not


@pytest.mark.parametrize(
    "pattern",
    [
        r"not ready",
        r"^ERROR .*telegram",
        r"(failed|gave up) after \d{1,3} tries",
        r'"suppressed":\s?\[\s?"[^"]*+"',
        r"\d++ of \d++ channels",
        r"[*+?]{2}",
        r"\((?i:x)\)\+",
        r"(?P<a>b)?c",
    ],
)
def test_ordinary_patterns_are_accepted(pattern: str) -> None:
    """What people write to look for a message passes."""
    assert why_not(pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a+)+b", "repeats a group"),
        (r"(a|aa){2,9}", "repeats a group"),
        (r"(?:a?)*", "repeats a group"),
        (r"(a)\1", "refers back"),
        (r"(?P<x>a)(?P=x)", "refers back"),
        (r"(a)?(?(1)b|c)", "refers back"),
        (r".*.*x", "too many"),
        ("a?" * 30 + "a" * 30, "too many"),
        (r"a{0,400}b{0,400}", "too many"),
        (r"(?x) a * b", "(?x)"),
        (r"(", "is no regular expression"),
        ("a" * 301, "longer than"),
    ],
)
def test_patterns_that_could_run_away_are_refused(pattern: str, why: str) -> None:
    """Backtracking that multiplies is told before it is ever tried."""
    assert why in why_not(pattern)


def test_a_text_made_to_hurt_does_not() -> None:
    """The worst accepted pattern on the worst text of 64 KiB ends; the bound is generous for a busy machine."""
    pattern = re.compile(r"a*ab?c")
    assert why_not(pattern.pattern) == ""

    begin = time.process_time()
    assert search(pattern, "a" * 65536) is None

    assert time.process_time() - begin < 20


def test_a_long_line_is_searched_to_its_end() -> None:
    """Pieces overlap, so what is shorter than the overlap is found wherever it stands."""
    word = "needle" * 10
    assert len(word) < OVERLAP

    for place in range(PIECE - 70, PIECE + 10):
        assert search(re.compile(word), "x" * place + word + "y" * 900) == word


@settings(deadline=None)
@given(st.text(alphabet="ab(|)*+?{}0,9[]\\.^$", max_size=12))
def test_whatever_is_accepted_is_a_regular_expression(pattern: str) -> None:
    """No pattern passes that `re` would refuse, and judging one never fails."""
    if why_not(pattern) == "":
        search(re.compile(pattern), "ab" * 20)


def test_the_bound_admits_one_repetition() -> None:
    """One star and a question mark fit, two stars do not."""
    assert 2 * PIECE <= CHOICES_MAX < PIECE * PIECE
