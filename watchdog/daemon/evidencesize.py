"""How much all evidence takes up, for whoever looks at the disk.

Theory of operation. The folder may hold thousands of files, so nobody's question walks it: that is done in a thread at
the start, a little after the collector reported something, and once an hour, because people remove files, too.

Invariant: one walk at a time, and nothing decides on the number: the bounds are the collector's, by looks of its own.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from watchdog.daemon.evidence import size_of_all

EVERY_S = 3600.0
SETTLE_S = 5.0
"""What was reported as too old goes once the core has decided so: a walk at once would still find it."""
_CLOSE_S = 5.0


class EvidenceSize:
    """Measures one folder now and then. Lives on the running loop, and reads its clock."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._due_s = clock()
        self._walk: asyncio.Task[None] | None = None
        self.size_bytes: int | None = None
        """As it was last measured; None while it was not, or could not be."""

    def changed(self) -> None:
        """Evidence was kept, or is about to go: measure soon."""
        self._due_s = min(self._due_s, self._clock() + SETTLE_S)

    def tend(self) -> None:
        """Measure when it is time to; to be called every few seconds."""
        if self._walk is None and self._clock() >= self._due_s:
            self._due_s = self._clock() + EVERY_S
            self._walk = asyncio.get_running_loop().create_task(self._measure())

    async def close(self) -> None:
        """Let a walk that is under way come to its end."""
        if self._walk is not None:
            await asyncio.wait([self._walk], timeout=_CLOSE_S)

    async def _measure(self) -> None:
        try:
            self.size_bytes = await asyncio.to_thread(size_of_all, self._folder)
        except OSError:
            self.size_bytes = None  # what is not known is left out of what is told
        finally:
            self._walk = None
