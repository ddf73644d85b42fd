"""The slow beat: what is sampled of a real process, summed up, and told."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from watchdog.core.events import Event
from watchdog.core.identity import GatewayName, LifeId, ProcessRef
from watchdog.core.observations import CodeObserved, LogClass, LogClassSeen, Measure, MeasuresObserved, Reading
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.origin.listener import Listeners, answering
from watchdog.origin.marks import LifeMark
from watchdog.origin.members import is_member, list_members
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.origin.sockdiag import Connection
from watchdog.sensors.resources import Resources
from watchdog.sensors.sockets import count_remote
from watchdog.sensors.vitals import Places, Sample, Vitals, summarise, take_sample, used_share

pytestmark = pytest.mark.system

MAIN = GatewayName("main")
BOUND = 20.0
LOOPBACK, OTHER = bytes((127, 0, 0, 1)), bytes((192, 0, 2, 7))


def now_usec() -> int:
    """Read CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000


def ref(pid: int) -> ProcessRef:
    """Refer to a living process."""
    return read_stat(pid).reference(read_boot())


def mark_of(pid: int) -> LifeMark:
    """Mark a process as the life, without a cgroup."""
    return LifeMark(gateway=MAIN, life=LifeId(1), cgroup_id=0, cgroup="", process=ref(pid))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a bound."""
    async with asyncio.timeout(BOUND):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.001)


def used(rss: int, cpu: tuple[tuple[int, int], ...], files: int | None = 5) -> Resources:
    """Make up a measurement."""
    return Resources(rss_bytes=rss << 10, open_files=files, threads=2, processes=1, cpu_usec=cpu)


# -- summing up ----------------------------------------------------------------------------------------------------


def test_levels_are_medians_and_rates_are_means() -> None:
    """One outlier does not move a level, and a rate counts all of the span."""
    samples = [
        Sample(resources=used(10, ((1, 5 * SECOND),)), sockets=3, disk=100),
        Sample(resources=used(9000, ((1, 6 * SECOND),)), sockets=0, disk=100),
        Sample(resources=used(12, ((1, 20 * SECOND), (2, SECOND))), sockets=4, disk=120),
    ]

    readings = summarise(samples, used(1, ((1, 5 * SECOND),)), {Measure.LOG_LINES: 30, Measure.WORK: 2}, MINUTE)

    assert readings == tuple(
        Reading(measure=measure, value=value)
        for measure, value in (
            (Measure.CPU, 266),
            (Measure.DISK, 100),
            (Measure.HANDLES, 5),
            (Measure.LOG_LINES, 30_000),
            (Measure.MEMORY, 12),
            (Measure.PROCESSES, 1),
            (Measure.SOCKETS, 3),
            (Measure.THREADS, 2),
            (Measure.WORK, 2_000),
        )
    )


def test_what_could_not_be_read_is_left_out() -> None:
    """No zero stands for a look that failed: of nothing seen there is nothing to tell."""
    blind = Sample(resources=None, sockets=None, disk=None)
    hidden = Sample(resources=used(10, ((1, 1),), files=None), sockets=None, disk=None)

    told = summarise([blind, hidden], None, {Measure.LOG_LINES: None, Measure.WORK: None}, MINUTE)

    assert summarise([blind], None, {}, MINUTE) == ()
    assert {reading.measure for reading in told} == {Measure.MEMORY, Measure.THREADS, Measure.PROCESSES}


# -- looking -------------------------------------------------------------------------------------------------------


def test_a_life_is_its_main_process_and_its_descendants() -> None:
    """Grandchildren belong to it, strangers do not; a sample counts them all."""
    script = "import subprocess, time; subprocess.Popen(['sleep', '600']); print('up', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        mark = mark_of(process.pid)
        members = list_members(mark, None)
        sample = take_sample(mark, Places(state_folder="/"), None)
        judged = [is_member(pid, mark) for pid in (*members, os.getpid(), 1)]
        for pid in reversed(members):
            os.kill(pid, 9)

    assert members[0] == process.pid
    assert len(members) == 2
    assert judged == [True, True, False, False]
    assert sample.resources is not None
    assert sample.resources.processes == 2
    assert sample.disk is not None
    assert 0 <= sample.disk <= 1000


def test_a_life_that_is_gone_has_no_figures() -> None:
    """A vanished process is nothing seen, not nothing used; so is a folder that vanished."""
    with subprocess.Popen(["true"]) as process:
        mark = mark_of(process.pid)

    assert take_sample(mark, Places(), None) == Sample(resources=None, sockets=None, disk=None)
    assert used_share("/no/such/folder") is None


def connection(
    inode: int, *, to: bytes = OTHER, source: tuple[bytes, int] = (LOOPBACK, 80), uid: int = 0
) -> Connection:
    """Make up a row of the kernel's table."""
    return Connection(source=source, destination=(to, 443), uid=uid, inode=inode)


def test_only_connections_to_other_hosts_are_counted() -> None:
    """Those of the life, and not those that stay on this host; a hidden process makes it no number."""
    with socket.socket() as first, socket.socket() as second:
        inodes = [os.fstat(each.fileno()).st_ino for each in (first, second)]
        table = (
            connection(inodes[0]),
            connection(inodes[1], to=LOOPBACK),
            connection(1),
            connection(inodes[1], to=OTHER, source=(OTHER, 1)),
        )

        assert count_remote((os.getpid(),), lambda _: table) == 1
        assert count_remote((os.getpid(), 999_999_999), lambda _: table) == 1


def test_a_table_that_cannot_be_read_is_no_number() -> None:
    """The kernel's refusal is not a zero."""

    def refuse(_: int) -> tuple[Connection, ...]:
        raise OSError

    assert count_remote((os.getpid(),), refuse) is None
    assert Listeners(refuse).stranger_at("127.0.0.1", 80, mark_of(os.getpid())) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="another account is needed, from which a process can be hidden")
@pytest.mark.parametrize(("manager_id", "named"), [(7, ""), (8, "a process of uid 12345")])
def test_systemd_listens_for_a_gateway_that_cannot_be_looked_into(manager_id: int, named: str) -> None:
    """A socket that systemd made and handed on is the gateway's, as long as nothing shows that it is not."""
    listener = Connection(source=(LOOPBACK, 80), destination=(bytes(4), 0), uid=12345, inode=1, cgroup_id=7)
    mark = mark_of(os.getpid())
    child = os.fork()
    if child == 0:
        os.setresuid(65534, 65534, 65534)
        found = Listeners(lambda _: (listener,), manager_id).stranger_at("127.0.0.1", 80, mark)
        os._exit(0 if found == named else 1)

    assert os.waitpid(child, 0)[1] == 0


def test_the_most_exact_listener_answers() -> None:
    """An address of its own goes before any address, and IPv6's any takes what nobody else does."""
    exact, anywhere = connection(1, source=(LOOPBACK, 80)), connection(2, source=(bytes(4), 80))
    six, other = connection(3, source=(bytes(16), 80)), connection(4, source=(LOOPBACK, 81))

    assert answering((six, anywhere, exact, other), "127.0.0.1", 80) == (exact,)
    assert answering((six, anywhere, other), "127.0.0.1", 80) == (anywhere,)
    assert answering((six, other), "127.0.0.1", 80) == (six,)
    assert answering((six, other), "::1", 80) == (six,)
    assert answering((other,), "127.0.0.1", 80) == ()


# -- telling -------------------------------------------------------------------------------------------------------


def test_a_beating_life_tells_its_measures_its_log_and_its_code(tmp_path: Path) -> None:
    """All three come from one beat; when the life has ended, what it said last is told as well."""

    async def scene() -> list[Event]:
        reports: list[Event] = []
        log = tmp_path / "log"
        log.write_text("up\nENOSPC here\n")
        vitals = Vitals(reports.append, now_usec, every_s=0.001)
        mark = mark_of(os.getpid())
        vitals.life_began(MAIN, mark.process, lambda: mark, Places(log=log, state_folder=str(tmp_path)))
        await until(lambda: any(isinstance(each, MeasuresObserved) for each in reports))
        with log.open("a") as file:
            file.write("panic: the end\n")
        vitals.life_ended(MAIN)
        await vitals.close()
        return reports

    reports = asyncio.run(scene())
    measured = next(each for each in reports if isinstance(each, MeasuresObserved))
    classes = [each.log_class for each in reports if isinstance(each, LogClassSeen)]

    assert {Measure.MEMORY, Measure.CPU, Measure.LOG_LINES, Measure.DISK} <= {
        each.measure for each in measured.readings
    }
    assert list(measured.readings) == sorted(measured.readings, key=lambda each: each.measure.value)
    assert classes == [LogClass.DISK_FULL, LogClass.UNCAUGHT]
    assert any(isinstance(each, CodeObserved) for each in reports)


def test_a_log_that_vanishes_makes_no_silence(tmp_path: Path) -> None:
    """Its measure is left out from then on; nothing fails."""

    async def scene() -> list[MeasuresObserved]:
        reports: list[Event] = []
        vitals = Vitals(reports.append, now_usec, every_s=0.0005)
        mark = mark_of(os.getpid())
        vitals.life_began(MAIN, mark.process, lambda: mark, Places(log=tmp_path / "never"))
        await until(lambda: sum(isinstance(each, MeasuresObserved) for each in reports) >= 2)
        await vitals.close()
        return [each for each in reports if isinstance(each, MeasuresObserved)]

    for measured in asyncio.run(scene()):
        assert Measure.LOG_LINES not in {each.measure for each in measured.readings}


def test_that_nothing_can_be_read_any_more_is_told_once() -> None:
    """A report of nothing follows the last that held anything, and no other follows that."""

    async def scene() -> list[MeasuresObserved]:
        reports: list[Event] = []
        vitals = Vitals(reports.append, now_usec, every_s=0.0005)
        process = ref(os.getpid())
        marks = [mark_of(os.getpid())]
        vitals.life_began(MAIN, process, lambda: marks[0] if marks else None, Places())
        measured = lambda: [each for each in reports if isinstance(each, MeasuresObserved)]  # noqa: E731 - said twice
        await until(lambda: bool(measured()))
        marks.clear()
        await until(lambda: not measured()[-1].readings)
        count, seen = len(measured()), sum(isinstance(each, CodeObserved) for each in reports)
        await until(lambda: sum(isinstance(each, CodeObserved) for each in reports) >= seen + 3)
        assert len(measured()) == count
        await vitals.close()
        return measured()

    told = asyncio.run(scene())

    assert [bool(each.readings) for each in told][-2:] == [True, False]
