"""Where events wait for the one loop: bounded, with a lane of its own for deaths.

Invariant: a death is never dropped and never waits behind requests. What does not fit into the other lane is counted,
and the count becomes an event of its own: hitting a limit is a fact, not a log line.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from watchdog.core.decisions import AnswerRequest
from watchdog.core.events import (
    BreakGlassUsed,
    Event,
    GatewayObserved,
    GatewayReady,
    HostShutdownBegan,
    HostShutdownCancelled,
    LimitReached,
    MainProcessExited,
    MainProcessStarted,
)
from watchdog.core.selfrestart import SelfRestartSeen

WAITING_MAX = 1_024
_FIRST = (
    MainProcessExited,
    MainProcessStarted,
    SelfRestartSeen,
    GatewayObserved,
    GatewayReady,
    # What makes an ending an asked one must not be overtaken by that ending.
    HostShutdownBegan,
    HostShutdownCancelled,
    BreakGlassUsed,
)


@dataclass(slots=True)
class Arrival:
    """An event, and who waits for the answer to it."""

    event: Event
    answer: asyncio.Future[AnswerRequest] | None = None


class Inbox:
    """Two lanes, one reader."""

    def __init__(self) -> None:
        self._deaths: deque[Arrival] = deque()
        self._others: deque[Arrival] = deque()
        self._dropped = 0
        self._something = asyncio.Event()

    def put(self, event: Event) -> None:
        """Take an event; of the ordinary lane, drop and count what does not fit."""
        self._put(Arrival(event))

    def ask(self, event: Event) -> asyncio.Future[AnswerRequest] | None:
        """Take a request and return the future of its answer; None when there is no room."""
        if len(self._others) >= WAITING_MAX:
            self._dropped += 1
            return None
        arrival = Arrival(event, asyncio.get_running_loop().create_future())
        self._put(arrival)
        return arrival.answer

    def _put(self, arrival: Arrival) -> None:
        if isinstance(arrival.event, _FIRST):
            # Not bounded by number: one gateway has one process, so this lane is as long as there are gateways.
            self._deaths.append(arrival)
        elif len(self._others) < WAITING_MAX:
            self._others.append(arrival)
        else:
            self._dropped += 1
        self._something.set()

    async def get(self) -> Arrival:
        """Return the next arrival, deaths first."""
        while True:
            arrival = self.next()
            if arrival is not None:
                return arrival
            self._something.clear()
            await self._something.wait()

    def next(self) -> Arrival | None:
        """Return the next arrival without waiting, None when there is none."""
        if self._deaths:
            return self._deaths.popleft()
        if self._others:
            return self._others.popleft()
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            return Arrival(LimitReached(limit="inbox", subject="", dropped=dropped))
        return None
