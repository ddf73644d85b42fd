"""What the demo starts, and that all of it ends.

Theory of operation. The demo becomes the reaper of orphans below it, so whatever its programs leave behind, daemonised
or not, becomes its own child: no children left means nothing left. Should the demo itself be killed, every gateway sees
that and ends, their keepers with them, and gatedog is on a leash (leash.py).

Invariant: a process is signalled through a pidfd that was checked against its start time; children that were there
before the stage are never touched; every wait is bounded.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

from watchdog.core.identity import ProcessRef
from watchdog.demo.leftovers import remove_traces
from watchdog.gateway.process import (
    Stat,
    open_pidfd,
    read_children,
    read_stat,
    reap,
    send_signal,
    set_subreaper,
)
from watchdog.origin.procfs import read_boot

TOTAL_SECONDS = 55.0
"""All of it is over by then, whatever goes wrong; ending it takes a moment more."""

_END_SECONDS = 5.0
_LOOK_SECONDS = 0.01
_PATH_CHARACTERS_MAX = 50
"""A unix socket's path is at most 107 long, and gatedog's lies some folders below ours."""

_PROGRAMS = Path(__file__).parent
_PYTHON = (sys.executable, "-I", "-S")


class CannotPlay(Exception):  # noqa: N818 - what the person reads, not a defect
    """The demo cannot go on; the text says what happened and what to do."""


class Stage:
    """A folder, and processes that end with the `with` block."""

    def __init__(self) -> None:
        set_subreaper(on=True)
        self._boot = read_boot()
        self._before = frozenset(self._children())
        self._own: list[subprocess.Popen[bytes]] = []
        self._end = time.monotonic() + TOTAL_SECONDS
        self.name = f"demo-{os.getpid()}"
        """The gateway's name: no other demo and no real gateway shares it."""
        roomy = len(tempfile.gettempdir()) <= _PATH_CHARACTERS_MAX
        self.folder = Path(tempfile.mkdtemp(prefix="gatedog-demo-", dir=None if roomy else "/tmp"))  # noqa: S108 - made for us alone

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- time ------------------------------------------------------------------------------------------------------

    def until(self, seconds: float) -> float:
        """Return the instant `seconds` from now, or the end of the demo if that comes first."""
        return min(time.monotonic() + seconds, self._end)

    # -- beginning -------------------------------------------------------------------------------------------------

    def make_folder(self, name: str) -> Path:
        """Make a folder below the stage's, for us alone."""
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        return folder

    def gateway_command(self, folder: Path, owner: str) -> tuple[str, ...]:
        """Say how `owner` starts a gateway that meets the others in `folder`."""
        return (*_PYTHON, str(_PROGRAMS / "fakegateway.py"), str(folder), owner, _identity())

    def start_keeper(self, folder: Path, owner: str, pause_seconds: float) -> None:
        """Start what keeps a gateway up for `owner`."""
        keeper = (*_PYTHON, str(_PROGRAMS / "keeper.py"), str(pause_seconds))
        self._start((*keeper, *self.gateway_command(folder, owner)), folder / f"{owner}.log")

    def start_leashed(self, command: tuple[str, ...], log: Path) -> subprocess.Popen[bytes]:
        """Start a program that would outlive us, so that it does not."""
        leash = (*_PYTHON, str(_PROGRAMS / "leash.py"), str(os.getpid()))
        return self._start((*leash, *command), log)

    def _start(self, argv: tuple[str, ...], log: Path) -> subprocess.Popen[bytes]:
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 - our own programs, by their full paths
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=self._environment(),
                    cwd=self.folder,
                    start_new_session=True,  # Ctrl-C is for the demo, which ends the others in their order
                )
        except OSError as error:
            raise CannotPlay(f"{argv[0]} could not be started: {error.strerror}. Try: {argv[0]} --version") from error
        self._own.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        """Ours, but for what would lead to another gatedog, or to folders outside of the stage."""
        others = {name: text for name, text in os.environ.items() if not name.startswith("GATEDOG_")}
        return {**others, "XDG_RUNTIME_DIR": str(self.folder)}

    # -- ending ----------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """End every process of the stage.

        Raises:
            CannotPlay: one of them did not die.
        """
        for process in reversed(self._own):
            _end(process)
        self._own.clear()
        end = time.monotonic() + _END_SECONDS
        while (left := self._orphans()) and time.monotonic() < end:
            for stat in left:
                self._end_orphan(stat)
            time.sleep(_LOOK_SECONDS)
        if left:
            pids = " ".join(str(stat.pid) for stat in left)
            raise CannotPlay(f"processes of the demo did not die within {_END_SECONDS:.0f} s. Look at: ps -fp {pids}")

    def close(self) -> None:
        """End everything and take everything away. Not to be interrupted: it is short."""
        previous = {
            number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            self.clear()
        finally:
            remove_traces(self.name)
            shutil.rmtree(self.folder, ignore_errors=True)
            set_subreaper(on=False)
            for number, action in previous.items():
                signal.signal(number, action)

    def _orphans(self) -> tuple[Stat, ...]:
        stats = (read_stat(pid) for pid, ticks in self._children() if (pid, ticks) not in self._before)
        return tuple(stat for stat in stats if stat is not None)

    def _children(self) -> tuple[tuple[int, int], ...]:
        stats = (read_stat(pid) for pid in read_children(os.getpid()))
        return tuple((stat.pid, stat.start_ticks) for stat in stats if stat is not None)

    def _end_orphan(self, stat: Stat) -> None:
        process = ProcessRef(pid=stat.pid, start_ticks=stat.start_ticks, boot=self._boot)
        pidfd = open_pidfd(process, self._boot)
        if pidfd is None:
            return
        try:
            send_signal(pidfd, signal.SIGKILL)
            reap(pidfd)
        finally:
            os.close(pidfd)


def _identity() -> str:
    """Name this process the way fakegateway.py does."""
    myself = read_stat(os.getpid())
    return "" if myself is None else f"{myself.pid}:{myself.start_ticks}"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_END_SECONDS)
