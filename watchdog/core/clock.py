"""One integer timeline for everything the core measures.

Theory of operation. Every stamp carries CLOCK_BOOTTIME (which counts suspend and cannot be stepped) and the wall
clock. Within one boot the timeline advances by boottime alone, so an NTP step, a time zone or a hand-set clock moves
no budget and fires no timer. Across boots boottime starts again from zero, and only the wall clock can say how long
the host was down: it is believed if the kernel called it synchronised on both sides of the boot and it did move
forward; otherwise the time down counts as 0 and the clock is called uncertain, which keeps a spent budget spent (a host
whose battery-less clock starts in 1970 and is set right, or jumps a year ahead, must not buy itself new restarts).

Invariant: `now_usec` never falls.
"""

from watchdog.core.events import Stamp
from watchdog.core.state import Clock
from watchdog.core.timeline import Usec


def advance(clock: Clock, stamp: Stamp) -> Clock:
    """Return the clock after an event stamped `stamp`."""
    if clock.boot == stamp.boot:
        passed = max(0, stamp.uptime_usec - clock.uptime_usec)
        # Field by field, because every event passes here, and replace() takes twice as long.
        return Clock(
            now_usec=Usec(clock.now_usec + passed),
            wall_usec=stamp.wall_usec,
            boot=clock.boot,
            uptime_usec=Usec(max(clock.uptime_usec, stamp.uptime_usec)),
            synchronised=stamp.synchronised,
            uncertain=clock.uncertain,
        )
    first = not clock.boot
    trusted = clock.synchronised and stamp.synchronised and stamp.wall_usec > clock.wall_usec
    passed = 0 if first or not trusted else stamp.wall_usec - clock.wall_usec
    return Clock(
        now_usec=Usec(clock.now_usec + passed),
        wall_usec=stamp.wall_usec,
        boot=stamp.boot,
        uptime_usec=stamp.uptime_usec,
        synchronised=stamp.synchronised,
        uncertain=not first and not trusted,
    )
