"""Pages through a program of the human's choice: the message as JSON on its standard input.

Contract with the program. Exit 0: delivered. 64, 77, 78 (sysexits: usage, no permission, configuration), 126 and 127
(not executable, not found): only a human can mend it. Everything else, 75 (EX_TEMPFAIL) and a death by signal
included: try later; curl and most scripts exit 1 or 7 when the network is away, and a critical page must outlive that.
Whatever the program leaves running is ended with it.

Invariants: argv is a list and no shell reads it; nothing of gatedog's environment but PATH and LANG passes; gatedog
runs no program that somebody other than root or its own user can write (law 11); of the output at most the end is
kept. Deliberately not here: who the program is and how it keeps its secrets.
"""

import errno
import os
import select
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import IO

from watchdog.core.timeline import SECOND, duration_text
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.channels.session import end_session
from watchdog.pager.escape import one_line
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import ExecSettings

OUTPUT_BYTES_MAX = 4096
PIPE_BYTES = 64 * 1024

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_FAULTS = frozenset({64, 77, 78, 126, 127})
_STATUS_LOST = "the program's exit status was lost"


class ExecChannel:
    """One program."""

    def __init__(self, settings: ExecSettings) -> None:
        self.name = settings.name
        self._argv = settings.argv
        self._timeout_usec = settings.timeout_usec

    def deliver(self, message: Message) -> Receipt:
        """Run the program once, to its end or the time limit."""
        if not self._argv:
            raise ConfigurationFault(f"channel {self.name}: argv is empty")
        check_program(Path(self._argv[0]))
        for word in self._argv[1:]:
            # ["/usr/bin/python3", "/home/agent/notify.py"] would run a stranger's file as much as naming it first.
            if word.startswith("/") and Path(word).is_file():
                check_program(Path(word))
        return Receipt(detail=run_program(self._argv, message.to_json(), self._timeout_usec))


def run_program(argv: tuple[str, ...], given: bytes, timeout_usec: int) -> str:
    """Run a checked program on `given`; return its name and last words, or raise by the contract above."""
    program = one_line(Path(argv[0]).name)
    status, output = _run(argv, given, timeout_usec)
    last = one_line(output.decode("utf-8", "replace").strip().rpartition("\n")[2])
    said = f": {last}" if last else ""
    if status is None:
        raise TryLater(f"{program} was ended after {duration_text(timeout_usec)}{said}")
    if status < 0:
        raise TryLater(f"{program} died of {_signal_text(-status)}{said}")
    if status in _FAULTS:
        raise ConfigurationFault(f"{program} exited with {status}{said}")
    if status != 0:
        raise TryLater(f"{program} exited with {status}{said}")
    return f"{program} took it{said}"


def _run(argv: tuple[str, ...], body: bytes, timeout_usec: int) -> tuple[int | None, bytes]:
    """Return exit status (negative: signal; None: time was up) and the end of the output."""
    with _file_in_memory(body) as given:
        try:
            process = subprocess.Popen(  # noqa: S603 - argv is the human's, and was checked
                argv,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
            raise ConfigurationFault(f"{argv[0]}: {error.strerror}") from error
        except OSError as error:
            # ENOEXEC is a script without #!; the rest (no memory, no processes left) passes.
            kind = ConfigurationFault if error.errno == errno.ENOEXEC else TryLater
            raise kind(f"{argv[0]}: {error.strerror}") from error
    with process:
        try:
            return _follow(process, timeout_usec)
        finally:
            # Whether or not the program has ended: a channel starts no daemons.
            if _is_unreaped(process.pid):
                end_session(process.pid)


def _follow(process: subprocess.Popen[bytes], timeout_usec: int) -> tuple[int | None, bytes]:
    """Read output until the program ends or its time is over. The end is the program's, not that of its output."""
    output = _stdout(process)
    os.set_blocking(output.fileno(), False)
    kept = b""
    deadline_s = time.monotonic() + timeout_usec / SECOND
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        raise TryLater(_STATUS_LOST) from None
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(output, select.POLLIN)
    try:
        while (left_s := deadline_s - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in poll.poll(left_s * 1000)}
            part = output.read(PIPE_BYTES)
            kept = (kept + (part or b""))[-OUTPUT_BYTES_MAX:]
            if pidfd in ready:
                return _status(process.pid), kept
            if part == b"":
                poll.unregister(output)
    finally:
        os.close(pidfd)
    return None, kept


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise AssertionError("the program was started with a pipe")
    return process.stdout


def _is_unreaped(pid: int) -> bool:
    """Whether the pid is still our child's, running or not: once reaped, it may be anybody's."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _status(pid: int) -> int:
    """Read how the program ended without reaping it.

    Asked here and not of Popen, which takes "somebody else has reaped it" for exit 0: a page would count as delivered.
    """
    try:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        ended = None
    if ended is None:
        raise TryLater(_STATUS_LOST)
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _signal_text(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _file_in_memory(body: bytes) -> IO[bytes]:
    """Give the message as a file: a pipe would need feeding, and a program that does not read would block us."""
    file = os.fdopen(os.memfd_create("page", os.MFD_CLOEXEC), "w+b")
    file.write(body)
    file.flush()
    file.seek(0)
    return file


def check_program(program: Path) -> None:
    """Refuse a program that a stranger could have written, or could put another in place of."""
    if not program.is_absolute():
        raise ConfigurationFault(f"argv[0] must be an absolute path, not {one_line(str(program))}")
    try:
        real = program.resolve(strict=True)
        for path in (program, *program.parents, real, *real.parents):
            _check_owner(path)
    except OSError as error:
        raise ConfigurationFault(f"{one_line(str(program))}: {error.strerror}") from error


def _check_owner(path: Path) -> None:
    status = path.stat()
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigurationFault(f"{path} belongs to uid {status.st_uid}, who could change what gatedog runs")
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if shared and not sticky:
        raise ConfigurationFault(f"{path} can be written by others; run: chmod go-w {path}")
