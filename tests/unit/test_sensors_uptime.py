"""A restart in place, told by the gateway's own word on how long it has run."""

import asyncio
import os
import time

import pytest

from watchdog.core.healthpolicy import Assertion, AssertionKind, ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.timeline import HOUR, SECOND
from watchdog.gateway.programs import ProgramEnd
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.sensors.prober import Prober

MAIN = GatewayName("main")
OWN = read_stat(os.getpid()).reference(read_boot())


def now_usec() -> int:
    """Read CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000


def mark_of() -> LifeMark:
    """Mark a life without a cgroup."""
    return LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=OWN)


def policy(*names: str) -> GatewayPolicy:
    """Write a policy with exec probes, which look when they are told to."""
    asserted = (Assertion(kind=AssertionKind.MATCHES, expected=""),)
    probes = tuple(
        ProbePolicy(
            name=name,
            kind=ProbeKind.EXEC,
            argv=("/x",),
            period_usec=HOUR,
            timeout_usec=30 * SECOND,
            assertions=asserted,
        )
        for name in names
    )
    return GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("/x",)), probes=probes)


class Answers:
    """A program that prints one text after the other."""

    def __init__(self, *texts: bytes) -> None:
        self._texts = list(texts)

    async def run(self, name: str, argv: tuple[str, ...]) -> ProgramEnd:
        return ProgramEnd(code=0, output=self._texts.pop(0))


def test_an_uptime_that_drops_under_one_process_is_told() -> None:
    """A restart in place keeps the pid; the gateway's own clock gives it away. Growth and a new life do not."""

    async def scene() -> None:
        told: list[str] = []
        words = (
            b'{"uptimeMs": 50000}',
            b'{"uptimeMs": 80000}',
            b'{"uptimeMs": 300}',
            b'{"uptimeMs": 900}',
            b"none",
            b"[]",
        )
        runner = Answers(*words)
        prober = Prober(lambda _: None, now_usec, runners={MAIN: runner}, on_restart=lambda *a: told.append(str(a[2])))
        prober.adopt([policy("p")])
        prober.life_began(MAIN, OWN, mark_of)
        counts = []
        for _ in words:
            await prober.look_now(MAIN, "p")
            counts.append(len(told))
        await prober.close()

        assert counts == [0, 0, 1, 1, 1, 1]
        assert told == ["by probe p up for 0s; 0s ago for 80s"]

    asyncio.run(scene())


def test_a_restart_that_every_probe_notices_is_told_once() -> None:
    """Two probes read the same uptime, one after the other."""

    async def scene() -> None:
        told: list[str] = []
        runner = Answers(*[b'{"uptimeMs": %d}' % each for each in (50_000, 50_000, 300, 310)])
        prober = Prober(lambda _: None, now_usec, runners={MAIN: runner}, on_restart=lambda *a: told.append(str(a[2])))
        prober.adopt([policy("a", "b")])
        prober.life_began(MAIN, OWN, mark_of)
        for probe in "abab":
            await prober.look_now(MAIN, probe)
        await prober.close()

        assert told == ["by probe a up for 0s; 0s ago for 50s"]

    asyncio.run(scene())


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock is set forward by hand."""

    skipped_s = 0.0

    def time(self) -> float:
        return super().time() + self.skipped_s


@pytest.mark.parametrize(
    ("uptimes", "told"),
    [
        ((9, 20, 50), ["by probe p up for 20s; 30s ago for 9s"]),
        ((9, 20, 69), []),
        ((9, 9, 69), []),
        ((9, 20, 5), ["by probe p up for 5s; 30s ago for 20s"]),
        ((9, 39, 69), []),
    ],
)
def test_a_young_life_that_began_again_is_told_when_the_next_look_agrees(
    uptimes: tuple[int, ...], told: list[str]
) -> None:
    """Its uptime never drops between two looks, and grows too little; an answer that was kept for a while does, too."""

    async def scene() -> list[str]:
        heard: list[str] = []
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SkippingLoop)
        runner = Answers(*[b'{"uptime": %d}' % each for each in uptimes])
        prober = Prober(lambda _: None, now_usec, runners={MAIN: runner}, on_restart=lambda *a: heard.append(str(a[2])))
        prober.adopt([policy("p")])
        prober.life_began(MAIN, OWN, mark_of)
        for _ in uptimes:
            await prober.look_now(MAIN, "p")
            loop.skipped_s += 30
        await prober.close()
        return heard

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        assert runner.run(scene()) == told


def test_a_clock_that_is_set_back_is_no_restart() -> None:
    """An uptime by the wall clock may drop by an hour and still be longer than the time since the look before."""

    async def scene() -> None:
        told: list[str] = []
        runner = Answers(b'{"uptimeMs": 7200000}', b'{"uptimeMs": 3600000}')
        prober = Prober(lambda _: None, now_usec, runners={MAIN: runner}, on_restart=lambda *a: told.append(str(a[2])))
        prober.adopt([policy("p")])
        prober.life_began(MAIN, OWN, mark_of)
        for _ in range(2):
            await prober.look_now(MAIN, "p")
        await prober.close()

        assert told == []

    asyncio.run(scene())
