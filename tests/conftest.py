"""Fixtures that every folder of tests may use."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ("browser", "made_up_host", "sample_journal", "scenario_language", "spoiled_journals", "small_disk")

GOLDEN_FOLDER = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --rewrite for golden files, --seeds and --seed for the simulation."""
    parser.addoption(
        "--rewrite", action="store_true", help="rewrite golden files; commit the diff only if you understand it"
    )
    parser.addoption("--seeds", type=int, help="how many stories the simulation tells")
    parser.addoption("--seed", type=int, help="the one story the simulation tells")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/golden/NAME, or write it under --rewrite."""

    def check(name: str, text: str) -> None:
        path = GOLDEN_FOLDER / name
        if request.config.getoption("--rewrite"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {name}; run pytest --rewrite and read what it wrote"

        assert text == path.read_text(encoding="utf-8")

    return check
