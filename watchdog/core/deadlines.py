"""What follows when something took too long, or long enough.

Invariant: an alarm finds the gateway in whatever state it is by now; one that no longer concerns it decides nothing.
"""

from watchdog.core import escalation, health, incident, restart
from watchdog.core.decisions import KillGateway, ProbationPassed, Severity
from watchdog.core.hold import HoldMove
from watchdog.core.identity import GatewayName
from watchdog.core.incident import Finding, Matter
from watchdog.core.machines import move_hold
from watchdog.core.rules import RuleId
from watchdog.core.state import GatewayState, Hold, Life, Phase
from watchdog.core.timeline import SECOND, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

KILL_DEADLINE_USEC = 10 * SECOND


def on_stop_deadline(turn: Turn, name: GatewayName) -> None:
    """The stop signal was not enough."""
    gateway = turn.gateway(name)
    if gateway.phase is not Phase.STOPPING or gateway.life is None:
        return
    because = f"still there {duration_text(turn.policy_of(name).stop.timeout_usec)} after the stop signal"
    rule, process = RuleId.STOP_TIMEOUT, gateway.life.process
    turn.decide(KillGateway(gateway=name, rule=rule, because=because, action=turn.next_action(), process=process))
    timer = TimerId(kind=TimerKind.STOP_DEADLINE, subject=name)
    turn.set_timer(timer, KILL_DEADLINE_USEC, gateway=name, rule=rule, because="until the kernel has ended it")
    told = incident.open_matter(turn, name, Matter.STOP)
    if told is None and _killed_before(gateway, turn):
        _report_unkillable(turn, name, because)


def _killed_before(gateway: GatewayState, turn: Turn) -> bool:
    waited = turn.now_usec - gateway.since_usec
    return waited > turn.policy_of(gateway.name).stop.timeout_usec + KILL_DEADLINE_USEC // 2


def _report_unkillable(turn: Turn, name: GatewayName, because: str) -> None:
    incident.report(
        turn,
        Finding(
            gateway=name,
            matter=Matter.STOP,
            severity=Severity.CRITICAL,
            rule=RuleId.STOP_FAILED,
            title="CANNOT BE STOPPED - SIGKILL did not end it",
            because=because,
            did="killed it, and keeps trying every 10s",
            next_command=f"gatedog status {name}",
        ),
    )


def on_start_deadline(turn: Turn, name: GatewayName) -> None:
    """No life after an order, or a life that is not ready in time."""
    gateway = turn.gateway(name)
    if gateway.phase is not Phase.STARTING:
        return
    if gateway.life is not None:
        _wait_on(turn, gateway, gateway.life)
        return
    restart.after_unanswered_start(turn, name)


def _wait_on(turn: Turn, gateway: GatewayState, life: Life) -> None:
    """Tell once that a life is not ready yet, and again, louder, when no start may take so long."""
    name, rules = gateway.name, turn.policy_of(gateway.name)
    lived = turn.now_usec - life.began_usec
    rest = rules.health.start_grace_max_usec - lived
    if rest <= 0:
        health.on_never_ready(turn, name, lived)
        return
    escalation.notice(
        turn,
        name,
        RuleId.NEVER_READY,
        title="started, but not ready yet",
        because=f"not ready {duration_text(lived)} after its start",
        next_command=f"gatedog status {name}",
    )
    timer = TimerId(kind=TimerKind.START_DEADLINE, subject=name)
    turn.set_timer(timer, rest, gateway=name, rule=RuleId.NEVER_READY, because="no start takes longer than this")


def on_stable(turn: Turn, name: GatewayName) -> None:
    """The life has been up for stable_after, or for as long as a chain may reach."""
    gateway = turn.gateway(name)
    if gateway.life is None:
        return
    policy = turn.policy_of(name)
    lived = turn.now_usec - gateway.life.began_usec
    if gateway.hold is Hold.PROBATION:
        gateway = move_hold(turn, gateway, HoldMove.PASS)
        because = f"up for {duration_text(lived)} after the release"
        turn.decide(ProbationPassed(gateway=name, rule=RuleId.PROBATION_PASSED, because=because))
    gateway = replace(gateway, failures=0)
    _rest(turn, gateway)
    reach = policy.spiral.gap_max_usec
    if lived < reach:
        turn.put(gateway)
        timer = TimerId(kind=TimerKind.STABLE, subject=name)
        because = "stable; the chain of endings is forgotten after this"
        turn.set_timer(timer, reach - lived, gateway=name, rule=RuleId.BACKOFF_RESET, because=because)
        return
    turn.put(replace(gateway, chain=()))
    because = f"up for {duration_text(lived)}"
    if incident.open_matter(turn, name, Matter.RESTARTS) is not None:
        incident.resolve_matter(turn, name, Matter.RESTARTS, rule=RuleId.INCIDENT_STABLE, because=because)
        health.tell_again(turn, name)


def _rest(turn: Turn, gateway: GatewayState) -> None:
    """Let the page of a spiral rest while the gateway is up by itself; the next ending speaks again."""
    story = incident.open_matter(turn, gateway.name, Matter.RESTARTS)
    if story is not None and gateway.hold is Hold.FREE:
        timer = TimerId(kind=TimerKind.ESCALATE, subject=story.incident)
        because = "it has been up long enough; the page rests until it ends again"
        turn.cancel_timer(timer, gateway=gateway.name, rule=RuleId.BACKOFF_RESET, because=because)


def on_unowned(turn: Turn, name: GatewayName) -> None:
    """Down for a minute with nothing under way: the world, or gatedog, is in a state without a model."""
    gateway = turn.gateway(name)
    if gateway.phase is not Phase.STOPPED or not gateway.wanted_up:
        return
    incident.report(
        turn,
        Finding(
            gateway=name,
            matter=Matter.DOWN,
            severity=Severity.CRITICAL,
            rule=RuleId.DOWN_UNOWNED,
            title="DOWN - and no start is due",
            because=f"down for {duration_text(turn.now_usec - gateway.since_usec)} with nothing under way",
            did="nothing: this state has no model, so it is yours",
            next_command=f"gatedog start {name}",
        ),
    )
