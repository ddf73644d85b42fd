"""The alarm clock fires each alarm once, on the loop, and forgets what it is told to forget."""

import asyncio
import logging
from collections.abc import Callable

from watchdog.core.timeline import DAY, HOUR
from watchdog.core.timer import TimerId, TimerKind
from watchdog.sensors.alarm import AlarmClock

BOUND_S = 20
"""No test waits this long: it only turns a hang into a failure."""


def timer(subject: str, kind: TimerKind = TimerKind.START_DUE) -> TimerId:
    """Name a timer."""
    return TimerId(kind=kind, subject=subject)


def fired(story: Callable[[AlarmClock], None], count: int) -> list[str]:
    """Run a story against a clock and return the first `count` subjects that fired."""

    async def run() -> list[str]:
        rung: asyncio.Queue[str] = asyncio.Queue()
        clock = AlarmClock(lambda timer: rung.put_nowait(timer.subject))
        story(clock)
        clock.start()
        try:
            async with asyncio.timeout(BOUND_S):
                return [await rung.get() for _ in range(count)]
        finally:
            clock.stop()

    return asyncio.run(run())


def test_an_alarm_goes_off_once() -> None:
    """A past delay fires at once; the second alarm shows that the first did not fire again before it."""

    def story(clock: AlarmClock) -> None:
        clock.set(timer("a"), -5)
        clock.set(timer("b"), 10_000)

    assert fired(story, 2) == ["a", "b"]


def test_alarms_of_one_subject_and_different_kinds_are_different() -> None:
    """A TimerId is kind and subject together."""

    def story(clock: AlarmClock) -> None:
        clock.set(timer("a"), 0)
        clock.set(timer("a", TimerKind.ESCALATE), 0)

    assert fired(story, 2) == ["a", "a"]


def test_setting_again_replaces() -> None:
    """The alarm of a day is forgotten when the same timer is set to now, and the other way round."""

    def story(clock: AlarmClock) -> None:
        clock.set(timer("soon"), DAY)
        clock.set(timer("soon"), 0)
        clock.set(timer("late"), 0)
        clock.set(timer("late"), DAY)
        clock.set(timer("end"), 10_000)

    assert fired(story, 2) == ["soon", "end"]


def test_a_cancelled_alarm_stays_silent_and_cancelling_nothing_is_harmless() -> None:
    """Forgetting is idempotent, before and after start."""

    def story(clock: AlarmClock) -> None:
        clock.set(timer("a"), 0)
        clock.cancel(timer("a"))
        clock.cancel(timer("a"))
        clock.set(timer("end"), 0)

    assert fired(story, 1) == ["end"]


def test_rearming_sets_exactly_the_given_alarms() -> None:
    """After a clock step the daemon hands over all timers of the core; what is not among them is forgotten."""

    def story(clock: AlarmClock) -> None:
        clock.set(timer("gone"), 0)
        clock.set(timer("moved"), HOUR)
        clock.rearm([(timer("moved"), 0), (timer("far"), 100_000 * DAY)])

    assert fired(story, 1) == ["moved"]


def test_alarms_can_be_set_and_cancelled_while_running() -> None:
    """The core sets timers from inside the step that answers an alarm."""

    async def run() -> list[str]:
        rung: list[str] = []
        over = asyncio.Event()

        def fire(gone_off: TimerId) -> None:
            rung.append(gone_off.subject)
            if gone_off.subject == "a":
                clock.set(timer("b"), 0)
                clock.cancel(timer("c"))
                clock.set(timer("d"), 20_000)
            if gone_off.subject == "d":
                over.set()

        clock = AlarmClock(fire)
        clock.start()
        clock.set(timer("c"), HOUR)
        clock.set(timer("a"), 0)
        async with asyncio.timeout(BOUND_S):
            await over.wait()
        clock.stop()
        return rung

    assert asyncio.run(run()) == ["a", "b", "d"]


def test_an_error_in_fire_reaches_the_loop() -> None:
    """The scheduler would log it and go on; the daemon must be able to die of it."""

    async def run() -> BaseException:
        failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.set_result(context["exception"]))

        def fire(gone_off: TimerId) -> None:
            raise ValueError(gone_off.subject)

        clock = AlarmClock(fire)
        clock.start()
        clock.set(timer("a"), 0)
        async with asyncio.timeout(BOUND_S):
            error = await failed
        clock.stop()
        return error

    assert str(asyncio.run(run())) == "a"


def test_stop_is_final_and_needs_no_start() -> None:
    """A daemon that fails while it starts may stop a clock that never ran."""
    AlarmClock(lambda _: None).stop()


def test_the_scheduler_is_quiet_without_touching_the_root_logger() -> None:
    """Its "added job" lines are noise; everybody else's logging is left as it was."""
    before = (logging.root.level, list(logging.root.handlers))

    AlarmClock(lambda _: None)

    assert not logging.getLogger("apscheduler.scheduler").isEnabledFor(logging.INFO)
    assert not logging.getLogger("apscheduler.executors.default").isEnabledFor(logging.INFO)
    assert (logging.root.level, list(logging.root.handlers)) == before


def test_an_alarm_set_again_while_it_rings_goes_off_again() -> None:
    """Set again before it rings, an alarm rings once; from then on twice, however few turns of the loop lie between."""

    async def run(turns: int) -> int:
        rung: list[TimerId] = []
        clock = AlarmClock(rung.append)
        clock.start()
        clock.set(timer("a"), 0)
        for _ in range(turns):
            await asyncio.sleep(0)
        clock.set(timer("a"), 0)
        for _ in range(100):
            await asyncio.sleep(0)
        clock.stop()
        return len(rung)

    assert [asyncio.run(run(turns)) for turns in range(6)] == [1, 2, 2, 2, 2, 2]
