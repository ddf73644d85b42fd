"""What the gate understands of a shell line, beside what real shells make of it."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from watchdog.core.classify import Rulebook, judge_action
from watchdog.core.effect import Effect
from watchdog.core.enclosure import ActionOffered
from watchdog.core.gaterules import SHIPPED
from watchdog.core.shellline import commands_of

pytestmark = pytest.mark.system

STUB = """#!/bin/sh
call=$(printf '%s\\037' "${0##*/}" "$@"; echo .)
printf '%s\\036' "${call%.}" >>"$LOG"
"""
PROGRAMS = ("a", "b")
SHELLS = ("/bin/sh", "/bin/bash")
REBOOT = "b now"
EVALUATED = {
    "both ways": f"ls &>/dev/null {REBOOT}",
    "both ways, added to": f"ls &>>/dev/null {REBOOT}",
    "index": f"test -v 'x[$({REBOOT})]'",
    "index in brackets": f"[ -v 'x[$({REBOOT})]' ]",
    "index to print into": f"printf -v 'x[$({REBOOT})]' y",
    "variable to print into": "printf -v PATH %s .; ls",
    "variable to count into": "printf xx%n PATH; ls",
    "argument as variable": "set -k; ls PATH=.",
    "value as words": f"env 'TZ=1 {REBOOT}' sh -c 'timeout $TZ ls'",
    "value as a line": 'bash -c "ls $LINES"',
    "value as assignment": "env LANG=$COLUMNS ls",
    "pattern as program": "timeout [1b]* ls",
}
"""Lines that look as if they only looked, and run `b`, or an `ls` that an agent wrote, in one of the shells."""
LINES = st.lists(
    st.sampled_from(
        ["a", "b", " ", ";", "&&", "||", "|", "\n", "&", ">", ">>", "<", "2>", "12>", "&>", ">&1", "'", '"', "x", "-o",
         "$X", "*", "\\", "`", "$(", ")", "{", "}", "#", "!", "=", "f", " ", " "]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of programs that only write down how they were called."""
    folder = tmp_path_factory.mktemp("stubs")
    for program in PROGRAMS:
        (folder / program).write_text(STUB)
        (folder / program).chmod(0o755)
    return folder


def ran(
    line: str, stubs: Path, folder: Path, shell: str = SHELLS[0], *, path: str = "", **variables: str
) -> list[tuple[str, ...]]:
    """Let a shell run a line among the stubs; return what was called, and clean up after it."""
    log = stubs / "log"
    log.unlink(missing_ok=True)
    environment = {"PATH": f"{stubs}{path}", "LOG": str(log), "X": "expanded", **variables}
    subprocess.run(
        [shell, "-c", f"{line}\nwait"],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        check=False,
    )
    text = log.read_text(errors="surrogateescape") if log.exists() else ""
    return [tuple(call.split("\037")[:-1]) for call in text.split("\036")[:-1]]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(line=LINES)
@example(line="a &>f b")
@example(line="a 12>f")
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_runs_nothing_but_what_was_understood(line: str, shell: str, stubs: Path) -> None:
    """Every call that a real shell makes is one of those that came out, and no file appears that was not named."""
    commands = commands_of(line)
    assume(commands is not None)
    assert commands is not None
    folder = stubs / "work"
    folder.mkdir(exist_ok=True)
    calls = ran(line, stubs, folder, shell)
    appeared = [entry.name for entry in os.scandir(folder)]
    for name in appeared:
        (folder / name).unlink()
    understood = [tuple(word.text for word in command.words) for command in commands]
    unsure = {command.words[0].text for command in commands if any(word.expands for word in command.words)}
    named = {word.text for command in commands for word in command.writes}
    expanding = any(word.expands for command in commands for word in command.writes)

    assert [call for call in calls if call not in understood and call[0] not in unsure] == [], line
    assert expanding or set(appeared) <= named, line


@pytest.mark.parametrize("line", EVALUATED.values(), ids=EVALUATED)
def test_nothing_that_runs_more_than_it_says_is_let_through(line: str, stubs: Path, tmp_path: Path) -> None:
    """What one of the shells really makes another command of waits for a person, whichever of them is asked for."""
    (tmp_path / "2").mkdir()
    for name in ("1", "bash", "ls", "2/ls"):
        (tmp_path / name).write_text(f'"{stubs}/b" now\n')
        (tmp_path / name).chmod(0o755)
    values = {"path": ":/usr/bin:/bin", "LINES": f"1; {REBOOT}", "COLUMNS": f"1 {REBOOT}"}
    calls = [call for shell in SHELLS for call in ran(line, stubs, tmp_path, shell, **values)]
    judged = [
        judge_action(ActionOffered(action="exec", argv=(shell, "-c", line), directory="/w"), Rulebook(shipped=SHIPPED))
        for shell in SHELLS
    ]

    assert "b" in [call[0] for call in calls], "no shell makes of it what is feared, so this proves nothing"
    assert [each for each in judged if each.effect in (Effect.OBSERVE, Effect.REVERSIBLE)] == []


def test_the_comparison_can_fail(stubs: Path) -> None:
    """The stubs see what a shell runs, quotes taken off."""
    folder = stubs / "other"
    folder.mkdir()

    assert ran("a 'x y' ; b \"z\" && a", stubs, folder) == [("a", "x y"), ("b", "z"), ("a",)]
