"""The same history gives the same bytes in every process."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_same_history_under_any_hash_seed() -> None:
    """Not one byte of memory or decision depends on PYTHONHASHSEED."""
    tests = Path(__file__).parents[1]
    stories = sorted(str(path) for path in (tests / "scenarios").glob("*.txt"))
    command = [sys.executable, str(tests / "scenario_language.py"), "--digest", *stories]
    digests = [
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for seed in ("0", "1", "4711")
    ]

    assert len(stories) > 20
    assert len(digests[0].splitlines()) == len(stories)
    assert digests[1:] == digests[:-1]
