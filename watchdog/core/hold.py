"""Whether an automatic start is allowed at all: three states, beside the phase.

Theory of operation. A hold is a standing order ("no automatic start until a human releases"), not something the
process does, so it is a machine of its own beside the phase: a gateway can be up and held (a human placed a hold on
a running gateway, or somebody started it behind gatedog's back). Release is not forgiveness: the windows and the
chain stay, and until the released life has been up for `stable_after` the next unasked ending holds again.

                place                     release                    pass
    free ----------------> held -----------------------> probation ---------> free
                            ^ ^--- place (stays held)        |
                            +-------------- place -----------+

Invariant: only a human's request makes the move RELEASE (core/requests.py is its only caller).
"""

from enum import Enum

from watchdog.core.state import Hold
from watchdog.core.tables import Machine


class HoldMove(Enum):
    """What can happen to a hold."""

    PLACE = "place"
    RELEASE = "release"
    PASS = "pass"  # noqa: S105 - a probation passed, not a password


HOLD = Machine(
    name="hold",
    table={
        Hold.FREE: {HoldMove.PLACE: Hold.HELD},
        Hold.HELD: {HoldMove.PLACE: Hold.HELD, HoldMove.RELEASE: Hold.PROBATION},
        Hold.PROBATION: {HoldMove.PLACE: Hold.HELD, HoldMove.PASS: Hold.FREE},
    },
)
