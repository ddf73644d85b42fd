"""The signs of life of a gateway that nobody asks: its log, its resources, its connections, its code.

Theory of operation. One slow beat for each life. Every LOG_EVERY_S its log is read on; every SAMPLE_BEATS beats its
resources and connections are sampled, aside; every REPORT_BEATS the samples become one report (levels: the median;
rates: the mean over the span), and its code is compared with the disk. With nothing to read a beat is one fstat.

Invariant: what could not be read is left out, never 0; a report is of one main process. Deliberately not here: what is
normal, and what is a finding (core/).
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path

from watchdog.core.events import Event
from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.observations import Measure, MeasuresObserved, Reading
from watchdog.core.policy import GatewayPolicy
from watchdog.core.timeline import MINUTE, SECOND, median
from watchdog.core.values import dataclass
from watchdog.origin import procfs
from watchdog.origin.marks import LifeMark
from watchdog.origin.members import list_members
from watchdog.sensors.activity import Activity
from watchdog.sensors.aside import Aside, Busy
from watchdog.sensors.freshness import Freshness
from watchdog.sensors.logclasses import Patterns, WorkLines
from watchdog.sensors.logtail import LogTail, Tail
from watchdog.sensors.resources import Resources, cpu_between, measure
from watchdog.sensors.sockets import count_remote

LOG_EVERY_S = 10.0
SAMPLE_BEATS = 10
REPORT_BEATS = 30
CURVE_MAX = 72
"""Samples remembered for each gateway: two hours of one life, or as many lives."""
_LEVELS = (Measure.MEMORY, Measure.HANDLES, Measure.THREADS, Measure.PROCESSES, Measure.SOCKETS, Measure.DISK)

FindMark = Callable[[], LifeMark | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a gateway's traces lie. Empty or None: it has none, or nobody may look."""

    log: Path | None = None
    tail: Tail | None = None
    """The log of all its lives, in place of `log`; whoever made it closes it."""
    state_folder: str = ""
    """"~USER" is that user's home."""
    code: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a life; what could not be seen is None."""

    resources: Resources | None
    sockets: int | None
    disk: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One sample on the curve of a gateway, whichever life it was of. `at_usec` is CLOCK_BOOTTIME."""

    at_usec: int
    pid: int
    memory_kib: int | None
    handles: int | None
    threads: int | None
    processes: int | None
    sockets: int | None


@dataclass(slots=True, kw_only=True, eq=False)
class _Life:
    gateway: GatewayName
    process: ProcessRef
    find_mark: FindMark
    places: Places
    activity: Activity
    freshness: Freshness
    tail: Tail | None
    begun_s: float
    """By the loop's clock, which stands still in a suspended host, as the gateway did."""
    is_measured: bool = False
    """Whether the last report held anything: that nothing can be read any more is told once."""
    beats: int = 0
    samples: list[Sample] = field(default_factory=list)
    before: Resources | None = None
    """The last sample of the span before: processor time is counted from there."""
    task: asyncio.Task[None] | None = None


class Vitals:
    """The slow beat of every life."""

    def __init__(
        self,
        report: Callable[[Event], None],
        now_usec: Callable[[], int],
        *,
        aside: Aside | None = None,
        patterns: Patterns | None = None,
        every_s: float = LOG_EVERY_S,
    ) -> None:
        """`now_usec` reads CLOCK_BOOTTIME. `every_s` is for tests that cannot wait."""
        self._report = report
        self._now_usec = now_usec
        self._aside = aside or Aside()
        self._patterns = patterns or Patterns()
        self._every_s = every_s
        self._mount = procfs.find_cgroup_mount()
        self._lives: dict[GatewayName, _Life] = {}
        self._work: dict[GatewayName, WorkLines] = {}
        self._curves: dict[GatewayName, deque[Point]] = {}

    def curve(self, gateway: GatewayName) -> tuple[Point, ...]:
        """Return the last samples of a gateway, oldest first, over all its lives."""
        return tuple(self._curves.get(gateway, ()))

    def adopt(self, gateways: Iterable[GatewayPolicy]) -> None:
        """Take up what a policy says of the logs, at the start and after each reload."""
        self._work = {gateway.name: WorkLines(gateway.health.work_lines) for gateway in gateways}
        for name, life in self._lives.items():
            life.activity.work = self._work.get(name, WorkLines())

    def life_began(
        self, gateway: GatewayName, process: ProcessRef, find_mark: FindMark, places: Places, *, is_new: bool = True
    ) -> None:
        """Look at this life from now on, in place of an earlier one. `is_new`: its log is its own from the begin."""
        known = self._lives.get(gateway)
        if known is not None and known.process == process:
            return
        self.life_ended(gateway)
        tail = places.tail or (None if places.log is None else LogTail(places.log, from_begin=is_new))
        life = _Life(
            gateway=gateway,
            process=process,
            find_mark=find_mark,
            places=places,
            activity=Activity(gateway, self._patterns),
            freshness=Freshness(gateway, process, places.code),
            tail=tail,
            begun_s=asyncio.get_running_loop().time(),
        )
        life.activity.work = self._work.get(gateway, WorkLines())
        self._lives[gateway] = life
        life.task = asyncio.get_running_loop().create_task(self._beat(life))

    def life_ended(self, gateway: GatewayName) -> None:
        """Look no more; what the log said last is told."""
        life = self._lives.pop(gateway, None)
        if life is not None and life.task is not None:
            life.task.cancel()
            self._read_log(life)

    async def close(self) -> None:
        """Look no more at anything."""
        tasks = [life.task for life in self._lives.values() if life.task is not None]
        self._lives.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _beat(self, life: _Life) -> None:
        while True:
            # The first beat samples, so that a span has a begin; a young life has not read its code yet.
            if life.beats % SAMPLE_BEATS == 0:
                await self._sample(life)
            if life.beats % REPORT_BEATS == 0:
                if life.beats:
                    self._tell(life)
                await self._compare_code(life)
            await asyncio.sleep(self._every_s)
            life.beats += 1
            self._read_log(life)

    def _read_log(self, life: _Life) -> None:
        piece = None if life.tail is None else life.tail.read()
        for seen in life.activity.take(piece, self._now_usec()):
            self._report(seen)

    async def _sample(self, life: _Life) -> None:
        mark = life.find_mark()
        if mark is None or mark.process != life.process:
            return
        try:
            sample = await self._aside.run(
                f"sample {life.gateway}", lambda: take_sample(mark, life.places, self._mount)
            )
        except Busy:
            return
        life.samples.append(sample)
        curve = self._curves.setdefault(life.gateway, deque(maxlen=CURVE_MAX))
        curve.append(point_of(sample, self._now_usec(), life.process.pid))
        if life.before is None:
            life.before = sample.resources

    def _tell(self, life: _Life) -> None:
        now_s = asyncio.get_running_loop().time()
        span_usec = round((now_s - life.begun_s) * SECOND)
        counts = {Measure.LOG_LINES: life.activity.count_lines(), Measure.WORK: life.activity.count_work()}
        readings = summarise(life.samples, life.before, counts, span_usec)
        life.begun_s, life.samples, last = now_s, [], life.samples
        life.before = next((each.resources for each in reversed(last) if each.resources is not None), None)
        if readings or life.is_measured:
            life.is_measured = bool(readings)
            self._report(
                MeasuresObserved(gateway=life.gateway, process=life.process, span_usec=span_usec, readings=readings)
            )

    async def _compare_code(self, life: _Life) -> None:
        try:
            observed = await self._aside.run(f"code {life.gateway}", life.freshness.look)
        except Busy:
            return
        if observed is not None:
            self._report(observed)


def take_sample(mark: LifeMark, places: Places, mount: Path | None) -> Sample:
    """Look at a life once. Blocks for some milliseconds."""
    members = list_members(mark, mount)
    resources = measure(mark.process, members)
    return Sample(
        resources=resources,
        sockets=None if resources is None else count_remote(members),
        disk=used_share(places.state_folder),
    )


def point_of(sample: Sample, at_usec: int, pid: int) -> Point:
    """Place a sample on the curve."""
    used = sample.resources
    return Point(
        at_usec=at_usec,
        pid=pid,
        memory_kib=None if used is None else used.rss_bytes >> 10,
        handles=None if used is None else used.open_files,
        threads=None if used is None else used.threads,
        processes=None if used is None else used.processes,
        sockets=sample.sockets,
    )


def used_share(folder: str) -> int | None:
    """Return the used share of a folder's file system, per mille, as an ordinary user has it; None if unknown."""
    try:
        found = os.statvfs(Path(folder).expanduser()) if folder else None
    except (OSError, RuntimeError):  # a user without a home is a RuntimeError
        return None
    if found is None:
        return None
    total = found.f_blocks - found.f_bfree + found.f_bavail
    return 1000 - 1000 * found.f_bavail // total if total else None


def summarise(
    samples: list[Sample], before: Resources | None, counts: Mapping[Measure, int | None], span_usec: int
) -> tuple[Reading, ...]:
    """Make one report of a span: levels by their median, rates by their mean. Pure."""
    columns: dict[Measure, list[int]] = {each: [] for each in _LEVELS}
    used = [each.resources for each in samples if each.resources is not None]
    for each in used:
        columns[Measure.MEMORY].append(each.rss_bytes >> 10)
        columns[Measure.THREADS].append(each.threads)
        columns[Measure.PROCESSES].append(each.processes)
        if each.open_files is not None:
            columns[Measure.HANDLES].append(each.open_files)
    columns[Measure.SOCKETS] = [each.sockets for each in samples if each.sockets is not None]
    columns[Measure.DISK] = [each.disk for each in samples if each.disk is not None]
    found = [Reading(measure=each, value=median(tuple(values))) for each, values in columns.items() if values]
    if before is not None and used and used[-1] is not before and span_usec > 0:
        found.append(Reading(measure=Measure.CPU, value=1000 * cpu_between(before, used[-1]) // span_usec))
    counted = {each: count for each, count in counts.items() if count is not None and span_usec > 0}
    found += [Reading(measure=each, value=1000 * count * MINUTE // span_usec) for each, count in counted.items()]
    return tuple(sorted(found, key=lambda reading: reading.measure.value))
