"""The only door: `step(state, event) -> state, decisions`.

Theory of operation. The core is several small machines and ledgers per gateway, coupled in one listed order: an event
first moves the clock, then the machine it concerns, and that one hands on by plain calls downward

    lifecycle / requests / host  ->  restart  ->  spiral, budget, hold  ->  incident  ->  escalation

so there is no fixed point to search for and no callback to get lost in. One look follows, once: an incident that these
decisions opened may begin a run of a machine's runbook (`runs.on_decided`), which may report again. Five laws:

1. The policy is an event. `step` takes no third argument; a backtest swaps `PolicyLoaded` and steps again.
2. Journal before act. The shell commits the event and all its decisions, then performs them, in order.
3. At least once, with a precondition. A start carries its seq into the world; recovery looks there first.
4. Level over edge. A full look repairs what a lost signal missed.
5. Silence is a decision too. Doing nothing about an ending leaves a verdict with a rule.

Invariant: `step` is a pure function; equal inputs give equal outputs, byte for byte, under any PYTHONHASHSEED.
"""

from typing import Literal, assert_never

from watchdog.core import (
    contact,
    deadlines,
    drills,
    escalation,
    health,
    host,
    incident,
    lifecycle,
    outbox,
    ownership,
    proposals,
    quiet,
    refusal,
    reminder,
    requests,
    restart,
    runs,
    stuck,
)
from watchdog.core.bundle import BundleObserved, DefaultsChanged
from watchdog.core.clock import advance
from watchdog.core.deliveries import PageAcknowledged, PageDelivered, PageFailed, PageStuck
from watchdog.core.events import (
    ActionFailed,
    ActionRequested,
    ActionSucceeded,
    BreakGlassUsed,
    ClockStepped,
    EnforcementObserved,
    ForeignJobSeen,
    GatewayObserved,
    GatewayReady,
    HostShutdownBegan,
    HostShutdownCancelled,
    JournalDamageFound,
    JournalFailed,
    JournalGapFound,
    JournalRenewed,
    LimitReached,
    MainProcessExited,
    MainProcessStarted,
    NetworkObserved,
    OwnershipObserved,
    PolicyLoaded,
    PolicyRejected,
    SocketLost,
    Stamped,
    SupervisorStarted,
    SupervisorStopping,
    SystemdObserved,
    TimerFired,
)
from watchdog.core.evidence import EvidenceCollected, EvidenceFailed, EvidenceTooOld
from watchdog.core.identity import GatewayName, IncidentId, RunId
from watchdog.core.observations import CodeObserved, LogClassSeen, MeasuresObserved, ProbeObserved
from watchdog.core.runstate import StepEnded
from watchdog.core.selfrestart import SelfRestartSeen
from watchdog.core.state import IncidentPhase, State
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Step, Turn
from watchdog.core.values import replace

HealthEvent = ProbeObserved | LogClassSeen | MeasuresObserved | CodeObserved
RulesEvent = PolicyLoaded | PolicyRejected | BundleObserved | DefaultsChanged
JournalEvent = JournalFailed | JournalGapFound | JournalDamageFound | JournalRenewed
PageEvent = PageDelivered | PageFailed | PageStuck | PageAcknowledged
GatewayEvent = (
    EnforcementObserved
    | GatewayObserved
    | MainProcessStarted
    | GatewayReady
    | MainProcessExited
    | SelfRestartSeen
    | ForeignJobSeen
    | OwnershipObserved
    | BreakGlassUsed
    | ActionFailed
    | HealthEvent
)

GatewayTimer = Literal[
    TimerKind.START_DUE,
    TimerKind.START_DEADLINE,
    TimerKind.STOP_DEADLINE,
    TimerKind.STABLE,
    TimerKind.UNOWNED,
    TimerKind.QUIET_END,
]


def step(state: State, stamped: Stamped) -> Step:
    """Return what an event leads to. Total over every Event; raises only on a bug in the core itself."""
    booted = state.clock.boot != stamped.stamp.boot
    turn = Turn(replace(state, clock=advance(state.clock, stamped.stamp)), stamped.stamp)
    if booted and state.host_going_down:
        lifecycle.close_shut_down_lives(turn)
        turn.state = replace(turn.state, host_going_down=False)
    _dispatch(turn, stamped)
    runs.on_decided(turn, state.incidents)
    return turn.done()


def changes_nothing(before: State, after: Step) -> bool:
    """Say whether an observation may be folded: no decision, and no memory of it but the clock's."""
    return not after.decisions and replace(after.state, clock=before.clock) == before


def _dispatch(turn: Turn, stamped: Stamped) -> None:
    match stamped.event:
        case (GatewayObserved() | MainProcessExited() | ProbeObserved() | MeasuresObserved()) as event:
            _dispatch_gateway(turn, event)  # first, because they are most of a year's events, and each case takes time
        case TimerFired() as event:
            _on_timer(turn, event.timer)
        case NetworkObserved() as event:
            host.on_network_observed(turn, event)
        case SupervisorStarted():
            host.on_supervisor_started(turn)
            runs.on_supervisor_started(turn)
        case (PolicyLoaded() | PolicyRejected() | BundleObserved() | DefaultsChanged()) as event:
            _dispatch_rules(turn, event)
        case HostShutdownBegan():
            turn.state = replace(turn.state, host_going_down=True)
        case HostShutdownCancelled():
            lifecycle.on_shutdown_called_off(turn)
        case SystemdObserved() as event:
            ownership.on_systemd_observed(turn, event)
        case ClockStepped() as event:
            host.on_clock_stepped(turn, event)
        case LimitReached() as event:
            host.on_limit_reached(turn, event)
        case (EvidenceFailed() | EvidenceTooOld()) as event:
            host.on_evidence(turn, event)
        case SocketLost() as event:
            host.on_socket_lost(turn, event)
        case (JournalFailed() | JournalGapFound() | JournalDamageFound() | JournalRenewed()) as event:
            _dispatch_journal(turn, event)
        case ActionRequested() as event:
            requests.on_requested(turn, event)
        case StepEnded() as event:
            runs.on_step_ended(turn, event)
        case (PageDelivered() | PageFailed() | PageStuck() | PageAcknowledged()) as event:
            _dispatch_page(turn, event)
        case SupervisorStopping() | ActionSucceeded() | EvidenceCollected():
            pass  # recorded for the reader; nothing follows from them
        case _ as event:
            _dispatch_gateway(turn, event)


def _dispatch_rules(turn: Turn, event: RulesEvent) -> None:
    match event:
        case PolicyLoaded():
            host.on_policy_loaded(turn, event)
        case PolicyRejected():
            host.on_policy_rejected(turn, event)
        case BundleObserved():
            proposals.on_bundle_observed(turn, event)
        case DefaultsChanged():
            proposals.on_defaults_changed(turn, event)
        case _ as unreachable:
            assert_never(unreachable)


def _dispatch_journal(turn: Turn, event: JournalEvent) -> None:
    match event:
        case JournalFailed():
            host.on_journal_failed(turn, event)
        case JournalGapFound():
            host.on_journal_gap(turn, event)
        case JournalDamageFound():
            host.on_journal_damaged(turn, event)
        case JournalRenewed():
            host.on_journal_renewed(turn, event)
        case _ as unreachable:
            assert_never(unreachable)


def _dispatch_gateway(turn: Turn, event: GatewayEvent) -> None:
    if not turn.knows(event.gateway):
        # A report of a gateway that the policy no longer names: left alone, and the record says what came.
        lifecycle.note_unknown(turn, event.gateway)
        return
    match event:
        case EnforcementObserved():
            host.on_enforcement_observed(turn, event)
        case GatewayObserved():
            lifecycle.on_observed(turn, event)
        case MainProcessStarted():
            lifecycle.on_started(turn, event)
        case GatewayReady():
            lifecycle.on_ready(turn, event)
        case MainProcessExited():
            lifecycle.on_exited(turn, event)
        case SelfRestartSeen():
            lifecycle.on_self_restart(turn, event)
        case ForeignJobSeen():
            ownership.on_foreign_job(turn, event)
        case OwnershipObserved():
            ownership.on_ownership_observed(turn, event)
        case BreakGlassUsed():
            ownership.on_break_glass_used(turn, event)
        case ActionFailed():
            lifecycle.on_action_failed(turn, event)
        case _ as seen:
            _dispatch_health(turn, seen)


def _dispatch_page(turn: Turn, event: PageEvent) -> None:
    match event:
        case PageDelivered():
            stuck.on_delivered(turn, event)
        case PageFailed():
            stuck.on_failed(turn, event)
        case PageStuck():
            stuck.on_stuck(turn, event)
        case PageAcknowledged():
            contact.on_acknowledged(turn, event)
        case _ as unreachable:
            assert_never(unreachable)


def _dispatch_health(turn: Turn, event: HealthEvent) -> None:
    match event:
        case ProbeObserved():
            health.on_probe(turn, event)
        case LogClassSeen():
            health.on_log_class(turn, event)
        case MeasuresObserved():
            health.on_measures(turn, event)
        case CodeObserved():
            health.on_code(turn, event)
        case _ as unreachable:
            assert_never(unreachable)


def _on_timer(turn: Turn, timer: TimerId) -> None:
    due = turn.timer_due(timer)
    if due is None or due > turn.now_usec:
        return  # cancelled meanwhile, or early by the alarm clock's reckoning: the shell re-arms what is still set
    turn.drop_timer(timer)
    match timer.kind:
        case TimerKind.ESCALATE | TimerKind.ACKNOWLEDGEMENT_END | TimerKind.QUIET | TimerKind.FOLLOW_END:
            _on_incident_timer(turn, timer)
        case TimerKind.STUCK:
            stuck.on_stuck_due(turn)
        case TimerKind.MORE_PAGES:
            outbox.on_more_pages_due(turn, timer.subject)
        case TimerKind.QUIET_HOURS_END:
            outbox.on_quiet_hours_end(turn)
        case TimerKind.DRILL_DUE:
            drills.on_due(turn)
        case TimerKind.TEST_DUE:
            reminder.on_due(turn)
        case TimerKind.RUN:
            runs.on_due(turn, RunId(timer.subject))
        case _ as kind:
            _on_gateway_timer(turn, kind, GatewayName(timer.subject))


def _on_gateway_timer(turn: Turn, kind: GatewayTimer, name: GatewayName) -> None:
    if not turn.knows(name):
        return
    match kind:
        case TimerKind.START_DUE:
            restart.on_start_due(turn, name)
        case TimerKind.START_DEADLINE:
            deadlines.on_start_deadline(turn, name)
        case TimerKind.STOP_DEADLINE:
            deadlines.on_stop_deadline(turn, name)
        case TimerKind.STABLE:
            deadlines.on_stable(turn, name)
        case TimerKind.UNOWNED:
            deadlines.on_unowned(turn, name)
        case TimerKind.QUIET_END:
            quiet.on_end_due(turn, name)
        case _ as unreachable:
            assert_never(unreachable)


def _on_incident_timer(turn: Turn, timer: TimerId) -> None:
    story = incident.find(turn, IncidentId(timer.subject))
    if story is None:
        return
    if timer.kind is TimerKind.FOLLOW_END:
        outbox.stop_following(turn, story)
    elif timer.kind is TimerKind.QUIET:
        refusal.on_quiet(turn, story)
    elif timer.kind is TimerKind.ESCALATE:
        escalation.on_escalation_due(turn, story)
    elif story.phase is IncidentPhase.ACKNOWLEDGED:
        opened = incident.end_acknowledgement(turn, story, because="its time is over")
        escalation.on_escalation_due(turn, opened)
