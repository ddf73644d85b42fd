"""`gatedog setup`: what the command line refuses before anything is looked at, and the names it makes."""

import contextlib
import io
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from watchdog.cli.committing import lies_as_committed
from watchdog.cli.main import gatedog
from watchdog.cli.paths import Surroundings
from watchdog.cli.setup import _name_for
from watchdog.cli.trouble import Trouble


def gd(*words: str) -> Result:
    """Run a command line."""
    return CliRunner().invoke(gatedog, list(words))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "Say which: --unit UNIT, or --command COMMAND"),
        (("--unit", "a", "--command", "b"), "Say which"),
        (("--command", "/bin/x"), "needs a --name"),
        (("--unit", "a", "--user", "me"), "--user belongs to --command"),
        (("--unit", "a", "--no-hardening", " "), "needs the REASON"),
        (("--unit", "cron.timer"), "is not the name of a service"),
        (("--unit", "a b"), "is not the name of a service"),
        (("--unit", "../../etc/passwd"), "is not the name of a service"),
        (("--unit", "t@"), "is a template; name one instance of it: t@INSTANCE.service"),
        (("--unit", "gatedog"), "is gatedog's own"),
        (("--unit", "gatedog-start@x.service"), "is gatedog's own"),
        (("--name", "x", "--command", "/bin/x 'open"), "No closing quotation"),
    ],
)
def test_words_that_make_no_sense_are_usage_errors(words: tuple[str, ...], what: str) -> None:
    """What cannot be meant is refused with code 2 and a sentence, before anything is read."""
    result = gd("setup", "systemd", *words)

    assert result.exit_code == 2
    assert what in result.stderr


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("openclaw-gateway.service", "openclaw-gateway"),
        ("My_Agent@one.service", "my-agent-one"),
        ("a\\x2db.service", "a-x2db"),
        ("x" * 60 + ".service", "x" * 31),
    ],
)
def test_name_is_made_of_the_units(unit: str, name: str) -> None:
    """Without --name the gateway is called like its unit, as far as letters go."""
    assert _name_for(unit) == name


def test_all_verbs_are_listed() -> None:
    """Help names install, removal, release codes, and the way past gatedog."""
    assert {"systemd", "remove", "codes"} <= set(gd("setup", "--help").stdout.split())
    assert "break-glass" in gd("--help").stdout


def test_a_next_command_is_never_cut() -> None:
    """A challenge with a long reason is printed whole: half of it could not be signed."""
    command = f"printf '%s\\n' '{'x' * 3_000}' | ssh-keygen -Y sign"
    with contextlib.redirect_stderr(io.StringIO()) as said:
        Trouble("refused", next_=(command,)).show()

    assert f"  next: {command}\n" in said.getvalue()


def test_what_lies_there_before_setup_was_seen_by_nobody_unless_it_is_as_committed(tmp_path: Path) -> None:
    """Where no rules lie, all that lies there afterwards is setup's; where some do, only the daemon can tell."""
    surroundings = Surroundings(environ={}, uid=os.getuid(), socket=str(tmp_path / "nobody.sock"))
    (tmp_path / "release_codes").write_text("x")
    assert lies_as_committed(surroundings, tmp_path)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.toml").write_text("x")

    assert not lies_as_committed(surroundings, tmp_path)
