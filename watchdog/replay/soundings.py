"""What a recording says about a gateway's health, as the events that sensors would have made of it.

Theory of operation. A recording names its probes and metrics in its own words and samples them at its own pace. A
probe becomes one of the policy, with the pace that was recorded; a metric becomes a measure by the words in its name.
Like the sensors, this collects samples for five minutes and reports them together: a level by its median, a rate by its
mean over the time that was counted, which is one minute a sample. What a recording cannot say is read in the plainest
way:

- A probe called `health` is the shallow kind, which tests liveness and nothing more.
- The cause of a failure is on this host for a probe of the process itself, elsewhere where the recorded words say that
  a provider fails or that the gateway is trying again, and unknown otherwise.
- A probe of the code's version is no probe of health: it says whether the next restart runs different code.

Invariant: names that are not known here are no error, and are passed over.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from watchdog.core.events import Event
from watchdog.core.healthpolicy import ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.observations import (
    CodeObserved,
    Measure,
    MeasuresObserved,
    ProbeCause,
    ProbeObserved,
    ProbeResult,
    Reading,
)
from watchdog.core.timeline import MINUTE, SECOND, median
from watchdog.replay.recording import Moment, Recording

REPORT_USEC: Final = 5 * MINUTE
SAMPLE_USEC: Final = MINUTE
NAMES_MAX: Final = 64
"""Probes of one recording that are looked at; each costs memory in every state."""

_CODE: Final = re.compile(r"code|version|build")
_LIVENESS: Final = re.compile(r"^(health|healthz|live|liveness|alive|ping|process|pid)$")
_OF_THE_PROCESS: Final = re.compile(r"^(health|healthz|live|liveness|rpc|spawn|event-?loop|heartbeat|tick)")
_ELSEWHERE: Final = re.compile(
    r"\b(5\d\d|429)\b|retry|back-?off|backing off|reconnecting|rate.?limit|too many requests|overloaded|unavailable"
    r"|temporar|resolve|dns|unreachable",
    re.IGNORECASE,
)
_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")

_MEASURES: Final = (
    (re.compile(r"rss|mem"), Measure.MEMORY, 1_024),
    (re.compile(r"fds?\b|handle|open_files|descriptor"), Measure.HANDLES, 1),
    (re.compile(r"thread"), Measure.THREADS, 1),
    (re.compile(r"proc"), Measure.PROCESSES, 1),
    (re.compile(r"cpu"), Measure.CPU, 10),
    (re.compile(r"log"), Measure.LOG_LINES, 1_000),
    (re.compile(r"conn|sock"), Measure.SOCKETS, 1),
    (re.compile(r"msg|message|request|job|task|event"), Measure.WORK, 1_000),
    (re.compile(r"disk"), Measure.DISK, 10),
)
"""(words in the name, measure, how many of its units one recorded unit is)"""
_RATES: Final = (Measure.WORK, Measure.LOG_LINES, Measure.CPU)
_VALUE_MAX: Final = 1 << 50


def probes_of(recording: Recording) -> tuple[ProbePolicy, ...]:
    """Return a probe for each that was recorded, sorted by name."""
    times: dict[str, list[int]] = {}
    for moment in recording.moments:
        name = moment.text("name")
        if moment.kind == "probe" and name and not _CODE.search(name):
            times.setdefault(name, []).append(moment.at_usec)
    return tuple(
        ProbePolicy(
            name=name,
            kind=ProbeKind.EXEC,
            argv=("recorded",),
            period_usec=_pace(times[name]),
            failures=3 if _pace(times[name]) <= REPORT_USEC else 2,  # a slow probe cannot take three looks
            liveness_only=_LIVENESS.match(name) is not None,
        )
        for name in sorted(times)[:NAMES_MAX]
    )


def _pace(times: list[int]) -> int:
    gaps = tuple(after - before for before, after in pairwise(times))
    return max(median(gaps), SECOND) if gaps else MINUTE


class Soundings:
    """Makes events of one recording's probes and metrics."""

    def __init__(self, gateway: GatewayName) -> None:
        self._gateway = gateway
        self._samples: dict[Measure, list[int]] = {}
        self._since_usec = 0
        self._last_usec = 0

    def begin(self, at_usec: int) -> None:
        """Forget what was counted: a life began."""
        self._samples.clear()
        self._since_usec = self._last_usec = at_usec

    def due(self, at_usec: int, process: ProcessRef) -> Iterator[Event]:
        """Report what was counted, if five minutes of it are complete before `at_usec`."""
        complete = self._last_usec - self._since_usec >= REPORT_USEC - SECOND
        if not self._samples or at_usec <= self._last_usec or not complete:
            return
        count = max(len(values) for values in self._samples.values())
        span = min(count * SAMPLE_USEC, self._last_usec - self._since_usec)
        readings = tuple(
            Reading(measure=measure, value=sum(values) // len(values) if measure in _RATES else median(tuple(values)))
            for measure, values in sorted(self._samples.items(), key=lambda item: item[0].value)
        )
        self._samples.clear()
        self._since_usec = self._last_usec
        yield MeasuresObserved(gateway=self._gateway, process=process, span_usec=span, readings=readings)

    def probe(self, moment: Moment, process: ProcessRef) -> Event:
        """Return the event of a recorded probe."""
        name, detail = moment.text("name"), moment.text("detail")
        passed = moment.fields.get("ok")
        if _CODE.search(name):
            return CodeObserved(
                gateway=self._gateway, process=process, changed=() if passed is not False else ("program",)
            )
        percent = _PERCENT.search(detail)
        if name == "disk" and percent:
            self._count(Measure.DISK, float(percent[1]) * 10, moment.at_usec)
        result = ProbeResult.OK if passed is True else ProbeResult.FAILED if passed is False else ProbeResult.ERROR
        return ProbeObserved(
            gateway=self._gateway, probe=name, result=result, cause=_cause(name, detail), detail=detail[:200]
        )

    def metric(self, moment: Moment) -> None:
        """Count a recorded sample."""
        name, value = moment.text("name").lower(), moment.fields.get("value")
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < _VALUE_MAX:
            return  # a gap, or what no counter shows; false for NaN, too
        for words, measure, units in _MEASURES:
            if words.search(name):
                self._count(measure, value * units, moment.at_usec)
                return

    def _count(self, measure: Measure, value: float, at_usec: int) -> None:
        self._samples.setdefault(measure, []).append(round(value))
        self._last_usec = max(self._last_usec, at_usec)


def _cause(name: str, detail: str) -> ProbeCause:
    if _ELSEWHERE.search(detail):
        return ProbeCause.REMOTE
    return ProbeCause.LOCAL if _OF_THE_PROCESS.match(name) else ProbeCause.UNKNOWN
