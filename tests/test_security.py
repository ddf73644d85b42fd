"""The tables of docs/security.md show the routes and attacks that the tests run."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
KINDS = {"supervised", "scheduled", "automation", "unknown"}


@pytest.fixture
def script() -> dict[str, Any]:
    """Return the names that docs/draw_security.py defines."""
    return runpy.run_path(str(DOCS / "draw_security.py"))


def test_the_tables_are_fresh(script: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Each page is what the script draws now."""
    if request.config.getoption("--rewrite"):
        script["main"]()
    found = {name: (DOCS / "generated" / name).read_text(encoding="utf-8") for name in script["pages"]()}

    assert found == script["pages"](), "python docs/draw_security.py draws them again"


def test_there_are_enough_routes_and_none_leads_to_a_person(script: dict[str, Any]) -> None:
    """On each release at least 45 are tried, under names of their own, and none may be judged human."""
    routes = script["table"]("routes")["ROUTES"]

    assert len({route.id for route in routes}) == len(routes)
    assert all(route.verdicts <= KINDS and route.verdicts for route in routes)
    assert all(sum(suite in route.suites for route in routes) >= 45 for suite in ("bookworm", "trixie"))
    assert all(f"{route.id}" in route.how for route in routes)


def test_what_was_seen_is_of_these_routes(script: dict[str, Any]) -> None:
    """The run on record took every route there is, and what it saw is what the table allows."""
    seen = json.loads(script["SEEN"].read_text(encoding="utf-8"))
    for route in script["table"]("routes")["ROUTES"]:
        for suite in route.suites:
            for kernel in ("newer", "older"):
                assert seen[suite][kernel][route.id].split()[0] in route.verdicts
    assert all(set(kernels) == {"newer", "older"} for kernels in seen.values())


def test_attacks_that_go_through_say_why_that_is_no_harm(script: dict[str, Any]) -> None:
    """Every attack has a name of its own, and what is not refused has a reason beside it."""
    attacks = script["table"]("attacks")["ATTACKS"]

    assert len({attack.id for attack in attacks}) == len(attacks)
    assert all((attack.plain, attack.hardened) == ("refused", "refused") or attack.because for attack in attacks)
