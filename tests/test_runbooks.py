"""Every rule by which people are told has a runbook, and every runbook says what is true and can be typed.

Which rules these are is not written down anywhere: it is read off the golden scenarios and off what the unit tests of
the core assert, so a new rule that pages fails here until somebody has written what a woken person does about it.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from printed_commands import parse

import watchdog.core
import watchdog.pager.lastword
from watchdog.core.rules import RuleId
from watchdog.pager.lastword import RULE as LAST_WORD
from watchdog.runbook.shipped import Runbook, read_runbooks, runbook_links, runbooks_folder

ROOT = Path(__file__).parents[1]
RUNBOOKS = read_runbooks()
TELLING = ("QueuePage", "IncidentOpened", "IncidentReopened", "IncidentExtended")
LINES_MAX = 60
HEADINGS = [
    "What you see",
    "What it means",
    "What gatedog did",
    "Look",
    "Decide",
    "Quiet, safely",
    "Call somebody",
    "It is over when",
]
FIRST_LINE = re.compile(
    r"    (?:NAME|gatedog): (?:(?P<standing>update|STILL|over): )?(?P<title>.+?)"
    r"(?:, (?P<when>since|at) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)?"
)
OWN_LETTERS_MIN = 6
"""A text of the core with less of its own in it than this would fit any title."""

Play = Callable[[Path], Any]
each_runbook = pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda runbook: runbook.name)


def rules_told(decided: str) -> set[str]:
    """Return the rules by which people were told in a scenario's decisions."""
    return set(re.findall(rf"^\S+  (?:{'|'.join(TELLING)})\b.*? \[([a-z-]+\.[a-z-]+)\]", decided, re.MULTILINE))


def rules_asserted_told(source: str) -> set[str]:
    """Return the rules that a unit test requires of a decision to tell people."""
    return {
        RuleId[part.attr].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "decided"
        if node.args and isinstance(node.args[0], ast.Name) and node.args[0].id in TELLING
        for keyword in node.keywords
        if keyword.arg == "rule"
        for part in ast.walk(keyword.value)
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "RuleId"
    }


def titles_of(source: str) -> Iterator[str]:
    """Yield every text of a module as a pattern: what is filled in may be anything."""
    tree = ast.parse(source)
    parts_of_others = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in parts_of_others:
            continue
        match node:
            case ast.JoinedStr(values=parts):
                own = [str(part.value) if isinstance(part, ast.Constant) else None for part in parts]
            case ast.Constant(value=str(text)):
                own = [text]
            case _:
                continue
        if len("".join(filter(None, own))) >= OWN_LETTERS_MIN:
            yield "".join(".+" if text is None else re.escape(text) for text in own)


def sections(runbook: Runbook) -> dict[str, str]:
    """Return the text below each heading."""
    parts = re.split(r"^## (.+)\n", runbook.text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands_in(text: str) -> list[str]:
    """Return the command lines of gatedog's: those in backticks, and those that are set off."""
    found = [*re.findall(r"`([^`]+)`", text), *(line.strip() for line in re.findall(r"^    .+", text, re.MULTILINE))]
    return [line for line in found if line.removeprefix("sudo ").startswith("gatedog ")]


def test_every_rule_that_tells_people_has_a_runbook(scenarios: tuple[Path, ...], play_scenario: Play) -> None:
    """Nobody is woken without being told what to do."""
    told = {rule for path in scenarios for rule in rules_told(play_scenario(path).decided)}
    for path in (ROOT / "tests" / "unit").glob("test_core_*.py"):
        told |= rules_asserted_told(path.read_text(encoding="utf-8"))
    written = {rule for runbook in RUNBOOKS for rule in runbook.rules}

    assert len(told) > 50
    assert sorted(told - written) == []


def test_a_rule_has_one_runbook_and_exists() -> None:
    """Nobody has to choose between two, and none is for a rule of yesterday."""
    written = [rule for runbook in RUNBOOKS for rule in runbook.rules]

    assert sorted(written) == sorted(set(written))
    assert set(written) - {rule.value for rule in RuleId} == {LAST_WORD}
    assert [runbook.name for runbook in RUNBOOKS if not runbook.rules] == []


@each_runbook
def test_a_runbook_is_short_and_has_its_parts_in_order(runbook: Runbook) -> None:
    """The reader finds the same thing in the same place, at any hour."""
    assert runbook.text.startswith(f"# {runbook.title}\n")
    assert list(sections(runbook)) == HEADINGS
    assert all(part.strip() for part in sections(runbook).values())
    assert len(runbook.text.splitlines()) <= LINES_MAX
    head, rule, *rows = re.findall(r"^\|.*\|$", sections(runbook)["Decide"], re.MULTILINE)
    assert (head, rule) == ("| if you see | do |", "|---|---|")
    assert rows
    assert [row for row in rows if row.count("|") != 3] == []


@each_runbook
def test_every_command_in_a_runbook_can_be_typed(runbook: Runbook) -> None:
    """A usage error at three in the morning is one thing too many."""
    commands = commands_in(runbook.text)
    for command in commands:
        parse(command)

    assert commands


@each_runbook
def test_a_runbook_is_found_by_what_the_page_says(runbook: Runbook) -> None:
    """The first lines it shows are those of pages: their titles stand in the code."""
    core = sorted(Path(watchdog.core.__file__).parent.glob("*.py"))
    sources = [*core, Path(watchdog.pager.lastword.__file__)]
    known = {title for source in sources for title in titles_of(source.read_text(encoding="utf-8"))}
    shown = re.findall(r"^    .+", sections(runbook)["What you see"], re.MULTILINE)

    assert shown
    for line in shown:
        found = FIRST_LINE.fullmatch(line)
        assert found is not None, line
        title = found["title"] if LAST_WORD not in runbook.rules else f"gatedog: {found['title']}"
        assert any(re.fullmatch(pattern, title) for pattern in known), title
        later = found["standing"] or title.startswith("TEST")
        assert found["when"] == (None if LAST_WORD in runbook.rules else "at" if later else "since"), line


@each_runbook
def test_rules_named_in_a_runbook_exist(runbook: Runbook) -> None:
    """A reader who follows one to the next runbook gets there."""
    named = re.findall(r"gatedog runbook show (\S+?)[`\s]", runbook.text)
    written = {rule for each in RUNBOOKS for rule in each.rules}

    assert [rule for rule in named if rule not in written and rule not in ("INC-n", "ID")] == []


def test_the_wheel_carries_the_runbooks() -> None:
    """An installed gatedog shows what a checkout shows."""
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert built["force-include"]["docs/runbooks"] == "watchdog/runbooks"
    assert runbooks_folder() == ROOT / "docs" / "runbooks"


def test_a_link_is_the_humans_address_and_the_file() -> None:
    """Without an address there is none, and a rule without a runbook is linked to where all of them are."""
    link = runbook_links("https://wiki.example.org/")

    assert link(RuleId.SPIRAL_CHAIN) == "https://wiki.example.org/spiral.md"
    assert link(RuleId.BUDGET_CHARGED) == "https://wiki.example.org/"
    assert runbook_links("")(RuleId.SPIRAL_CHAIN) == ""


# -- the checks can fail -------------------------------------------------------------------------------------------


def test_only_what_tells_people_counts() -> None:
    """A start has its rule and needs no runbook; a page and an incident do."""
    decided = (
        "00:00:01  StartGateway automatic    [restart.at-once]  the first\n"
        "00:00:01  QueuePage critical opened > phone  [spiral.chain]  see [budget.spent]\n"
        "00:00:01  IncidentExtended INC-1 critical  [hold.probation-failed]  again\n"
    )
    source = """
play.decided(QueuePage, rule=RuleId.LIMIT_REACHED)
play.decided(HoldPlaced, rule=RuleId.SPIRAL_FAST)
# play.decided(QueuePage, rule=RuleId.BUDGET_SPENT)
"""

    assert rules_told(decided) == {"spiral.chain", "hold.probation-failed"}
    assert rules_asserted_told(source) == {"limit.reached"}


def test_a_command_that_cannot_be_typed_is_found() -> None:
    """In a table as in an indented line, with sudo or without."""
    text = "| x | `gatedog relaese NAME` |\n\n    sudo gatedog incident shwo INC-n   # look\n"

    for command in commands_in(text):
        with pytest.raises(click.ClickException):
            parse(command)
    assert len(commands_in(text)) == 2


def test_a_title_that_no_page_has_is_found() -> None:
    """What is filled in may be anything; the rest stands as it is written."""
    (pattern,) = titles_of('title = f"UP, but {probe.name} FAILS"')

    assert re.fullmatch(pattern, "UP, but rpc FAILS")
    assert not re.fullmatch(pattern, "UP, but rpc FLAPS")
