"""Who lives and who died: the demo's own count, made the same way on both nights.

Invariant: a life is counted by its process (pid and start time, watched through a pidfd), never by what gatedog, the
keeper or the gateway say about it; so the two figures of the demo are one measure.
"""

import os
import select
import time
from pathlib import Path

from watchdog.core.identity import BootId, ProcessRef
from watchdog.core.values import dataclass
from watchdog.gateway.process import open_pidfd
from watchdog.origin.procfs import read_boot

SERVICE = "service"
"""The owner that the demo counts: the gateway as its host knows it. The rival's instances are nobody's gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One line of the roster: who started it, and which process it is."""

    owner: str
    process: ProcessRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A gateway of the service came up, or was gone. `at` is time.monotonic()."""

    up: bool
    at: float


class Lives:
    """Follows the roster that every instance signs when it has taken over."""

    def __init__(self, roster: Path) -> None:
        self._roster = roster
        self._boot = read_boot()
        self._offset = 0
        self._poll = select.poll()
        self._watched: set[int] = set()
        self.begun = 0
        """Lives of the service so far, dead ones included."""

    def look(self, wait_seconds: float) -> tuple[Seen, ...]:
        """Return what happened to the service's gateways since the last look, waiting for a death at most so long."""
        fallen = [pidfd for pidfd, _ in self._poll.poll(wait_seconds * 1000)]
        seen = [Seen(up=False, at=time.monotonic()) for _ in fallen]
        for pidfd in fallen:
            self._forget(pidfd)
        for life in self._new_lives():
            if life.owner != SERVICE:
                continue
            self.begun += 1
            held = open_pidfd(life.process, self._boot)
            seen.append(Seen(up=True, at=time.monotonic()))
            if held is None:
                seen.append(Seen(up=False, at=time.monotonic()))
            else:
                self._watched.add(held)
                self._poll.register(held, select.POLLIN)
        return tuple(seen)

    def close(self) -> None:
        """Watch nobody any more."""
        for pidfd in tuple(self._watched):
            self._forget(pidfd)

    def _forget(self, pidfd: int) -> None:
        self._poll.unregister(pidfd)
        self._watched.discard(pidfd)
        os.close(pidfd)

    def _new_lives(self) -> tuple[Life, ...]:
        try:
            with self._roster.open("rb") as roster:
                roster.seek(self._offset)
                fresh = roster.read()
        except FileNotFoundError:
            return ()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        return read_roster(whole.decode("ascii"), self._boot)


def read_roster(text: str, boot: BootId) -> tuple[Life, ...]:
    """Read lines of "OWNER PID:TICKS"."""
    lives: list[Life] = []
    for line in text.splitlines():
        owner, _, process = line.partition(" ")
        pid, _, ticks = process.partition(":")
        lives.append(Life(owner=owner, process=ProcessRef(pid=int(pid), start_ticks=int(ticks), boot=boot)))
    return tuple(lives)
