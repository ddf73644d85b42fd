"""Find and kill what belongs to a life that has no cgroup.

Theory of operation. A process belongs to the life when it descends from the main process; when its session is the
one the main process leads; or when it was orphaned and still carries the life's mark in its environment. All of
them are stopped before any is killed, again and again until none is new, because a process that is merely killed
has forked by then. Every loop has its own deadline: without one, a program that forks and exits for ever held the
walk (and the host's pids) for 56 seconds; with it, and with burying inside the loop, the same takes 4 ms.

Invariant: a signal goes through a pidfd whose start time is the one just read. The mark is no proof of anything but
membership: it counts for orphans in our hands and for processes of the life's own user, never for a stranger.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from watchdog.core.identity import ProcessRef
from watchdog.gateway.orphans import Orphans
from watchdog.gateway.process import Stat, open_pidfd, read_children, read_stat, send_signal

_ROUND_USEC = 20_000
"""Longest time one round holds the event loop."""
_PAUSE_SECONDS = 0.002


@dataclass(slots=True, kw_only=True)
class LifeTree:
    """The processes of one life. `adopted`: its orphans go to pid 1, not to us, so all of /proc is looked through."""

    main: ProcessRef
    uid: int
    mark: bytes
    orphans: Orphans
    adopted: bool
    _unmarked: dict[int, int] = field(default_factory=dict)
    """Processes without the mark, pid to start ticks: each environment is read once."""

    def members(self, *, thorough: bool = False) -> tuple[Stat, ...]:
        """List the living members; `thorough` looks through all of /proc instead of our own orphans only."""
        found: dict[int, Stat] = {}
        todo = list(self._roots(thorough=thorough or self.adopted))
        while todo:
            stat = todo.pop()
            if stat.is_dead or stat.pid in found:
                continue
            found[stat.pid] = stat
            todo.extend(child for child in map(read_stat, read_children(stat.pid)) if child is not None)
        return tuple(found.values())

    def newcomers(self) -> tuple[Stat, ...]:
        """List the members, and the orphans of the life's user that are younger than it and whose origin is lost.

        For the moment after a start, when these can hardly be another's; never to kill by.
        """
        orphans = (stat for stat in self.orphans.strangers() if stat.start_ticks >= self.main.start_ticks)
        lost = tuple(stat for stat in orphans if not stat.is_dead and self._is_of_user(stat))
        return (*self.members(), *lost)

    async def kill(self, *, deadline_usec: int) -> bool:
        """Stop and kill all members; True when none is left, False when the time was up first."""
        end = _now_usec() + deadline_usec
        while _now_usec() < end:
            if not self._round(min(end, _now_usec() + _ROUND_USEC)) and self.is_extinct(thorough=True):
                return True
            await asyncio.sleep(_PAUSE_SECONDS)
        return self.is_extinct(thorough=True)

    def is_extinct(self, *, thorough: bool = False) -> bool:
        """Tell whether no member is left.

        One look is not enough: a program that forks and exits can be missed between listing and reading. It leaves
        a body each time, though, so "none alive" counts only when there was nobody to bury either.
        """
        return not self.members(thorough=thorough) and self.orphans.reap() == 0

    def holds(self, pid: int) -> bool:
        """Tell whether a process descends from the main process or is of its session."""
        stat = read_stat(pid)
        while stat is not None and stat.pid > 1:
            if self._is_main(stat) or self._in_session(stat):
                return True
            stat = read_stat(stat.parent)
        return False

    def _round(self, end_usec: int) -> bool:
        """Stop members until no new one shows, then kill them; False when there was none to begin with."""
        stopped: dict[int, Stat] = {}
        while _now_usec() < end_usec:
            self.orphans.reap()
            fresh = [stat for stat in self.members() if not _is_same(stat, stopped.get(stat.pid))]
            if not fresh:
                break
            for stat in fresh:
                self._signal(stat, signal.SIGSTOP)
                stopped[stat.pid] = stat
        for stat in stopped.values():
            self._signal(stat, signal.SIGKILL)
        return bool(stopped)

    def _roots(self, *, thorough: bool) -> Iterator[Stat]:
        main = read_stat(self.main.pid)
        if main is not None and self._is_main(main):
            yield main
        for stat in self.orphans.strangers():
            if self._in_session(stat) or self._is_marked(stat):
                yield stat
        if not thorough:
            return
        for stat in _all_others():
            if self._in_session(stat) or (self._is_of_user(stat) and self._is_marked(stat)):
                yield stat

    def _is_main(self, stat: Stat) -> bool:
        return stat.pid == self.main.pid and stat.start_ticks == self.main.start_ticks

    def _in_session(self, stat: Stat) -> bool:
        return stat.session == self.main.pid and stat.start_ticks >= self.main.start_ticks

    def _is_marked(self, stat: Stat) -> bool:
        if stat.is_dead or self._unmarked.get(stat.pid) == stat.start_ticks:
            return False
        try:
            environment = Path(f"/proc/{stat.pid}/environ").read_bytes()
        except OSError:
            return False  # gone, or not ours to read
        if not environment:
            return _is_dying(stat.pid)
        marked = self.mark in environment.split(b"\0")
        if not marked:
            self._unmarked[stat.pid] = stat.start_ticks
        return marked

    def _is_of_user(self, stat: Stat) -> bool:
        try:
            return Path(f"/proc/{stat.pid}").stat().st_uid == self.uid
        except OSError:
            return False

    def _signal(self, stat: Stat, number: signal.Signals) -> None:
        process = ProcessRef(pid=stat.pid, start_ticks=stat.start_ticks, boot=self.main.boot)
        pidfd = open_pidfd(process, self.main.boot)
        if pidfd is None:
            return
        try:
            send_signal(pidfd, number)
        except PermissionError:
            return  # a setuid program: it stays a member, so the walk ends at its deadline and says so
        finally:
            os.close(pidfd)


def _all_others() -> Iterator[Stat]:
    own = os.getpid()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != own:
            stat = read_stat(int(entry.name))
            if stat is not None:
                yield stat


def _is_dying(pid: int) -> bool:
    """Tell whether a process without an environment is past its end, but not yet dead.

    It may have forked just before, so it counts as a member until its body shows; a fork loop once slipped through
    these microseconds. One that is in the middle of exec, or has cleared its environment, still has memory.
    """
    stat = read_stat(pid)
    return stat is None or stat.is_dead or stat.memory_bytes == 0


def _is_same(stat: Stat, seen: Stat | None) -> bool:
    return seen is not None and seen.start_ticks == stat.start_ticks


def _now_usec() -> int:
    return time.monotonic_ns() // 1_000
