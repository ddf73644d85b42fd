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
from printed_commands import parse

import watchdog.core
from watchdog.cli.main import gatedog
from watchdog.core.asks import command_of
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName
from watchdog.core.peer import Peer
from watchdog.core.quiet import end_of_silence
from watchdog.core.timeline import HOUR
from watchdog.core.verbs import Verb

GRANTED = {"request": "REQ-1", "outcome": "granted", "rule": "r", "message": "for 2h", "next_commands": []} | {
    "challenge": ""
}


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
NAME_AND_VERSION = "gatedog x"


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
        # The constant parts of an f-string are visited, too; a template is tried filled in, below.
        is_whole = not text.endswith(" ") and "{" not in text and text != NAME_AND_VERSION
        if is_whole and text.startswith("gatedog ") and text.split()[1] not in SENTENCES:
            yield text


@pytest.mark.parametrize("verb", list(Verb), ids=lambda verb: verb.value)
def test_the_command_of_each_verb_can_be_typed(verb: Verb) -> None:
    """An answer that says what to type says it right."""
    event = ActionRequested(
        gateway=GatewayName("openclaw"), verb=verb, reason="", peer=Peer(process=None, uid=0, gid=0)
    )

    parse(command_of(verb, event))


def asked_by(daemon: FakeDaemon, line: str) -> dict[str, Any]:
    """Type a printed line as it is, and return what the daemon was asked."""
    before = len(daemon.asked)
    result = gd(daemon, *shlex.split(line)[1:])
    assert result.exit_code == 0, (line, result.stderr)
    (asked,) = (asked for method, asked in daemon.asked[before:] if method == "Request")
    return {key: value for key, value in asked.items() if key != "reason"}


@pytest.mark.parametrize("subject", ["", "degradation", "channel:x", "everything", "two words", "$(reboot); 'x' \"y\""])
@pytest.mark.parametrize("verb", [Verb.SILENCE, Verb.SILENCE_END, Verb.MAINTENANCE, Verb.MAINTENANCE_END])
def test_a_printed_command_asks_for_the_same_again(fake_daemon: FakeDaemon, verb: Verb, subject: str) -> None:
    """Pasted into a shell as it was printed, it names the same gateway and the same subject, and runs nothing else."""
    about = subject if verb in (Verb.SILENCE, Verb.SILENCE_END) else ""
    event = ActionRequested(
        gateway=GatewayName("my agent"), verb=verb, reason="", subject=about, peer=Peer(process=None, uid=0, gid=0)
    )

    asked = asked_by(fake_daemon, command_of(verb, event))

    assert (asked["gateway"], asked["verb"], asked.get("subject", "")) == ("my agent", verb.value, about)


@pytest.mark.parametrize("subject", ["", "degradation", "channel:x"])
def test_the_printed_end_of_a_silence_names_that_silence(fake_daemon: FakeDaemon, subject: str) -> None:
    """Also the one about everything, which is not the same as all of them."""
    asked = asked_by(fake_daemon, end_of_silence(GatewayName("main"), subject))

    assert asked == {"gateway": "main", "verb": "silence-end", "subject": subject or "everything"}


def test_every_command_in_the_core_can_be_typed() -> None:
    """A next command that is a usage error is worse than none."""
    modules = sorted(Path(watchdog.core.__file__).parent.glob("*.py"))
    lines = {line for module in modules for line in commands_in(module.read_text(encoding="utf-8"))}
    for line in sorted(lines):
        parse(line)

    assert "gatedog silence x x --end" in lines
    assert len(lines) > 20


@pytest.mark.parametrize("line", ["gatedog maintainance x", "gatedog silence", "gatedog page x", "gatedog ack x --end"])
def test_a_command_that_cannot_be_typed_is_found(line: str) -> None:
    """The check above can fail."""
    with pytest.raises(click.ClickException):
        parse(line)
