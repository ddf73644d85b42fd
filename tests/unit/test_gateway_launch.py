"""What a launch is made of: the checks before it, and the environment."""

import os
from pathlib import Path

import pytest

from watchdog.core.policy import CommandPolicy
from watchdog.gateway.launch import Launch, LaunchRefused, plan_launch

OWN = {
    "PATH": "/usr/bin:/bin",
    "TOKEN": "swordfish",
    "NOTIFY_SOCKET": "/run/ours",
    "WATCHDOG_USEC": "1",
    "LISTEN_FDS": "2",
}


def plan(command: CommandPolicy, *, inherit_all: bool = False) -> Launch:
    """Plan with gatedog's own environment OWN."""
    return plan_launch(command, own=OWN, inherit_all=inherit_all, extra={"GATEDOG_SOCKET": "/run/control.sock"})


REFUSALS = [
    (CommandPolicy(argv=()), "is empty"),
    (CommandPolicy(argv=("no-such-program-anywhere",)), "is not in its PATH"),
    (CommandPolicy(argv=("/no/such/program",)), "/no/such/program does not exist"),
    (CommandPolicy(argv=("/etc/passwd",)), "may not execute /etc/passwd"),
    (CommandPolicy(argv=("/usr/bin",)), "/usr/bin does not exist"),
    (CommandPolicy(argv=("sleep", "1"), directory="/no/such/folder"), "folder /no/such/folder does not exist"),
    (CommandPolicy(argv=("sleep", "1"), user="no-such-user"), "no user 'no-such-user'"),
]


@pytest.mark.parametrize(("command", "sentence"), REFUSALS, ids=[sentence for _, sentence in REFUSALS])
def test_impossible_command_is_refused_with_a_sentence(command: CommandPolicy, sentence: str) -> None:
    """Whatever can be known to be wrong before a start is said, with a next step."""
    with pytest.raises(LaunchRefused, match=sentence) as refused:
        plan(command)

    assert "policy.toml" in str(refused.value)


def test_environment_is_minimal() -> None:
    """A gateway sees PATH, its account, the policy's variables and gatedog's socket; nothing else of ours."""
    launch = plan(CommandPolicy(argv=("sleep", "1"), environment=(("COLOUR", "blue"),)))

    assert set(launch.environment) == {"PATH", "HOME", "USER", "LOGNAME", "COLOUR", "GATEDOG_SOCKET"}
    assert launch.environment["COLOUR"] == "blue"


def test_inherited_environment_lacks_what_the_manager_told_gatedog() -> None:
    """With inheritance everything is passed on but the notify, watchdog and listen variables of gatedog itself."""
    launch = plan(CommandPolicy(argv=("sleep", "1")), inherit_all=True)

    assert set(launch.environment) == {"PATH", "TOKEN", "GATEDOG_SOCKET"}
    assert launch.directory == str(Path.cwd())


def test_gatedogs_own_words_win_over_the_policy() -> None:
    """A policy cannot point the gateway at another control socket."""
    launch = plan(CommandPolicy(argv=("sleep", "1"), environment=(("GATEDOG_SOCKET", "/tmp/x"),)))  # noqa: S108 - a name only

    assert launch.environment["GATEDOG_SOCKET"] == "/run/control.sock"


def test_command_is_looked_up_in_the_gateways_path(tmp_path: Path) -> None:
    """The PATH that counts is the one the gateway gets, as it is for exec."""
    program = tmp_path / "only-here"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    launch = plan(CommandPolicy(argv=("only-here",), environment=(("PATH", str(tmp_path)),)))

    assert launch.argv == ("only-here",)


def test_relative_command_is_looked_up_in_its_folder(tmp_path: Path) -> None:
    """A command with a slash is found from the folder it starts in."""
    program = tmp_path / "run.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    launch = plan(CommandPolicy(argv=("./run.sh",), directory=str(tmp_path)))

    assert launch.directory == str(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_program_that_only_root_may_execute_is_refused_for_a_user(tmp_path: Path) -> None:
    """The mode bits are judged for the gateway's user, not for gatedog's."""
    program = tmp_path / "private"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)

    with pytest.raises(LaunchRefused, match="user nobody may not execute"):
        plan(CommandPolicy(argv=(str(program),), user="nobody"))
