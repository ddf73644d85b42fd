"""What happens to gatedog itself and to its host: policy, shutdown, clock, network, limits, gaps.

Invariant: none of it starts or ends a gateway. The most that follows is an incident, a page, and a hold.
"""

from collections.abc import Mapping

from watchdog.core import drills, escalation, incident, proposals, reminder, restart, safemode
from watchdog.core.decisions import DropEvidence, NothingDone, PolicyAdopted, PolicyKept, Severity
from watchdog.core.events import (
    ClockStepped,
    EnforcementObserved,
    JournalDamageFound,
    JournalFailed,
    JournalGapFound,
    JournalRenewed,
    LimitReached,
    NetworkObserved,
    PolicyLoaded,
    PolicyRejected,
    SocketLost,
)
from watchdog.core.evidence import EvidenceFailed, EvidenceTooOld
from watchdog.core.identity import NOBODY, IncidentId
from watchdog.core.incident import Finding, Matter
from watchdog.core.machines import move_phase
from watchdog.core.phase import PhaseMove
from watchdog.core.rules import RuleId
from watchdog.core.state import GatewayState, Hold, IncidentPhase, Phase
from watchdog.core.timeline import HOUR, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

CLOCK_STEP_MAX_USEC = HOUR
"""A wall clock that moves further than this against the boot clock is outside every model."""

_WAITS_FOR: Mapping[Phase, TimerKind] = {
    Phase.STARTING: TimerKind.START_DEADLINE,
    Phase.BACKOFF: TimerKind.START_DUE,
    Phase.SLOW: TimerKind.START_DUE,
}
"""The alarm without which a phase would never end, as long as there is no life."""


def on_supervisor_started(turn: Turn) -> None:
    """Forget starts that were under way: whether they happened is for the first look to say (law 4)."""
    for gateway in turn.state.gateways:
        if gateway.phase is Phase.STARTING and gateway.life is None:
            turn.put(replace(move_phase(turn, gateway, PhaseMove.START_FAILED), start_action=None))
    because = "gatedog is up and looks before it acts"
    turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.LIFE_ADOPTED, because=because))


def on_policy_loaded(turn: Turn, event: PolicyLoaded) -> None:
    """Adopt a policy. It restarts nothing: a gateway it no longer names is left running and unwatched."""
    if not proposals.may_load(turn, event):
        return
    names = {gateway.name for gateway in turn.state.gateways}
    added = tuple(
        GatewayState(name=gateway.name, since_usec=turn.now_usec, since_wall_usec=turn.stamp.wall_usec)
        for gateway in event.policy.gateways
        if gateway.name not in names
    )
    gateways = tuple(sorted((*turn.state.gateways, *added), key=lambda gateway: gateway.name))
    turn.state = replace(turn.state, policy=event.policy, policy_digest=event.digest, gateways=gateways)
    because = f"{len(event.policy.gateways)} gateway(s)"
    turn.decide(PolicyAdopted(gateway=NOBODY, rule=RuleId.POLICY_ADOPTED, because=because, digest=event.digest))
    for gateway in turn.state.gateways:
        _wake_again(turn, gateway)
    reminder.arm(turn)
    drills.arm(turn)


def _wake_again(turn: Turn, gateway: GatewayState) -> None:
    """Set the alarm that a waiting gateway lost when it went off while no policy named the gateway."""
    kind = _WAITS_FOR.get(gateway.phase)
    if kind is None or gateway.life is not None or not turn.knows(gateway.name):
        return
    timer = TimerId(kind=kind, subject=gateway.name)
    if turn.timer_due(timer) is None:
        because = "the policy names it again"
        turn.set_timer(timer, 0, gateway=gateway.name, rule=RuleId.POLICY_ADOPTED, because=because)


def on_policy_rejected(turn: Turn, event: PolicyRejected) -> None:
    """Keep the last good policy, and say so."""
    because = "; ".join(event.problems) or "it could not be read"
    turn.decide(PolicyKept(gateway=NOBODY, rule=RuleId.POLICY_KEPT, because=because))
    escalation.notice(
        turn,
        NOBODY,
        RuleId.POLICY_KEPT,
        title="a policy was refused; the last good one stays",
        because=because,
        next_command="gatedog policy check",
    )


def on_clock_stepped(turn: Turn, event: ClockStepped) -> None:
    """Nothing here uses the wall clock, but a large step means something outside every model touched the host."""
    if abs(event.delta_usec) <= CLOCK_STEP_MAX_USEC:
        because = f"the wall clock moved by {duration_text(abs(event.delta_usec))}; budgets and timers do not use it"
        turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.CLOCK_STEP, because=because))
        return
    direction = "forward" if event.delta_usec > 0 else "back"
    incident.report(
        turn,
        Finding(
            gateway=NOBODY,
            matter=Matter.CLOCK,
            severity=Severity.WARNING,
            rule=RuleId.CLOCK_STEP,
            title=f"the host's clock jumped {direction} by {duration_text(abs(event.delta_usec))}",
            because="more than an hour against the boot clock",
            did="nothing: budgets and timers do not use the wall clock",
            next_command="timedatectl status",
        ),
    )


def on_network_observed(turn: Turn, event: NetworkObserved) -> None:
    """Remember whether the host can reach anything: a gateway that fails without network is not to blame."""
    has_network = event.has_route and event.has_dns
    if has_network != turn.state.has_network:
        turn.state = replace(turn.state, has_network=has_network)


def on_enforcement_observed(turn: Turn, event: EnforcementObserved) -> None:
    """Remember whether the origin rules bind; losing that is a page."""
    gateway = turn.gateway(event.gateway)
    known = (gateway.enforcing, gateway.advisory_because, gateway.uid)
    if known == (event.enforcing, event.reason, event.uid):
        return
    turn.put(replace(gateway, enforcing=event.enforcing, advisory_because=event.reason, uid=event.uid))
    if not gateway.enforcing or event.enforcing:
        if event.enforcing:
            because = "the origin rules bind again"
            matter = Matter.ENFORCEMENT
            incident.resolve_matter(turn, event.gateway, matter, rule=RuleId.ENFORCEMENT_LOST, because=because)
        return
    incident.report(
        turn,
        Finding(
            gateway=event.gateway,
            matter=Matter.ENFORCEMENT,
            severity=Severity.WARNING,
            rule=RuleId.ENFORCEMENT_LOST,
            title="the rules on who may restart it no longer bind",
            because=event.reason,
            did="still refuses the agent, but the agent could get round it",
            next_command=f"gatedog status {event.gateway}",
        ),
    )


def on_limit_reached(turn: Turn, event: LimitReached) -> None:
    """A bounded thing was full."""
    because = f"{event.limit} limit of {event.subject or 'gatedog'}: {event.dropped} dropped"
    title, rule = f"limit reached: {event.limit}", RuleId.LIMIT_REACHED
    escalation.notice(turn, NOBODY, rule, title=title, because=because, next_command="gatedog events")


def on_evidence(turn: Turn, event: EvidenceFailed | EvidenceTooOld) -> None:
    """The oldest evidence gives way to the next, that of an open incident stays; a disk that takes none is told."""
    match event:
        case EvidenceTooOld():
            for folder in event.folders:
                _drop_evidence(turn, folder)
        case EvidenceFailed():
            title, rule = "evidence cannot be kept as it should be", RuleId.EVIDENCE_FAILED
            escalation.notice(turn, NOBODY, rule, title=title, because=event.reason, next_command="gatedog doctor")


def _drop_evidence(turn: Turn, folder: str) -> None:
    name = IncidentId(folder.split("/")[1] if folder.count("/") == 2 else "")
    known = incident.find(turn, name)
    gateway = NOBODY if known is None else known.gateway
    if not name or (known is not None and known.phase is not IncidentPhase.RESOLVED):
        why = "its incident is not over" if name else "that is no folder of evidence"
        because = f"{folder} stays: {why}"
        turn.decide(NothingDone(gateway=gateway, rule=RuleId.EVIDENCE_BOUNDED, because=because))
        return
    because = "all evidence has the room that it may take, and this is the oldest of an incident that is over"
    turn.decide(
        DropEvidence(gateway=gateway, rule=RuleId.EVIDENCE_BOUNDED, because=because, incident=name, folder=folder)
    )


def on_socket_lost(turn: Turn, event: SocketLost) -> None:
    """People could not reach gatedog, or talked to somebody else: only root, or gatedog's account, can have done it."""
    again = "made another; who was connected was not disturbed" if event.made_again else "tries again every 10s"
    incident.report(
        turn,
        Finding(
            gateway=NOBODY,
            matter=Matter.SOCKET,
            severity=Severity.WARNING,
            rule=RuleId.SOCKET_LOST,
            title="gatedog's socket was taken away" + ("" if event.made_again else ", and cannot be made again"),
            because=f"{event.path} was removed or replaced" + (f": {event.reason}" if event.reason else ""),
            did=again,
            next_command="ls -la /run/gatedog",
        ),
    )


def on_journal_failed(turn: Turn, event: JournalFailed) -> None:
    """Nothing can be remembered: gatedog still watches and pages, and starts at most once per ten minutes (law 3)."""
    incident.report(
        turn,
        Finding(
            gateway=NOBODY,
            matter=Matter.JOURNAL,
            severity=Severity.CRITICAL,
            rule=RuleId.JOURNAL_UNWRITABLE,
            title="gatedog cannot write its journal",
            because=event.reason,
            did="watches and pages; starts at most once per 10m until it can",
            next_command="df -h",
        ),
    )


def on_journal_gap(turn: Turn, event: JournalGapFound) -> None:
    """Writing works again. Records that are missing cannot be explained later; when none is, the trouble is over."""
    if event.lost == 0:
        because = f"it can be written again, and nothing was lost: {event.reason}"
        turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.JOURNAL_GAP, because=because))
        incident.resolve_matter(turn, NOBODY, Matter.JOURNAL, rule=RuleId.JOURNAL_GAP, because=because)
        return
    incident.report(
        turn,
        Finding(
            gateway=NOBODY,
            matter=Matter.JOURNAL,
            severity=Severity.WARNING,
            rule=RuleId.JOURNAL_GAP,
            title="the journal has a gap",
            because=f"{event.lost} record(s) after {event.after_seq} could not be stored: {event.reason}",
            did="goes on; the gap is marked in the journal",
            next_command="gatedog journal verify",
        ),
    )


def on_journal_damaged(turn: Turn, event: JournalDamageFound) -> None:
    """Part of the memory is lost: tell a human, and start at most once per boot until one has dealt with it.

    A hold that can still be read behind the damage is placed again although it cannot be verified; nothing that
    stands there lifts one.
    """
    where = "the file" if event.record is None else f"record {event.record}"
    incident.report(
        turn,
        Finding(
            gateway=NOBODY,
            matter=Matter.MEMORY,
            severity=Severity.CRITICAL,
            rule=RuleId.JOURNAL_DAMAGED,
            title=f"the journal was damaged ({where}) - safe mode",
            because=f"{event.reason}; it is kept as {event.kept_as}",
            did="goes on from its sound part; at most one start per boot until a human closes this",
            next_command=f"gatedog journal verify {event.kept_as}",
            tell_anyway=True,
        ),
    )
    for gateway in turn.state.gateways:
        waits = gateway.phase in (Phase.BACKOFF, Phase.SLOW)
        if not turn.knows(gateway.name) or gateway.hold is Hold.HELD:
            continue
        if gateway.name in event.held:
            because = "it was held in the part of the journal that could not be verified"
        elif waits and safemode.start_is_spent(turn, gateway):
            because = safemode.SPENT
        else:
            continue
        restart.place_hold(turn, gateway.name, RuleId.SAFE_MODE, because)
        restart.settle_held(turn, gateway.name)


def on_journal_renewed(turn: Turn, event: JournalRenewed) -> None:
    """The same memory goes on under another journal id, so that no page of the new one passes for one of the old."""
    incident.report(
        turn,
        Finding(
            gateway=NOBODY,
            matter=Matter.JOURNAL,
            severity=Severity.WARNING,
            rule=RuleId.JOURNAL_RENEWED,
            title="the journal goes on under a new id",
            because=f"{event.reason}; the old one is kept as {event.kept_as}",
            did="carried budgets, holds and open incidents over",
            next_command=f"gatedog journal verify {event.kept_as}",
        ),
    )
