"""What probes and sensors may report, in any order and of any life, as rules of the core's Hypothesis machine."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from promises import NAMES

from watchdog.core.healthpolicy import HealthPolicy, OnDegraded, ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.observations import (
    CodeObserved,
    LogClass,
    LogClassSeen,
    Measure,
    MeasuresObserved,
    ProbeCause,
    ProbeObserved,
    ProbeResult,
    Reading,
)
from watchdog.core.timeline import MINUTE, SECOND

PROBES = tuple(
    ProbePolicy(name=name, kind=ProbeKind.TCP, target="localhost:1", period_usec=MINUTE, fakeable=name != "solid")
    for name in ("channel", "rpc", "solid")
)
RESTARTING = HealthPolicy(on_degraded=OnDegraded.RESTART)

names = st.sampled_from(NAMES)
probe_names = st.sampled_from(("channel", "rpc", "solid", "unheard-of"))
results = st.sampled_from((ProbeResult.OK, ProbeResult.OK, ProbeResult.FAILED, ProbeResult.FAILED, ProbeResult.ERROR))
causes = st.sampled_from(
    (ProbeCause.LOCAL, ProbeCause.LOCAL, ProbeCause.UNKNOWN, ProbeCause.REMOTE, ProbeCause.IMPOSTOR)
)
values = st.sampled_from((0, 1, 4, 5_000, 900, 980, 400_000, 1_200_000, 40_000_000))
readings = st.dictionaries(st.sampled_from(Measure), values, max_size=4)


class Senses:
    """Rules about health; the machine brings the rest."""

    feed: Callable[[Any], Any]
    pass_time: Callable[[int], None]
    present: Callable[[GatewayName], ProcessRef | None]
    new_process: Callable[[], ProcessRef]

    @rule(name=names, probe=probe_names, result=results, cause=causes, times=st.sampled_from((1, 1, 3, 20)))
    def probe_looks(self, name: GatewayName, probe: str, result: ProbeResult, cause: ProbeCause, times: int) -> None:
        """Let a probe look, once or for twenty minutes."""
        for _ in range(times):
            self.feed(ProbeObserved(gateway=name, probe=probe, result=result, cause=cause, detail="so it is"))
            self.pass_time(MINUTE)

    @rule(name=names, cause=causes, minutes=st.sampled_from((3, 7, 16)))
    def probes_fail_together(self, name: GatewayName, cause: ProbeCause, minutes: int) -> None:
        """Let two probes pass, and then fail side by side."""
        for turn in range(minutes + 1):
            for probe in ("rpc", "solid"):
                result = ProbeResult.FAILED if turn else ProbeResult.OK
                self.feed(ProbeObserved(gateway=name, probe=probe, result=result, cause=cause, detail="timeout"))
            self.pass_time(MINUTE)

    @rule(name=names, counted=readings, stale=st.booleans(), times=st.sampled_from((1, 6, 30)))
    def something_is_counted(self, name: GatewayName, counted: dict[Measure, int], *, stale: bool, times: int) -> None:
        """Report measures, now and then of a life that is over."""
        for _ in range(times):
            process = (None if stale else self.present(name)) or self.new_process()
            found = tuple(Reading(measure=each, value=counted[each]) for each in sorted(counted, key=lambda m: m.value))
            self.feed(MeasuresObserved(gateway=name, process=process, span_usec=5 * MINUTE, readings=found))
            self.pass_time(5 * MINUTE)

    @rule(name=names, log_class=st.sampled_from(LogClass), stale=st.booleans())
    def log_and_code(self, name: GatewayName, log_class: LogClass, *, stale: bool) -> None:
        """Let the gateway log something known, and compare its code."""
        self.feed(LogClassSeen(gateway=name, log_class=log_class, line="a line"))
        self.pass_time(SECOND)
        process = (None if stale else self.present(name)) or self.new_process()
        self.feed(CodeObserved(gateway=name, process=process, changed=("main.js",) if stale else ()))
