"""runbooks/*.toml to runbooks for machines, or to all of their problems."""

from pathlib import Path

import pytest

from watchdog.core.effect import Effect
from watchdog.core.policy import Policy
from watchdog.core.runbookpolicy import Condition, MachineRunbook, Sign
from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.journal.codec import decode, encode
from watchdog.policyfile.load import load_policy
from watchdog.policyfile.problems import PolicyProblems, Problem
from watchdog.policyfile.runbooksection import NEVER_MILD, STEPS_MAX, read_runbooks

FOLDER = Path("/etc/gatedog/runbooks")
HEAD = 'on = ["spiral.chain"]\n[[step]]\n'


def read(text: str, name: str = "mend") -> MachineRunbook:
    """Return the one runbook of this text."""
    (runbook,) = read_runbooks([(f"{name}.toml", text.encode())], FOLDER)
    return runbook


def problems_of(text: str) -> tuple[Problem, ...]:
    """Return the problems of a runbook that must be refused."""
    with pytest.raises(PolicyProblems) as refused:
        read(text)
    return refused.value.problems


def test_every_key_reaches_the_runbook() -> None:
    """What is written is what is run."""
    runbook = read(
        """
title = "Mend it"
on = ["spiral.chain", "health.impostor"]
at_most = "2 per 6h"
[[step]]
title = "look"
argv = ["gatedog", "status", "{gateway}", "--json"]
effect = "observe"
timeout = "10s"
precondition = { phase = ["up", "held"], hold = "free", argv = ["/usr/bin/test", "-e", "/run/x"] }
success = { exit = [0, 150], output = "gateways" }
stop_if = { exit = 3 }
[[step]]
argv = ["/usr/bin/systemctl", "restart", "chat-bridge.service"]
precondition = ["/usr/bin/test", "-e", "/run/x"]
preview = ["/usr/bin/systemctl", "status", "chat-bridge.service"]
blast_radius = "all chats for 10 s"
costs_starts = 2
"""
    )
    look, mend = runbook.steps

    assert (runbook.name, runbook.title, runbook.at_most, runbook.per_usec) == ("mend", "Mend it", 2, 6 * HOUR)
    assert runbook.on == ("health.impostor", "spiral.chain")
    assert (look.argv, look.effect, look.timeout_usec) == (
        ("gatedog", "status", "{gateway}", "--json"), Effect.OBSERVE, 10 * SECOND,
    )  # fmt: skip
    assert look.precondition == Condition(
        argv=("/usr/bin/test", "-e", "/run/x"), phases=("up", "held"), holds=("free",)
    )
    assert (look.success, look.stop_if) == (Sign(exits=(0, 150), output="gateways"), Sign(exits=(3,)))
    assert mend.precondition == Condition(argv=("/usr/bin/test", "-e", "/run/x"))
    assert mend.preview_argv == ("/usr/bin/systemctl", "status", "chat-bridge.service")
    assert (mend.blast_radius, mend.costs_starts) == ("all chats for 10 s", 2)


def test_a_step_that_says_nothing_is_destabilising() -> None:
    """And costs a start, succeeds with 0, and has a minute."""
    (step,) = read(f'{HEAD}argv = ["/bin/x"]').steps

    assert (step.effect, step.costs_starts, step.timeout_usec) == (Effect.DESTABILISING, 1, MINUTE)
    assert (step.success, step.stop_if) == (Sign(exits=(0,)), Sign())


def test_all_problems_are_told_at_once_with_their_lines() -> None:
    """Of every runbook of the bundle."""
    one = 'on = ["spiral.chian"]\nwat = 1\n[[step]]\nargv = "rm -rf /"\n'
    with pytest.raises(PolicyProblems) as refused:
        read_runbooks([("a.toml", one.encode()), ("b.toml", b"on = [")], FOLDER)

    told = [(Path(each.file).name, each.line) for each in refused.value.problems]
    assert told == [("a.toml", 1), ("a.toml", 2), ("a.toml", 4), ("b.toml", 1)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('effect = "observe"', "The step runs nothing"),
        ("argv = []", "names no program"),
        ('argv = ["curl"]', "not an absolute path"),
        ('argv = ["./x"]', "not an absolute path"),
        ('argv = "/bin/x y"', "no shell takes it apart"),
        (f"argv = {['/bin/x', *['w'] * 64]}", "more than 64 words"),
        ('argv = ["/bin/x", "a\\nb"]', "nobody could read"),
        ('argv = ["/bin/x"]\neffect = "harmless"', "Choose one of"),
        ('argv = ["/bin/x"]\ntimeout = "11min"', "longer than 10m"),
        ('argv = ["/bin/x"]\ntimeout = "0s"', "zero"),
        ('argv = ["/bin/x"]\nsuccess = { output = "(a+)+b" }', "repeats a group"),
        ('argv = ["/bin/x"]\nsuccess = { exit = [true] }', "no list of exit codes"),
        ('argv = ["/bin/x"]\nstop_if = { exit = 256 }', "no list of exit codes"),
        ('argv = ["/bin/x"]\nprecondition = { phase = "upp" }', "Choose among: stopped"),
        ('argv = ["/bin/x"]\nprecondition = { mood = "good" }', "is not known"),
        ('argv = ["/bin/x"]\npreview = ["/sbin/reboot"]', "run before anybody approves"),
        ('argv = ["/bin/x"]\nprecondition = ["/bin/rm", "/tmp/x"]', "run before anybody approves"),
        ('argv = ["/bin/x"]\nsucess = { exit = 0 }', "Did you mean `success`"),
    ],
)
def test_what_is_wrong_with_a_step_is_said(line: str, said: str) -> None:
    """With its cure."""
    assert any(said in str(each) for each in problems_of(f"{HEAD}{line}\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('on = ["spiral.chain"]\n', "has no step"),
        ('name = "other"\n[[step]]\nargv = ["/bin/x"]', 'calls itself "other"'),
        ('on = ["run.failed"]\n[[step]]\nargv = ["/bin/x"]', "no rule that a runbook can answer"),
        ('at_most = "often"\n[[step]]\nargv = ["/bin/x"]', "is not a window"),
        ('at_most = "101 per 1h"\n[[step]]\nargv = ["/bin/x"]', "at most 100"),
        ('[[step]]\nargv = ["/bin/x"]\n' * (STEPS_MAX + 1), f"Keep at most {STEPS_MAX}"),
    ],
)
def test_what_is_wrong_with_a_runbook_is_said(text: str, said: str) -> None:
    """With its cure."""
    assert any(said in str(each) for each in problems_of(text))


MISLABELLED = (
    '"/usr/bin/systemctl", "restart", "x"',
    '"/bin/systemctl", "--now", "disable", "x"',
    '"/usr/bin/kill", "-9", "1"',
    '"/usr/bin/pkill", "node"',
    '"/sbin/reboot"',
    '"/bin/rm", "-rf", "/srv/agent/cache"',
    '"/usr/bin/apt-get", "upgrade"',
    '"/usr/bin/npm", "install", "-g", "openclaw"',
    '"/usr/bin/docker", "restart", "x"',
    '"/bin/sh", "-c", "exec systemctl stop x"',
    '"/usr/bin/env", "systemctl", "stop", "x"',
    '"/usr/bin/sudo", "/usr/local/bin/mend"',
    '"/usr/bin/find", "/srv", "-name", "x", "-delete"',
    '"/usr/bin/python3", "-c", "import os; os.kill(1, 9)"',
    '"/usr/bin/python3.11", "/srv/x.py"',
    '"/usr/bin/perl", "-e", "unlink"',
    '"/usr/bin/node", "-e", "process.kill(1)"',
    '"/usr/bin/sed", "-i", "s/a/b/", "/etc/x"',
    '"/usr/bin/awk", "BEGIN { system(\\"reboot\\") }"',
    '"/usr/bin/git", "reset", "--hard"',
    '"/usr/bin/dbus-send", "--system", "x"',
    '"/usr/bin/curl", "-X", "POST", "http://127.0.0.1/restart"',
    '"/bin/cp", "/srv/a", "/srv/b"',
    '"/bin/tar", "-xf", "/srv/a.tar"',
    '"/usr/bin/gcore", "1"',
    '"gatedog", "restart", "{gateway}"',
    '"gatedog", "release", "{gateway}", "-m", "mended"',
)


@pytest.mark.parametrize("effect", ["observe", "reversible"])
@pytest.mark.parametrize("argv", MISLABELLED)
def test_a_command_that_ends_or_changes_things_is_not_believed_to_be_mild(argv: str, effect: str) -> None:
    """Whatever its author wrote beside it; without that word it waits for a person."""
    text = f"{HEAD}argv = [{argv}]\n"

    assert "waits for a person" in problems_of(f'{text}effect = "{effect}"')[0].how
    assert read(text).steps[0].effect is Effect.DESTABILISING


@pytest.mark.parametrize(
    "argv",
    [
        '"/usr/bin/systemctl", "is-active", "x"',
        '"/usr/bin/systemctl", "status", "x"',
        '"/usr/bin/tail", "-n", "50", "/var/log/agent.log"',
        '"gatedog", "status", "--json"',
        '"gatedog", "incident", "show", "{incident}"',
        '"/usr/local/lib/agent/look-around"',
    ],
)
def test_what_only_looks_may_say_so(argv: str) -> None:
    """A script of the author's own is theirs to describe."""
    assert read(f'{HEAD}argv = [{argv}]\neffect = "observe"').steps[0].effect is Effect.OBSERVE


def test_the_list_of_programs_is_by_file_name() -> None:
    """No path in it, so that no other path is a way round it."""
    assert [name for name in sorted(NEVER_MILD) if "/" in name or not name] == []


def test_a_bundle_brings_its_runbooks(tmp_path: Path) -> None:
    """Sorted by name, part of the digest, and under the same guard as the policy."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "runbooks"
    folder.mkdir(mode=0o700)
    (tmp_path / "policy.toml").write_text('[gateway.main]\ncommand = ["/bin/true"]\n')
    without = load_policy(tmp_path).digest
    for name in ("zeta", "alpha"):
        (folder / f"{name}.toml").write_text(f'{HEAD}argv = ["/bin/x"]\n')
    loaded = load_policy(tmp_path)

    assert [each.name for each in loaded.policy.runbooks] == ["alpha", "zeta"]
    assert loaded.digest != without
    assert decode(Policy, encode(loaded.policy)) == loaded.policy
    (folder / "zeta.toml").chmod(0o666)
    with pytest.raises(PolicyProblems, match="can be written by others"):
        load_policy(tmp_path)
    (folder / "zeta.toml").chmod(0o600)
    (folder / "alpha.toml").write_text("wat = 1\n")
    with pytest.raises(PolicyProblems, match=r"alpha.toml:1: `wat` is not known"):
        load_policy(tmp_path)


def test_the_shipped_examples_can_be_adopted() -> None:
    """Copied as they are."""
    examples = sorted((Path(__file__).parents[2] / "config" / "runbooks").glob("*.toml"))
    runbooks = read_runbooks([(each.name, each.read_bytes()) for each in examples], FOLDER)

    assert len(runbooks) >= 2
    assert {step.effect for each in runbooks for step in each.steps} >= {Effect.OBSERVE, Effect.DESTABILISING}
