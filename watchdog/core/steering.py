"""What is done with a gateway's life when somebody who may asks for it: start, stop, hold, release.

Invariant: a held gateway is started by nothing but its release, and every answer says what comes next. Deliberately not
here: who may (core/requests.py), and what a granted start costs (core/budget.py).
"""

from typing import Literal, assert_never

from watchdog.core import budget, incident, restart, safemode
from watchdog.core.asks import Ask, fail, grant
from watchdog.core.decisions import BudgetReset, Charge, HoldReleased, OriginKind
from watchdog.core.hold import HoldMove
from watchdog.core.incident import Matter
from watchdog.core.machines import move_hold, move_phase
from watchdog.core.orders import order_start, order_stop
from watchdog.core.phase import PhaseMove
from watchdog.core.rules import RuleId
from watchdog.core.state import Hold, Phase
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace
from watchdog.core.verbs import Verb

LifeVerb = Literal[Verb.START, Verb.RESTART, Verb.STOP, Verb.HOLD, Verb.RELEASE, Verb.RESET_BUDGET, Verb.ASK_RESTART]


def on_granted(turn: Turn, ask: Ask, verb: LifeVerb) -> None:
    """Do what was asked by somebody who may."""
    name = ask.event.gateway
    match verb:
        case Verb.STOP:
            _stop(turn, ask)
        case Verb.HOLD:
            restart.place_hold(turn, name, RuleId.HOLD_BY_HUMAN, f"{ask.who}: {ask.event.reason}")
            restart.settle_held(turn, name)
            grant(turn, ask, "held: no automatic start until a human releases it", f'gatedog release {name} -m "why"')
        case Verb.RELEASE:
            _release(turn, ask)
        case Verb.RESET_BUDGET:
            turn.put(replace(turn.gateway(name), ledger=()))
            because = f"{ask.who}: {ask.event.reason}"
            turn.decide(BudgetReset(gateway=name, rule=RuleId.BUDGET_RESET, because=because))
            grant(turn, ask, "the restart ledger is empty; a hold is not lifted by this", "gatedog status")
        case Verb.ASK_RESTART:
            because = "you are a human: you need not ask"
            fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, f"gatedog restart {name}")
        case Verb.START | Verb.RESTART:
            _start_or_restart(turn, ask)
        case _ as unreachable:
            assert_never(unreachable)


def _start_or_restart(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway
    gateway = turn.gateway(name)
    restarting = ask.event.verb is Verb.RESTART
    if gateway.hold is Hold.HELD:
        because = f"{name} is held: {gateway.hold_because}"
        fail(turn, ask, RuleId.REQUEST_HELD, because, f'gatedog release {name} -m "why"')
        return
    charge = _charge_of(turn, ask)
    if charge is None:
        because = "the budget of trusted units is spent"
        fail(turn, ask, RuleId.TRUSTED_SPENT, because, f"a human can: gatedog restart {name}")
    elif gateway.phase is Phase.STOPPING or (gateway.phase is Phase.STARTING and gateway.life is None):
        fail(turn, ask, RuleId.REQUEST_ALREADY, f"{name} is {gateway.phase.value} already", "gatedog status")
    elif gateway.life is None:
        turn.put(replace(gateway, wanted_up=True, failures=0))
        order_start(turn, name, charge, RuleId.REQUEST_GRANTED, f"{ask.request} by {ask.who}")
        grant(turn, ask, f"{name} is being started", f"gatedog status {name}")
    elif restarting:
        turn.put(replace(gateway, wanted_up=True, restart_request=ask.request, start_charge=charge))
        order_stop(turn, name, ask.request, f"{ask.request} by {ask.who}: restart")
        grant(turn, ask, f"{name} is being restarted", f"gatedog status {name}")
    else:
        turn.put(replace(gateway, wanted_up=True))
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, f"{name} runs already", f"gatedog restart {name}")


def _charge_of(turn: Turn, ask: Ask) -> Charge | None:
    if ask.charge is not None:
        return ask.charge
    if ask.judgement.origin is not OriginKind.AUTOMATION and ask.permit is None:
        return Charge.HUMAN
    gateway = turn.gateway(ask.event.gateway)
    windows = turn.policy_of(ask.event.gateway).budget.trusted
    spent = budget.spent(gateway.ledger, windows, budget.TRUSTED_ACCOUNTS, turn.now_usec)
    return None if spent is not None else Charge.TRUSTED


def _stop(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway
    gateway = turn.gateway(name)
    if gateway.phase is Phase.STOPPING or (gateway.phase is Phase.STARTING and gateway.life is None):
        fail(turn, ask, RuleId.REQUEST_ALREADY, f"{name} is {gateway.phase.value} already", "gatedog status")
        return
    turn.put(replace(gateway, wanted_up=False, restart_request=None))
    gateway = turn.gateway(name)
    if gateway.life is not None:
        order_stop(turn, name, ask.request, f"{ask.request} by {ask.who}: stop")
    elif gateway.phase in (Phase.BACKOFF, Phase.SLOW):
        turn.put(move_phase(turn, gateway, PhaseMove.ORDER_STOP))
    for kind in (TimerKind.START_DUE, TimerKind.UNOWNED):
        timer = TimerId(kind=kind, subject=name)
        turn.cancel_timer(timer, gateway=name, rule=RuleId.STOPPED_ON_REQUEST, because="stopped on request")
    for matter in (Matter.DOWN, Matter.START):
        incident.resolve_matter(turn, name, matter, rule=RuleId.STOPPED_ON_REQUEST, because=f"{ask.who} stopped it")
    grant(turn, ask, f"{name} stops, and stays down until a human starts it", f"gatedog start {name}")


def _release(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway
    gateway = turn.gateway(name)
    if gateway.hold is not Hold.HELD:
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, f"{name} is not held", f"gatedog status {name}")
        return
    gateway = replace(move_hold(turn, gateway, HoldMove.RELEASE), hold_rule=None, hold_because="", failures=0)
    if gateway.phase is Phase.HELD:
        gateway = move_phase(turn, gateway, PhaseMove.RELEASE)
    turn.put(replace(gateway, wanted_up=True))
    because = f"{ask.who}: {ask.event.reason}"
    turn.decide(HoldReleased(gateway=name, rule=RuleId.HOLD_RELEASED, because=because))
    safemode.end(turn, rule=RuleId.HOLD_RELEASED, because=f"{ask.who} released {name}")
    if gateway.phase is Phase.STOPPED:
        order_start(turn, name, Charge.RELEASE, RuleId.HOLD_RELEASED, f"one start, released by {ask.who}")
    elif gateway.life is not None:
        stable = TimerId(kind=TimerKind.STABLE, subject=name)
        delay = turn.policy_of(name).backoff.stable_after_usec
        turn.set_timer(stable, delay, gateway=name, rule=RuleId.HOLD_RELEASED, because="until probation is passed")
    if gateway.phase is Phase.STOPPING:
        # It was on its way down when it was released: the one start follows its ending.
        turn.put(replace(turn.gateway(name), restart_request=ask.request, start_charge=Charge.RELEASE))
    grant(turn, ask, f"{name} is released: one start, then probation", f"gatedog status {name}")
