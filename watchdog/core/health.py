r"""Whether a gateway that is up does its work.

Theory of operation. Liveness is not health: in 28 of 32 recorded degradations the health endpoint answered 200 until
the end. So health is put together from whatever can be seen: probes (core/probes.py) and signs (core/signs.py), each of
which takes its time to be believed, and core/findings.py says what is wrong at this moment. This module moves the
machine, tells people of a finding that is new, and ends the story when the gateway is well again.

                       sees it well                 finds
      unknown --------------------------> healthy ---------> degraded      from every state to every other: health
         ^  loses sight (a life ended,     ^   |                ^          is read off what is known now, and what
         |  probes cannot be run)          |   | doubts         | finds    is known can change at once in any way
         +----------------------------- suspect ----------------+

- No data is unknown, never healthy. Unknown is where every life begins.
- Nothing is judged while the gateway is not up, and no probe before its start grace: how long lives took to settle.
- A finding joins the open incident about the gateway's restarts, if there is one: one story, one page.
- A human's start or restart may come with a new configuration, so what was usual is learned anew; after any other
  start the old normal stands, because a channel that did not come back is what this is for.
- Told before anybody restarts: that the code on disk is no longer the code that runs.

Invariant: an observation that confirms what is believed changes nothing and decides nothing.
"""

from enum import Enum

from watchdog.core import escalation, incident, probes, remedy, signs
from watchdog.core.decisions import Charge, HealthChanged, Severity
from watchdog.core.findings import HealthFinding, Moment, findings, is_in_doubt
from watchdog.core.healthstate import Health, HealthState, Normal, ProbeState, Slot
from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.incident import Finding, Matter
from watchdog.core.normal import LEVELS, values
from watchdog.core.observations import (
    CodeObserved,
    LogClassSeen,
    MeasuresObserved,
    ProbeCause,
    ProbeObserved,
    ProbeResult,
)
from watchdog.core.policy import GatewayPolicy
from watchdog.core.rules import RuleId
from watchdog.core.state import GatewayState, Life, Phase
from watchdog.core.tables import Machine, Moved
from watchdog.core.timeline import MINUTE, Usec, duration_text
from watchdog.core.turn import Turn
from watchdog.core.values import replace

MEASURES_SETTLE_USEC = 5 * MINUTE
"""Readings of a life count from so long after it was ready: connections and caches fill first."""


class HealthMove(Enum):
    """What can be read off what is known."""

    LOSE_SIGHT = "lose-sight"
    SEE_WELL = "see-well"
    DOUBT = "doubt"
    FIND = "find"


_TO = {
    HealthMove.LOSE_SIGHT: Health.UNKNOWN,
    HealthMove.SEE_WELL: Health.HEALTHY,
    HealthMove.DOUBT: Health.SUSPECT,
    HealthMove.FIND: Health.DEGRADED,
}

HEALTH = Machine(
    name="health",
    table={before: {move: after for move, after in _TO.items() if after is not before} for before in Health},
)

_RULES = {
    HealthMove.LOSE_SIGHT: RuleId.HEALTH_NO_DATA,
    HealthMove.SEE_WELL: RuleId.HEALTH_WELL,
    HealthMove.DOUBT: RuleId.HEALTH_DOUBT,
}


# -- what probes and sensors saw -----------------------------------------------------------------------------------


def on_probe(turn: Turn, event: ProbeObserved) -> None:
    """A probe looked."""
    gateway, policy = turn.gateway(event.gateway), turn.policy_of(event.gateway)
    rules = next((each for each in policy.probes if each.name == event.probe), None)
    life = _judged_life(gateway)
    if rules is None or life is None:
        return
    health = gateway.health
    known = next((probe for probe in health.probes if probe.name == event.probe), ProbeState(name=event.probe))
    lived = turn.now_usec - life.began_usec
    in_grace = not known.passed and lived < probes.grace_usec(health.settles, rules, policy.health)
    if in_grace and event.result is not ProbeResult.OK and event.cause is not ProbeCause.IMPOSTOR:
        return  # a life that starts answers late; that a stranger answers is true from the first moment on
    after = probes.observe(turn, known, event, rules, policy.health)
    if after is known and health.health is Health.HEALTHY and not health.signs:
        return
    if after is not known:
        others = tuple(probe for probe in health.probes if probe.name != event.probe)
        all_probes = tuple(sorted((*others, after), key=lambda probe: probe.name))
        seen = replace(health, probes=all_probes)
        if known.cause is ProbeCause.REMOTE and after.cause is ProbeCause.UNKNOWN:
            seen = replace(seen, remote_usec=turn.now_usec)
        turn.put(replace(gateway, health=_settled(seen, policy, lived)))
    _conclude(turn, event.gateway)


def on_log_class(turn: Turn, event: LogClassSeen) -> None:
    """The gateway logged something that is known."""
    gateway = turn.gateway(event.gateway)
    if _judged_life(gateway) is None:
        return
    heard = signs.hear(gateway.health.signs, event.log_class, event.line, turn.now_usec)
    if heard is not gateway.health.signs:
        turn.put(replace(gateway, health=replace(gateway.health, signs=heard)))
        _conclude(turn, event.gateway)


def on_measures(turn: Turn, event: MeasuresObserved) -> None:
    """Something was counted."""
    gateway = turn.gateway(event.gateway)
    life = _judged_life(gateway)
    if life is None or life.process != event.process or life.ready_usec is None:
        return
    if not event.readings:
        _lose_measures(turn, event.gateway)
        return
    if turn.now_usec - life.ready_usec < MEASURES_SETTLE_USEC:
        return
    wall, rules = turn.stamp.wall_usec, turn.policy_of(event.gateway).health
    standing = gateway.health.signs
    if gateway.health.health is Health.SUSPECT:
        standing = signs.accept(standing, turn.now_usec)
    lost = [sign.subject for sign in gateway.health.signs if sign not in standing]
    normals = {
        normal.measure: replace(normal, slots=()) if normal.measure.value in lost else normal
        for normal in gateway.health.normals
    }
    for reading in event.readings:
        slot = Slot(at_usec=turn.now_usec, value=reading.value, span_usec=event.span_usec)
        normal = normals.get(reading.measure) or Normal(measure=reading.measure)
        standing, normals[reading.measure] = signs.take_in(standing, normal, slot, wall, rules)
    learned = tuple(sorted(normals.values(), key=lambda normal: normal.measure.value))
    turn.put(replace(gateway, health=replace(gateway.health, measured=True, signs=standing, normals=learned)))
    _conclude(turn, event.gateway)


def _lose_measures(turn: Turn, name: GatewayName) -> None:
    """Nothing can be counted any more: what only the counts showed to be well is unknown, and signs stand."""
    gateway = turn.gateway(name)
    if gateway.health.measured:
        turn.put(replace(gateway, health=replace(gateway.health, measured=False)))
        _conclude(turn, name)


def on_code(turn: Turn, event: CodeObserved) -> None:
    """The code on disk was compared with what runs."""
    gateway = turn.gateway(event.gateway)
    if gateway.life is None or gateway.life.process != event.process or gateway.health.stale_code == event.changed:
        return
    fresh = bool(gateway.health.stale_code)
    turn.put(replace(gateway, health=replace(gateway.health, stale_code=event.changed)))
    if fresh or not event.changed:
        return  # told once; what else changes while an update is written, or goes back, is no news
    because = f"{', '.join(event.changed)} newer than the process" + (f": {event.detail}" if event.detail else "")
    title = "the next restart will run different code"
    command = f"gatedog status {event.gateway}"
    escalation.notice(turn, event.gateway, RuleId.CODE_CHANGED, title=title, because=because, next_command=command)


# -- lives ---------------------------------------------------------------------------------------------------------


def on_life_began(turn: Turn, name: GatewayName, charge: Charge) -> None:
    """Forget what was known of the life before; what is usual stays, unless a human had a hand in it."""
    gateway = turn.gateway(name)
    by_human = charge in (Charge.HUMAN, Charge.RELEASE)
    normals = tuple(
        replace(normal, slots=()) if by_human or normal.measure in LEVELS else normal
        for normal in gateway.health.normals
    )
    turn.put(replace(gateway, health=replace(gateway.health, normals=normals, mending=False)))


def on_ready(turn: Turn, name: GatewayName) -> None:
    """A life that was told to be not ready is ready after all."""
    gateway = turn.gateway(name)
    if not any(key.startswith(RuleId.NOT_READY.value) for key in gateway.health.told):
        return
    turn.put(replace(gateway, health=replace(gateway.health, told=())))
    _move(turn, name, HealthMove.LOSE_SIGHT, "it is ready; nothing else was seen yet")
    because = "it is up and ready after all"
    incident.resolve_matter(turn, name, Matter.DEGRADATION, rule=RuleId.INCIDENT_UP, because=because)


def on_life_ended(turn: Turn, name: GatewayName, *, asked: bool) -> None:
    """Nothing is known of a gateway that is not up. A level that a life reached until it was asked to end is usual."""
    gateway = turn.gateway(name)
    health = gateway.health
    leaking = any(key.startswith(RuleId.GROWING.value) for key in health.told)
    known = asked and not leaking
    health = replace(
        health,
        probes=tuple(probes.forget(turn, probe) for probe in health.probes),
        normals=tuple(_with_peak(normal) if known else normal for normal in health.normals),
        signs=(),
        measured=False,
        settled_usec=None,
        stale_code=(),
    )
    turn.put(replace(gateway, health=health))
    _move(turn, name, HealthMove.LOSE_SIGHT, "it is not up")


def on_never_ready(turn: Turn, name: GatewayName, lived_usec: int) -> None:
    """A life has had all the time that any start may take, and is not ready."""
    finding = HealthFinding(
        rule=RuleId.NOT_READY,
        severity=Severity.CRITICAL,
        subject="",
        title="RUNS, but has not become ready",
        because=f"not ready {duration_text(lived_usec)} after its start",
    )
    _move(turn, name, HealthMove.FIND, finding.because, rule=RuleId.NOT_READY)
    _tell(turn, name, (finding,))


def start_over(turn: Turn, name: GatewayName) -> None:
    """A human closed the story: what is now is usual from now on."""
    gateway = turn.gateway(name)
    normals = tuple(replace(normal, slots=()) for normal in gateway.health.normals)
    turn.put(replace(gateway, health=replace(gateway.health, normals=normals, signs=())))


def tell_again(turn: Turn, name: GatewayName) -> None:
    """The story that findings had joined is over, and they are not: give them one of their own."""
    gateway = turn.gateway(name)
    if gateway.health.told and _judged_life(gateway) is not None:
        turn.put(replace(gateway, health=replace(gateway.health, told=())))
        _conclude(turn, name)


def _with_peak(normal: Normal) -> Normal:
    if normal.measure not in LEVELS or not normal.slots:
        return normal
    return replace(normal, peak=max(normal.peak, *values(normal)))


def _judged_life(gateway: GatewayState) -> Life | None:
    """Return the life if its health is judged now."""
    return gateway.life if gateway.phase is Phase.UP and gateway.maintenance is None else None


def _settled(health: HealthState, policy: GatewayPolicy, lived_usec: int) -> HealthState:
    """Note how long the life took until every probe had passed."""
    if health.settled_usec is not None or len(health.probes) < len(policy.probes):
        return health
    if not all(probe.passed for probe in health.probes):
        return health
    settles = (*health.settles, lived_usec)[-probes.LIVES_LEARNED :]
    return replace(health, settled_usec=lived_usec, settles=settles)


# -- concluding ----------------------------------------------------------------------------------------------------


def _conclude(turn: Turn, name: GatewayName) -> None:
    gateway, policy = turn.gateway(name), turn.policy_of(name)
    health = gateway.health
    fresh = signs.expire(health.signs, turn.now_usec)
    if fresh is not health.signs and fresh != health.signs:
        health = replace(health, signs=fresh)
        turn.put(replace(gateway, health=health))
    moment = Moment(now_usec=turn.now_usec, wall_usec=turn.stamp.wall_usec, has_network=turn.state.has_network)
    found = findings(health, policy, moment)
    if found:
        _move(turn, name, HealthMove.FIND, found[0].because, rule=found[0].rule)
        _tell(turn, name, found)
    elif is_in_doubt(health, policy):
        _move(turn, name, HealthMove.DOUBT, "something is odd, and not yet enough to tell anybody")
    elif _is_seen(health, policy):
        _move(turn, name, HealthMove.SEE_WELL, "everything that is looked at is well")
        _end(turn, name)
    else:
        _move(turn, name, HealthMove.LOSE_SIGHT, "not everything could be looked at yet")


def _is_seen(health: HealthState, policy: GatewayPolicy) -> bool:
    if not policy.probes:
        return health.measured and any(signs.is_known(normal) for normal in health.normals)
    in_sight = {probe.name: probe.in_sight for probe in health.probes}
    return all(in_sight.get(rules.name, False) for rules in policy.probes)


def _move(turn: Turn, name: GatewayName, move: HealthMove, because: str, rule: RuleId | None = None) -> None:
    gateway = turn.gateway(name)
    before = gateway.health.health
    if _TO[move] is before:
        return
    after = HEALTH.after(before, move)
    turn.moves.append(Moved(machine=HEALTH.name, before=before, move=move, after=after))
    steady = before is Health.HEALTHY and _has_lasted(turn, gateway)
    moved = replace(
        gateway.health,
        health=after,
        since_usec=turn.now_usec,
        since_wall_usec=Usec(turn.stamp.wall_usec),
        mended=gateway.health.mended and not steady,
    )
    turn.put(replace(gateway, health=moved))
    decided = rule or _RULES[move]
    turn.decide(HealthChanged(gateway=name, rule=decided, because=because, health=after))


def _has_lasted(turn: Turn, gateway: GatewayState) -> bool:
    stable = turn.policy_of(gateway.name).backoff.stable_after_usec
    return turn.now_usec - gateway.health.since_usec >= stable


def _tell(turn: Turn, name: GatewayName, found: tuple[HealthFinding, ...]) -> None:
    gateway = turn.gateway(name)
    health = gateway.health
    silenced = tuple(quiet.subject for quiet in gateway.silences if quiet.subject)
    spoken = tuple(one for one in found if one.subject not in silenced or not one.subject)
    news = tuple(one for one in spoken if one.key not in health.told)
    keys = tuple(one.key for one in spoken)
    if keys != health.told:
        turn.put(replace(gateway, health=replace(health, told=keys)))
    did = remedy.intended(turn, name)
    for one in news:
        _report(turn, name, one, did)
    remedy.carry_out(turn, name, news=bool(news))


def _report(turn: Turn, name: GatewayName, found: HealthFinding, did: str) -> None:
    gateway = turn.gateway(name)
    joined = incident.open_matter(turn, name, Matter.RESTARTS)
    incident.report(
        turn,
        Finding(
            gateway=name,
            matter=Matter.DEGRADATION if joined is None else Matter.RESTARTS,
            severity=found.severity,
            rule=found.rule,
            title=found.title,
            because=found.because,
            did=did,
            next_command=f"gatedog status {name}",
            agent_says=found.says,
            life=LifeId(0) if gateway.life is None else gateway.life.on_record,
        ),
    )


def _end(turn: Turn, name: GatewayName) -> None:
    gateway = turn.gateway(name)
    if gateway.health.told:
        turn.put(replace(gateway, health=replace(gateway.health, told=())))
    because = "everything that is looked at is well again"
    incident.resolve_matter(turn, name, Matter.DEGRADATION, rule=RuleId.HEALTH_WELL, because=because)
