"""The golden scenarios: what gatedog decides in thirty stories, word for word."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PATHS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt"))
Play = Callable[[Path], Any]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_scenario_ends_as_it_is_written(path: Path, play_scenario: Play, request: pytest.FixtureRequest) -> None:
    """A story leads to the decisions that stand below its dashes."""
    scenario = play_scenario(path)
    if request.config.getoption("--rewrite"):
        path.write_text(scenario.text(), encoding="utf-8")
        return

    assert scenario.decided == scenario.told, "pytest --rewrite shows the difference; commit it only if it is right"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_scenario_says_what_it_shows(path: Path, play_scenario: Play) -> None:
    """A story begins with a sentence for its reader, and something is decided in it."""
    scenario = play_scenario(path)

    assert scenario.story.startswith("# ")
    assert scenario.decided


def test_there_are_stories() -> None:
    """The checks above looked at something."""
    assert len(PATHS) >= 20


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("+1s exits sideways\n", "exits sideways"),
        ("colour red\n+1s ready\n", "colour"),
        ("+1s ghost asks restart\n", "ghost"),
        ("00:00:05 ready\n00:00:01 ready\n", "in the past"),
    ],
)
def test_unheard_of_words_are_refused(text: str, fault: str, tmp_path: Path, play_scenario: Play) -> None:
    """A line that the language does not hold is an error with that line in it, never skipped."""
    path = tmp_path / "faulty.txt"
    path.write_text(f"# Faulty.\n{text}", encoding="utf-8")

    with pytest.raises(Exception, match=fault):
        play_scenario(path)
