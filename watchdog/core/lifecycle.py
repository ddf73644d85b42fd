"""One gateway from start to end: what follows when the world shows something about its process.

Theory of operation. Facts arrive as edges (a life began, is ready, ended) and as full looks (level). A look repairs
what the edges missed: a process that should be there and is not has ended unseen, one that is there and should not
be was started by somebody else, another one in its place means the old was replaced. So a lost signal delays a
decision by one look, and never hides a death.

An ending is *asked* when it answers a granted request or when the host goes down, and in no other case: a signal
never makes an ending asked, whoever sent it. What follows an unasked one is decided in core/restart.py.

A life may also end without an exit: the gateway executed itself anew, started over inside of its process, or handed its
place on. That is an unasked ending like any other, but it is never answered by a start: what would be started runs.

Invariant: every life is entered in the ledger exactly once, when it is first seen.
"""

from watchdog.core import escalation, health, incident, restart
from watchdog.core.decisions import (
    Charge,
    EndingJudged,
    NothingDone,
    Severity,
    StartWithheld,
)
from watchdog.core.endings import EndingClass, ExitRecord, Sender, classify, ending_text
from watchdog.core.events import (
    ActionFailed,
    Failure,
    GatewayObserved,
    GatewayReady,
    MainProcessExited,
    MainProcessStarted,
)
from watchdog.core.identity import FOREIGN_LIFE, NOBODY, GatewayName, LifeId, ProcessRef
from watchdog.core.incident import Finding, Matter
from watchdog.core.machines import move_phase
from watchdog.core.orders import charge_life, order_start
from watchdog.core.phase import PhaseMove, is_modelled
from watchdog.core.rules import RuleId
from watchdog.core.selfrestart import MEANS_TEXT, SelfRestartSeen
from watchdog.core.state import GatewayState, Hold, Life, Phase
from watchdog.core.timeline import MINUTE
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

UNOWNED_USEC = MINUTE
"""Down this long with nothing under way is nobody's business, and so somebody's page."""

SHUTDOWN_MAX_USEC = 10 * MINUTE
"""A host that was going down and still runs after this has changed its mind: what it stopped is down for good."""


# -- looks ---------------------------------------------------------------------------------------------------------


def on_observed(turn: Turn, event: GatewayObserved) -> None:
    """Compare a full look with what is believed, and repair the belief."""
    gateway = turn.gateway(event.gateway)
    first_look = gateway.seen_boot != turn.stamp.boot
    if event.process is None:
        _on_nothing_there(turn, gateway, event.life, first_look=first_look)
    elif gateway.life is None:
        begin(turn, event.gateway, event.process, event.life or FOREIGN_LIFE)
    elif gateway.life.process != event.process:
        end(turn, event.gateway, _overtaken(turn, gateway.life), follow=False)
        begin(turn, event.gateway, event.process, event.life or FOREIGN_LIFE)
    gateway = turn.gateway(event.gateway)
    traceable = gateway.traceable if event.process is None else event.traceable
    if gateway.seen_boot != turn.stamp.boot or gateway.traceable != traceable:
        turn.put(replace(gateway, seen_boot=turn.stamp.boot, traceable=traceable))


def _on_nothing_there(turn: Turn, gateway: GatewayState, found: LifeId | None, *, first_look: bool) -> None:
    name = gateway.name
    if gateway.life is not None:
        end(turn, name, ExitRecord(host_lost=_is_of_earlier_boot(turn, gateway.life)), follow=not first_look)
    elif gateway.start_life is not None and gateway.start_life == found:
        # A crash of ours fell between the start and its record: the life was real, and it is charged.
        charge_life(turn, name, gateway.start_life, gateway.start_charge)
        restart.after_failed_start(turn, name, ExitRecord())
    gateway = turn.gateway(name)
    if gateway.phase is not Phase.STOPPED or not gateway.wanted_up:
        return
    if turn.state.host_going_down:
        _expect_owner(turn, name, SHUTDOWN_MAX_USEC, "the host goes down; if it does not, this is nobody's")
    elif gateway.start_life is not None and gateway.hold is not Hold.HELD and not first_look:
        # A crash of ours fell between the decision and the act: nothing carries that life, so it is decided again.
        order_start(turn, name, gateway.start_charge, RuleId.START_LOST, "the start that was ordered left no trace")
    elif gateway.hold is Hold.HELD:
        turn.put(move_phase(turn, gateway, PhaseMove.HOLD))
    elif first_look:
        first = not gateway.seen_boot
        rule = RuleId.START_FIRST if first else RuleId.START_AT_BOOT
        order_start(turn, name, Charge.BOOT, rule, "the first start" if first else "the host has booted")
    else:
        _expect_owner(turn, name, UNOWNED_USEC, "down, and no start is due")


def _expect_owner(turn: Turn, name: GatewayName, within_usec: int, because: str) -> None:
    timer = TimerId(kind=TimerKind.UNOWNED, subject=name)
    if turn.timer_due(timer) is None:
        turn.set_timer(timer, within_usec, gateway=name, rule=RuleId.DOWN_UNOWNED, because=because)


# -- beginnings ----------------------------------------------------------------------------------------------------


def on_started(turn: Turn, event: MainProcessStarted) -> None:
    """A life began, by our order or behind our back."""
    gateway = turn.gateway(event.gateway)
    if gateway.life is not None and gateway.life.process == event.process:
        _nothing(turn, event.gateway, "this life is known already")
        return
    if gateway.life is not None:
        end(turn, event.gateway, _overtaken(turn, gateway.life), follow=False)
    begin(turn, event.gateway, event.process, event.life)
    turn.put(replace(turn.gateway(event.gateway), traceable=event.traceable))


def begin(turn: Turn, name: GatewayName, process: ProcessRef, life: LifeId) -> None:
    """Enter a life: charge it, and wait for it to be ready and to stay."""
    gateway = turn.gateway(name)
    ours = life != FOREIGN_LIFE and life == gateway.start_life
    charge = gateway.start_charge if ours else Charge.FOREIGN
    _enter(turn, name, process, life, charge, RuleId.LIFE_BEGAN if ours else RuleId.LIFE_FOREIGN)
    if gateway.last_exit is not None and gateway.hold is not Hold.HELD:
        escalation.tell_change(turn, name, f"restarted ({charge.value})")
    if not ours and gateway.hold is Hold.HELD:
        restart.report_foreign_during_hold(turn, name)


def _enter(turn: Turn, name: GatewayName, process: ProcessRef, life: LifeId, charge: Charge, rule: RuleId) -> None:
    charge_life(turn, name, life, charge)
    gateway, policy = turn.gateway(name), turn.policy_of(name)
    begun = Life(life=life, process=process, began_usec=turn.now_usec, charge=charge)
    turn.put(replace(move_phase(turn, gateway, PhaseMove.LIFE_BEGAN), life=begun, start_action=None, start_life=None))
    eldest = turn.state.eldest_life
    if eldest is None or eldest.boot != process.boot or process.start_ticks < eldest.start_ticks:
        turn.state = replace(turn.state, eldest_life=process)
    for kind in (TimerKind.START_DUE, TimerKind.UNOWNED):
        turn.cancel_timer(TimerId(kind=kind, subject=name), gateway=name, rule=rule, because="it runs")
    deadline = TimerId(kind=TimerKind.START_DEADLINE, subject=name)
    turn.set_timer(deadline, policy.ready.timeout_usec, gateway=name, rule=rule, because="until it is ready")
    stable = TimerId(kind=TimerKind.STABLE, subject=name)
    turn.set_timer(stable, policy.backoff.stable_after_usec, gateway=name, rule=rule, because="until it is stable")
    health.on_life_began(turn, name, charge)


def on_ready(turn: Turn, event: GatewayReady) -> None:
    """The life serves."""
    gateway = turn.gateway(event.gateway)
    name, life = event.gateway, gateway.life
    waited_for = life is not None and life.process == event.process and life.ready_usec is None
    if life is None or not waited_for or gateway.phase is Phase.STOPPING:
        _nothing(turn, name, "not a life that was waited for")
        return
    if gateway.phase is Phase.STARTING:  # it is up already when a stop failed before it was ready
        gateway = move_phase(turn, gateway, PhaseMove.READY)
    turn.put(replace(gateway, life=replace(life, ready_usec=turn.now_usec)))
    deadline = TimerId(kind=TimerKind.START_DEADLINE, subject=name)
    turn.cancel_timer(deadline, gateway=name, rule=RuleId.LIFE_BEGAN, because="it is ready")
    health.on_ready(turn, name)
    for matter in (Matter.DOWN, Matter.START):
        incident.resolve_matter(turn, name, matter, rule=RuleId.INCIDENT_UP, because="it is up and ready again")


# -- endings -------------------------------------------------------------------------------------------------------


def _is_of_earlier_boot(turn: Turn, life: Life) -> bool:
    return life.process.boot != turn.stamp.boot


def _overtaken(turn: Turn, life: Life) -> ExitRecord:
    """Another process is there: in this boot it took the life's place, in a later one the host had gone down."""
    lost = _is_of_earlier_boot(turn, life)
    return ExitRecord(host_lost=lost, replaced=not lost)


def close_shut_down_lives(turn: Turn) -> None:
    """The host is back from a shutdown it had announced: what ran then has ended, and that was asked."""
    for gateway in turn.state.gateways:
        if gateway.life is not None and _is_of_earlier_boot(turn, gateway.life):
            end(turn, gateway.name, ExitRecord(host_lost=True), follow=False)


def on_shutdown_called_off(turn: Turn) -> None:
    """The host stays up after all: what its shutdown ended, and is wanted, is started again."""
    if not turn.state.host_going_down:
        _nothing(turn, NOBODY, "no shutdown was under way")
        return
    turn.state = replace(turn.state, host_going_down=False)
    for gateway in turn.state.gateways:
        if not turn.knows(gateway.name) or gateway.phase is not Phase.STOPPED or not gateway.wanted_up:
            continue
        if gateway.start_life is not None or gateway.seen_boot != turn.stamp.boot:
            continue  # a start may have been under way when gatedog last died: the look decides that
        if gateway.hold is Hold.HELD:
            turn.put(move_phase(turn, gateway, PhaseMove.HOLD))
            continue
        because = "the shutdown that ended it was called off"
        order_start(turn, gateway.name, Charge.AUTOMATIC, RuleId.SHUTDOWN_CALLED_OFF, because)


def on_exited(turn: Turn, event: MainProcessExited) -> None:
    """A life ended."""
    gateway = turn.gateway(event.gateway)
    if gateway.life is None or gateway.life.process != event.process:
        _nothing(turn, event.gateway, "this process is not the present life")
        return
    end(turn, event.gateway, event.exit, follow=True)


def on_self_restart(turn: Turn, event: SelfRestartSeen) -> None:
    """The gateway took its own place: one life ended, and the next runs already, as ready as the first was."""
    gateway = turn.gateway(event.gateway)
    name, life = event.gateway, gateway.life
    if life is None or life.process != event.process:
        _nothing(turn, name, "this process is not the present life")
    elif event.mark and event.mark == life.mark:
        _nothing(turn, name, "this restart is known already")
    elif gateway.phase is Phase.STOPPING or turn.state.host_going_down:
        _nothing(turn, name, "it is being stopped, and its end is waited for")
    elif life.ready_usec is None and event.successor is not None:
        turn.put(replace(gateway, life=replace(life, process=event.successor)))
        because = f"a start that is still under way goes on as pid {event.successor.pid}"
        turn.decide(NothingDone(gateway=name, rule=RuleId.RESTARTED_IN_PLACE, because=because))
    else:
        _follow_in_place(turn, name, life, event)


def _follow_in_place(turn: Turn, name: GatewayName, life: Life, event: SelfRestartSeen) -> None:
    detail = f"{MEANS_TEXT[event.means]}: {event.evidence}"
    end(turn, name, ExitRecord(by=Sender.SELF, replaced=True, detail=detail), follow=False)
    rule, number = RuleId.RESTARTED_IN_PLACE, LifeId(turn.stamp.seq)
    because = f"it runs on as life {number}, by its own doing"
    turn.decide(StartWithheld(gateway=name, rule=rule, because=because))
    process = event.successor or event.process
    _enter(turn, name, process, number, Charge.SELF_RESTART, rule)
    gateway = turn.gateway(name)
    assert gateway.life is not None, "it was entered just now"
    turn.put(replace(gateway, life=replace(gateway.life, started_as=life.on_record, mark=event.mark)))
    if life.ready_usec is not None:
        on_ready(turn, GatewayReady(gateway=name, process=process))


def end(turn: Turn, name: GatewayName, record: ExitRecord, *, follow: bool) -> None:
    """Close the present life. `follow` False: what comes next is decided by the caller's look."""
    gateway = turn.gateway(name)
    assert gateway.life is not None, "only a life can end"
    life = gateway.life
    ending = classify(record)
    by_host = turn.state.host_going_down
    asked = life.stop_request is not None or by_host
    turn.put(
        replace(
            move_phase(turn, gateway, PhaseMove.LIFE_ENDED),
            life=None,
            last_exit=record,
            last_exit_wall_usec=turn.stamp.wall_usec,
        )
    )
    rule = RuleId.ENDING_HOST_LOST if ending is EndingClass.HOST_LOST else RuleId.ENDING_UNASKED
    rule = RuleId.ENDING_ASKED if asked else rule
    health.on_life_ended(turn, name, asked=asked)
    because = ending_text(record)
    turn.decide(EndingJudged(gateway=name, rule=rule, because=because, life=life.life, ending=ending, asked=asked))
    incident.resolve_matter(turn, name, Matter.STOP, rule=rule, because="it has ended after all")
    for kind in (TimerKind.STABLE, TimerKind.STOP_DEADLINE, TimerKind.START_DEADLINE):
        turn.cancel_timer(TimerId(kind=kind, subject=name), gateway=name, rule=rule, because="the life is over")
    if by_host:
        because = "the host goes down; gatedog starts it again after the boot"
        turn.decide(StartWithheld(gateway=name, rule=RuleId.HOST_GOING_DOWN, because=because))
    elif asked:
        _follow_asked(turn, name, follow=follow)
    else:
        if not is_modelled(gateway.phase, ending):
            _report_anomaly(turn, name, life.on_record, record)
        restart.after_unasked(turn, name, life, record, follow=follow)


def _follow_asked(turn: Turn, name: GatewayName, *, follow: bool) -> None:
    gateway = turn.gateway(name)
    request = gateway.restart_request
    turn.put(replace(gateway, restart_request=None))
    if request is not None and not follow:
        because = f"{request} asked for a restart, and the look that found the ending decides what starts"
        turn.decide(StartWithheld(gateway=name, rule=RuleId.START_AFTER_STOP, because=because))
        return
    if request is not None:
        order_start(turn, name, gateway.start_charge, RuleId.START_AFTER_STOP, f"{request} asked for a restart")
        return
    because = "stopped on request; it stays down until a human starts it"
    turn.decide(StartWithheld(gateway=name, rule=RuleId.STOPPED_ON_REQUEST, because=because))


def _report_anomaly(turn: Turn, name: GatewayName, life: LifeId, record: ExitRecord) -> None:
    incident.report(
        turn,
        Finding(
            gateway=name,
            matter=Matter.ANOMALY,
            severity=Severity.WARNING,
            rule=RuleId.ANOMALY,
            title="ended in a way gatedog has no model for",
            because=ending_text(record),
            did="kept the evidence; no other action",
            next_command=f"gatedog explain {name}",
            life=life,
        ),
    )


def on_action_failed(turn: Turn, event: ActionFailed) -> None:
    """An order could not be carried out."""
    gateway = turn.gateway(event.gateway)
    name = event.gateway
    if event.action == gateway.start_action and event.failure is Failure.JOURNAL:
        restart.postpone(turn, name, event.detail)
    elif event.action == gateway.start_action and gateway.phase is Phase.STARTING:
        life = gateway.start_life or LifeId(turn.stamp.seq)
        charge_life(turn, name, life, gateway.start_charge)
        restart.after_failed_start(turn, name, ExitRecord(launch_failed=True, detail=event.detail))
    elif gateway.phase is Phase.STOPPING and gateway.life is not None and event.failure is not Failure.STALE:
        back = replace(gateway, life=replace(gateway.life, stop_request=None), restart_request=None)
        turn.put(move_phase(turn, back, PhaseMove.STOP_FAILED))
        deadline = TimerId(kind=TimerKind.STOP_DEADLINE, subject=name)
        turn.cancel_timer(deadline, gateway=name, rule=RuleId.STOP_FAILED, because="the stop was not carried out")
        command = f"gatedog status {name}"
        title, rule = "could not be stopped", RuleId.STOP_FAILED
        escalation.notice(turn, name, rule, title=title, because=event.detail, next_command=command)
    else:
        _nothing(turn, name, f"{event.failure.value}: {event.detail}")


def note_unknown(turn: Turn, name: GatewayName) -> None:
    """Record a report about a gateway that the policy does not name, and leave it alone."""
    _nothing(turn, name, "the policy in force names no such gateway")


def _nothing(turn: Turn, name: GatewayName, because: str) -> None:
    turn.decide(NothingDone(gateway=name, rule=RuleId.STALE_REPORT, because=because))
