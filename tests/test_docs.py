"""The pages that explain the code name things that exist."""

import re
import tomllib
from pathlib import Path

import click
import pytest
from printed_commands import parse, typed_in

from watchdog.policyfile.load import parse_policy
from watchdog.policyfile.pagersettings import parse_pager
from watchdog.policyfile.problems import PolicyProblems

ROOT = Path(__file__).parent.parent
PAGES = ("ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
TYPED = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
_CONFIRMATION = re.compile(r"^## Confirmation\n(.+?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`((?:watchdog|tests|docs|config|benchmarks|packaging|units)/[\w./-]*)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
_NAMED = re.compile(r"`(watchdog/[\w/]+\.py)` \((`[^)]+`)\)")


def _names_in(text: str) -> set[str]:
    return set(re.findall(r"^\s*(?:async )?(?:def|class) (\w+)", text, re.MULTILINE)) | set(
        re.findall(r"^(\w+)(?::[^=]+)? = ", text, re.MULTILINE)
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_path_named_in_a_page_exists(page: str) -> None:
    """A path in backticks, or behind a link, is there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {*_PATH.findall(text), *_LINK.findall(text)}

    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_every_function_and_class_on_the_walk_is_real() -> None:
    """ARCHITECTURE.md says `file` (`Name`, `Class.method`): the file defines each of them."""
    missing = []
    found = _NAMED.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    for path, names in found:
        defined = _names_in((ROOT / path).read_text(encoding="utf-8"))
        for name in re.findall(r"`([^`]+)`", names):
            missing += [f"{path}: {name}" for part in name.split(".") if part not in defined]

    assert len(found) >= 8
    assert missing == []


def test_every_module_function_on_the_walk_is_real() -> None:
    """`module.function` of the core, as the walk names them, exists."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    core = ROOT / "watchdog" / "core"
    named = [pair for pair in re.findall(r"`(\w+)\.(\w+)`", text) if (core / f"{pair[0]}.py").exists()]

    assert len(named) >= 5
    assert [
        f"{module}.{name}"
        for module, name in named
        if name not in _names_in((core / f"{module}.py").read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_every_decision_is_kept_true_by_something_that_exists(record: Path) -> None:
    """A record ends with the test or check that fails when it no longer holds, by a path that is there."""
    confirmation = _CONFIRMATION.search(record.read_text(encoding="utf-8"))
    assert confirmation is not None
    named = _PATH.findall(confirmation[1])

    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_decision_stands_in_the_list() -> None:
    """The list of records names each of them."""
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")

    assert len(RECORDS) >= 24
    assert [record.name for record in RECORDS if f"| [{record.name[:4]}]({record.name}) |" not in listed] == []


def _refused(line: str) -> str:
    """Say why a command line cannot be typed; "" when it can."""
    try:
        parse(line)
    except click.exceptions.Exit:
        return ""  # a page of help
    except click.ClickException as error:
        return f"{line}: {error.format_message()}"
    return ""


def test_every_command_line_of_the_pages_can_be_typed() -> None:
    """What a page tells to type has verbs and options that there are, and no word too many."""
    lines = [line for page in TYPED for line in typed_in(page.read_text(encoding="utf-8"))]

    assert len(lines) >= 60
    assert [said for said in map(_refused, lines) if said] == []


@pytest.mark.parametrize(
    "page",
    [
        "```console\n$ gatedog relase x\n```",
        "    gatedog web   http://127.0.0.1/",
        "    gatedog status; sudo gatedog lgo",
    ],
)
def test_a_command_line_that_cannot_be_typed_is_caught(page: str) -> None:
    """The check above can fail: fenced or indented, alone or behind another."""
    assert any(_refused(line) for line in typed_in(page))


def _read_toml(block: str) -> None:
    """Read a block as the file that it is for: channels as pager.toml, a gateway, or a part of one, as policy.toml."""
    tables = tomllib.loads(block)
    if tables.keys() <= {"channel", "escalation"}:
        parse_pager(block.encode(), "pager.toml")
        return
    assert tables.keys() == {"gateway"}, f"this is of no file that we know: {sorted(tables)}"
    begun = "".join(
        f'[gateway.{name}]\ncommand = ["agent"]\n'
        for name, rules in tables["gateway"].items()
        if not {"command", "unit"} & rules.keys()
    )
    parse_policy(f"{begun}{block}".encode(), "policy.toml")


@pytest.mark.parametrize("page", TYPED, ids=lambda page: page.stem)
def test_every_toml_block_is_what_it_is_shown_as(page: Path) -> None:
    """Copied into the file that it is for, it is accepted."""
    for block in _TOML.findall(page.read_text(encoding="utf-8")):
        _read_toml(block)


def test_there_are_toml_blocks_to_read() -> None:
    """Or the check above reads nothing."""
    counts = {page.name: len(_TOML.findall(page.read_text(encoding="utf-8"))) for page in TYPED}

    assert (counts["README.md"], counts["quickstart.md"]) == (2, 1)


@pytest.mark.parametrize("block", ["[gateway.a]\ncomand = []\n", "[channel.phone]\nkind = 'pigeon'\n", "[other]\n"])
def test_a_toml_block_with_a_flaw_is_caught(block: str) -> None:
    """The check above can fail."""
    with pytest.raises((PolicyProblems, AssertionError)):
        _read_toml(block)
