"""The journal of a unit, followed through a program that behaves well, badly, or not at all."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from watchdog.core.events import Event, LimitReached
from watchdog.core.healthpolicy import HealthPolicy
from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.observations import LogClass, LogClassSeen, Measure, MeasuresObserved
from watchdog.core.policy import GatewayPolicy
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.sensors.journaltail import PATIENCE_MAX, PIPE_BYTES, JournalTail
from watchdog.sensors.logtail import LINE_BYTES, Piece
from watchdog.sensors.vitals import Places, Vitals

pytestmark = pytest.mark.system

MAIN = GatewayName("main")
UNIT = "agent.service"
BOUND = 20.0

Follow = Callable[[str], JournalTail]
Found = TypeVar("Found")


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Follow]:
    """Give the means to follow a made-up journalctl, a shell script that notes each start in `begun`."""
    made: list[JournalTail] = []

    def begin(script: str) -> JournalTail:
        program = tmp_path / "journalctl"
        program.write_text(f'#!/bin/sh\ncd {tmp_path}\necho "$$ $*" >> begun\n{script}\n')
        program.chmod(0o755)
        made.append(JournalTail(UNIT, program=(str(program),)))
        return made[-1]

    yield begin
    for tail in made:
        tail.close()


def begun(folder: Path) -> list[str]:
    """Return the pid and words of each start."""
    file = folder / "begun"
    return file.read_text().splitlines() if file.exists() else []


def until(look: Callable[[], Found | None]) -> Found:
    """Look until there is something, with a bound."""
    end = time.monotonic() + BOUND
    while (found := look()) is None:
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
    return found


def piece_of(tail: JournalTail) -> Piece:
    """Wait for lines."""

    def look() -> Piece | None:
        piece = tail.read()
        return piece if piece is not None and piece.lines else None

    return until(look)


def lines_of(tail: JournalTail, count: int) -> list[str]:
    """Wait for so many lines."""
    found: list[str] = []
    while len(found) < count:
        found += piece_of(tail).lines
    return found


# -- reading -------------------------------------------------------------------------------------------------------


def test_lines_are_read_once_and_then_there_is_silence(follow: Follow, tmp_path: Path) -> None:
    """What came is returned, nothing more is no lines and not no log, and only the unit's own lines are asked for."""
    tail = follow("echo one; echo two; exec sleep 600")

    assert lines_of(tail, 2) == ["one", "two"]
    assert tail.read() == Piece()
    (words,) = begun(tmp_path)
    assert words.endswith(f" _SYSTEMD_UNIT={UNIT}")
    assert "--follow" in words
    assert f"--since=@{int(time.time()) // 1000}" in words


def test_a_half_line_waits_for_its_end(follow: Follow, tmp_path: Path) -> None:
    """A line is a line when it has ended, whatever bytes are in it, and its begin when it never seems to."""
    tail = follow(
        "printf 'whole\\nha'; until test -e go; do sleep 0.01; done; printf 'lf \\377\\n';"
        f" head -c {3 * LINE_BYTES} /dev/zero | tr '\\0' z; echo; exec sleep 600"
    )
    first = lines_of(tail, 1)
    (tmp_path / "go").touch()

    half, endless = lines_of(tail, 2)

    assert (first, half) == (["whole"], "half \ufffd")
    assert endless == "z" * LINE_BYTES


def test_a_flood_fills_a_pipe_and_nothing_else(follow: Follow, tmp_path: Path) -> None:
    """At most a pipe is read in one look; what lags is ended and begun at the end, and it is said that lines lack."""
    tail = follow("exec yes 'a line of a flood of lines'")

    def full() -> Piece | None:
        piece = tail.read()
        return piece if piece is not None and piece.is_cut else None

    piece = until(full)
    first, second = until(lambda: lines if len(lines := begun(tmp_path)) > 1 else None)[:2]

    assert sum(len(line) + 1 for line in piece.lines) <= PIPE_BYTES + LINE_BYTES
    assert first.split()[0] != second.split()[0]
    until(lambda: tail.read() and (None if Path(f"/proc/{first.split()[0]}").exists() else True))


def test_a_program_that_ends_is_begun_again_with_patience(follow: Follow) -> None:
    """No journal is None, and is asked for ever more rarely."""
    before = pipes_open()
    tail = follow("exit 1")
    let_pass: list[int] = []
    for _ in range(7):
        until(lambda: True if tail.read() is None and pipes_open() == before else None)
        looks = 0
        while pipes_open() == before:
            assert tail.read() is None
            looks += 1
        let_pass.append(looks)

    assert let_pass == [1, 2, 4, 8, 16, PATIENCE_MAX, PATIENCE_MAX]


def pipes_open() -> int:
    """Count the pipes that this process holds: one more while a program is followed."""
    names = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]  # noqa: PTH208 - names are what is wanted
    return sum(1 for name in names if Path(name).is_fifo())


def test_what_a_dying_program_said_is_not_lost(follow: Follow) -> None:
    """Its last lines come before the None."""
    tail = follow("echo last; exit 0")

    assert lines_of(tail, 1) == ["last"]


def test_no_program_is_no_log(tmp_path: Path) -> None:
    """A host without journalctl has gateways whose log is unknown, and a daemon that goes on."""
    tail = JournalTail(UNIT, program=(str(tmp_path / "none"),))

    assert [tail.read() for _ in range(100)] == [None] * 100
    tail.close()


def test_closing_ends_the_program(follow: Follow, tmp_path: Path) -> None:
    """Nothing is left, and no descriptor either."""
    before = pipes_open()
    tail = follow("exec sleep 600")
    pid = until(lambda: begun(tmp_path) or None)[0].split()[0]
    tail.close()

    assert not Path(f"/proc/{pid}").exists()
    assert pipes_open() == before


# -- as signals ----------------------------------------------------------------------------------------------------


def test_a_units_journal_gives_classes_lines_and_work_over_its_lives(follow: Follow) -> None:
    """One tail serves life after life: trouble is told, lines and work are counted, and a flood is told once."""
    tail = follow("echo 'EADDRINUSE: port taken'; echo 'message sent to 4'; echo hello; exec sleep 600")
    policy = GatewayPolicy(name=MAIN, unit=UNIT, health=HealthPolicy(work_lines=("message * to",)))

    async def scene() -> list[Event]:
        reports: list[Event] = []
        vitals = Vitals(reports.append, lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000, every_s=0.001)
        vitals.adopt((policy,))
        process = read_stat(os.getpid()).reference(read_boot())
        mark = LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=process)
        for _ in range(2):
            reports.append(LogClassSeen(gateway=MAIN, log_class=LogClass.GAVE_UP, line="a new life"))
            vitals.life_began(MAIN, process, lambda: mark, Places(tail=tail))
            async with asyncio.timeout(BOUND):
                while not isinstance(reports[-1], MeasuresObserved):  # noqa: ASYNC110 - any report
                    await asyncio.sleep(0.001)
            vitals.life_ended(MAIN)
        await vitals.close()
        return reports

    reports = asyncio.run(scene())
    readings = {
        each.measure: each.value
        for report in reports
        if isinstance(report, MeasuresObserved)
        for each in report.readings
    }

    assert [each.log_class for each in reports if isinstance(each, LogClassSeen)].count(LogClass.PORT_IN_USE) == 1
    assert {Measure.LOG_LINES, Measure.WORK} <= set(readings)
    assert not [each for each in reports if isinstance(each, LimitReached)]
