"""The diagrams in docs/generated/ show the tables as they are."""

import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def script() -> dict[str, Any]:
    """Return the names that docs/draw_diagrams.py defines."""
    return runpy.run_path(str(DOCS / "draw_diagrams.py"))


def test_the_diagrams_are_fresh(script: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Each page is what the script draws now, and no page is left over from a machine that is gone."""
    if request.config.getoption("--rewrite"):
        script["main"]()
    drawn_elsewhere = runpy.run_path(str(DOCS / "draw_security.py"))["pages"]()
    pages = [path for path in (DOCS / "generated").glob("*.md") if path.name not in drawn_elsewhere]
    found = {path.name: path.read_text(encoding="utf-8") for path in pages}

    assert found == script["pages"](), "python docs/draw_diagrams.py draws them again"


def test_every_transition_is_drawn(script: dict[str, Any]) -> None:
    """Each move of each table stands on an arrow between its two states."""
    for machine, first, source in script["MACHINES"]:
        page = script["draw"](machine, first, source)
        arrows = [line.split(": ") for line in page.splitlines() if " --> " in line and ": " in line]
        drawn = {(ends.strip(), move) for ends, moves in arrows for move in moves.split(", ")}
        held = {
            (f"{before.value} --> {after.value}", move.value)
            for before, row in machine.table.items()
            for move, after in row.items()
        }

        assert drawn == held
        assert (DOCS.parent / source).exists()
