"""Virtual time: an agenda of what will happen, and the clocks of a host that may be wrong, asleep or booted anew.

Invariant: nothing happens but what stands on the agenda, in the order of its time; equal times keep the order in which
they were entered. What belongs to the daemon vanishes with it, what belongs to the host vanishes with its boot, and
`now_usec` is the true time, which no simulated program can read.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from watchdog.core.identity import BootId
from watchdog.core.timeline import DAY, HOUR, Usec
from watchdog.sensors.clocks import Reading

EPOCH_USEC = 1_742_947_200_000_000
"""26 March 2025, 00:00 UTC."""


class Scope(Enum):
    """With what an entry of the agenda vanishes."""

    WORLD = "world"
    HOST = "host"
    DAEMON = "daemon"


@dataclass(order=True, slots=True)
class _Entry:
    at_usec: int
    number: int
    scope: Scope = field(compare=False)
    call: Callable[[], None] = field(compare=False)


class VirtualTime:
    """True time, the agenda, and what the host's clocks say."""

    def __init__(self) -> None:
        self.now_usec = 0
        self.boot_count = 1
        self.booted_usec = -HOUR
        self.wall_error_usec = 0
        self.synchronised = True
        self._agenda: list[_Entry] = []
        self._number = 0

    @property
    def boot(self) -> BootId:
        """The present boot."""
        return BootId(f"boot-{self.boot_count}")

    def read(self) -> Reading:
        """Read the host's clocks."""
        return Reading(
            wall_usec=Usec(EPOCH_USEC + self.now_usec + self.wall_error_usec),
            uptime_usec=Usec(self.now_usec - self.booted_usec),
            boot=self.boot,
            synchronised=self.synchronised,
        )

    def after(self, delay_usec: int, call: Callable[[], None], scope: Scope = Scope.WORLD) -> None:
        """Enter something on the agenda."""
        self._number += 1
        heapq.heappush(self._agenda, _Entry(self.now_usec + max(0, delay_usec), self._number, scope, call))

    def run_until(self, until_usec: int) -> None:
        """Let everything happen that is due by then."""
        while self._agenda and self._agenda[0].at_usec <= until_usec:
            entry = heapq.heappop(self._agenda)
            self.now_usec = entry.at_usec
            entry.call()
        self.now_usec = until_usec

    def forget(self, *scopes: Scope) -> None:
        """Strike what vanished from the agenda."""
        self._agenda = [entry for entry in self._agenda if entry.scope not in scopes]
        heapq.heapify(self._agenda)

    def suspend(self, slept_usec: int) -> None:
        """Put the host to sleep: what was due meanwhile happens late, and all of it at the waking."""
        waking = self.now_usec + slept_usec
        for entry in self._agenda:
            if entry.scope is not Scope.WORLD:
                entry.at_usec = max(entry.at_usec, waking)
        heapq.heapify(self._agenda)

    def reboot(self, *, clock_lost: bool) -> None:
        """Begin another boot, perhaps with a clock that lost its battery."""
        self.forget(Scope.DAEMON, Scope.HOST)
        self.boot_count += 1
        self.booted_usec = self.now_usec
        if clock_lost:
            self.set_wrong(-100 * DAY)

    def set_wrong(self, error_usec: int) -> None:
        """Make the wall clock wrong. The kernel does not call such a clock synchronised."""
        self.wall_error_usec = error_usec
        self.synchronised = False

    def set_right(self) -> None:
        """Let NTP win: one step to the true time."""
        self.wall_error_usec = 0
        self.synchronised = True
