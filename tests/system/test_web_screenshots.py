"""The script that photographs the pages."""

import subprocess
import sys
from pathlib import Path

import pytest
from browser import Browser

pytestmark = pytest.mark.system

SCRIPT = Path(__file__).parents[2] / "docs" / "draw_screenshots.py"


def test_screenshots_are_made(chromium: Browser, tmp_path: Path) -> None:
    """Each page, on a desk and on a phone, in light and in dark; the daemon and the browsers are gone afterwards."""
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    made = sorted(tmp_path.iterdir())

    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == [str(path) for path in made]
    assert len(made) == 6
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in made)
    assert len({path.read_bytes() for path in made}) == 6
