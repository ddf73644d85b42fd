"""One owner of restarts: what follows when there seems to be a second.

Theory of operation. Two managers of one gateway take it in turns to undo each other's work; the recorded spirals that
lasted longest were of this kind. A rival shows in two ways. As a standing fact, a look finds it: `Restart=` switched on
again, another unit with the same program, a stranger on the gateway's port. And as a deed: the service manager takes on
a job for the unit that nobody here asked for. One such deed may be an operator's; the second within the reach of a
chain is a second manager. Both lead to one incident that names what was found. What a foreign start costs is charged
when its life begins, and whether to hold is decided where every ending is (core/restart.py).

Break-glass is the one foreign deed that is a human's by construction: only root can have left its record.

Invariant: nothing here fights: no rival is stopped, no setting is put back.
"""

from watchdog.core import escalation, incident
from watchdog.core.decisions import NothingDone, Severity
from watchdog.core.events import BreakGlassUsed, ForeignJobSeen, OwnershipObserved, SystemdObserved
from watchdog.core.identity import NOBODY, GatewayName, request_id
from watchdog.core.incident import Finding, Matter
from watchdog.core.machines import move_phase
from watchdog.core.phase import PhaseMove
from watchdog.core.rules import RuleId
from watchdog.core.state import Phase
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

FOREIGN_JOBS_KEPT = 8
FOREIGN_JOBS_TELL = 2
"""The first foreign job may be an operator's; this many within the reach of a chain are a second manager's."""


def on_foreign_job(turn: Turn, event: ForeignJobSeen) -> None:
    """The service manager took on a job for the gateway that gatedog did not ask for."""
    gateway = turn.gateway(event.gateway)
    reach = turn.policy_of(event.gateway).spiral.gap_max_usec
    recent = tuple(at for at in gateway.foreign_jobs if turn.now_usec - at <= reach)
    jobs = (*recent, turn.now_usec)[-FOREIGN_JOBS_KEPT:]
    turn.put(replace(gateway, foreign_jobs=jobs))
    because = f"{event.job.value} job {event.job_id} is not gatedog's{_tail(event.detail)}"
    command = "gatedog events"
    if len(jobs) < FOREIGN_JOBS_TELL:
        title = f"somebody else gave systemd a {event.job.value} job for it"
        escalation.notice(turn, event.gateway, RuleId.FOREIGN_JOB, title=title, because=because, next_command=command)
        return
    counted = f"{len(jobs)} jobs that are not gatedog's; the last: {because}"
    _tell(turn, event.gateway, RuleId.FOREIGN_JOBS, f"A SECOND MANAGER gives it {event.job.value} jobs", counted)


def on_ownership_observed(turn: Turn, event: OwnershipObserved) -> None:
    """A look found other owners, or none."""
    gateway = turn.gateway(event.gateway)
    if gateway.rivals == event.rivals:
        return
    fresh = tuple(rival for rival in event.rivals if rival not in gateway.rivals)
    turn.put(replace(gateway, rivals=event.rivals))
    if not event.rivals:
        because = "nobody else owns it any more"
        incident.resolve_matter(turn, event.gateway, Matter.OWNER, rule=RuleId.RIVAL_FOUND, because=because)
    elif not fresh:
        because = "fewer than before: " + "; ".join(rival.text() for rival in event.rivals)
        turn.decide(NothingDone(gateway=event.gateway, rule=RuleId.RIVAL_FOUND, because=because))
    else:
        because = "; ".join(rival.text() for rival in fresh)
        _tell(turn, event.gateway, RuleId.RIVAL_FOUND, f"NOT GATEDOG'S ALONE - {fresh[0].text()}", because)


def on_break_glass_used(turn: Turn, event: BreakGlassUsed) -> None:
    """A human went past gatedog, as root and on record: their word stands, and it is told."""
    gateway = turn.gateway(event.gateway)
    if event.wall_usec <= gateway.break_glass_wall_usec:
        because = "this use of break-glass is on record already"
        turn.decide(NothingDone(gateway=event.gateway, rule=RuleId.BREAK_GLASS, because=because))
        return
    turn.put(replace(gateway, break_glass_wall_usec=event.wall_usec))
    if event.verb == "stop":
        _stay_down(turn, event.gateway)
    elif event.verb == "start":
        turn.put(replace(turn.gateway(event.gateway), wanted_up=True))
    incident.report(
        turn,
        Finding(
            gateway=event.gateway,
            matter=Matter.BREAK_GLASS,
            severity=Severity.WARNING,
            rule=RuleId.BREAK_GLASS,
            title=f"break-glass was used: {event.verb}",
            because=f"by {event.who}",
            did="left it as that person wanted it; budgets and holds are as before",
            next_command=f"gatedog status {event.gateway}",
            tell_anyway=True,
        ),
    )


def _stay_down(turn: Turn, name: GatewayName) -> None:
    gateway = replace(turn.gateway(name), wanted_up=False, restart_request=None)
    if gateway.life is not None:
        gateway = replace(gateway, life=replace(gateway.life, stop_request=request_id(turn.stamp.seq)))
    turn.put(gateway)
    if gateway.phase in (Phase.BACKOFF, Phase.SLOW):
        turn.put(move_phase(turn, gateway, PhaseMove.ORDER_STOP))
        timer = TimerId(kind=TimerKind.START_DUE, subject=name)
        turn.cancel_timer(timer, gateway=name, rule=RuleId.BREAK_GLASS, because="a human stopped it")


def on_systemd_observed(turn: Turn, event: SystemdObserved) -> None:
    """Whether systemd can be spoken to. Without it deaths are still seen, but nothing can be started or stopped."""
    unreachable = "" if event.reachable else event.detail or "no answer"
    if unreachable == turn.state.systemd_unreachable:
        return
    turn.state = replace(turn.state, systemd_unreachable=unreachable)
    if event.reachable:
        because = "systemd answers again"
        incident.resolve_matter(turn, NOBODY, Matter.SYSTEMD, rule=RuleId.SYSTEMD_UNREACHABLE, because=because)
        return
    incident.report(
        turn,
        Finding(
            gateway=NOBODY,
            matter=Matter.SYSTEMD,
            severity=Severity.CRITICAL,
            rule=RuleId.SYSTEMD_UNREACHABLE,
            title="gatedog cannot speak to systemd",
            because=unreachable,
            did="still sees deaths; can start and stop nothing until systemd answers",
            next_command="systemctl status dbus.socket dbus",
        ),
    )


def _tell(turn: Turn, name: GatewayName, rule: RuleId, title: str, because: str) -> None:
    incident.report(
        turn,
        Finding(
            gateway=name,
            matter=Matter.OWNER,
            severity=Severity.WARNING,
            rule=rule,
            title=title,
            because=because,
            did="left both alone; every start that is not gatedog's is charged to the restart budget",
            next_command=f"gatedog status {name}",
            tell_anyway=rule is RuleId.RIVAL_FOUND,
        ),
    )


def _tail(detail: str) -> str:
    return f" ({detail})" if detail else ""
