"""What the gate understands of a shell line, beside what a real shell makes of it."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from watchdog.core.shellline import commands_of

pytestmark = pytest.mark.system

STUB = """#!/bin/sh
printf '%s\\037' "${0##*/}" "$@" >>"$LOG"
printf '\\036' >>"$LOG"
"""
PROGRAMS = ("a", "b")
LINES = st.lists(
    st.sampled_from(
        ["a", "b", " ", ";", "&&", "||", "|", "\n", "&", ">", ">>", "<", "2>", ">&1", "'", '"', "x", "-o", "$X", "*",
         "\\", "`", "$(", ")", "{", "}", "#", "!", "=", "f", " ", " "]
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


def ran(line: str, stubs: Path, folder: Path) -> list[tuple[str, ...]]:
    """Let a shell run a line among the stubs; return what was called, and clean up after it."""
    log = stubs / "log"
    log.unlink(missing_ok=True)
    environment = {"PATH": str(stubs), "LOG": str(log), "X": "expanded"}
    subprocess.run(
        ["/bin/sh", "-c", f"{line}\nwait"],
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
def test_a_shell_runs_nothing_but_what_was_understood(line: str, stubs: Path) -> None:
    """Every call that a real shell makes is one of those that came out, and no file appears that was not named."""
    commands = commands_of(line)
    assume(commands is not None)
    assert commands is not None
    folder = stubs / "work"
    folder.mkdir(exist_ok=True)
    calls = ran(line, stubs, folder)
    appeared = [entry.name for entry in os.scandir(folder)]
    for name in appeared:
        (folder / name).unlink()
    understood = [tuple(word.text for word in command.words) for command in commands]
    unsure = {command.words[0].text for command in commands if any(word.expands for word in command.words)}
    named = {word.text for command in commands for word in command.writes}
    expanding = any(word.expands for command in commands for word in command.writes)

    assert [call for call in calls if call not in understood and call[0] not in unsure] == [], line
    assert expanding or set(appeared) <= named, line


def test_the_comparison_can_fail(stubs: Path) -> None:
    """The stubs see what a shell runs, quotes taken off."""
    folder = stubs / "other"
    folder.mkdir()

    assert ran("a 'x y' ; b \"z\" && a", stubs, folder) == [("a", "x y"), ("b", "z"), ("a",)]
