r"""Stories: open, extend, merge, reopen, resolve.

Theory of operation. A finding names what it is about (its `matter`); gateway and matter together are the
fingerprint. An open incident with that fingerprint takes the finding in; one resolved within a day is reopened, as an
update and not as a new alarm; otherwise a new one opens, evidence first, then the page. A rule that has not yet
spoken in the incident, or a louder severity, is a new fact: it is paged and ends an acknowledgement. The same rule
again is not news: it is counted, and told again at most once an hour.

              open ------> acknowledged        acknowledge / acknowledgement ends
               |  \           |
            resolve  \      resolve
               v      \       v
             resolved <-------+   --- reopen (same fingerprint within 24 h) ---> open

Invariant: an incident always names a rule, and is paged after its evidence was asked for. Who is told, and when
again, is not decided here but in core/escalation.py.
"""

from enum import Enum

from watchdog.core import escalation
from watchdog.core.decisions import (
    AcknowledgementEnded,
    CollectEvidence,
    IncidentAcknowledged,
    IncidentExtended,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    PageUpdate,
    Severity,
)
from watchdog.core.identity import GatewayName, IncidentId, LifeId, Seq, incident_id
from watchdog.core.rules import RuleId
from watchdog.core.state import Incident, IncidentPhase
from watchdog.core.tables import Machine, Moved
from watchdog.core.timeline import DAY, HOUR, MINUTE, Usec
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import dataclass, replace

RESOLVED_KEPT = 64
"""Resolved incidents remembered for reopening; older ones live on in the journal."""

FOLLOW_USEC = 10 * MINUTE
"""How long the end of an incident is kept up on channels that were told of it."""

_LOUDNESS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class Matter(Enum):
    """What an incident can be about; one open incident per gateway and matter."""

    RESTARTS = "restarts"
    REFUSED = "refused-requests"
    DOWN = "down"
    START = "start"
    STOP = "stop"
    ANOMALY = "anomaly"
    ENFORCEMENT = "enforcement"
    CLOCK = "clock"
    JOURNAL = "journal"
    MEMORY = "memory"
    OWNER = "owner"
    BREAK_GLASS = "break-glass"
    SYSTEMD = "systemd"
    DEGRADATION = "degradation"
    PAGES = "pages"
    APPROVAL = "approval"
    SOCKET = "socket"
    GATE = "gate"
    RUNBOOK = "runbook"
    RULES = "rules"


class IncidentMove(Enum):
    """What can happen to an incident."""

    ACKNOWLEDGE = "acknowledge"
    ACKNOWLEDGEMENT_ENDS = "acknowledgement-ends"
    RESOLVE = "resolve"
    REOPEN = "reopen"


INCIDENT = Machine(
    name="incident",
    table={
        IncidentPhase.OPEN: {
            IncidentMove.ACKNOWLEDGE: IncidentPhase.ACKNOWLEDGED,
            IncidentMove.RESOLVE: IncidentPhase.RESOLVED,
        },
        IncidentPhase.ACKNOWLEDGED: {
            IncidentMove.ACKNOWLEDGE: IncidentPhase.ACKNOWLEDGED,
            IncidentMove.ACKNOWLEDGEMENT_ENDS: IncidentPhase.OPEN,
            IncidentMove.RESOLVE: IncidentPhase.RESOLVED,
        },
        IncidentPhase.RESOLVED: {IncidentMove.REOPEN: IncidentPhase.OPEN},
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason to tell somebody. `title` must do on a lock screen; `because` is the evidence in a sentence."""

    gateway: GatewayName
    matter: Matter
    severity: Severity
    rule: RuleId
    title: str
    because: str
    did: str
    next_command: str
    life: LifeId = LifeId(0)
    """The life whose evidence to keep."""
    agent_says: str = ""
    tell_anyway: bool = False
    """Something was done that people must hear of, whether or not its rule has spoken before."""
    only: tuple[str, ...] = ()
    """Channels to tell instead of the tiers."""


def report(turn: Turn, finding: Finding) -> None:
    """Take a finding into the story it belongs to, and tell people when it is news."""
    known = _find(turn, finding)
    if known is None:
        _open(turn, finding)
    elif known.phase is IncidentPhase.RESOLVED:
        _reopen(turn, known, finding)
    else:
        _extend(turn, known, finding)


def resolve(turn: Turn, incident: Incident, *, rule: RuleId, because: str) -> None:
    """End a story, and say so to whoever was told of it."""
    resolved = replace(
        moved(turn, incident, IncidentMove.RESOLVE),
        resolved_usec=turn.now_usec,
        acknowledged_until_usec=None,
        acknowledged_by="",
        last_seq=turn.stamp.seq,
        over_wall_usec=turn.stamp.wall_usec,
    )
    put(turn, resolved)
    name = incident.gateway
    turn.decide(IncidentResolved(gateway=name, rule=rule, because=because, incident=incident.incident))
    for kind in (TimerKind.ESCALATE, TimerKind.ACKNOWLEDGEMENT_END, TimerKind.QUIET):
        timer = TimerId(kind=kind, subject=incident.incident)
        turn.cancel_timer(timer, gateway=name, rule=rule, because="the incident is over")
    escalation.tell_over(turn, resolved, because)
    if resolved.deliveries:
        end = TimerId(kind=TimerKind.FOLLOW_END, subject=incident.incident)
        turn.set_timer(end, FOLLOW_USEC, gateway=name, rule=rule, because="until channels have closed it")


def resolve_matter(turn: Turn, gateway: GatewayName, matter: Matter, *, rule: RuleId, because: str) -> None:
    """End the open story of one matter, if there is one."""
    for incident in turn.state.incidents:
        if incident.fingerprint == _fingerprint(gateway, matter) and incident.phase is not IncidentPhase.RESOLVED:
            resolve(turn, incident, rule=rule, because=because)


def acknowledge(turn: Turn, incident: Incident, *, who: str, for_usec: int, rule: RuleId = RuleId.ACKNOWLEDGED) -> None:
    """Let a person take the story; pages rest for `for_usec` or until a new fact."""
    until = Usec(turn.now_usec + min(for_usec, turn.escalation.acknowledge_max_usec))
    taken = replace(moved(turn, incident, IncidentMove.ACKNOWLEDGE), acknowledged_until_usec=until, acknowledged_by=who)
    put(turn, taken)
    name = incident.gateway
    turn.decide(
        IncidentAcknowledged(
            gateway=name, rule=rule, because=f"taken by {who}", incident=incident.incident, until_usec=until
        )
    )
    escalate = TimerId(kind=TimerKind.ESCALATE, subject=incident.incident)
    turn.cancel_timer(escalate, gateway=name, rule=rule, because="a person has it")
    end = TimerId(kind=TimerKind.ACKNOWLEDGEMENT_END, subject=incident.incident)
    turn.set_timer(end, until - turn.now_usec, gateway=name, rule=rule, because="acknowledgements end")


def end_acknowledgement(turn: Turn, incident: Incident, *, because: str) -> Incident:
    """Take an acknowledgement back; returns the open incident."""
    opened = replace(
        moved(turn, incident, IncidentMove.ACKNOWLEDGEMENT_ENDS),
        acknowledged_until_usec=None,
        acknowledged_by="",
        unanswered_wall_usec=turn.stamp.wall_usec,
    )
    put(turn, opened)
    turn.decide(
        AcknowledgementEnded(
            gateway=incident.gateway, rule=RuleId.ACK_ENDED, because=because, incident=incident.incident
        )
    )
    timer = TimerId(kind=TimerKind.ACKNOWLEDGEMENT_END, subject=incident.incident)
    turn.cancel_timer(timer, gateway=incident.gateway, rule=RuleId.ACK_ENDED, because=because)
    return opened


def find(turn: Turn, incident: IncidentId) -> Incident | None:
    """Return an incident the state still remembers."""
    return next((known for known in turn.state.incidents if known.incident == incident), None)


def open_matter(turn: Turn, gateway: GatewayName, matter: Matter) -> Incident | None:
    """Return the unresolved incident of a matter."""
    for incident in turn.state.incidents:
        if incident.fingerprint == _fingerprint(gateway, matter) and incident.phase is not IncidentPhase.RESOLVED:
            return incident
    return None


def put(turn: Turn, changed: Incident) -> None:
    """Replace an incident in the state, or add it."""
    others = tuple(incident for incident in turn.state.incidents if incident.incident != changed.incident)
    unresolved = tuple(incident for incident in others if incident.phase is not IncidentPhase.RESOLVED)
    resolved = tuple(incident for incident in others if incident.phase is IncidentPhase.RESOLVED)[-RESOLVED_KEPT:]
    both = (*resolved, *unresolved, changed)
    turn.state = replace(turn.state, incidents=tuple(sorted(both, key=lambda incident: incident.first_seq)))


def moved(turn: Turn, incident: Incident, move: IncidentMove) -> Incident:
    """Return the incident after a move of its machine."""
    after = INCIDENT.after(incident.phase, move)
    turn.moves.append(Moved(machine=INCIDENT.name, before=incident.phase, move=move, after=after))
    return replace(incident, phase=after, changed_usec=turn.now_usec)


def _fingerprint(gateway: GatewayName, matter: Matter) -> str:
    return f"{gateway}:{matter.value}"


def _find(turn: Turn, finding: Finding) -> Incident | None:
    mine = _fingerprint(finding.gateway, finding.matter)
    for incident in reversed(turn.state.incidents):
        if incident.fingerprint != mine:
            continue
        if incident.resolved_usec is None or turn.now_usec - incident.resolved_usec < DAY:
            return incident
    return None


def _open(turn: Turn, finding: Finding) -> None:
    number = turn.state.incident_count + 1
    turn.state = replace(turn.state, incident_count=number)
    opened = Incident(
        incident=incident_id(number),
        gateway=finding.gateway,
        fingerprint=_fingerprint(finding.gateway, finding.matter),
        phase=IncidentPhase.OPEN,
        severity=finding.severity,
        rule=finding.rule,
        rules_seen=(finding.rule,),
        title=finding.title,
        because=finding.because,
        opened_usec=turn.now_usec,
        opened_wall_usec=turn.stamp.wall_usec,
        changed_usec=turn.now_usec,
        first_seq=turn.stamp.seq,
        last_seq=turn.stamp.seq,
        next_command=finding.next_command,
        only=finding.only,
    )
    put(turn, opened)
    turn.decide(
        IncidentOpened(
            gateway=finding.gateway,
            rule=finding.rule,
            because=finding.because,
            incident=opened.incident,
            severity=finding.severity,
        )
    )
    _collect(turn, opened, finding)
    escalation.tell(turn, opened, finding.did, PageUpdate.OPENED, finding.rule, agent_says=finding.agent_says)


def _reopen(turn: Turn, known: Incident, finding: Finding) -> None:
    reopened = replace(
        _taken_in(turn, moved(turn, known, IncidentMove.REOPEN), finding),
        severity=finding.severity,
        resolved_usec=None,
        rules_seen=(finding.rule,),
        tier=0,
        told=(),
        deliveries=(),
        over_wall_usec=None,
        unanswered_wall_usec=turn.stamp.wall_usec,
    )
    put(turn, reopened)
    turn.decide(
        IncidentReopened(
            gateway=finding.gateway,
            rule=finding.rule,
            because=finding.because,
            incident=known.incident,
            severity=finding.severity,
        )
    )
    _collect(turn, reopened, finding)
    escalation.tell(turn, reopened, finding.did, PageUpdate.UPDATED, finding.rule, agent_says=finding.agent_says)


def _extend(turn: Turn, known: Incident, finding: Finding) -> None:
    louder = _LOUDNESS[finding.severity] > _LOUDNESS[known.severity]
    new_fact = louder or finding.tell_anyway or finding.rule not in known.rules_seen
    told_long_ago = known.paged_usec is None or turn.now_usec - known.paged_usec >= HOUR
    incident = known
    if new_fact and known.phase is IncidentPhase.ACKNOWLEDGED:
        incident = end_acknowledgement(turn, known, because=f"a new fact: {finding.because}")
    incident = _taken_in(turn, incident, finding)
    if new_fact:
        incident = replace(incident, unanswered_wall_usec=turn.stamp.wall_usec)
    put(turn, incident)
    turn.decide(
        IncidentExtended(
            gateway=finding.gateway,
            rule=finding.rule,
            because=finding.because,
            incident=incident.incident,
            severity=incident.severity,
        )
    )
    if new_fact:
        _collect(turn, incident, finding)
    if new_fact or (told_long_ago and incident.phase is IncidentPhase.OPEN):
        says = finding.agent_says
        escalation.tell(turn, incident, finding.did, PageUpdate.UPDATED, finding.rule, agent_says=says)


def _taken_in(turn: Turn, incident: Incident, finding: Finding) -> Incident:
    severity = max((incident.severity, finding.severity), key=lambda each: _LOUDNESS[each])
    seen = incident.rules_seen if finding.rule in incident.rules_seen else (*incident.rules_seen, finding.rule)
    return replace(
        incident,
        severity=severity,
        rule=finding.rule,
        rules_seen=seen,
        title=finding.title,
        because=finding.because,
        next_command=finding.next_command,
        changed_usec=turn.now_usec,
        last_seq=Seq(turn.stamp.seq),
        facts=incident.facts + 1,
    )


def _collect(turn: Turn, incident: Incident, finding: Finding) -> None:
    turn.decide(
        CollectEvidence(
            gateway=finding.gateway,
            rule=RuleId.EVIDENCE_FIRST,
            because="kept before anybody is told: the next life overwrites it",
            action=turn.next_action(),
            incident=incident.incident,
            life=finding.life,
        )
    )
