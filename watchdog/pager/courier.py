"""The courier: takes the outbox as it is now, and reports what became of each page.

Theory of operation. The daemon offers the whole outbox after every step that changed it, and once at start; so pages
that were waiting when gatedog died are carried by the next one, without a second store to keep in step. What happened
to a page comes back as an event like any other, is journaled, and takes the page out of the outbox. In the same way
the daemon says how the incidents stand that people were told of (`follow`), for the channels that keep something up
after a delivery (upkeep.py).

Invariants: a crash at any point delivers a page again, never not at all, and the second time carries the same
idempotency key; `offer` and `follow` never block; a channel that hangs delays nobody but itself.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from watchdog.core.events import Event
from watchdog.core.rules import RuleId
from watchdog.core.state import PendingPage
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.pager.channel import Acknowledged, Channel, LivingChannel, Silenced, UnknownChannel
from watchdog.pager.clock import wall_clock
from watchdog.pager.message import Message, no_link, render
from watchdog.pager.route import ChannelHealth, Route, Timing
from watchdog.pager.upkeep import Followed, Upkeep

ATTEMPT_USEC = 5 * MINUTE
"""After this an attempt counts as hung. Channels end sooner by themselves: at most one `timeout` of pager.toml (up to
2 min) to connect and one to talk; giving up before them would deliver twice."""


def real_timing() -> Timing:
    """Return the clock, sleep and chance of this machine."""
    return Timing(
        sleep=asyncio.sleep,
        wall_clock=wall_clock,
        uniform=random.SystemRandom().uniform,
        attempt_usec=ATTEMPT_USEC,
    )


class Courier:
    """Carries pages to channels. Lives on the running asyncio loop."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        report: Callable[[Event], None],
        *,
        journal_id: str,
        host: str,
        runbook: Callable[[RuleId], str] = no_link,
        hear: Callable[[Acknowledged], None] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._report = report
        self._journal_id = journal_id
        self._host = host
        self._runbook = runbook
        self._timing = timing if timing is not None else real_timing()
        self._routes = {name: self._route(channel) for name, channel in channels.items()}
        self._upkeep = {
            name: Upkeep(channel, hear or _ignore, self._word(name), self._timing)
            for name, channel in channels.items()
            if isinstance(channel, LivingChannel)
        }
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

    def follow(self, followed: tuple[Followed, ...]) -> None:
        """Keep up what was delivered of these incidents. Call it again whenever one of them changed; raises as `offer`.

        An acknowledgement that a channel hears goes to `hear`, possibly more than once across starts.
        """
        if self._closed:
            return
        for upkeep in self._upkeep.values():
            upkeep.follow(followed)

    def health(self) -> tuple[ChannelHealth, ...]:
        """How each channel is doing, sorted by name."""
        return tuple(self._health(name) for name in sorted(self._routes))

    def silences(self) -> tuple[Silenced, ...]:
        """Who keeps which incident quiet at a receiver: to be shown, never to be counted."""
        return tuple(each for name in sorted(self._upkeep) for each in self._upkeep[name].silences)

    async def drain(self, timeout_usec: int) -> bool:
        """Wait until nothing waits any more, at most `timeout_usec`. True when everything was settled."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_usec / SECOND
        while tasks := self._lanes():
            left_s = deadline_s - loop.time()
            if left_s <= 0:
                return False
            await asyncio.wait(tasks, timeout=left_s)
        return True

    async def close(self) -> None:
        """Stop carrying. What was not delivered stays in the outbox for the next start."""
        self._closed = True
        tasks = (*self._lanes(), *(task for upkeep in self._upkeep.values() for task in upkeep.tasks))
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _lanes(self) -> tuple[asyncio.Task[None], ...]:
        return tuple(task for route in self._routes.values() for task in route.tasks)

    def _health(self, name: str) -> ChannelHealth:
        health, upkeep = self._routes[name].health(), self._upkeep.get(name)
        if upkeep is None:
            return health
        return replace(health, kept_up_wall_usec=upkeep.last_ok_wall_usec, upkeep_error=upkeep.last_error)

    def _route(self, channel: Channel) -> Route:
        return Route(channel, self._report, self._word(channel.name), self._timing)

    def _word(self, channel: str) -> Callable[[PendingPage], Message]:
        def word(pending: PendingPage) -> Message:
            return render(pending, channel=channel, journal_id=self._journal_id, host=self._host, runbook=self._runbook)

        return word


def _ignore(heard: Acknowledged) -> None:
    """Take no notice: nobody asked to be told."""
    del heard
