"""`-m WHY`: a reason is given in the same three spellings wherever one is asked for."""

import click
import pytest
from click.testing import CliRunner

from watchdog.cli.commandtree import walk
from watchdog.cli.main import gatedog
from watchdog.cli.why import why

SPELLINGS = ["-m", "--message", "--reason"]


@click.command()
@why(required=True)
def needs(message: str) -> None:
    """Do something for a reason."""
    click.echo(message)


def test_every_why_takes_every_spelling() -> None:
    """Whoever learned it of one verb types it right for all."""
    options = [
        (" ".join(node.path), each.opts)
        for node in walk(gatedog)
        for each in node.parameters()
        if isinstance(each, click.Option) and (each.metavar == "WHY" or set(SPELLINGS) & set(each.opts))
    ]

    assert len(options) >= 20
    assert [each for each in options if each[1] != SPELLINGS] == []


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_words_arrive(spelling: str) -> None:
    """Whichever was typed."""
    assert CliRunner().invoke(needs, [spelling, "an update"]).stdout == "an update\n"


@pytest.mark.parametrize("words", [[], ["-m", ""], ["-m", "  "]])
def test_no_words_are_no_reason(words: list[str]) -> None:
    """Where one is needed, it is asked for, and nothing is done."""
    result = CliRunner().invoke(needs, words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert 'Say why, with -m "why"' in result.stderr
