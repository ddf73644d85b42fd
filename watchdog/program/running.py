"""Run a checked program, once, to its end or its time.

Invariants: argv is a list and no shell reads it; nothing of gatedog's environment but PATH and LANG passes; of the
output at most the end is kept; what the program leaves running is ended with it, whoever made a process group of their
own. Deliberately not here: whether it may be run (trust.py), and what its end means (pager/channels/exec.py,
runbook/machine.py).
"""

import errno
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import IO

from watchdog.core.timeline import SECOND
from watchdog.program.session import end_session
from watchdog.program.trust import Unfit

OUTPUT_BYTES_MAX = 4096
PIPE_BYTES = 64 * 1024

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_NOTHING_MORE: Mapping[str, str] = MappingProxyType({})
_STATUS_LOST = "the program's exit status was lost"


class NotNow(Exception):  # noqa: N818 - said of the moment
    """A program could not be started, or not be followed to its end, for a reason that passes."""


def run_in_session(
    argv: tuple[str, ...],
    timeout_usec: int,
    *,
    given: bytes = b"",
    more: Mapping[str, str] = _NOTHING_MORE,
    keep_bytes: int = OUTPUT_BYTES_MAX,
    stop: int = -1,
) -> tuple[int | None, bytes]:
    """Run a checked program; return its exit status and the end of its output. It blocks: call it in a thread.

    `given` is its standard input. `more`: variables beside PATH and LANG. `stop`: a descriptor that becomes readable
    when the program shall be ended before its time. A negative status is a signal's number; None: time was up, or it
    was told to stop. Raises Unfit and NotNow when it cannot be started, and NotNow when its end was lost.
    """
    with _start(argv, given, {**_ENVIRONMENT, **more}) as process:
        try:
            return _follow(process, timeout_usec, keep_bytes, stop)
        finally:
            # Whether or not the program has ended: nothing that is run here is a daemon's beginning.
            if _is_unreaped(process.pid):
                end_session(process.pid)


def _start(argv: tuple[str, ...], given: bytes, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        with _file_in_memory(given) as file:
            return subprocess.Popen(  # noqa: S603 - argv is the human's, and was checked
                argv,
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise Unfit(f"{argv[0]}: {error.strerror}") from error
    except OSError as error:
        # ENOEXEC is a script without #!; the rest (no memory, no processes or descriptors left) passes.
        kind = Unfit if error.errno == errno.ENOEXEC else NotNow
        raise kind(f"{argv[0]}: {error.strerror}") from error


def _follow(
    process: subprocess.Popen[bytes], timeout_usec: int, keep_bytes: int, stop: int
) -> tuple[int | None, bytes]:
    """Read output until the program ends or its time is over. The end is the program's, not that of its output."""
    output = _stdout(process)
    os.set_blocking(output.fileno(), False)
    kept = b""
    deadline_s = time.monotonic() + timeout_usec / SECOND
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        raise NotNow(_STATUS_LOST) from None
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(output, select.POLLIN)
    if stop >= 0:
        poll.register(stop, select.POLLIN)
    try:
        while (left_s := deadline_s - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in poll.poll(left_s * 1000)}
            part = output.read(PIPE_BYTES)
            kept = (kept + (part or b""))[-keep_bytes:]
            if pidfd in ready:
                return _status(process.pid), kept
            if stop in ready:
                return None, kept
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
        raise NotNow(_STATUS_LOST)
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _file_in_memory(content: bytes) -> IO[bytes]:
    """Give the input as a file: a pipe would need feeding, and a program that does not read would block us."""
    file = os.fdopen(os.memfd_create("given", os.MFD_CLOEXEC), "w+b")
    file.write(content)
    file.flush()
    file.seek(0)
    return file


def signal_text(number: int) -> str:
    """Name the signal that ended a program, for a sentence; a real-time one has only its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
