r"""One probe: what a row of outcomes amounts to.

Theory of operation. A single outcome says nothing: hosts are busy, loops stall for a minute, packets get lost. So a
probe is judged by the length of the run of equal outcomes, with different lengths for down and up (hysteresis), and
by how long the run has lasted: a minute of timeouts on this host and ten minutes of a provider's errors both pass by
themselves. What the probe could tell about the cause decides how long is long enough; an impostor is named at once.

    unknown ----> passing <------------- recovering     passes / misses: one outcome
       |  \         |  ^                   ^     |      fails: the run is long enough
       |   \ misses |  | passes     passes |     |      recovers: enough successes in a row
       |    v       v  |                   |     v      loses sight: the probe itself could not be run, again and again
       +------> faltering ------------> failing <+
                             fails

A probe that fails again and again without ever failing for long is flapping, which is a finding of its own: at least
`flaps` dips within the window, and down for a tenth of it even without the longest, so that neither one lost probe in
fifty nor one outage among such is a finding.

No data is no failure and no health: it takes a passing probe to `unknown`, and lets a failing one stand. A probe that
has not passed in this life is not judged before its start grace is over; the grace is learned from the lives before.

Invariant: a passing probe that passes again changes nothing.
"""

from enum import Enum

from watchdog.core.healthpolicy import HealthPolicy, ProbePolicy
from watchdog.core.healthstate import Dip, ProbePhase, ProbeState
from watchdog.core.observations import ProbeCause, ProbeObserved, ProbeResult
from watchdog.core.tables import Machine, Moved
from watchdog.core.timeline import MINUTE, Usec
from watchdog.core.turn import Turn
from watchdog.core.values import replace

DIPS_MAX = 32
FLAPPING_SHARE = 10
"""A flapping probe is down for one part in so many of the time since its first dip, its longest dip not counted."""
GRACE_MIN_USEC = 2 * MINUTE
LIVES_LEARNED = 5


class ProbeMove(Enum):
    """What can happen to what is known through a probe."""

    PASS = "pass"  # noqa: S105 - a probe that passes, not a password
    MISS = "miss"
    FAIL = "fail"
    RECOVER = "recover"
    LOSE_SIGHT = "lose-sight"
    FORGET = "forget"


PROBE = Machine(
    name="probe",
    table={
        ProbePhase.UNKNOWN: {
            ProbeMove.PASS: ProbePhase.PASSING,
            ProbeMove.MISS: ProbePhase.FALTERING,
        },
        ProbePhase.PASSING: {
            ProbeMove.MISS: ProbePhase.FALTERING,
            ProbeMove.LOSE_SIGHT: ProbePhase.UNKNOWN,
            ProbeMove.FORGET: ProbePhase.UNKNOWN,
        },
        ProbePhase.FALTERING: {
            ProbeMove.PASS: ProbePhase.PASSING,
            ProbeMove.FAIL: ProbePhase.FAILING,
            ProbeMove.LOSE_SIGHT: ProbePhase.UNKNOWN,
            ProbeMove.FORGET: ProbePhase.UNKNOWN,
        },
        ProbePhase.FAILING: {
            ProbeMove.PASS: ProbePhase.RECOVERING,
            ProbeMove.FORGET: ProbePhase.UNKNOWN,
        },
        ProbePhase.RECOVERING: {
            ProbeMove.MISS: ProbePhase.FAILING,
            ProbeMove.RECOVER: ProbePhase.PASSING,
            ProbeMove.FORGET: ProbePhase.UNKNOWN,
        },
    },
)


def observe(
    turn: Turn, probe: ProbeState, event: ProbeObserved, rules: ProbePolicy, health: HealthPolicy
) -> ProbeState:
    """Return the probe after an outcome that counts."""
    match event.result:
        case ProbeResult.ERROR:
            return _on_error(turn, probe, event, rules)
        case ProbeResult.OK:
            seen = _on_ok(turn, probe, rules)
        case ProbeResult.FAILED:
            seen = _on_failed(turn, probe, event, rules, health)
    flapping = is_flapping(seen, health, turn.now_usec)
    return seen if flapping == seen.flapping else replace(seen, flapping=flapping)


def forget(turn: Turn, probe: ProbeState) -> ProbeState:
    """Return the probe for a new life: nothing is known, but that it flapped."""
    if PROBE.allows(probe.phase, ProbeMove.FORGET):
        probe = _moved(turn, probe, ProbeMove.FORGET)
    return replace(probe, run=0, errors=0, cause=ProbeCause.UNKNOWN, detail="", passed=False, in_sight=False)


def is_doubtful(probe: ProbeState, rules: ProbePolicy) -> bool:
    """Say whether a run of failures is long enough to be no accident, and not yet long enough to be a finding."""
    if probe.phase is ProbePhase.RECOVERING:
        return True
    return probe.phase is ProbePhase.FALTERING and probe.run >= rules.failures


def is_flapping(probe: ProbeState, health: HealthPolicy, now_usec: Usec) -> bool:
    """Say whether the dips within the window are many, and more than blinks."""
    recent = tuple(dip for dip in probe.dips if now_usec - dip.at_usec < health.flaps_per_usec)
    if len(recent) < health.flaps:
        return False
    spans = [(now_usec if dip.back_usec is None else dip.back_usec) - dip.at_usec for dip in recent]
    return (sum(spans) - max(spans)) * FLAPPING_SHARE >= now_usec - recent[0].at_usec


def grace_usec(settles: tuple[int, ...], rules: ProbePolicy | None, health: HealthPolicy) -> int:
    """Return how long after its start a life may take until a probe passes for the first time."""
    told = rules.start_grace_usec if rules is not None else 0
    if told or health.start_grace_usec:
        return told or health.start_grace_usec
    if not settles:
        return health.start_grace_max_usec
    return min(max(2 * max(settles), GRACE_MIN_USEC), health.start_grace_max_usec)


def patience_usec(cause: ProbeCause, health: HealthPolicy) -> int:
    """Return how long a run of failures must have lasted, by where its cause is."""
    match cause:
        case ProbeCause.IMPOSTOR:
            return 0
        case ProbeCause.REMOTE:
            return health.failing_remote_usec
        case ProbeCause.LOCAL | ProbeCause.UNKNOWN:
            return health.failing_usec


def _on_ok(turn: Turn, probe: ProbeState, rules: ProbePolicy) -> ProbeState:
    if probe.phase is ProbePhase.PASSING:
        return replace(probe, errors=0) if probe.errors else probe
    if probe.phase is not ProbePhase.RECOVERING:
        recovering = probe.phase is ProbePhase.FAILING
        probe = _moved(turn, probe, ProbeMove.PASS)
        probe = replace(probe, run=1, since_usec=turn.now_usec, errors=0, dips=_back(probe.dips, turn.now_usec))
        if not recovering:
            return _passing(probe)
    else:
        probe = replace(probe, run=probe.run + 1)
    if probe.run < rules.successes:
        return probe
    return _passing(replace(_moved(turn, probe, ProbeMove.RECOVER), since_usec=turn.now_usec))


def _passing(probe: ProbeState) -> ProbeState:
    return replace(probe, run=0, cause=ProbeCause.UNKNOWN, detail="", passed=True, in_sight=True)


def _on_failed(
    turn: Turn, probe: ProbeState, event: ProbeObserved, rules: ProbePolicy, health: HealthPolicy
) -> ProbeState:
    if probe.phase is ProbePhase.FAILING:
        return probe
    if probe.phase is ProbePhase.RECOVERING:
        failing = _moved(turn, probe, ProbeMove.MISS)
        return replace(failing, run=rules.failures, dips=_dipped(failing.dips, turn.now_usec))
    if probe.phase is not ProbePhase.FALTERING:
        dips = _dipped(probe.dips, turn.now_usec)
        probe = replace(_moved(turn, probe, ProbeMove.MISS), run=0, since_usec=turn.now_usec, dips=dips)
    run = min(probe.run + 1, rules.failures)
    if (run, probe.cause) != (probe.run, event.cause) or probe.errors:
        probe = replace(probe, run=run, errors=0, cause=event.cause, detail=event.detail)
    lasted = turn.now_usec - probe.since_usec
    if run < rules.failures or lasted < patience_usec(event.cause, health):
        return probe
    return _moved(turn, probe, ProbeMove.FAIL)


def _on_error(turn: Turn, probe: ProbeState, event: ProbeObserved, rules: ProbePolicy) -> ProbeState:
    if probe.errors >= rules.failures or not PROBE.allows(probe.phase, ProbeMove.LOSE_SIGHT):
        return probe
    errors = probe.errors + 1
    if errors < rules.failures:
        return replace(probe, errors=errors)
    lost = _moved(turn, probe, ProbeMove.LOSE_SIGHT)
    dips = _back(lost.dips, turn.now_usec)
    return replace(lost, run=0, errors=errors, since_usec=turn.now_usec, detail=event.detail, dips=dips, in_sight=False)


def _dipped(dips: tuple[Dip, ...], now_usec: Usec) -> tuple[Dip, ...]:
    return (*dips, Dip(at_usec=now_usec))[-DIPS_MAX:]


def _back(dips: tuple[Dip, ...], now_usec: Usec) -> tuple[Dip, ...]:
    if not dips or dips[-1].back_usec is not None:
        return dips
    return (*dips[:-1], replace(dips[-1], back_usec=now_usec))


def _moved(turn: Turn, probe: ProbeState, move: ProbeMove) -> ProbeState:
    after = PROBE.after(probe.phase, move)
    turn.moves.append(Moved(machine=PROBE.name, before=probe.phase, move=move, after=after))
    return replace(probe, phase=after)
