"""When probes look, what becomes of outcomes, and what a hung one holds up."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from watchdog.core.events import Event
from watchdog.core.healthpolicy import Assertion, AssertionKind, ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName, LifeId, ProcessRef
from watchdog.core.observations import ProbeCause, ProbeObserved, ProbeResult
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.timeline import MILLISECOND, MINUTE, SECOND
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.sensors.aside import THREADS_MAX, Aside, Busy
from watchdog.sensors.prober import Prober, first_delay_usec, next_delay_usec, silence_usec
from watchdog.sensors.probes.outcome import Failing
from watchdog.sensors.probes.words import Words

MAIN = GatewayName("main")
BOUND = 20.0


def now_usec() -> int:
    """Read CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000


OWN = read_stat(os.getpid()).reference(read_boot())


def mark_of(process: ProcessRef = OWN) -> LifeMark:
    """Mark a life without a cgroup."""
    return LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=process)


def program(name: str = "p", *, period_usec: int = MINUTE, timeout_usec: int = 30 * SECOND) -> ProbePolicy:
    """Describe an exec probe; what it runs is the fake runner's to say."""
    return ProbePolicy(
        name=name, kind=ProbeKind.EXEC, argv=("/x",), period_usec=period_usec, timeout_usec=timeout_usec,
        assertions=(Assertion(kind=AssertionKind.MATCHES, expected=""),),
    )  # fmt: skip


class End:
    """How a fake program ended."""

    def __init__(
        self, output: bytes = b"", code: int | None = 0, signal: str | None = None, *, more: bool = False
    ) -> None:
        self.output, self.code, self.signal, self.overflowed = output, code, signal, more


class FakePrograms:
    """Programs that end when they are told to."""

    def __init__(self, *ends: End | OSError) -> None:
        self.ends = list(ends)
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.stubborn = False

    async def run(self, name: str, argv: tuple[str, ...]) -> End:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if not self.ends:
                await self.gate.wait()
                return End()
            end = self.ends.pop(0)
            if isinstance(end, OSError):
                raise end
            return end
        finally:
            if self.stubborn:
                await self.gate.wait()
            self.at_once -= 1


def stage(*probes: ProbePolicy, runner: FakePrograms | None = None) -> tuple[Prober, list[Event]]:
    """Make a prober with these probes and a life to look at."""
    reports: list[Event] = []
    prober = Prober(reports.append, now_usec, runners={} if runner is None else {MAIN: runner})
    prober.adopt([policy(*probes)])
    prober.life_began(MAIN, OWN, mark_of)
    return prober, reports


def policy(*probes: ProbePolicy) -> GatewayPolicy:
    """Return a gateway with these probes."""
    return GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("x",)), probes=probes)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a bound."""
    async with asyncio.timeout(BOUND):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.001)


# -- turns ---------------------------------------------------------------------------------------------------------


def test_turns_are_spread_by_arithmetic() -> None:
    """The same names give the same times, first looks come soon, and no turn is later than its period."""
    delays = [first_delay_usec(MAIN, program(f"p{number}")) for number in range(50)]
    turns = [next_delay_usec(MAIN, program(), number) for number in range(50)]

    assert delays == [first_delay_usec(MAIN, program(f"p{number}")) for number in range(50)]
    assert all(SECOND <= delay <= 5 * SECOND for delay in delays)
    assert len(set(delays)) > 40
    assert all(MINUTE * 19 // 20 <= turn <= MINUTE for turn in turns)
    assert len(set(turns)) > 40


def test_a_probe_looks_again_and_again_while_there_is_a_life() -> None:
    """One outcome for each turn; none after the life's end."""

    async def scene() -> None:
        runner = FakePrograms(*[End(b"fine")] * 1000)
        prober, reports = stage(program(period_usec=5 * MILLISECOND, timeout_usec=2 * SECOND), runner=runner)
        await until(lambda: len(reports) >= 5)
        prober.life_ended(MAIN)
        seen = len(reports)
        await asyncio.sleep(0.03)  # six periods in which nothing may come; passing does not depend on the length

        assert len(reports) == seen
        assert {type(report) for report in reports} == {ProbeObserved}
        assert runner.most_at_once == 1
        await prober.close()

    asyncio.run(scene())


def test_a_hung_look_is_not_asked_again_and_holds_up_no_other() -> None:
    """Its turns pass; the other probe goes on; when it ends, it is asked again."""

    async def scene() -> None:
        runner = FakePrograms()
        beat = Path("/proc/self/stat")
        other = ProbePolicy(name="o", kind=ProbeKind.UNIX, target=f"{beat}", period_usec=5 * MILLISECOND)
        prober, _ = stage(program(period_usec=5 * MILLISECOND), other, runner=runner)
        await until(lambda: len(prober.history(MAIN, "o") or ()) >= 10 and runner.begun == 1)

        assert prober.history(MAIN, "p") == ()
        assert runner.begun == 1
        runner.gate.set()
        await until(lambda: len(prober.history(MAIN, "p") or ()) >= 2)
        assert runner.most_at_once == 1
        await prober.close()

    asyncio.run(scene())


def test_the_deadline_ends_a_look_though_its_program_does_not_want_to() -> None:
    """A failure of this host; and as long as the program is being killed, nothing new is begun."""

    async def scene() -> None:
        runner = FakePrograms()
        runner.stubborn = True
        prober, reports = stage(program(period_usec=5 * MILLISECOND, timeout_usec=1 * MILLISECOND), runner=runner)
        await until(lambda: runner.begun == 1)
        await asyncio.sleep(0.03)
        assert (runner.begun, reports) == (1, [])
        runner.gate.set()
        await until(lambda: bool(reports))
        await prober.close()

        assert isinstance(reports[0], ProbeObserved)
        assert (reports[0].result, reports[0].cause) == (ProbeResult.FAILED, ProbeCause.LOCAL)
        assert reports[0].detail == "it did not end within 1ms"

    asyncio.run(scene())


def test_an_outcome_of_an_earlier_life_is_dropped() -> None:
    """A look that began before the present life says nothing about it."""

    async def scene() -> None:
        runner = FakePrograms()
        prober, reports = stage(program(), runner=runner)
        waiting = asyncio.create_task(prober.look_now(MAIN, "p"))
        await until(lambda: runner.begun == 1)
        another = ProcessRef(pid=OWN.pid, start_ticks=OWN.start_ticks + 1, boot=OWN.boot)
        prober.life_began(MAIN, another, lambda: mark_of(another))
        runner.gate.set()

        assert await waiting is None
        assert reports == []
        await prober.close()

    asyncio.run(scene())


def test_an_unchanged_probe_keeps_its_history_over_a_reload() -> None:
    """A changed one begins anew, and one that is gone is gone."""

    async def scene() -> None:
        runner = FakePrograms(*[End(b"x")] * 9)
        prober, _ = stage(program("a"), program("b"), program("c"), runner=runner)
        for name in "abc":
            await prober.look_now(MAIN, name)
        prober.adopt([policy(program("a"), program("b", timeout_usec=SECOND))])

        assert [len(found) if (found := prober.history(MAIN, name)) is not None else None for name in "abc"] == [
            1,
            0,
            None,
        ]
        assert [row.policy.name for row in prober.standings()] == ["a", "b"]
        assert all(row.due_usec is not None for row in prober.standings())
        await prober.close()

    asyncio.run(scene())


def test_without_a_life_nothing_is_asked() -> None:
    """Neither by a turn nor by a human, nor for a life whose mark has gone."""

    async def scene() -> None:
        runner = FakePrograms(End(b"x"))
        prober, reports = stage(program(), runner=runner)
        prober.life_began(MAIN, ProcessRef(pid=OWN.pid, start_ticks=1, boot=OWN.boot), lambda: None)
        assert await prober.look_now(MAIN, "p") is None
        prober.life_ended(MAIN)
        assert await prober.look_now(MAIN, "p") is None
        assert await prober.look_now(MAIN, "unknown") is None
        assert (runner.begun, reports) == (0, [])
        await prober.close()

    asyncio.run(scene())


def test_silence_has_a_length() -> None:
    """Five periods, and never less than two minutes."""
    assert silence_usec(program(period_usec=SECOND)) == 2 * MINUTE
    assert silence_usec(program(period_usec=MINUTE)) == 5 * MINUTE


# -- programs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "result", "detail"),
    [
        (End(b"fine"), ProbeResult.OK, "ended well"),
        (End(b"a\nlast \x1b[31mwords\n\n", 3), ProbeResult.FAILED, 'it ended with 3: "last [31mwords"'),
        (End(b"\x00\xff" * 99, 1), ProbeResult.FAILED, "it ended with 1: "),
        (End(b"", None, "SIGSEGV"), ProbeResult.FAILED, "it was ended by SIGSEGV"),
        (End(b"x" * 65536, None, more=True), ProbeResult.FAILED, "it printed more than 64 KiB"),
        (End(b"sh: 1: exec: /x: not found", 127), ProbeResult.ERROR, "its program cannot be run (code 127)"),
        (End(b"only output", None), ProbeResult.OK, "ended well"),
        (OSError("there is no user 'x'"), ProbeResult.ERROR, "there is no user 'x'"),
    ],
)
def test_the_end_of_a_program_is_an_outcome(end: End | OSError, result: ProbeResult, detail: str) -> None:
    """Codes, signals, floods, binary output, and programs that cannot be run at all."""

    async def scene() -> None:
        prober, _ = stage(program(), runner=FakePrograms(end))
        look = await prober.look_now(MAIN, "p")
        await prober.close()

        assert look is not None
        assert look.result is result
        assert look.detail.startswith(detail)

    asyncio.run(scene())


def test_every_look_that_found_something_out_is_counted_by_its_length() -> None:
    """Well or ill; a probe that could not be run measured nothing."""

    async def scene() -> None:
        runner = FakePrograms(End(b"fine"), End(b"ill", 1), OSError(2, "No such file or directory"))
        prober, _ = stage(program(), runner=runner)
        looks = [await prober.look_now(MAIN, "p") for _ in range(3)]
        (standing,) = prober.standings()

        assert [look.result for look in looks if look] == [ProbeResult.OK, ProbeResult.FAILED, ProbeResult.ERROR]
        assert sum(standing.durations.counts) == 2
        assert standing.durations.sum_usec == sum(look.took_usec for look in looks[:2] if look)
        await prober.close()

    asyncio.run(scene())


# -- words of sd_notify --------------------------------------------------------------------------------------------


def test_a_pulse_that_stops_is_a_failure() -> None:
    """WATCHDOG=1 in time is life; STATUS= is told as the gateway's own word."""
    words = Words(0)
    words.hear(b"STATUS=busy\x1b[2J with 3\nWATCHDOG=1", 10 * SECOND)

    assert words.look(60 * SECOND, MINUTE) == 'it lives, says "busy [2J with 3"'
    with pytest.raises(Failing, match="no WATCHDOG=1 for 1m, says"):
        words.look(71 * SECOND, MINUTE)


def test_a_gateway_that_never_speaks_or_gives_itself_up_fails() -> None:
    """From its begin on; and WATCHDOG=trigger counts until the next pulse."""
    words = Words(0)
    with pytest.raises(Failing, match="no WATCHDOG=1 ever for 1m"):
        words.look(61 * SECOND, MINUTE)
    words.hear(b"WATCHDOG=trigger", 62 * SECOND)
    with pytest.raises(Failing, match="reported itself failed"):
        words.look(62 * SECOND, MINUTE)
    words.hear(b"READY=1\nWATCHDOG=1", 63 * SECOND)

    assert words.look(64 * SECOND, MINUTE) == "it lives"


# -- looks that may block ------------------------------------------------------------------------------------------


def test_a_look_that_blocks_for_ever_costs_one_thread() -> None:
    """It is not begun again, others go on, and too many are refused."""
    import threading  # noqa: PLC0415 - of this test alone

    async def scene() -> None:
        aside, gate = Aside(), threading.Event()
        hung = [asyncio.create_task(aside.run(f"k{number}", gate.wait)) for number in range(THREADS_MAX - 1)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await aside.run("k0", gate.wait)
        assert await aside.run("other", lambda: 5) == 5
        with pytest.raises(ZeroDivisionError):
            await aside.run("other", lambda: 1 // 0)
        hung.append(asyncio.create_task(aside.run("last", gate.wait)))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await aside.run("one more", lambda: 5)
        gate.set()
        await asyncio.gather(*hung)
        assert await aside.run("k0", lambda: 6) == 6

    asyncio.run(scene())
