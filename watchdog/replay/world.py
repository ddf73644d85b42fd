"""A world without processes: the core, a stamped timeline, and the alarms the core sets.

Invariant: time only moves when it is told to, and an alarm fires exactly when it is due on the core's own timeline;
nothing is performed, so a decision changes the world only if whoever feeds it says so.
"""

from collections.abc import Callable, Iterator

from watchdog.core.decisions import Decision
from watchdog.core.engine import step
from watchdog.core.events import Event, Stamp, Stamped, TimerFired
from watchdog.core.identity import BootId, Seq
from watchdog.core.state import EMPTY, GatewayState, State
from watchdog.core.timeline import Usec
from watchdog.core.timer import TimerId

EPOCH_USEC = 1_742_947_200_000_000
"""26 March 2025, 00:00 UTC: an arbitrary wall clock for histories that carry none."""


Hear = Callable[[Stamped, tuple[Decision, ...]], None]


class World:
    """State, clocks, and every decision so far with the time it was taken."""

    def __init__(self, hear: Hear | None = None) -> None:
        """`hear` is told of every record as it is made, for whoever writes a journal of it."""
        self._hear = hear
        self.state: State = EMPTY
        self.now_usec = 0
        self.wall_offset_usec = 0
        self.uptime_offset_usec = 0
        self.boot_count = 1
        self.seq = 0
        self.taken: list[tuple[int, Decision]] = []

    @property
    def boot(self) -> BootId:
        """The present boot."""
        return BootId(f"boot-{self.boot_count}")

    def feed(self, event: Event) -> tuple[Decision, ...]:
        """Step the core over an event that happens now."""
        self.seq += 1
        stamp = Stamp(
            seq=Seq(self.seq),
            wall_usec=Usec(EPOCH_USEC + self.now_usec + self.wall_offset_usec),
            boot=self.boot,
            uptime_usec=Usec(self.now_usec + self.uptime_offset_usec),
        )
        stamped = Stamped(stamp=stamp, event=event)
        stepped = step(self.state, stamped)
        self.state = stepped.state
        if self._hear is not None:
            self._hear(stamped, stepped.decisions)
        self.taken.extend((self.now_usec, decision) for decision in stepped.decisions)
        return stepped.decisions

    def suspend(self, slept_usec: int) -> None:
        """Let the host sleep: boottime and wall clock move on, and the recording's own clock does not."""
        self.uptime_offset_usec += slept_usec
        self.wall_offset_usec += slept_usec

    def reboot(self) -> None:
        """Begin a new boot; its boottime starts again."""
        self.boot_count += 1
        self.uptime_offset_usec = -self.now_usec

    def alarms_until(self, until_usec: int, *, besides: frozenset[TimerId]) -> Iterator[TimerId]:
        """Move time to each alarm due by `until_usec` (those in `besides` excepted) and fire it, then to the end."""
        while True:
            due = self._next_alarm(until_usec, besides)
            if due is None:
                break
            at, timer = due
            self.now_usec = max(self.now_usec, at)
            self.feed(TimerFired(timer=timer))
            yield timer
        self.now_usec = max(self.now_usec, until_usec)

    def gateway(self) -> GatewayState:
        """Return the one gateway of a recorded history."""
        return self.state.gateways[0]

    def _next_alarm(self, until_usec: int, besides: frozenset[TimerId]) -> tuple[int, TimerId] | None:
        clock = self.state.clock
        # The core's clock stood at `now_usec` of the core when the last event came; alarms count from there.
        last_usec = clock.uptime_usec - self.uptime_offset_usec
        due = [
            (last_usec + timer.due_usec - clock.now_usec, timer.timer.kind.value, timer.timer)
            for timer in self.state.timers
            if timer.timer not in besides
        ]
        due = [each for each in due if each[0] <= until_usec]
        if not due:
            return None
        at, _, timer = min(due, key=lambda each: each[:2])
        return at, timer
