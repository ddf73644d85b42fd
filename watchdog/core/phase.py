"""What the gateway's process is doing: the phase table.

Theory of operation. The phase follows the world, never a wish: a start that was ordered is `starting` until a life
is seen and serves, an ending is an ending whoever caused it. What ought to be (wanted_up, the hold) is kept beside
it. `stopped`, `backoff`, `slow` and `held` are all "no process"; they differ in what comes next: nothing by itself,
a start when the backoff is due, one try per slow_retry, nothing until a human releases. A start by somebody else may
happen in any of the four and leads to `starting`; gatedog does not fight it.

Invariant: `starting` without a life has a start under way; `up` and `stopping` have a life; the other four have none.
"""

from collections.abc import Mapping
from enum import Enum

from watchdog.core.endings import EndingClass
from watchdog.core.state import Phase
from watchdog.core.tables import Machine


class PhaseMove(Enum):
    """What can happen to a phase."""

    ORDER_START = "order-start"
    LIFE_BEGAN = "life-began"
    READY = "ready"
    ORDER_STOP = "order-stop"
    LIFE_ENDED = "life-ended"
    START_FAILED = "start-failed"
    STOP_FAILED = "stop-failed"
    DELAY = "delay"
    SLOW_DOWN = "slow-down"
    HOLD = "hold"
    RELEASE = "release"


PHASE = Machine(
    name="phase",
    table={
        Phase.STOPPED: {
            PhaseMove.ORDER_START: Phase.STARTING,
            PhaseMove.LIFE_BEGAN: Phase.STARTING,
            PhaseMove.DELAY: Phase.BACKOFF,
            PhaseMove.SLOW_DOWN: Phase.SLOW,
            PhaseMove.HOLD: Phase.HELD,
        },
        Phase.STARTING: {
            PhaseMove.LIFE_BEGAN: Phase.STARTING,
            PhaseMove.READY: Phase.UP,
            PhaseMove.ORDER_STOP: Phase.STOPPING,
            PhaseMove.LIFE_ENDED: Phase.STOPPED,
            PhaseMove.START_FAILED: Phase.STOPPED,
        },
        Phase.UP: {
            PhaseMove.ORDER_STOP: Phase.STOPPING,
            PhaseMove.LIFE_ENDED: Phase.STOPPED,
        },
        Phase.STOPPING: {
            PhaseMove.LIFE_ENDED: Phase.STOPPED,
            PhaseMove.STOP_FAILED: Phase.UP,
        },
        Phase.BACKOFF: {
            PhaseMove.ORDER_START: Phase.STARTING,
            PhaseMove.LIFE_BEGAN: Phase.STARTING,
            PhaseMove.ORDER_STOP: Phase.STOPPED,
            PhaseMove.HOLD: Phase.HELD,
        },
        Phase.SLOW: {
            PhaseMove.ORDER_START: Phase.STARTING,
            PhaseMove.LIFE_BEGAN: Phase.STARTING,
            PhaseMove.ORDER_STOP: Phase.STOPPED,
            PhaseMove.HOLD: Phase.HELD,
        },
        Phase.HELD: {
            PhaseMove.LIFE_BEGAN: Phase.STARTING,
            PhaseMove.RELEASE: Phase.STOPPED,
        },
    },
)

_NO_MODEL: Mapping[Phase, frozenset[EndingClass]] = {
    Phase.STARTING: frozenset({EndingClass.UNHEARD_OF}),
    Phase.UP: frozenset({EndingClass.UNHEARD_OF, EndingClass.LAUNCH_FAILED}),
    Phase.STOPPING: frozenset({EndingClass.UNHEARD_OF, EndingClass.LAUNCH_FAILED}),
}
"""Endings that make no sense in a phase: a program that has served cannot be "not found"."""


def is_modelled(phase: Phase, ending: EndingClass) -> bool:
    """Say whether an ending of this class is foreseen in a phase with a life; what is not goes to a human."""
    return ending not in _NO_MODEL[phase]
