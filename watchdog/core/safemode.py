"""Safe mode: what may be started while part of the memory is lost.

Theory of operation. When the journal was damaged, what stood behind the damage is not known: lives that were charged,
a hold that was placed, endings that made a chain. gatedog then goes on with the part that could be verified, tells a
human, and gives each gateway the benefit of the doubt once: one automatic start per boot, and a hold after it. What
a human or a trusted unit asks for is not counted.

Safe mode is no flag of its own. It lasts exactly as long as the incident about the lost memory is open: a human ends
it by closing that incident, or by releasing a gateway, which says that somebody has looked.

Invariant: while it lasts, an unasked ending after the one start leads to a hold and to nothing else.
"""

from watchdog.core import incident
from watchdog.core.decisions import Charge
from watchdog.core.identity import NOBODY, BootId
from watchdog.core.incident import Matter
from watchdog.core.rules import RuleId
from watchdog.core.state import GatewayState
from watchdog.core.turn import Turn
from watchdog.core.values import replace

SPENT = "safe mode: the one automatic start of this boot was made"

_AUTOMATIC = frozenset({Charge.AUTOMATIC, Charge.SELF_RESTART, Charge.BOOT, Charge.SLOW})


def is_on(turn: Turn) -> bool:
    """Say whether memory is lost and no human has dealt with that yet."""
    return incident.open_matter(turn, NOBODY, Matter.MEMORY) is not None


def count_start(turn: Turn, gateway: GatewayState, charge: Charge) -> GatewayState:
    """Return the gateway with a start that was just ordered counted, if safe mode counts it."""
    if charge not in _AUTOMATIC or not is_on(turn):
        return gateway
    return replace(gateway, safe_start_boot=turn.stamp.boot)


def give_start_back(gateway: GatewayState) -> GatewayState:
    """Return the gateway with its last ordered start uncounted: the order was never carried out."""
    return replace(gateway, safe_start_boot=BootId(""))


def start_is_spent(turn: Turn, gateway: GatewayState) -> bool:
    """Say whether safe mode allows the gateway no further automatic start in this boot."""
    return is_on(turn) and gateway.safe_start_boot == turn.stamp.boot


def end(turn: Turn, *, rule: RuleId, because: str) -> None:
    """A human has looked: the incident is over, and safe mode with it."""
    incident.resolve_matter(turn, NOBODY, Matter.MEMORY, rule=rule, because=because)
