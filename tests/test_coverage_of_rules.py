"""Every rule and every transition is taken by a golden scenario, and every rule is asserted by a unit test.

A rule that no story reaches is a promise that nobody has seen kept: it is made reachable, or deleted. What counts for a
scenario is a rule that stands in its printed decisions. What counts for a unit test is an executed statement that
fails when the rule is not taken: `.decided(..., rule=RuleId.X)` of a screenplay, a comparison with RuleId.X in an
assertion, or the expected rule of a row in the tables of routes and of flaws (tests/unit/test_core_{origin,proof}.py).
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from watchdog.core.breaker import BREAKER
from watchdog.core.health import HEALTH
from watchdog.core.hold import HOLD
from watchdog.core.incident import INCIDENT
from watchdog.core.phase import PHASE
from watchdog.core.probes import PROBE
from watchdog.core.rules import RuleId
from watchdog.core.runphase import RUN
from watchdog.core.tables import Machine

UNIT_TESTS = sorted((Path(__file__).parent / "unit").glob("test_core_*.py"))
MACHINES = (PHASE, HOLD, INCIDENT, HEALTH, PROBE, RUN, BREAKER)
Play = Callable[[Path], Any]

NOT_YET_REACHABLE: dict[RuleId, str] = {
    RuleId.SPIRAL_CADENCE: "it only adds its sentence to spiral.chain, which always speaks with it and before it",
}
"""Rules that no event leads to, with the reason. Empty is the goal; an entry that is reached after all fails."""


def rules_printed(text: str) -> set[str]:
    """Return the rules in a scenario's decisions."""
    return set(re.findall(r"^\S+  .+? \[([a-z-]+\.[a-z-]+)\]", text, flags=re.MULTILINE))


def rules_asserted(source: str) -> set[str]:
    """Return the names of the rules whose absence would fail a test of this source."""
    return {rule for node in ast.walk(ast.parse(source)) for place in _asserting(node) for rule in _rules_in(place)}


def _asserting(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Call(func=ast.Attribute(attr="decided") | ast.Name(id="Route" | "Flaw"), keywords=keywords):
            yield from (keyword.value for keyword in keywords if keyword.arg == "rule")
        case ast.Assert(test=ast.Compare(ops=[ast.Eq() | ast.Is()]) as test):
            yield test
        case _:
            pass


def _rules_in(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "RuleId":
            yield part.attr


def test_every_rule_is_told_by_a_scenario(scenarios: tuple[Path, ...], play_scenario: Play) -> None:
    """The stories together show every rule that gatedog decides by."""
    printed = {rule for path in scenarios for rule in rules_printed(play_scenario(path).decided)}
    missing = {rule for rule in RuleId if rule.value not in printed}

    assert sorted(rule.value for rule in missing ^ NOT_YET_REACHABLE.keys()) == []


def test_every_rule_is_asserted_by_a_unit_test() -> None:
    """For every rule there is a test that fails when it is not taken."""
    asserted = {rule for path in UNIT_TESTS for rule in rules_asserted(path.read_text(encoding="utf-8"))}

    assert sorted(rule.name for rule in RuleId if rule.name not in asserted and rule not in NOT_YET_REACHABLE) == []


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_transition_is_taken_by_a_scenario(
    machine: Machine[Any, Any], scenarios: tuple[Path, ...], play_scenario: Play
) -> None:
    """A row of a table that no story takes is wrong, or a story is missing."""
    taken = {
        (move.before, move.move)
        for path in scenarios
        for move in play_scenario(path).moves
        if move.machine == machine.name
    }
    held = {(before, move) for before, row in machine.table.items() for move in row}

    assert sorted(f"{before.value} --{move.value}-->" for before, move in held - taken) == []


def test_rules_of_no_decision_do_not_count() -> None:
    """Only the rule of a printed decision counts, not a rule that some text mentions."""
    row = "00:00:01  HoldPlaced      [spiral.fast-so-held]  see [budget.spent]"

    assert rules_printed(f"# about [hold.released]\n{row}\n") == {"spiral.fast-so-held"}


def test_mentioning_a_rule_is_not_asserting_it() -> None:
    """A name in a comment, an import or a bare expression passes for nothing."""
    source = """
# RuleId.CLOCK_STEP
seen = RuleId.BUDGET_SPENT
play.did(rule=RuleId.HOLD_RELEASED)
assert rule is not RuleId.ANOMALY
play.decided(HoldPlaced, rule=RuleId.SPIRAL_FAST)
assert found.rule is RuleId.SPIRAL_CHAIN
"""

    assert rules_asserted(source) == {"SPIRAL_FAST", "SPIRAL_CHAIN"}
