"""What a picture of an incident shows: spans and marks in lanes, on one axis of time.

Theory of operation. The axis is the wall clock of the first record, carried on by uptime within a boot: a clock that
was stepped in the middle of an incident must not draw an effect before its cause. From one boot to the next only the
wall clock is left; it never draws backwards.

Invariant: a span is drawn only between records that say so; one that is still open at the last record ends there.
Deliberately not here: lines and colours (incidentchart.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from enum import Enum
from typing import Final

from watchdog.core.decisions import (
    AnswerRequest,
    HealthChanged,
    HoldPlaced,
    HoldReleased,
    IncidentAcknowledged,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    OriginJudged,
    QueuePage,
    Severity,
    SlowEntered,
    StartCharged,
)
from watchdog.core.deliveries import PageDelivered
from watchdog.core.endings import ending_text
from watchdog.core.events import (
    ActionRequested,
    GatewayObserved,
    GatewayReady,
    MainProcessExited,
    MainProcessStarted,
)
from watchdog.core.observations import Measure, MeasuresObserved, ProbeObserved
from watchdog.core.selfrestart import SelfRestartSeen
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass
from watchdog.journal.reader import Record

PROBES_MAX: Final = 8
MARKS_MAX: Final = 400
"""Marks in one lane; a picture of more is a black bar."""


class Kind(Enum):
    """What a span or a mark stands for; each has a shape of its own, so that none is told by colour alone."""

    STARTING = "starting"
    UP = "up"
    HELD = "held"
    SLOW = "slow"
    EXIT = "exit"
    START = "start"
    ASK = "ask"
    PAGE = "page"
    PEOPLE = "people"
    OK = "ok"
    FAILED = "failed"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From one instant to another."""

    begins_usec: int
    ends_usec: int
    kind: Kind
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One instant. `word` is the little that is written beside it where there is room."""

    at_usec: int
    kind: Kind
    label: str
    word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One row of the picture."""

    name: str
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All lanes. `memory` are curves of (instant, KiB), one of each process: what lies between two was not measured.

    `wall_moved`: the wall clock differs from the axis by a second.
    """

    begins_usec: int
    ends_usec: int
    lanes: tuple[Lane, ...]
    memory: tuple[tuple[tuple[int, int], ...], ...]
    wall_moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What a process used at one instant of a boot, from the files of evidence."""

    boot: str
    uptime_usec: int
    pid: int
    memory_kib: int


@dataclass(slots=True, kw_only=True)
class _Lane:
    """A lane that is being filled; at most one span is open at a time."""

    name: str
    ended: list[Span] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    opened: tuple[int, Kind, str] | None = None

    def open(self, at: int, kind: Kind, label: str) -> None:
        if self.opened is None or self.opened[1:] != (kind, label):
            self.close(at)
            self.opened = (at, kind, label)

    def close(self, at: int) -> None:
        if self.opened is not None:
            begins, kind, label = self.opened
            self.ended.append(Span(begins_usec=begins, ends_usec=at, kind=kind, label=label))
            self.opened = None

    def mark(self, at: int, kind: Kind, label: str, word: str = "") -> None:
        if len(self.marks) < MARKS_MAX:
            self.marks.append(Mark(at_usec=at, kind=kind, label=label, word=word))

    def done(self, at: int) -> Lane:
        self.close(at)
        return Lane(name=self.name, spans=tuple(self.ended), marks=tuple(self.marks))


def picture(records: Sequence[Record], weighed: Iterable[Weighed] = ()) -> Picture:
    """Draw up the lanes of these records, which are in the journal's order; at least one.

    `weighed` is drawn with what the records say of memory, as far as it lies between the first and the last of them.
    """
    at = axis(records)
    process, asks, people = _Lane(name="process"), _Lane(name="starts and asks"), _Lane(name="people")
    probes: dict[str, _Lane] = {}
    memory: dict[int, dict[int, int]] = {}
    for pid, placed, kib in _placed(weighed, records, at):
        memory.setdefault(pid, {})[placed] = kib
    for now, record in zip(at, records, strict=True):
        _live(process, now, record, at[0])
        _ask(asks, now, record)
        _tell(people, now, record)
        event = record.stamped.event
        if isinstance(event, ProbeObserved) and (event.probe in probes or len(probes) < PROBES_MAX):
            kind = {"ok": Kind.OK, "failed": Kind.FAILED}.get(event.result.value, Kind.UNSEEN)
            lane = probes.setdefault(event.probe, _Lane(name=f"probe {event.probe}"))
            lane.open(now, kind, event.result.value)
        if isinstance(event, MainProcessExited):
            for lane in probes.values():
                lane.close(now)  # a dead process is not looked at, so nothing is known of it
        if isinstance(event, MeasuresObserved):
            for each in event.readings:
                if each.measure is Measure.MEMORY:
                    memory.setdefault(event.process.pid, {})[now] = each.value
    moved = any(abs(now - record.stamped.stamp.wall_usec) >= SECOND for now, record in zip(at, records, strict=True))
    lanes = (process, asks, *probes.values(), people)
    return Picture(
        begins_usec=at[0],
        ends_usec=max(at[-1], at[0] + 1),
        lanes=tuple(lane.done(at[-1]) for lane in lanes),
        memory=tuple(tuple(sorted(curve.items())) for curve in memory.values() if curve),
        wall_moved=moved,
    )


def axis(records: Sequence[Record]) -> list[int]:
    """Place each record: uptime within a boot, the wall clock from one boot to the next, never backwards."""
    placed: list[int] = []
    boot, offset = "", 0
    for record in records:
        stamp = record.stamped.stamp
        if stamp.boot != boot:
            boot, offset = stamp.boot, max(stamp.wall_usec, placed[-1] if placed else 0) - stamp.uptime_usec
        placed.append(max(stamp.uptime_usec + offset, placed[-1] if placed else 0))
    return placed


def _placed(weighed: Iterable[Weighed], records: Sequence[Record], at: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Place what was weighed on the axis of the records: (pid, instant, KiB)."""
    offsets: dict[str, int] = {}
    for record, placed in zip(records, at, strict=True):
        offsets.setdefault(record.stamped.stamp.boot, placed - record.stamped.stamp.uptime_usec)
    for each in weighed:
        instant = offsets.get(each.boot, 0) + each.uptime_usec
        if each.boot in offsets and at[0] <= instant <= at[-1]:
            yield each.pid, instant, each.memory_kib


def _live(lane: _Lane, now: int, record: Record, begins: int) -> None:
    match record.stamped.event:
        case MainProcessStarted() as event:
            lane.open(now, Kind.STARTING, f"life {event.life}, pid {event.process.pid}: starting")
        case GatewayReady() as event:
            if lane.opened is None:
                lane.opened = (begins, Kind.STARTING, "before these records")
            lane.open(now, Kind.UP, f"up, pid {event.process.pid}")
        case GatewayObserved(process=None):
            lane.close(now) if lane.opened and lane.opened[1] in {Kind.STARTING, Kind.UP} else None
        case MainProcessExited() as event:
            if lane.opened is None:
                lane.opened = (begins, Kind.UP, "running since before these records")
            lane.close(now)
            lane.mark(now, Kind.EXIT, ending_text(event.exit))
        case SelfRestartSeen():
            lane.mark(now, Kind.EXIT, "restarted itself")
        case _:
            pass
    for decision in record.decisions:
        match decision:
            case HoldPlaced():
                lane.open(now, Kind.HELD, "held: no automatic start")
            case SlowEntered():
                lane.open(now, Kind.SLOW, "slow: one try at a time")
            case HoldReleased():
                lane.close(now)
            case _:
                pass


def _ask(lane: _Lane, now: int, record: Record) -> None:
    event = record.stamped.event
    if isinstance(event, ActionRequested):
        origin = next((each.origin.value for each in record.decisions if isinstance(each, OriginJudged)), "not judged")
        answer = next((each.outcome.value for each in record.decisions if isinstance(each, AnswerRequest)), "no answer")
        said = f"{event.verb.value} asked, origin {origin}: {answer}"
        lane.mark(now, Kind.ASK, said, f"{event.verb.value} by {origin}: {answer}")
    for decision in record.decisions:
        if isinstance(decision, StartCharged):
            charge = decision.charge.value
            lane.mark(now, Kind.START, f"start of life {decision.life}, charged to {charge}", charge)


def _tell(lane: _Lane, now: int, record: Record) -> None:
    event = record.stamped.event
    if isinstance(event, PageDelivered):
        lane.mark(now, Kind.PEOPLE, f"page taken by {event.channel}", "delivered")
    for decision in record.decisions:
        match decision:
            case QueuePage():
                to = ", ".join(decision.channels) or "nobody"
                word = "notice" if decision.severity is Severity.INFO else "page"
                lane.mark(now, Kind.PAGE, f"{decision.severity.value} to {to}", word)
            case IncidentOpened() | IncidentReopened():
                lane.mark(now, Kind.PEOPLE, f"{decision.incident} opens", "opens")
            case IncidentAcknowledged():
                lane.mark(now, Kind.PEOPLE, f"{decision.incident} is acknowledged", "acknowledged")
            case IncidentResolved():
                lane.mark(now, Kind.PEOPLE, f"{decision.incident} is over", "over")
            case HealthChanged():
                lane.mark(now, Kind.PEOPLE, f"health: {decision.health.value}", decision.health.value)
            case _:
                pass
