"""The completion scripts: made from the tree of commands, and kept beside it."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from watchdog.cli.commandtree import walk
from watchdog.cli.completion import SHELLS, kind_of, script
from watchdog.cli.main import COMMANDS, gatedog

FOLDER = Path(__file__).parents[2] / "packaging" / "completions"
FILES = {"bash": "gatedog.bash", "zsh": "_gatedog", "fish": "gatedog.fish"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_scripts_are_those_of_this_tree(shell: str, request: pytest.FixtureRequest) -> None:
    """What is packaged is what `gatedog completion` prints now; `pytest --rewrite` writes it again."""
    result = CliRunner().invoke(gatedog, ["completion", shell], catch_exceptions=False)
    printed = result.stdout
    assert result.exit_code == 0
    file = FOLDER / FILES[shell]
    if request.config.getoption("--rewrite"):
        file.write_text(printed, encoding="utf-8")

    assert printed == file.read_text(encoding="utf-8")


def test_every_command_and_option_is_in_the_script() -> None:
    """Nothing that help shows is missing, and nothing that it hides is offered."""
    text = script("bash", gatedog)
    nodes = {node.path: node for node in walk(gatedog)}
    shown = {name for name, entry in COMMANDS.items() if not entry.hidden}

    assert set(nodes[()].children) == shown
    assert all(f"    '{' '.join(path)}')\n" in text for path in nodes)
    options = {
        option
        for node in nodes.values()
        for each in node.parameters()
        if isinstance(each, click.Option)
        for option in each.opts
    }
    assert [option for option in sorted(options) if option not in text] == []
    assert "'lastword'" not in text


@pytest.mark.parametrize(
    ("parameter", "kind"),
    [
        (click.Argument(["gateway"]), "gateway"),
        (click.Argument(["subject"], metavar="[INCIDENT|GATEWAY]"), "gateway+incident"),
        (click.Argument(["what"], metavar="RULE|INC-n"), "incident"),
        (click.Argument(["identity"], metavar="ID"), "incident"),
        (click.Option(["--to"], type=click.Path()), "file"),
        (click.Option(["--signature"], metavar="FILE"), "file"),
        (click.Option(["-o"], type=click.Choice(["page", "short"])), "=page,short"),
        (click.Option(["-m"], metavar="WHY"), ""),
    ],
)
def test_a_value_is_of_the_kind_that_its_name_says(parameter: click.Parameter, kind: str) -> None:
    """What is offered for a value follows from its type, its name or its metavar."""
    assert kind_of(parameter) == kind


def test_the_help_says_each_shell_on_a_line_of_its_own() -> None:
    """And shows no sign that was only meant for the one who draws the page."""
    shown = CliRunner().invoke(gatedog, ["completion", "--help"]).stdout
    lines = [line.strip().partition(":")[0] for line in shown.splitlines() if "gatedog completion " in line]

    assert lines[1:] == list(SHELLS)
    assert "\\b" not in shown


def test_no_kind_needs_a_program() -> None:
    """A script names no Python and does not call gatedog."""
    for shell in SHELLS:
        text = script(shell, gatedog)

        assert "python" not in text.lower()
        assert "$(gatedog" not in text
        assert "`gatedog status" not in text
