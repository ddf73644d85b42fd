"""One at a time, the most urgent next.

asyncio.Lock serves in order of arrival; behind a slow channel a critical page would then wait for every notice that
came before it. Invariant: never two inside, and a waiter that is cancelled while it is let in passes its turn on.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turnstile:
    """A lock whose waiters are served by rank (lower first), then by arrival."""

    def __init__(self) -> None:
        self._busy = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = 0

    @asynccontextmanager
    async def turn(self, rank: int) -> AsyncIterator[None]:
        """Wait for a turn, hold it for the body."""
        if self._busy:
            await self._wait(rank)
        self._busy = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, rank: int) -> None:
        arrived = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._waiting, (rank, self._arrivals, arrived))
        try:
            await arrived
        except asyncio.CancelledError:
            if arrived.done() and not arrived.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Let the next one in. `_busy` stays true across the hand-over, so that no newcomer slips in between."""
        while self._waiting:
            _, _, arrived = heapq.heappop(self._waiting)
            if not arrived.done():
                arrived.set_result(None)
                return
        self._busy = False
