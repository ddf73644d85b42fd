"""`maintenance` and `silence`: what is asked, and that every command the core prints can be typed."""

import ast
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from fakedaemon import FakeDaemon, serving

import watchdog.core
from watchdog.cli.main import gatedog
from watchdog.core.asks import command_of
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName
from watchdog.core.peer import Peer
from watchdog.core.timeline import HOUR
from watchdog.core.verbs import Verb

GRANTED = {"request": "REQ-1", "outcome": "granted", "rule": "r", "message": "for 2h", "next_commands": []}


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon for one test, which grants everything."""
    with serving() as fake:
        fake.answer("Request", GRANTED)
        yield fake


def gd(daemon: FakeDaemon, *words: str) -> Result:
    """Run a command line against the fake."""
    return CliRunner().invoke(gatedog, ["--socket", str(daemon.path), *words], env={"NO_COLOR": "1"})


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        (["maintenance", "--for", "2h", "-m", "disk"], {"verb": "maintenance", "reason": "disk", "for_usec": 2 * HOUR}),
        (["maintenance", "openclaw", "--end"], {"verb": "maintenance-end", "reason": ""}),
        (["maintenance", "--end", "-m", "done"], {"verb": "maintenance-end", "reason": "done"}),
        (
            ["silence", "openclaw", "degradation", "--for", "1h", "-m", "known"],
            {"verb": "silence", "reason": "known", "for_usec": HOUR, "subject": "degradation"},
        ),
        (
            ["silence", "openclaw", "--for", "1h", "-m", "known"],
            {"verb": "silence", "reason": "known", "for_usec": HOUR},
        ),
        (["silence", "openclaw", "channel:x", "--end"], {"verb": "silence-end", "reason": "", "subject": "channel:x"}),
        (["silence", "openclaw", "--end"], {"verb": "silence-end", "reason": ""}),
    ],
)
def test_quiet_is_one_request(fake_daemon: FakeDaemon, words: list[str], parameters: dict[str, Any]) -> None:
    """Beginning and ending are judged by the core, like everything that is asked."""
    result = gd(fake_daemon, *words)

    assert result.exit_code == 0, result.stderr
    asked = [asked for method, asked in fake_daemon.asked if method == "Request"]
    assert asked == [{"gateway": "openclaw", **parameters}]


@pytest.mark.parametrize("command", ["maintenance", "silence"])
@pytest.mark.parametrize(
    "words",
    [
        ["-m", "for ever"],
        ["--for", "1h"],
        ["--for", "1h", "-m", " "],
        ["--for", "1h", "--end", "-m", "both"],
        ["--for", "ever", "-m", "x"],
    ],
)
def test_quiet_without_end_or_reason_is_a_usage_error(fake_daemon: FakeDaemon, command: str, words: list[str]) -> None:
    """It is told before anything is asked."""
    assert gd(fake_daemon, command, "openclaw", *words).exit_code == 2
    assert fake_daemon.asked == []


def test_a_silence_names_its_gateway(fake_daemon: FakeDaemon) -> None:
    """What follows may be a matter or a probe, so the one gateway there is is not guessed."""
    assert gd(fake_daemon, "silence", "--for", "1h", "-m", "x").exit_code == 2
    assert fake_daemon.asked == []


# -- what the core prints ------------------------------------------------------------------------------------------


SENTENCES = ("cannot", "is")
"""Verbs of sentences in the core that begin with "gatedog"."""


def parse(line: str) -> None:
    """Parse a printed command line as the program would, and run nothing. Raises click.ClickException."""
    command: click.Command = gatedog
    context = click.Context(gatedog, info_name="gatedog")
    words = shlex.split(line)[1:]
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        context = click.Context(command, parent=context)
    command.make_context("gatedog", words)


def commands_in(source: str) -> Iterator[str]:
    """Yield the texts of a module that are command lines, with "x" for what is filled in.

    Sentences about gatedog begin like one, too; they are told apart by their verb.
    """
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.JoinedStr(values=parts):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)
            case ast.Constant(value=str(text)):
                pass
            case _:
                continue
        is_whole = not text.endswith(" ")  # the constant parts of an f-string are visited, too
        if is_whole and text.startswith("gatedog ") and text.split()[1] not in SENTENCES:
            yield text


@pytest.mark.parametrize("verb", list(Verb), ids=lambda verb: verb.value)
def test_the_command_of_each_verb_can_be_typed(verb: Verb) -> None:
    """An answer that says what to type says it right."""
    event = ActionRequested(
        gateway=GatewayName("openclaw"), verb=verb, reason="", peer=Peer(process=None, uid=0, gid=0)
    )

    parse(command_of(verb, event))


def test_every_command_in_the_core_can_be_typed() -> None:
    """A next command that is a usage error is worse than none."""
    modules = sorted(Path(watchdog.core.__file__).parent.glob("*.py"))
    lines = {line for module in modules for line in commands_in(module.read_text(encoding="utf-8"))}
    for line in sorted(lines):
        parse(line)

    assert "gatedog silence x --end" in lines
    assert len(lines) > 20


@pytest.mark.parametrize("line", ["gatedog maintainance x", "gatedog silence", "gatedog page x", "gatedog ack x --end"])
def test_a_command_that_cannot_be_typed_is_found(line: str) -> None:
    """The check above can fail."""
    with pytest.raises(click.ClickException):
        parse(line)
