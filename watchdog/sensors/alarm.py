"""The alarm clock: wakes the core when it asked to be woken, and for nothing else.

Theory of operation. The core keeps its timers itself, on its own timeline (state.timers); this clock only turns
"in 300 s" into a call. apscheduler sets its jobs by the wall clock and sleeps by the monotonic one. So a step back
of the wall clock, or a suspended host, makes an alarm late, and nothing makes it lost. The daemon therefore calls
`rearm` with all timers of the core's state after every ClockStepped and on its periodic look. An alarm that goes off
early is harmless: the core looks at its own timeline, finds the timer not due, and is asked again.

Invariants: one alarm per TimerId; `fire` is called on the loop, and its exceptions reach the loop's exception handler
(apscheduler would log and forget them). Deliberately not here: any notion of what a timer is for, and any repetition;
restart delays live in the core alone.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from watchdog.core.timeline import DAY
from watchdog.core.timer import TimerId
from watchdog.sensors.standins import standing_in

with standing_in():
    from apscheduler.jobstores.base import JobLookupError
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.date import DateTrigger

DELAY_USEC_MAX = 3650 * DAY
"""Farther alarms are set to this: datetime ends in the year 9999, and `rearm` sets them right long before."""


class AlarmClock:
    """Alarms by TimerId. Lives on the asyncio loop that calls `start`."""

    def __init__(self, fire: Callable[[TimerId], None]) -> None:
        self._fire = fire
        # Its "added job", "running job" lines are noise at every death; its warnings still pass.
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            # No grace: an alarm that is late, however much, still goes off; several missed ones go off once. Any number
            # of instances: with one, an alarm set again while its last ring was on the way was dropped for good.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": sys.maxsize},
        )

    def start(self) -> None:
        """Begin to fire. Alarms set before are kept."""
        self._scheduler.start()

    def stop(self) -> None:
        """Fire no more and forget all alarms."""
        self._scheduler.remove_all_jobs()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def set(self, timer: TimerId, delay_usec: int) -> None:
        """Fire `timer` once, `delay_usec` from now (at once if that is past), in place of an alarm already set."""
        delay = timedelta(microseconds=min(max(delay_usec, 0), DELAY_USEC_MAX))
        # A trigger object: the name "date" would make apscheduler search all installed packages for plug-ins.
        trigger = DateTrigger(datetime.now(UTC) + delay, timezone=UTC)
        self._scheduler.add_job(self._ring, trigger, args=(timer,), id=_job_id(timer), replace_existing=True)

    def cancel(self, timer: TimerId) -> None:
        """Forget an alarm; one that is not set is forgotten already."""
        with suppress(JobLookupError):
            self._scheduler.remove_job(_job_id(timer))

    def rearm(self, timers: Iterable[tuple[TimerId, int]]) -> None:
        """Set exactly these alarms, (timer, delay in microseconds from now), by the clocks as they are now."""
        self._scheduler.remove_all_jobs()
        for timer, delay_usec in timers:
            self.set(timer, delay_usec)

    async def _ring(self, timer: TimerId) -> None:
        """Run on the loop because it is a coroutine function; plain ones are sent to a thread pool."""
        asyncio.get_running_loop().call_soon(self._fire, timer)


def _job_id(timer: TimerId) -> str:
    return f"{timer.kind.value}:{timer.subject}"
