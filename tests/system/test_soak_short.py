"""The short forms of the soaks in benchmarks/soak: some hundred real deaths, and a fortnight of the journal."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

SOAKS = Path(__file__).resolve().parents[2] / "benchmarks" / "soak"
BOUND_S = 300


def soak(script: str, *words: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run a soak to its end; return its samples and its verdict."""
    done = subprocess.run(
        [sys.executable, str(SOAKS / script), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    assert "verdict" in lines[-1], done.stderr
    assert "skipped" not in done.stderr, done.stderr
    return lines[:-1], lines[-1]["verdict"]


def test_hundreds_of_deaths_leave_nothing_behind() -> None:
    """Descriptors, threads, cgroups, life records and logs stay bounded, nothing runs on, the journal is whole."""
    samples, verdict = soak("deaths.py", "--deaths", "300", "--every", "50", "--forgive-rss")

    assert len(samples) == 6
    assert (verdict["grew"], verdict["left"], verdict["journal_intact"]) == ([], [], True)


def test_a_fortnight_fits_into_its_share_of_200_mb() -> None:
    """At a fortnight's pace a year fits; every restart finds the same state, also after old segments are pruned."""
    samples, verdict = soak("year.py", "--days", "14", "--every", "5")

    assert verdict["journal_bytes_a_year"] < 200_000_000
    assert samples[-1]["segments"] >= 1
    assert samples[-1]["folded"] > samples[-1]["records"]
    assert verdict["recovered_the_same_state"]
    assert verdict["intact"]
    assert verdict["pruned_to_three_days"]["removed"] > 0
    assert verdict["pruned_to_three_days"]["intact"]
