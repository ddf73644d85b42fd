"""Processes whose parents died: as subreaper we become their parent and must bury them.

Theory of operation. A daemonising tool of a gateway leaves its zombie with us; a fork loop leaves two thousand a
second and fills the pid space within a minute. But reaping everything (waitpid(-1)) would steal the exit status of
children that another room waits for. An orphan is told apart by three signs together: the kernel hands it to the
main thread, whereas worker threads keep their own children; it is not a main process registered here; and its
session is not ours, which a child started without a new session shares.

Invariant: one `Orphans` per daemon, shared by all its child gateways. Other rooms start their programs in worker
threads or without a session of their own.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from watchdog.gateway.process import Stat, read_stat, read_thread_children, set_subreaper

_DELAY_SECONDS = 0.05
"""From the first SIGCHLD to reaping: a fork loop costs 20 looks a second instead of one per death."""


class Orphans:
    """The register of main processes, and the grave of all others."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._kept: set[int] = set()
        self._birth = threading.Lock()
        self._due: asyncio.TimerHandle | None = None
        self._own_session = os.getsid(0)
        set_subreaper(on=True)
        loop.add_signal_handler(signal.SIGCHLD, self._child_changed)

    @contextmanager
    def birth(self) -> Iterator[None]:
        """Hold while a child is made and until it is kept.

        Between the two it looks like an orphan. The worker that gathers a young life's forks once took the launcher of
        the next life for one of them, and the end of the old life killed the new one.
        """
        with self._birth:
            yield

    def keep(self, pid: int) -> None:
        """Register a main process: its status belongs to its backend."""
        self._kept.add(pid)

    def release(self, pid: int) -> None:
        """Forget a main process that was reaped."""
        self._kept.discard(pid)

    def strangers(self) -> tuple[Stat, ...]:
        """List our children, dead or alive, that are orphans as far as can be told."""
        own = os.getpid()
        with self._birth:
            stats = [read_stat(pid) for pid in read_thread_children(own, own) if pid not in self._kept]
        return tuple(stat for stat in stats if stat is not None and stat.session != self._own_session)

    def reap(self) -> int:
        """Bury every dead orphan; returns how many."""
        dead = [stat.pid for stat in self.strangers() if stat.is_dead]
        for pid in dead:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
        return len(dead)

    def close(self) -> None:
        """Stop looking, and leave orphans to pid 1 again."""
        set_subreaper(on=False)
        self._loop.remove_signal_handler(signal.SIGCHLD)
        if self._due is not None:
            self._due.cancel()

    def _child_changed(self) -> None:
        if self._due is None:
            self._due = self._loop.call_later(_DELAY_SECONDS, self._look)

    def _look(self) -> None:
        self._due = None
        self.reap()
