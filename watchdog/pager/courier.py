"""The courier: takes the outbox as it is now, and reports what became of each page.

Theory of operation. The daemon offers the whole outbox after every step that changed it, and once at start; so pages
that were waiting when gatedog died are carried by the next one, without a second store to keep in step. What happened
to a page comes back as an event like any other, is journaled, and takes the page out of the outbox.

Invariants: a crash at any point delivers a page again, never not at all, and the second time carries the same
idempotency key; `offer` never blocks; a channel that hangs delays nobody but itself.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping

from watchdog.core.events import Event
from watchdog.core.state import PendingPage
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.pager.channel import Channel, UnknownChannel
from watchdog.pager.message import Message, render
from watchdog.pager.route import ChannelHealth, Route, Timing

ATTEMPT_USEC = 5 * MINUTE
"""After this an attempt counts as hung. Channels end sooner by themselves: at most one `timeout` of pager.toml (up to
2 min) to connect and one to talk; giving up before them would deliver twice."""


def wall_clock() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000


class Courier:
    """Carries pages to channels. Lives on the running asyncio loop."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        report: Callable[[Event], None],
        *,
        journal_id: str,
        host: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], int] = wall_clock,
        uniform: Callable[[float, float], float] | None = None,
        attempt_usec: int = ATTEMPT_USEC,
    ) -> None:
        self._report = report
        self._journal_id = journal_id
        self._host = host
        chance = uniform if uniform is not None else random.SystemRandom().uniform
        self._timing = Timing(sleep=sleep, wall_clock=clock, uniform=chance, attempt_usec=attempt_usec)
        self._routes = {name: self._route(channel) for name, channel in channels.items()}
        self._closed = False

    def offer(self, outbox: tuple[PendingPage, ...]) -> None:
        """Carry what waits in `outbox`, and only that. Call it again whenever the outbox changed.

        Raises the error that ended a lane, if one did: that is a bug, and the daemon must not outlive it unnoticed.
        """
        if self._closed:
            return
        for name in dict.fromkeys(name for pending in outbox for name in pending.waiting):
            if name not in self._routes:
                self._routes[name] = self._route(UnknownChannel(name))
        for name, route in self._routes.items():
            route.offer(tuple(pending for pending in outbox if name in pending.waiting))

    def health(self) -> tuple[ChannelHealth, ...]:
        """How each channel is doing, sorted by name."""
        return tuple(self._routes[name].health() for name in sorted(self._routes))

    async def drain(self, timeout_usec: int) -> bool:
        """Wait until nothing waits any more, at most `timeout_usec`. True when everything was settled."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_usec / SECOND
        while tasks := self._tasks():
            left_s = deadline_s - loop.time()
            if left_s <= 0:
                return False
            await asyncio.wait(tasks, timeout=left_s)
        return True

    async def close(self) -> None:
        """Stop carrying. What was not delivered stays in the outbox for the next start."""
        self._closed = True
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _tasks(self) -> tuple[asyncio.Task[None], ...]:
        return tuple(task for route in self._routes.values() for task in route.tasks)

    def _route(self, channel: Channel) -> Route:
        def word(pending: PendingPage) -> Message:
            return render(pending, channel=channel.name, journal_id=self._journal_id, host=self._host)

        return Route(channel, self._report, word, self._timing)
