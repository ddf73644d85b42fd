"""Read from a wire with a bound on everything.

Invariant: at most `limit` bytes beyond what was asked for are ever held; a peer that sends too much is `TooMuch`, one
that stops early is `Failing`, and one that sends nothing meets the probe's deadline.
"""

import asyncio
from contextlib import suppress

from watchdog.sensors.probes.outcome import CannotAsk, Failing, Progress
from watchdog.sensors.probes.wire import Wire, ended


class TooMuch(Exception):  # noqa: N818 - said of the peer
    """What was to be read is longer than allowed."""


class Inflow:
    """What comes over a wire, and has not been taken yet."""

    def __init__(self, wire: Wire, progress: Progress) -> None:
        self._wire = wire
        self._progress = progress
        self._held = b""
        self.has_ended = False

    async def until(self, mark: bytes, limit: int) -> bytes:
        """Take up to and including `mark`. Raises TooMuch, Failing."""
        while mark not in self._held:
            if len(self._held) > limit:
                raise TooMuch
            await self._more()
        taken, mark, self._held = self._held.partition(mark)
        if len(taken) > limit:
            raise TooMuch
        return taken + mark

    async def exactly(self, count: int) -> bytes:
        """Take so many bytes; the caller has bounded `count`. Raises Failing."""
        while len(self._held) < count:
            await self._more()
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    async def to_end(self, limit: int) -> bytes:
        """Take all to the end of the connection. Raises TooMuch, Failing."""
        while not self.has_ended:
            if len(self._held) > limit:
                raise TooMuch
            await self._fill()
        if len(self._held) > limit:
            raise TooMuch
        taken, self._held = self._held, b""
        return taken

    @property
    def held(self) -> bytes:
        """What has come and was not taken."""
        return self._held

    async def glimpse(self, seconds: float) -> None:
        """Wait a moment for something to look at, when there is nothing yet. That nothing comes is no fault."""
        if self._held or self.has_ended:
            return
        with suppress(TimeoutError, Failing, CannotAsk):
            async with asyncio.timeout(seconds):
                await self._fill()

    async def _more(self) -> None:
        await self._fill()
        if self.has_ended:
            raise Failing(f"{self._progress.stage}; it closed the connection", self._progress.cause)

    async def _fill(self) -> None:
        try:
            came = await self._wire.receive()
        except OSError as error:
            raise ended(error, self._progress) from error
        self._held += came
        self.has_ended = not came
