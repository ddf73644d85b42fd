"""The orders a gateway can be given, and the ledger entry each life gets.

Invariant: an order is one decision plus the alarm that watches it; nothing here waits for the answer.
"""

from watchdog.core import budget, safemode
from watchdog.core.decisions import Charge, StartCharged, StartGateway, StopGateway
from watchdog.core.identity import GatewayName, LifeId, RequestId
from watchdog.core.machines import move_phase
from watchdog.core.phase import PhaseMove
from watchdog.core.rules import RuleId
from watchdog.core.state import LedgerEntry
from watchdog.core.timeline import SECOND
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

START_DEADLINE_USEC = 60 * SECOND
"""A start that showed no life by then is a failed start."""


def order_start(turn: Turn, name: GatewayName, charge: Charge, rule: RuleId, because: str) -> None:
    """Start a life now. Its id is the seq of this very event: one start per gateway and event."""
    gateway = turn.gateway(name)
    action, life = turn.next_action(), LifeId(turn.stamp.seq)
    moved = move_phase(turn, gateway, PhaseMove.ORDER_START)
    ordered = replace(moved, start_action=action, start_charge=charge, start_life=life)
    turn.put(safemode.count_start(turn, ordered, charge))
    turn.decide(StartGateway(gateway=name, rule=rule, because=because, action=action, life=life, charge=charge))
    for kind in (TimerKind.START_DUE, TimerKind.UNOWNED):
        turn.cancel_timer(TimerId(kind=kind, subject=name), gateway=name, rule=rule, because="it is started now")
    timer = TimerId(kind=TimerKind.START_DEADLINE, subject=name)
    turn.set_timer(timer, START_DEADLINE_USEC, gateway=name, rule=rule, because="until a life is seen")


def order_stop(
    turn: Turn,
    name: GatewayName,
    request: RequestId | None,
    because: str,
    *,
    rule: RuleId = RuleId.REQUEST_GRANTED,
) -> None:
    """Ask the present life to end; its ending will answer `request`, or nobody's."""
    gateway = turn.gateway(name)
    assert gateway.life is not None, "only a life can be stopped"
    moved = move_phase(turn, gateway, PhaseMove.ORDER_STOP)
    turn.put(replace(moved, life=replace(gateway.life, stop_request=request)))
    process = gateway.life.process
    turn.decide(StopGateway(gateway=name, rule=rule, because=because, action=turn.next_action(), process=process))
    timer = TimerId(kind=TimerKind.STOP_DEADLINE, subject=name)
    timeout = turn.policy_of(name).stop.timeout_usec
    turn.set_timer(timer, timeout, gateway=name, rule=rule, because="then it is killed")


def charge_life(turn: Turn, name: GatewayName, life: LifeId, charge: Charge) -> None:
    """Enter a life in the restart ledger: lives are counted, not decisions."""
    gateway = turn.gateway(name)
    entry = LedgerEntry(at_usec=turn.now_usec, charge=charge, life=life)
    ledger = budget.enter(gateway.ledger, entry, turn.policy_of(name).budget)
    turn.put(replace(gateway, ledger=ledger))
    because = f"charged to {charge.value}"
    turn.decide(StartCharged(gateway=name, rule=RuleId.BUDGET_CHARGED, because=because, life=life, charge=charge))
