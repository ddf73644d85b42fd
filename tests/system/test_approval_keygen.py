"""How ssh-keygen is run: with nothing of ours, and never for longer or with more output than is good."""

import os
from pathlib import Path

import pytest

from watchdog.approval.guard import trusted_program
from watchdog.approval.keygen import OUTPUT_BYTES_MAX, Keygen, KeygenFailed
from watchdog.core.timeline import SECOND

pytestmark = pytest.mark.system


@pytest.fixture
def shell() -> Keygen:
    """Run a shell in place of ssh-keygen."""
    return Keygen(program=Path("/bin/sh").resolve(), timeout_usec=60 * SECOND)


def test_environment_is_empty_but_for_the_language() -> None:
    """No agent socket, no home, no library to load first: nothing of ours reaches the program."""
    answer = Keygen(program=trusted_program("env"), timeout_usec=60 * SECOND).ask(files={})

    assert sorted(answer.output.split()) == [b"LC_ALL=C", b"PATH=/usr/bin:/bin"]


def test_files_and_input_come_from_memory(shell: Keygen) -> None:
    """A named file is replaced by a path in /proc that reads the bytes given, and the input is given whole."""
    answer = shell.ask("-c", 'cat "$0" -; echo "$0" >&2', "<file>", files={"<file>": b"one\n"}, given=b"two\n")

    assert (answer.status, answer.output) == (0, b"one\ntwo\n")
    assert answer.errors.startswith(b"/proc/self/fd/")


def test_output_is_bounded(shell: Keygen) -> None:
    """A program that prints without end cannot fill memory: writing fails for it."""
    answer = shell.ask("-c", "exec yes", files={})

    assert len(answer.output) == OUTPUT_BYTES_MAX
    assert answer.status != 0


def test_death_by_signal_is_no_success(shell: Keygen) -> None:
    """The status of a killed program is not 0."""
    assert shell.ask("-c", "kill -9 $$", files={}).status == -9


def test_no_descriptor_of_ours_is_inherited(shell: Keygen, tmp_path: Path) -> None:
    """Only the files that were named are open in the program."""
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)  # noqa: FBT003 - the name of the call says it
        answer = shell.ask("-c", "ls -l /proc/self/fd", files={})

    assert b"secret" not in answer.output


def test_program_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    """A file that is no program is a failure with its reason."""
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)

    with pytest.raises(KeygenFailed, match="could not be run"):
        Keygen(program=broken).ask(files={})
