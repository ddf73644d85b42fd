"""When a page should look again: the journal, followed for as long as this process lives.

Theory of operation. One thread follows the daemon's records and hands each to the event loop, where it is counted and
readers are woken; a burst wakes them once. All readers share one reading of the daemon, at most half a second old, so
that many open pages cost the daemon no more than one does.

Invariant: the event loop never waits for the daemon. A daemon that ends, comes back, or has another journal wakes the
readers, too; counters of another journal begin anew.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from typing import Any, Final

from watchdog.web.asking import Daemon, NoAnswer, Reading
from watchdog.web.tally import Tally

GATHER_S: Final = 0.2
"""Readers are woken so long after the first of several records."""
FRESH_S: Final = 0.5
RETRY_S: Final = 0.5
FOLLOW_S: Final = 20.0
"""So long is a silent daemon followed before it is asked anew: a thread that waits for ever cannot be ended."""


class Watch:
    """The newest that is known of one daemon, and its news. Made and used in one event loop."""

    def __init__(self, daemon: Daemon, wall_usec: Callable[[], int]) -> None:
        self.daemon = daemon
        self.tally: Tally | None = None
        self.version = 0
        """Rises with each piece of news."""
        self._wall_usec = wall_usec
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Condition()
        self._due: asyncio.TimerHandle | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._reading: tuple[float, Reading] | None = None
        self._asking = asyncio.Lock()
        self._ended = Event()
        self._thread = Thread(target=self._follow, name="follow", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer; the thread ends when its present wait does."""
        self._ended.set()
        if self._due is not None:
            self._due.cancel()

    async def reading(self) -> Reading:
        """Return how everything stands, read not longer than FRESH_S ago."""
        async with self._asking:
            if self._reading is None or self._loop.time() - self._reading[0] > FRESH_S:
                at = self._loop.time()
                self._reading = at, await asyncio.to_thread(self.daemon.read, self._wall_usec())
            return self._reading[1]

    async def newer_than(self, version: int, timeout_s: float) -> int:
        """Wait for news, at most so long; return the version then."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: self.version > version)
        except TimeoutError:
            pass
        return self.version

    # -- the thread ------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        journal, seq, answers = "", 0, True
        while not self._ended.is_set():
            began, before = time.monotonic(), seq
            try:
                found = str(self.daemon.ask("Status")["status"]["journal"])
                if found != journal:
                    journal, seq = found, self.daemon.newest_seq()
                    self._tell(partial(self._begin, Tally(journal, seq)))
                elif not answers:
                    self._tell(self._wake)
                answers = True
                for record in self.daemon.records(seq, follow=True, timeout_s=FOLLOW_S):
                    seq = record["seq"]
                    self._tell(partial(self._count, record))
                    if self._ended.is_set():
                        return
            except NoAnswer:
                silent = answers and time.monotonic() - began >= FOLLOW_S
                if answers and not silent:
                    answers = False
                    self._tell(self._wake)
            if seq == before:
                self._ended.wait(RETRY_S)

    def _tell(self, what: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:  # the loop has ended, and this thread is about to
            self._ended.set()

    # -- the loop --------------------------------------------------------------------------------------------------

    def _begin(self, tally: Tally) -> None:
        self.tally = tally
        self._wake()

    def _count(self, record: dict[str, Any]) -> None:
        if self.tally is not None:
            self.tally.count([record])
        self._wake()

    def _wake(self) -> None:
        if self._due is None and not self._ended.is_set():
            self._due = self._loop.call_later(GATHER_S, self._publish)

    def _publish(self) -> None:
        self._due = None
        self._reading = None
        self.version += 1
        task = self._loop.create_task(self._notify())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()
