"""The core's state as a Status reply: pure functions, no clock and no lookups.

Invariant: the reply says what the state says, never more. What is not known is None or a word for it, never a healthy
default. The same object is what the socket answers, what `--json` prints and what status.json holds; when a start is
due or a window frees is in it only for whom it is made to be told.
"""

from dataclasses import asdict, replace
from typing import Any

from watchdog.control.healthreply import health_reply, quiet_reply
from watchdog.control.wire import (
    BudgetWindow,
    ExitStatus,
    GatewayStatus,
    IncidentStatus,
    PageStatus,
    RefusalStatus,
    StatusReply,
    StripMark,
)
from watchdog.core.budget import PLAIN_ACCOUNTS, SELF_RESTART_ACCOUNTS, next_free_usec, used
from watchdog.core.decisions import Charge
from watchdog.core.endings import ExitRecord, classify, sender_text
from watchdog.core.events import TEXT_MAX
from watchdog.core.healthstate import Health
from watchdog.core.identity import FOREIGN_LIFE, GatewayName
from watchdog.core.papers import cause_of, hypotheses_of
from watchdog.core.paperstate import CauseMark
from watchdog.core.policy import GatewayPolicy, Window
from watchdog.core.state import GatewayState, Hold, Incident, IncidentPhase, Phase, State
from watchdog.core.timeline import HOUR, Usec, duration_text
from watchdog.core.timer import TimerKind
from watchdog.core.values import dataclass

STRIP_USEC = 2 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorFacts:
    """What the state does not hold. `now_usec` is the core's timeline, carried on to the moment of the reply."""

    version: str
    pid: int
    started_wall_usec: int
    journal_id: str
    now_wall_usec: int
    now_usec: Usec
    policy_source: str
    commands: tuple[tuple[GatewayName, str], ...] = ()
    """What each gateway is, in a few words, where the policy's own words are not the best ones."""
    memory: tuple[tuple[GatewayName, tuple[int, ...]], ...] = ()
    """What GatewayStatus.memory_kib says of each."""
    evidence_bytes: int | None = None


def status_reply(state: State, facts: SupervisorFacts, *, due_told: bool = True) -> StatusReply:
    """Say how everything stands; without `due_told`, not when a start is due or a window frees.

    An agent that reads when its budget frees can wait for that moment. Records and policy let it work that out; nobody
    has to do it for them.
    """
    return StatusReply(
        version=facts.version,
        pid=facts.pid,
        started_wall_usec=facts.started_wall_usec,
        now_wall_usec=facts.now_wall_usec,
        journal=facts.journal_id,
        policy_source=facts.policy_source,
        policy_digest=state.policy_digest,
        clock_uncertain=state.clock.uncertain,
        has_network=state.has_network,
        host_going_down=state.host_going_down,
        gateways=[_gateway(state, gateway, facts, due_told=due_told) for gateway in state.gateways],
        incidents=incident_replies(state, facts.now_usec, closed=False),
        outbox=[
            PageStatus(
                page=str(pending.page.page),
                incident=None if pending.page.incident is None else str(pending.page.incident),
                severity=pending.page.severity.value,
                title=pending.page.title,
                waiting=list(pending.waiting),
                queued_wall_usec=pending.queued_wall_usec,
            )
            for pending in state.outbox
            if pending.waiting
        ],
        drilled_wall_usec=max((each.wall_usec for each in state.drills if each.passed), default=None),
        due_told=due_told,
        evidence_bytes=facts.evidence_bytes,
    )


def status_object(reply: StatusReply) -> dict[str, Any]:
    """Turn the reply into the JSON object that travels."""
    return asdict(reply)


def incident_replies(state: State, now_usec: Usec, *, closed: bool) -> list[IncidentStatus]:
    """List incidents, newest first."""
    chosen = [one for one in state.incidents if closed or one.phase is not IncidentPhase.RESOLVED]
    return [
        incident_reply(state, one, now_usec) for one in sorted(chosen, key=lambda one: one.opened_usec, reverse=True)
    ]


def incident_reply(state: State, incident: Incident, now_usec: Usec) -> IncidentStatus:
    """Say where one incident stands."""
    until_usec = incident.acknowledged_until_usec
    cause = cause_of(state, incident.incident)
    return IncidentStatus(
        id=str(incident.incident),
        gateway=str(incident.gateway),
        phase=incident.phase.value,
        severity=incident.severity.value,
        rule=incident.rule.value,
        title=incident.title,
        because=incident.because,
        opened_wall_usec=incident.opened_wall_usec,
        opened_usec_ago=now_usec - incident.opened_usec,
        facts=incident.facts,
        paged=incident.paged_usec is not None,
        acknowledged_by=incident.acknowledged_by,
        acknowledged_until_in_usec=None if until_usec is None else max(until_usec - now_usec, 0),
        next_command=incident.next_command,
        fingerprint=incident.fingerprint,
        hypotheses=len(hypotheses_of(state, incident.incident)),
        cause=_cause_word(cause),
        cause_by="" if cause is None else cause.who,
        cause_text_changed=cause is not None and cause.text_changed,
        facts_since_cause=cause is not None and incident.last_seq > cause.evidence_seq,
    )


def _cause_word(cause: CauseMark | None) -> str:
    if cause is None:
        return "unsigned"
    return "attested" if cause.attested else "signed"


def _gateway(state: State, gateway: GatewayState, facts: SupervisorFacts, *, due_told: bool) -> GatewayStatus:
    policy = next((one for one in state.policy.gateways if one.name == gateway.name), None) if state.policy else None
    life = gateway.life
    return GatewayStatus(
        name=str(gateway.name),
        word=_word(gateway),
        phase=gateway.phase.value,
        hold=gateway.hold.value,
        since_wall_usec=gateway.since_wall_usec,
        since_usec_ago=max(facts.now_usec - gateway.since_usec, 0),
        pid=None if life is None else life.process.pid,
        life=None if life is None else int(life.life),
        ready=life is not None and life.ready_usec is not None,
        kind=_kind(policy),
        what=dict(facts.commands).get(gateway.name) or _what(policy),
        why=_why(gateway),
        hold_rule=None if gateway.hold_rule is None else gateway.hold_rule.value,
        next_start_in_usec=_next_start(state, gateway, facts.now_usec) if due_told else None,
        last_exit=_last_exit(gateway),
        budget=_budget(gateway, policy, facts.now_usec, due_told=due_told),
        chain=len(gateway.chain),
        refused=_refused(gateway),
        enforcement=_enforcement(gateway),
        rivals=[rival.text() for rival in gateway.rivals],
        strip=_strip(gateway, facts.now_usec),
        health=health_reply(gateway, policy, facts.now_usec),
        maintenance=None if gateway.maintenance is None else quiet_reply(gateway.maintenance, facts.now_usec),
        silences=[quiet_reply(silence, facts.now_usec) for silence in gateway.silences],
        memory_kib=list(dict(facts.memory).get(gateway.name, ())),
        began_usec_ago=None if life is None else max(facts.now_usec - life.began_usec, 0),
    )


def _word(gateway: GatewayState) -> str:
    life = gateway.life
    if gateway.hold is Hold.HELD:
        if life is None:
            return "HELD"
        return "HELD, RUNNING (foreign)" if life.life == FOREIGN_LIFE else "HELD, RUNNING"
    if gateway.maintenance is not None:
        return f"MAINTENANCE ({gateway.phase.value})"
    if gateway.health.health is Health.DEGRADED:
        return "DEGRADED"
    if gateway.phase is Phase.UP and life is not None and life.ready_usec is not None:
        return "SUSPECT" if gateway.health.health is Health.SUSPECT else "READY"
    return gateway.phase.value.upper()


def _why(gateway: GatewayState) -> str:
    if gateway.hold_because:
        return gateway.hold_because
    if gateway.phase is Phase.STOPPED and not gateway.wanted_up:
        return "stopped on request"
    if gateway.life is None and gateway.last_exit is not None:
        return f"last life {exit_text(gateway.last_exit)}"
    return ""


def exit_text(record: ExitRecord) -> str:
    """Say how a life ended, without the words it left behind: "ended with code 1 (failed)"."""
    kind, sent = classify(record).value, record.sent_by
    sender = "" if sent is None else f" from {sender_text(sent)}"
    if record.signal is not None:
        return f"ended by {record.signal}{sender} ({kind})"
    if record.code is not None:
        after = "" if sent is None else f" after {sent.signal}{sender}"
        return f"ended with code {record.code}{after} ({kind})"
    return f"{kind}: {record.detail}" if record.detail else f"ended ({kind})"


def _last_exit(gateway: GatewayState) -> ExitStatus | None:
    record = gateway.last_exit
    if record is None:
        return None
    return ExitStatus(
        text=exit_text(record),
        code=record.code,
        signal=record.signal,
        last_line=record.last_line,
        wall_usec=gateway.last_exit_wall_usec,
    )


def _kind(policy: GatewayPolicy | None) -> str:
    if policy is None:
        return "unknown"
    return "unit" if policy.unit else "child"


def _what(policy: GatewayPolicy | None) -> str:
    if policy is None:
        return ""
    if policy.command is not None:
        return " ".join(policy.command.argv)[:TEXT_MAX]
    return policy.unit


def _next_start(state: State, gateway: GatewayState, now_usec: Usec) -> int | None:
    for timer in state.timers:
        if timer.timer.kind is TimerKind.START_DUE and timer.timer.subject == gateway.name:
            return max(timer.due_usec - now_usec, 0)
    return None


def _budget(
    gateway: GatewayState, policy: GatewayPolicy | None, now_usec: Usec, *, due_told: bool
) -> list[BudgetWindow]:
    if policy is None:
        return []
    plain = [_window("restart", gateway, one, PLAIN_ACCOUNTS, now_usec) for one in policy.budget.windows]
    own = [_window("self_restart", gateway, one, SELF_RESTART_ACCOUNTS, now_usec) for one in policy.budget.self_restart]
    told = plain + own
    return told if due_told else [replace(each, next_free_in_usec=0) for each in told]


def _window(
    account: str, gateway: GatewayState, window: Window, charges: tuple[Charge, ...], now_usec: Usec
) -> BudgetWindow:
    return BudgetWindow(
        account=account,
        label=duration_text(window.per_usec),
        per_usec=window.per_usec,
        used=len(used(gateway.ledger, window, charges, now_usec)),
        limit=window.starts,
        next_free_in_usec=next_free_usec(gateway.ledger, window, charges, now_usec),
    )


def _refused(gateway: GatewayState) -> RefusalStatus | None:
    last = gateway.refused
    if last is None:
        return None
    return RefusalStatus(
        count=gateway.refused_count,
        wall_usec=last.wall_usec,
        rule=last.rule.value,
        origin=last.origin.value,
        verb=last.verb.value,
        who=last.who,
    )


def _enforcement(gateway: GatewayState) -> str:
    if gateway.enforcing is None:
        return "unknown"
    return "enforcing" if gateway.enforcing else f"advisory ({gateway.advisory_because})"


def _strip(gateway: GatewayState, now_usec: Usec) -> list[StripMark]:
    """List starts and exits, oldest first. Exits are those of the chain: asked ones are no news."""
    marks = [(entry.at_usec, "start") for entry in gateway.ledger] + [(link.at_usec, "exit") for link in gateway.chain]
    return [
        StripMark(at_usec_ago=now_usec - at_usec, what=what)
        for at_usec, what in sorted(marks)
        if 0 <= now_usec - at_usec <= STRIP_USEC
    ]
