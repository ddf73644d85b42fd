"""Read what a unit logs from systemd's journal, as logtail.py reads a file, and nothing twice.

Theory of operation. One `journalctl --follow` for each gateway that is a unit, begun with the daemon and not with a
life: lives follow each other within a second, and what is logged between two of them is the gateway's, too. It writes
into a pipe that is read once a beat and never waited for. The pipe is the limit: when it is full, journalctl waits,
and nothing of this process is spent. A pipe found full means that we lag; then journalctl is ended and begun anew at
the journal's end, and that lines were left out is said (`Piece.is_cut`).

Rejected:

- `journalctl --after-cursor` every ten seconds. It opens and maps every file of the journal each time: six times a
  minute that is more processor time than all the rest of an idle gatedog may use (docs/adr/0014).
- libsystemd's sd_journal in this process. A damaged journal file would then be this process's fault to survive.
- JSON with cursors, so that nothing is lost when journalctl ends: four times the bytes, for seconds a year.

Invariants: only lines that processes of the unit's cgroup wrote (`_SYSTEMD_UNIT`, which journald itself sets); at most
PIPE_BYTES a look; a journal that cannot be read is None and not silence. journalctl is root's program (law 11), ends
by itself when this process is gone, because it watches its own output, and is begun again with growing patience.
Deliberately not here: what a dead life said last, which gateway/unitevidence.py asks for by the life's own id.
"""

import fcntl
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from watchdog.sensors.logtail import LINE_BYTES, Piece

JOURNALCTL = ("/usr/bin/journalctl",)
OPTIONS = ("--quiet", "--no-pager", "--output=cat", "--follow", "--merge")
"""--merge, because --follow alone shows this boot only, and names it by a boot id that a sandboxed daemon in a
container reads otherwise than journald does (seen with systemd 252): it then followed nothing. The machine's id keeps
out what other hosts may have sent here."""
PIPE_BYTES = 1024 * 1024
"""As much as a pipe may hold for anybody; journald itself lets a unit write some 10,000 lines in half a minute."""
PATIENCE_MAX = 30
"""Looks that are let pass, at most, before journalctl is tried again: five minutes."""
_CHUNK_BYTES = 64 * 1024
_PIPE_BYTES_USUAL = 64 * 1024
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "", "SYSTEMD_LOG_LEVEL": "err"}


class JournalTail:
    """The journal of one unit. Close it."""

    def __init__(
        self, unit: str, *, program: tuple[str, ...] = JOURNALCTL, now_s: Callable[[], float] = time.time
    ) -> None:
        """Begin to follow from now on. `now_s` reads the wall clock; journalctl takes it to name a begin."""
        self._unit = unit
        self._program = program
        self._now_s = now_s
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: list[subprocess.Popen[bytes]] = []
        self._pipe = -1
        self._pipe_bytes = PIPE_BYTES
        self._half = b""
        self._patience = 1
        self._wait = 0
        self._begin()

    def read(self) -> Piece | None:
        """Return what is new, without waiting; None when the journal cannot be read."""
        self._ended = [process for process in self._ended if process.poll() is None]
        if self._pipe < 0:
            self._wait -= 1
            if self._wait <= 0:
                self._begin()
            return None
        raw, has_ended = self._drain()
        *whole, self._half = (self._half + raw).split(b"\n")
        self._half = self._half[:LINE_BYTES]
        lines = tuple(line[:LINE_BYTES].decode("utf-8", "replace") for line in whole)
        if has_ended:
            self._end()
            self._wait, self._patience = self._patience, min(2 * self._patience, PATIENCE_MAX)
            return Piece(lines=lines) if lines else None
        self._patience = 1 if raw else self._patience
        is_cut = len(raw) >= self._pipe_bytes
        if is_cut:
            self._end()
            self._begin()
        return Piece(lines=lines, is_cut=is_cut)

    def close(self) -> None:
        """Follow no more."""
        self._end()
        for process in self._ended:
            with suppress(subprocess.TimeoutExpired):  # killed, and stuck in a read of a dead disk: init buries it
                process.wait(timeout=1)
        self._ended = []

    def _begin(self) -> None:
        options = (*OPTIONS, f"--since=@{self._now_s():.6f}", *_of_this_machine())
        read, write = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(read, False)  # our end only: journalctl shall wait while the pipe is full
            self._pipe_bytes = _widened(read)
            self._process = subprocess.Popen(  # noqa: S603 - fixed words, and a unit's name that the policy has checked
                [*self._program, *options, f"_SYSTEMD_UNIT={self._unit}"],
                stdin=subprocess.DEVNULL,
                stdout=write,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
            )
        except OSError:  # no journalctl here, or no process to be had: tried again later
            os.close(read)
            self._wait, self._patience = self._patience, min(2 * self._patience, PATIENCE_MAX)
            return
        finally:
            os.close(write)
        self._pipe, self._half = read, b""

    def _drain(self) -> tuple[bytes, bool]:
        """Read what the pipe holds; say as well whether its writer has ended."""
        raw = bytearray()
        while len(raw) < self._pipe_bytes:
            try:
                came = os.read(self._pipe, _CHUNK_BYTES)
            except BlockingIOError:
                return bytes(raw), False
            if not came:
                return bytes(raw), True
            raw += came
        return bytes(raw), False

    def _end(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        if self._process is not None:
            self._process.kill()
            self._ended.append(self._process)
            self._process = None


def _widened(pipe: int) -> int:
    """Let a pipe hold more, as far as the kernel allows, and return how much that is."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:  # this account's pipes hold too much already
        return _PIPE_BYTES_USUAL


def _of_this_machine() -> tuple[str, ...]:
    try:
        return (f"_MACHINE_ID={Path('/etc/machine-id').read_text(encoding='ascii').strip()}",)
    except (OSError, ValueError):  # a host without one has no journals of others either
        return ()
