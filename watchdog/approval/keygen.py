"""Run the system's ssh-keygen, bounded, and with nothing of ours but what it is given.

What it reads it reads from memory (`/proc/self/fd/N`): bytes that were checked, which nobody can change on the way, and
no temporary file that outlives a crash. What it writes goes to memory of a fixed size, so no pipe needs emptying and
nothing it prints can fill ours.

Invariants: the program is one that only root or gatedog could have written; its environment is empty but for the
language, so neither SSH_AUTH_SOCK nor SSH_SK_PROVIDER nor LD_PRELOAD of whoever started gatedog has a part in it; when
its time is over it is killed, with what it started. Blocks: call it from a worker thread. Deliberately not here: what
the answers mean.
"""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from watchdog.core.timeline import SECOND, duration_text
from watchdog.core.values import dataclass

OUTPUT_BYTES_MAX = 16 * 1024
WORDS_MAX = 200
"""Of what it said, so many characters are shown."""

_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


class KeygenFailed(Exception):  # noqa: N818 - said of the program
    """It could not be run, or gave no answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How it ended, and what it wrote; of each stream at most OUTPUT_BYTES_MAX."""

    status: int
    output: bytes
    errors: bytes

    @property
    def words(self) -> str:
        """What it said, in one line for a human."""
        said = (self.errors or self.output).decode("utf-8", "replace")
        shown = "".join(character if character.isprintable() else " " for character in said)
        return " ".join(shown.split())[:WORDS_MAX] or f"nothing, and exit status {self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keygen:
    """The program and its time limit."""

    program: Path
    timeout_usec: int = 5 * SECOND

    def ask(self, *arguments: str, files: Mapping[str, bytes], given: bytes = b"") -> Answer:
        """Run it once, with `given` on its standard input.

        An argument that is a key of `files`, such as "<signers>", is replaced by the path of a file of that content.

        Raises:
            KeygenFailed: there is no answer.
        """
        try:
            with ExitStack() as ends:
                memory = {name: ends.enter_context(_memory(content)) for name, content in files.items()}
                words = [f"/proc/self/fd/{memory[word]}" if word in memory else word for word in arguments]
                standard_input = ends.enter_context(_memory(given))
                output, errors = (ends.enter_context(_bounded_memory()) for _ in range(2))
                process = subprocess.Popen(  # noqa: S603 - a checked program; fixed words, and a name that was checked
                    [self.program, *words],
                    stdin=standard_input,
                    stdout=output,
                    stderr=errors,
                    pass_fds=tuple(memory.values()),
                    env=_ENVIRONMENT,
                    cwd="/",
                    process_group=0,
                )
                status = self._wait(process)
                return Answer(status=status, output=_written(output), errors=_written(errors))
        except OSError as error:
            raise KeygenFailed(f"{self.program} could not be run ({error.strerror or error})") from error

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        """Return the exit status.

        Popen takes "somebody else has reaped it" for 0; so a status alone never makes a signature good.
        """
        try:
            return process.wait(self.timeout_usec / SECOND)
        except subprocess.TimeoutExpired:
            limit = duration_text(self.timeout_usec)
            raise KeygenFailed(f"{self.program} gave no answer within {limit}") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def _memory(content: bytes) -> Iterator[int]:
    """Hold a file in memory, to be read from its beginning."""
    descriptor = os.memfd_create("approval", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _bounded_memory() -> Iterator[int]:
    """Hold a file in memory that cannot grow: writing beyond its end fails for the program, not for us."""
    descriptor = os.memfd_create("approval", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, OUTPUT_BYTES_MAX)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
        yield descriptor
    finally:
        os.close(descriptor)


def _written(descriptor: int) -> bytes:
    """Return what was written: the program shares our place in the file."""
    return os.pread(descriptor, min(os.lseek(descriptor, 0, os.SEEK_CUR), OUTPUT_BYTES_MAX), 0)
