"""How long looks took, counted by length.

Invariant: a fixed number of counters for each probe, however many looks there are. A look's length alone would be told
only of those that somebody happened to ask about; these count every one.
"""

from bisect import bisect_left
from typing import Final

from watchdog.core.timeline import MILLISECOND

BOUNDS_USEC: Final = tuple(
    bound * MILLISECOND for bound in (1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
)
"""From what a socket of this host takes to what a program that asks a model may."""


class Durations:
    """Counters of one probe."""

    __slots__ = ("counts", "sum_usec")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_USEC) + 1)
        """Of each bound, what took at most so long, and longer than the bound before; last, what took longer still."""
        self.sum_usec = 0

    def add(self, took_usec: int) -> None:
        """Count one look."""
        self.counts[bisect_left(BOUNDS_USEC, took_usec)] += 1
        self.sum_usec += took_usec
