"""What is wrong with a gateway's health, by all that is known at this moment, each with its rule and its sentence.

Theory of operation. A failing or flapping probe is a finding. A strong sign is one. Weak signs become one together: at
least two that do not look through the same eyes (work and log lines are one eye, growth of whatever is another), each
named in the sentence. Two things speak against signs, never against probes:

    a passing probe that tests more than liveness, while none falters, contradicts the one sign that people's habits
    imitate: no work. It does not outvote two signs: status pages lie.

    a cause elsewhere explains what follows from it. While a probe names a remote cause, or the host has no network,
    fewer connections and less work are what one would expect, and wait as long as that probe does.

Invariant: pure; the same memory at the same moment gives the same findings, in a fixed order.
"""

from collections.abc import Mapping

from watchdog.core.decisions import Severity
from watchdog.core.healthpolicy import HealthPolicy, ProbePolicy
from watchdog.core.healthstate import HealthState, ProbePhase, ProbeState, Sign, SignKind
from watchdog.core.observations import Measure, ProbeCause
from watchdog.core.policy import GatewayPolicy
from watchdog.core.probes import is_doubtful
from watchdog.core.rules import RuleId
from watchdog.core.signs import is_strong, stands
from watchdog.core.timeline import HOUR, MINUTE, Usec, duration_text
from watchdog.core.values import dataclass

EYES_MIN = 2
TOGETHER_USEC = 15 * MINUTE
TOGETHER_FLAT_USEC = HOUR

_EYES: Mapping[SignKind, str] = {
    SignKind.WORK_FELL: "activity",
    SignKind.LOG_SILENT: "activity",
    SignKind.LOG_FLOOD: "flood",
    SignKind.SOCKETS_FELL: "sockets",
    SignKind.GROWING: "growth",
    SignKind.BUSY: "busy",
    SignKind.DISK_FULL: "disk",
    SignKind.LOG_SAID: "log",
}

_ALONE: Mapping[SignKind, tuple[RuleId, Severity, str]] = {
    SignKind.WORK_FELL: (RuleId.WORK_STOPPED, Severity.WARNING, "UP, but NOT WORKING - its work has stopped"),
    SignKind.SOCKETS_FELL: (RuleId.SOCKETS_GONE, Severity.CRITICAL, "UP, but CUT OFF - no connection is left"),
    SignKind.LOG_SILENT: (RuleId.LOG_SILENT, Severity.WARNING, "UP, but SILENT - it no longer logs"),
    SignKind.LOG_FLOOD: (RuleId.LOG_FLOOD, Severity.WARNING, "floods its log"),
    SignKind.GROWING: (RuleId.GROWING, Severity.WARNING, "leaks"),
    SignKind.DISK_FULL: (RuleId.DISK_FULL, Severity.CRITICAL, "its disk is nearly full"),
    SignKind.LOG_SAID: (RuleId.LOG_SAID, Severity.WARNING, "says in its log that it is in trouble"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthFinding:
    """One thing that is wrong. `subject` tells two of one rule apart; `says` is text of the supervised side."""

    rule: RuleId
    severity: Severity
    subject: str
    title: str
    because: str
    says: str = ""

    @property
    def key(self) -> str:
        """What is remembered of a finding that was told."""
        return f"{self.rule.value} {self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When, and under which circumstances, health is judged."""

    now_usec: Usec
    wall_usec: int
    has_network: bool


def findings(health: HealthState, policy: GatewayPolicy, moment: Moment) -> tuple[HealthFinding, ...]:
    """Return all that is wrong, probes first."""
    of_probes = tuple(_of_probe(probe, policy.health, moment) for probe in health.probes)
    found = tuple(one for one in of_probes if one is not None)
    standing = tuple(sign for sign in health.signs if stands(sign))
    strong = tuple(sign for sign in standing if _is_alone_enough(sign, health, policy, moment))
    found = (*found, *(_of_sign(sign, moment) for sign in strong))
    together = _together(health, standing, policy, moment)
    return found if together is None or found else (together,)


def is_in_doubt(health: HealthState, policy: GatewayPolicy) -> bool:
    """Say whether something is odd that is no finding, or not yet."""
    if any(stands(sign) for sign in health.signs):
        return True
    return any(is_doubtful(probe, rules) for probe, rules in _ruled(health, policy))


def failing_locally(health: HealthState, policy: GatewayPolicy, now_usec: Usec) -> tuple[tuple[str, bool], ...]:
    """Return (source, whether it can be faked) of the probes that fail for a cause on this host."""
    return tuple(
        (rules.source or rules.name, rules.fakeable)
        for probe, rules in _ruled(health, policy)
        if _fails_here(probe, rules, policy.health, now_usec)
    )


def _fails_here(probe: ProbeState, rules: ProbePolicy, health: HealthPolicy, now_usec: Usec) -> bool:
    """Say whether a probe has seen a cause on this host for long enough to count beside another."""
    if probe.cause is not ProbeCause.LOCAL:
        return False
    if probe.phase is ProbePhase.FAILING:
        return True
    faltering = probe.phase is ProbePhase.FALTERING and is_doubtful(probe, rules)
    return faltering and now_usec - probe.since_usec >= health.failing_together_usec


# -- probes --------------------------------------------------------------------------------------------------------


def _of_probe(probe: ProbeState, rules: HealthPolicy, moment: Moment) -> HealthFinding | None:
    if probe.phase in (ProbePhase.FAILING, ProbePhase.RECOVERING):
        impostor = probe.cause is ProbeCause.IMPOSTOR
        lasted = duration_text(moment.now_usec - probe.since_usec)
        cause = {ProbeCause.LOCAL: "; the cause is on this host", ProbeCause.REMOTE: "; the cause is elsewhere"}
        return HealthFinding(
            rule=RuleId.IMPOSTOR if impostor else RuleId.PROBE_FAILING,
            severity=Severity.CRITICAL,
            subject=probe.name,
            title=f"NOT ITSELF - an impostor answers probe {probe.name}" if impostor else f"UP, but {probe.name} FAILS",
            because=f"probe {probe.name} has failed for {lasted}{cause.get(probe.cause, '')}",
            says=probe.detail,
        )
    if not probe.flapping:
        return None
    count = sum(1 for dip in probe.dips if moment.now_usec - dip.at_usec < rules.flaps_per_usec)
    return HealthFinding(
        rule=RuleId.PROBE_FLAPPING,
        severity=Severity.WARNING,
        subject=probe.name,
        title=f"UP, but {probe.name} FLAPS",
        because=f"probe {probe.name} failed and came back {count} times in {duration_text(rules.flaps_per_usec)}",
        says=probe.detail,
    )


def _ruled(health: HealthState, policy: GatewayPolicy) -> tuple[tuple[ProbeState, ProbePolicy], ...]:
    rules = {each.name: each for each in policy.probes}
    return tuple((probe, rules[probe.name]) for probe in health.probes if probe.name in rules)


# -- signs ---------------------------------------------------------------------------------------------------------


def _is_alone_enough(sign: Sign, health: HealthState, policy: GatewayPolicy, moment: Moment) -> bool:
    normal = next((one for one in health.normals if one.measure.value == sign.subject), None)
    if not is_strong(sign, normal, moment.now_usec, moment.wall_usec, policy.health):
        return False
    if sign.kind is SignKind.LOG_SAID:
        return not _is_contradicted(health, policy)
    if sign.kind is SignKind.WORK_FELL and _is_contradicted(health, policy):
        return False
    return not _is_explained(sign, health, policy.health, moment)


def _is_contradicted(health: HealthState, policy: GatewayPolicy) -> bool:
    judged = _ruled(health, policy)
    if any(probe.phase is ProbePhase.FAILING or is_doubtful(probe, rules) for probe, rules in judged):
        return False
    sound = (ProbePhase.PASSING, ProbePhase.FALTERING)
    return any(probe.phase in sound and probe.passed and not rules.liveness_only for probe, rules in judged)


def _is_explained(sign: Sign, health: HealthState, rules: HealthPolicy, moment: Moment) -> bool:
    if sign.kind not in (SignKind.WORK_FELL, SignKind.SOCKETS_FELL):
        return False
    if moment.now_usec - sign.since_usec >= rules.failing_remote_usec:
        return False
    if not moment.has_network or any(probe.cause is ProbeCause.REMOTE for probe in health.probes):
        return True
    return health.remote_usec is not None and moment.now_usec - health.remote_usec < rules.failing_usec


def _of_sign(sign: Sign, moment: Moment) -> HealthFinding:
    rule, severity, title = _ALONE[sign.kind]
    if sign.kind is SignKind.GROWING:
        title = f"UP, but its {sign.subject} LEAK" + ("S" if sign.subject == Measure.MEMORY.value else "")
    if sign.kind is SignKind.LOG_SAID:
        title = f"says in its log: {sign.subject}"
    because = sign_text(sign, moment.now_usec)
    return HealthFinding(
        rule=rule, severity=severity, subject=sign.subject, title=title, because=because, says=sign.detail
    )


def _together(
    health: HealthState, standing: tuple[Sign, ...], policy: GatewayPolicy, moment: Moment
) -> HealthFinding | None:
    counted = tuple(sign for sign in standing if not _is_explained(sign, health, policy.health, moment))
    counted = _fallen_together(counted)
    eyes = [_EYES[sign.kind] for sign in counted]
    words = [sign_text(sign, moment.now_usec) for sign in counted]
    for probe, rules in _ruled(health, policy):
        lasted = moment.now_usec - probe.since_usec
        if probe.phase is ProbePhase.FALTERING and _fails_here(probe, rules, policy.health, moment.now_usec):
            eyes.append(f"probe {rules.source or rules.name}")
            words.append(f"probe {probe.name} fails for {duration_text(lasted)}")
    if len(dict.fromkeys(eyes)) < EYES_MIN:
        return None
    return HealthFinding(
        rule=RuleId.SEVERAL_SIGNS,
        severity=Severity.CRITICAL,
        subject="",
        title=f"UP, but {len(words)} signs say that it does not work",
        because="; ".join(words),
    )


def _fallen_together(signs: tuple[Sign, ...]) -> tuple[Sign, ...]:
    """Return the signs without connections that fell when work and log did not: an evening takes both, one by one."""
    falls = tuple(sign for sign in signs if sign.kind in (SignKind.WORK_FELL, SignKind.LOG_SILENT))
    return tuple(
        sign
        for sign in signs
        if sign.kind is not SignKind.SOCKETS_FELL
        or not falls
        or any(fall.by_week or _fell_together(fall, sign) for fall in falls)
    )


def _fell_together(fall: Sign, sockets: Sign) -> bool:
    """Say whether one cause may have taken both; a trickle of work shows later, beside connections that never vary."""
    allowed = TOGETHER_FLAT_USEC if sockets.flat else TOGETHER_USEC
    return abs(fall.since_usec - sockets.since_usec) <= allowed


def sign_text(sign: Sign, now_usec: Usec) -> str:
    """Say a sign in words."""
    lasted = duration_text(now_usec - sign.since_usec)
    match sign.kind:
        case SignKind.WORK_FELL:
            return f"{_units(sign.seen)} done in {lasted} where {_units(sign.expected)} were to be expected"
        case SignKind.SOCKETS_FELL:
            return f"{sign.last} connections for {lasted}, {sign.before} are usual"
        case SignKind.LOG_SILENT:
            return f"{_units(sign.seen)} lines logged in {lasted} where {_units(sign.expected)} were to be expected"
        case SignKind.LOG_FLOOD:
            return f"{_units(sign.last)} lines a minute for {lasted}, {_units(sign.before)} are usual"
        case SignKind.GROWING:
            times = sign.last * 10 // max(1, sign.before)
            return f"{sign.subject} grew {times // 10}.{times % 10} times in {lasted}, and goes on"
        case SignKind.BUSY:
            return f"a whole processor busy for {lasted}, {sign.before // 10} % are usual"
        case SignKind.DISK_FULL:
            return f"the disk of its state folder is {sign.last // 10} % full"
        case SignKind.LOG_SAID:
            ago = now_usec - sign.last_usec
            return f"its log said {sign.subject}" + (f" {duration_text(ago)} ago" if ago else "")


def _units(thousandths: int) -> int:
    return thousandths // 1_000
