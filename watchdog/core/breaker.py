"""What stands before each runbook for machines: a breaker that opens by itself and is closed by a person.

Theory of operation. A runbook that fails on one incident fails on the next one, and a runbook that runs again and again
is a part of what it was to mend. So the first failure, and one run more than its window allows, open the breaker: from
then on incidents are people's alone, and each page says so, until `gatedog runbook close NAME`.

    closed -- open --> open -- close --> closed

Invariant: nothing but a person's request makes the move CLOSE (core/runasks.py). An open breaker never stops a run that
is under way: it would leave it half done.
"""

from enum import Enum

from watchdog.core.decisions import Severity
from watchdog.core.identity import GatewayName
from watchdog.core.policy import Policy
from watchdog.core.rules import RuleId
from watchdog.core.runbookpolicy import MachineRunbook
from watchdog.core.rundecisions import BreakerMoved
from watchdog.core.runstate import Breaker, BreakerPhase, breaker_of
from watchdog.core.state import Incident, State
from watchdog.core.tables import Machine, Moved
from watchdog.core.timeline import Usec, duration_text
from watchdog.core.turn import Turn
from watchdog.core.values import replace

BREAKERS_KEPT = 64

OWN_RULES = frozenset(
    {
        RuleId.RUN_NEEDS_APPROVAL,
        RuleId.RUN_EXPIRED,
        RuleId.RUN_STOPPED,
        RuleId.RUN_FAILED,
        RuleId.RUN_LOST,
    }
)
"""What runs themselves tell: no runbook answers these."""


class BreakerMove(Enum):
    """What can happen to a breaker."""

    OPEN = "open"
    CLOSE = "close"


BREAKER = Machine(
    name="breaker",
    table={
        BreakerPhase.CLOSED: {BreakerMove.OPEN: BreakerPhase.OPEN},
        BreakerPhase.OPEN: {BreakerMove.CLOSE: BreakerPhase.CLOSED},
    },
)


def answering(policy: Policy | None, rule: RuleId) -> MachineRunbook | None:
    """Return the runbook that answers a rule; of several the first by name."""
    runbooks = () if policy is None else policy.runbooks
    return next((each for each in runbooks if rule.value in each.on), None)


def why_not(state: State, runbook: MachineRunbook) -> str:
    """Say why a runbook may not begin a run now; empty when it may."""
    breaker = breaker_of(state.runs, runbook.name)
    if breaker.phase is BreakerPhase.OPEN:
        return f"its breaker is open ({breaker.because}); only a person closes it"
    if _is_worn_out(breaker, runbook, state.clock.now_usec):
        return f"it ran {runbook.at_most} times in {duration_text(runbook.per_usec)}"
    return ""


def sentence(turn: Turn, incident: Incident) -> str:
    """Say on the page of an incident which runbook answers it; empty where the bundle has none at all."""
    policy = turn.state.policy
    if policy is None or not policy.runbooks or incident.severity is Severity.INFO or incident.rule in OWN_RULES:
        return ""
    runbook = answering(policy, incident.rule)
    if runbook is None:
        return "; no runbook for machines answers it"
    reason = why_not(turn.state, runbook)
    return (
        f"; runbook {runbook.name} does not answer it: {reason}" if reason else f"; runbook {runbook.name} answers it"
    )


def count_run(turn: Turn, runbook: MachineRunbook) -> None:
    """Count a run that begins."""
    breaker = breaker_of(turn.state.runs, runbook.name)
    begun = (*_recent(breaker, runbook, turn.now_usec), turn.now_usec)[-runbook.at_most :]
    _put(turn, replace(breaker, begun=begun))


def open_if_worn_out(turn: Turn, gateway: GatewayName, runbook: MachineRunbook) -> None:
    """Open the breaker of a runbook that would run once more than its window allows."""
    breaker = breaker_of(turn.state.runs, runbook.name)
    if breaker.phase is BreakerPhase.CLOSED and _is_worn_out(breaker, runbook, turn.now_usec):
        trip(turn, gateway, runbook.name, why_not(turn.state, runbook))


def trip(turn: Turn, gateway: GatewayName, runbook: str, because: str) -> None:
    """Open the breaker, if it is not open."""
    breaker = breaker_of(turn.state.runs, runbook)
    if BREAKER.allows(breaker.phase, BreakerMove.OPEN):
        _move(turn, gateway, replace(breaker, because=because), BreakerMove.OPEN, RuleId.BREAKER_OPENED)


def close(turn: Turn, gateway: GatewayName, runbook: str, because: str) -> bool:
    """Close the breaker and forget the runs it counted; False when it is not open."""
    breaker = breaker_of(turn.state.runs, runbook)
    if not BREAKER.allows(breaker.phase, BreakerMove.CLOSE):
        return False
    _move(turn, gateway, replace(breaker, begun=(), because=because), BreakerMove.CLOSE, RuleId.BREAKER_CLOSED)
    return True


def _move(turn: Turn, gateway: GatewayName, breaker: Breaker, move: BreakerMove, rule: RuleId) -> None:
    after = BREAKER.after(breaker.phase, move)
    turn.moves.append(Moved(machine=BREAKER.name, before=breaker.phase, move=move, after=after))
    _put(turn, replace(breaker, phase=after, since_wall_usec=turn.stamp.wall_usec))
    runbook, because = breaker.runbook, breaker.because
    turn.decide(BreakerMoved(gateway=gateway, rule=rule, because=because, runbook=runbook, phase=after))


def _is_worn_out(breaker: Breaker, runbook: MachineRunbook, now_usec: Usec) -> bool:
    return len(_recent(breaker, runbook, now_usec)) >= runbook.at_most


def _recent(breaker: Breaker, runbook: MachineRunbook, now_usec: Usec) -> tuple[Usec, ...]:
    return tuple(each for each in breaker.begun if now_usec - each < runbook.per_usec)


def _put(turn: Turn, changed: Breaker) -> None:
    others = [each for each in turn.state.runs.breakers if each.runbook != changed.runbook]
    # One that is closed says nothing that a new one would not, but for runs of long ago.
    spare = next((each for each in others if each.phase is BreakerPhase.CLOSED), None)
    if len(others) >= BREAKERS_KEPT and spare is not None:
        others.remove(spare)
    breakers = tuple(sorted((*others, changed), key=lambda each: each.runbook))
    turn.state = replace(turn.state, runs=replace(turn.state.runs, breakers=breakers))
