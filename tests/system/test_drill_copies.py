"""Every drill, on a copy, with real processes: what is broken on purpose is seen, told and recovered from."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from watchdog.drill.catalogue import DRILLS

pytestmark = pytest.mark.system

SECONDS_MAX = 120


def hold(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Hold a drill as a person does who has no gatedog running; return its exit code and report."""
    command = [sys.executable, "-m", "watchdog.cli", "--socket", str(folder / "nobody.sock"), "drill", *words]
    done = subprocess.run(
        [*command, "--json", "--to", str(folder / "reports")],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


@pytest.mark.parametrize("name", [drill.name for drill in DRILLS])
def test_a_drill_passes_and_is_filed(tmp_path: Path, name: str) -> None:
    """Each step comes, the report lies where it was asked for, and nothing of the copy is left."""
    code, report = hold(tmp_path, name)

    assert (code, report["passed"], report["trouble"]) == (0, True, ""), report["steps"]
    assert [step["seconds"] for step in report["steps"]] == sorted(step["seconds"] for step in report["steps"])
    filed = list((tmp_path / "reports").iterdir())
    assert [json.loads(file.read_text(encoding="utf-8")) for file in filed] == [report]


def test_an_unknown_drill_is_a_usage_error(tmp_path: Path) -> None:
    """With the command that lists them."""
    done = subprocess.run(
        [sys.executable, "-m", "watchdog.cli", "drill", "earthquake"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "gatedog drill --list" in done.stderr
