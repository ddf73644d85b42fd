"""Moving the machines of one gateway, and remembering that they moved."""

from watchdog.core.hold import HOLD, HoldMove
from watchdog.core.phase import PHASE, PhaseMove
from watchdog.core.state import GatewayState
from watchdog.core.tables import Moved
from watchdog.core.turn import Turn
from watchdog.core.values import replace


def move_phase(turn: Turn, gateway: GatewayState, move: PhaseMove) -> GatewayState:
    """Return the gateway after a move of its phase; ImpossibleTransitionError if the table does not hold it."""
    after = PHASE.after(gateway.phase, move)
    turn.moves.append(Moved(machine=PHASE.name, before=gateway.phase, move=move, after=after))
    if after is gateway.phase:
        return gateway
    return replace(gateway, phase=after, since_usec=turn.now_usec, since_wall_usec=turn.stamp.wall_usec)


def move_hold(turn: Turn, gateway: GatewayState, move: HoldMove) -> GatewayState:
    """Return the gateway after a move of its hold; ImpossibleTransitionError if the table does not hold it."""
    after = HOLD.after(gateway.hold, move)
    turn.moves.append(Moved(machine=HOLD.name, before=gateway.hold, move=move, after=after))
    return replace(gateway, hold=after)
