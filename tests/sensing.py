"""Words for what probes and sensors see, for the stage, and the lines of the scenario language that use them.

probe channel:x                       a setting: the policy has this probe (`probe health liveness`, `probe rpc solid`,
                                      `probe rpc source loop`)
on-degraded restart                   a setting
+1m  channel:x ok                     one outcome: ok, failed, error
+1m  channel:x failed for 20m         one a minute, for so long; `cause local` and `saying "..."` may follow
+1h  restarts itself same-pid "..."   in place, by these means, with this evidence; `marked X` may follow
+1h  work 5 sockets 4 for 2h          one report of counted measures every five minutes, for so long
+1m  logs gave-up "no more retries"   a line of a known class
+1m  code changed dist/main.js        what is newer than the process; `code fresh`
+1m  human asks maintenance for 2h    also silence, maintenance-end, silence-end; `about` a matter or a probe
"""

from collections.abc import Callable
from dataclasses import replace

from watchdog.core.events import Event
from watchdog.core.healthpolicy import OnDegraded, ProbeKind, ProbePolicy
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
from watchdog.core.policy import GatewayPolicy
from watchdog.core.selfrestart import SelfRestartMeans, SelfRestartSeen
from watchdog.core.timeline import MINUTE

REPORT_USEC = 5 * MINUTE
RATES = ("work", "log-lines")
QUIET_VERBS = ("maintenance", "silence", "maintenance-end", "silence-end")


def probe_policy(name: str, **rules: object) -> ProbePolicy:
    """Return a probe of one minute's period with these rules."""
    return ProbePolicy(name=name, kind=ProbeKind.TCP, target="127.0.0.1:1", period_usec=MINUTE, **rules)


def usual(**changes: int) -> dict[str, int]:
    """Return an ordinary reading of an ordinary gateway; `log_lines` is written log-lines elsewhere."""
    return {"work": 5, "log-lines": 12, "sockets": 4, "memory": 400_000, "handles": 80} | {
        name.replace("_", "-"): value for name, value in changes.items()
    }


class Sensing:
    """What a stage can see of its gateways."""

    def feed(self, event: Event) -> object:
        """Let something happen."""
        raise NotImplementedError

    def wait(self, span_usec: int) -> None:
        """Let time pass."""
        raise NotImplementedError

    def process(self, name: str = "main") -> ProcessRef:
        """Return the process of the present life."""
        raise NotImplementedError

    def probes(
        self,
        probe: str,
        result: str,
        times: int = 1,
        *,
        every: int = MINUTE,
        cause: str = "unknown",
        saying: str = "",
        name: str = "main",
    ) -> None:
        """Let a probe look, so many times, one after the other."""
        for turn in range(times):
            if turn:
                self.wait(every)
            self.feed(
                ProbeObserved(
                    gateway=GatewayName(name),
                    probe=probe,
                    result=ProbeResult(result),
                    cause=ProbeCause(cause),
                    detail=saying,
                )
            )

    def counts(self, readings: dict[str, int], times: int = 1, *, name: str = "main") -> None:
        """Report measures every five minutes, so many times; work and log lines are given per minute."""
        for turn in range(times):
            if turn:
                self.wait(REPORT_USEC)
            scaled = {measure: value * 1_000 if measure in RATES else value for measure, value in readings.items()}
            self.feed(
                MeasuresObserved(
                    gateway=GatewayName(name),
                    process=self.process(name),
                    span_usec=REPORT_USEC,
                    readings=tuple(
                        Reading(measure=Measure(measure), value=value) for measure, value in sorted(scaled.items())
                    ),
                )
            )

    def logs(self, log_class: str, line: str = "a line", *, name: str = "main") -> None:
        """Let the gateway log a line of a known class."""
        self.feed(LogClassSeen(gateway=GatewayName(name), log_class=LogClass(log_class), line=line))

    def code(self, *changed: str, name: str = "main", process: ProcessRef | None = None) -> None:
        """Compare the code on disk with what runs."""
        seen = process or self.process(name)
        self.feed(CodeObserved(gateway=GatewayName(name), process=seen, changed=tuple(sorted(changed))))

    def restarts_itself(
        self,
        means: str = "exec-in-place",
        evidence: str = "a new program",
        *,
        to: ProcessRef | None = None,
        mark: str = "",
        name: str = "main",
        process: ProcessRef | None = None,
    ) -> None:
        """Let the present life take its own place."""
        seen = process or self.process(name)
        self.feed(
            SelfRestartSeen(
                gateway=GatewayName(name),
                process=seen,
                means=SelfRestartMeans(means),
                evidence=evidence,
                successor=to,
                mark=mark,
            )
        )


def with_setting(rules: GatewayPolicy, line: str) -> GatewayPolicy:
    """Return the rules with a setting about health, or about what must be signed."""
    key, _, value = line.partition(" ")
    if key == "signature":
        return replace(rules, signature_for=tuple(sorted(value.split())))
    if key == "on-degraded":
        return replace(rules, health=replace(rules.health, on_degraded=OnDegraded(value)))
    name, *how = value.split()
    more: dict[str, object] = {"liveness_only": "liveness" in how, "fakeable": "solid" not in how}
    if "source" in how:
        more["source"] = how[how.index("source") + 1]
    return replace(rules, probes=tuple(sorted((*rules.probes, probe_policy(name, **more)), key=lambda each: each.name)))


def happens(stage: Sensing, name: str, words: list[str], usec: Callable[[str], int]) -> bool:
    """Let a line of a scenario about health happen."""
    span = 0
    if "for" in words[2:] and "asks" not in words:
        at = words.index("for", 2)
        span, words = usec(words[at + 1]), [*words[:at], *words[at + 2 :]]
    match words:
        case [probe, "ok" | "failed" | "error" as result, *how]:
            pairs = dict(zip(how[::2], how[1::2], strict=True))
            stage.probes(probe, result, max(1, span // MINUTE), name=name, **pairs)
        case ["logs", log_class, line]:
            stage.logs(log_class, line, name=name)
        case ["restarts", "itself", means, evidence]:
            stage.restarts_itself(means, evidence, name=name)
        case ["restarts", "itself", means, evidence, "marked", mark]:
            stage.restarts_itself(means, evidence, mark=mark, name=name)
        case ["code", "fresh"]:
            stage.code(name=name)
        case ["code", "changed", *files]:
            stage.code(*files, name=name)
        case [measure, value, *rest] if measure in {each.value for each in Measure}:
            pairs = dict(zip([measure, *rest[::2]], [value, *rest[1::2]], strict=True))
            readings = {each: int(number) for each, number in pairs.items()}
            stage.counts(readings, max(1, span // REPORT_USEC), name=name)
        case _:
            return False
    return True
