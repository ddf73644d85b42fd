"""A look always has an outcome, or its end is told: whatever breaks, is cut off, or happens to the clocks meanwhile."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from watchdog.core.events import Event
from watchdog.core.healthpolicy import Assertion, AssertionKind, ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.observations import ProbeObserved, ProbeResult
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.sensors.aside import THREADS_MAX, Aside
from watchdog.sensors.prober import Look, Prober
from watchdog.sensors.probes.words import Pulse

MAIN = GatewayName("main")
PROBE = ProbePolicy(
    name="p",
    kind=ProbeKind.EXEC,
    argv=("/x",),
    period_usec=MINUTE,
    timeout_usec=30 * SECOND,
    assertions=(Assertion(kind=AssertionKind.MATCHES, expected=""),),
)


class End:
    """A program that ended well."""

    code, signal, output, overflowed = 0, None, b"fine", False


class Programs:
    """Runs whatever a test says, in place of a program."""

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        self._act = act

    async def run(self, name: str, argv: tuple[str, ...]) -> End:
        await self._act()
        return End()


class Clock:
    """CLOCK_BOOTTIME, as a test sets it."""

    def __init__(self) -> None:
        self.now_usec = 10 * HOUR

    def __call__(self) -> int:
        return self.now_usec


def stage(
    act: Callable[[], Awaitable[None]], *, clock: Clock | None = None, probe: ProbePolicy = PROBE
) -> tuple[Prober, list[Event]]:
    """Make a prober with one probe and a life to look at."""
    reports: list[Event] = []
    prober = Prober(reports.append, clock or Clock(), runners={MAIN: Programs(act)})
    prober.adopt([GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("x",)), probes=(probe,))])
    process = read_stat(os.getpid()).reference(read_boot())
    mark = LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=process)
    prober.life_began(MAIN, process, lambda: mark)
    return prober, reports


def told(reports: list[Event]) -> list[tuple[ProbeResult, str]]:
    """Return what core hears."""
    return [(each.result, each.detail) for each in reports if isinstance(each, ProbeObserved)]


@pytest.mark.parametrize(
    "error", [KeyError("x"), RuntimeError("worker died"), AssertionError(), RecursionError(), MemoryError()]
)
def test_a_look_that_breaks_is_no_data_and_is_said_at_once(error: Exception) -> None:
    """A defect of ours is neither a failure of the gateway nor silence, and the next look is taken all the same."""

    async def scene() -> list[tuple[ProbeResult, str]]:
        waiting: list[Exception] = [error]

        async def act() -> None:
            if waiting:
                raise waiting.pop()

        prober, reports = stage(act)
        await prober.look_now(MAIN, "p")
        await prober.look_now(MAIN, "p")
        await prober.close()
        return told(reports)

    (broken, detail), (after, _) = asyncio.run(scene())

    assert (broken, after) == (ProbeResult.ERROR, ProbeResult.OK)
    assert type(error).__name__ in detail


def test_a_look_that_is_cut_off_is_no_data() -> None:
    """Cancelled by somebody who ended neither life nor probe: core hears that nothing was seen."""

    async def scene() -> tuple[Look | None, list[tuple[ProbeResult, str]]]:
        async def act() -> None:
            raise asyncio.CancelledError

        prober, reports = stage(act)
        look = await prober.look_now(MAIN, "p")
        await prober.close()
        return look, told(reports)

    look, heard = asyncio.run(scene())

    assert look is None
    assert heard == [(ProbeResult.ERROR, "the look was cut off")]


def test_a_look_cut_off_by_the_end_of_its_life_is_nothing() -> None:
    """The end itself is told elsewhere."""

    async def scene() -> list[tuple[ProbeResult, str]]:
        begun, never = asyncio.Event(), asyncio.Event()

        async def act() -> None:
            begun.set()
            await never.wait()

        prober, reports = stage(act)
        look = asyncio.get_running_loop().create_task(prober.look_now(MAIN, "p"))
        await begun.wait()
        prober.life_ended(MAIN)
        assert await look is None
        await prober.close()
        return told(reports)

    assert asyncio.run(scene()) == []


def test_a_look_for_which_there_is_no_thread_is_no_data() -> None:
    """Where too many looks hang already, the next is not begun, and that is said."""

    async def scene() -> list[tuple[ProbeResult, str]]:
        aside, stop = Aside(), asyncio.Event()
        loop = asyncio.get_running_loop()
        gates = [loop.create_task(aside.run(f"hang {n}", lambda: _wait(loop, stop))) for n in range(THREADS_MAX)]
        await asyncio.sleep(0)
        reports: list[Event] = []
        prober = Prober(reports.append, Clock(), aside=aside)
        beat = ProbePolicy(name="p", kind=ProbeKind.HEARTBEAT, target="/no/such/file", timeout_usec=30 * SECOND)
        prober.adopt([GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("x",)), probes=(beat,))])
        process = read_stat(os.getpid()).reference(read_boot())
        mark = LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=process)
        prober.life_began(MAIN, process, lambda: mark)
        await prober.look_now(MAIN, "p")
        stop.set()
        await asyncio.gather(*gates)
        await prober.look_now(MAIN, "p")
        await prober.close()
        return told(reports)

    full, free = asyncio.run(scene())

    assert full[0] is ProbeResult.ERROR
    assert free == (ProbeResult.FAILED, "there is no such file")


def _wait(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    asyncio.run_coroutine_threadsafe(stop.wait(), loop).result(30)


@pytest.mark.parametrize("jump_usec", [8 * HOUR, -8 * HOUR])
def test_a_clock_that_jumps_during_a_look_changes_nothing_of_its_outcome(jump_usec: int) -> None:
    """A night of suspend, or a clock set back: the look ends by its own deadline, and the next turn is not put off."""

    async def scene() -> tuple[Look | None, list[tuple[ProbeResult, str]], int]:
        clock = Clock()

        async def act() -> None:
            clock.now_usec += jump_usec

        prober, reports = stage(act, clock=clock)
        look = await prober.look_now(MAIN, "p")
        again = await prober.look_now(MAIN, "p")
        (standing,) = prober.standings()
        await prober.close()
        assert again is not None
        assert standing.due_usec is not None
        return look, told(reports), standing.due_usec

    look, heard, due_usec = asyncio.run(scene())

    assert look is not None
    assert [result for result, _ in heard] == [ProbeResult.OK, ProbeResult.OK]
    assert look.took_usec >= 0
    assert due_usec <= 10 * HOUR + MINUTE


def test_a_unit_is_heard_through_systemd() -> None:
    """Its pulse and its status are asked for before each look; systemd that does not say is no data."""
    beats: list[Pulse | OSError] = [
        Pulse(beat_usec=10 * HOUR + SECOND, status="4 channels"),
        Pulse(beat_usec=10 * HOUR + SECOND, status="stuck"),
        OSError("systemd does not listen to x.service. Set NotifyAccess=main in it"),
    ]

    async def scene() -> list[tuple[ProbeResult, str]]:
        async def ask() -> Pulse:
            beat = beats.pop(0)
            if isinstance(beat, OSError):
                raise beat
            return beat

        reports: list[Event] = []
        clock = Clock()
        prober = Prober(reports.append, clock, pulses={MAIN: ask})
        pulse = ProbePolicy(name="p", kind=ProbeKind.NOTIFY, stale_after_usec=5 * MINUTE, timeout_usec=30 * SECOND)
        prober.adopt([GatewayPolicy(name=MAIN, unit="x.service", probes=(pulse,))])
        process = read_stat(os.getpid()).reference(read_boot())
        mark = LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=process)
        prober.life_began(MAIN, process, lambda: mark)
        clock.now_usec += MINUTE
        for _ in range(3):
            await prober.look_now(MAIN, "p")
            clock.now_usec += HOUR
        await prober.close()
        return told(reports)

    well, stale, unheard = asyncio.run(scene())

    assert well == (ProbeResult.OK, 'it lives, says "4 channels"')
    assert stale == (ProbeResult.FAILED, 'no WATCHDOG=1 for 5m, says "stuck"')
    assert unheard[0] is ProbeResult.ERROR
