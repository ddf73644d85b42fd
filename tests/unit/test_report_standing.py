"""How a gateway stands, as the number that scripts rely on."""

from itertools import product
from typing import Any

import pytest

from watchdog.core.state import Hold, Phase
from watchdog.report.standing import exit_code

CODES = {
    Phase.STOPPED: (3, 3),
    Phase.STARTING: (151, 151),
    Phase.UP: (0, 151),
    Phase.STOPPING: (3, 3),
    Phase.BACKOFF: (3, 3),
    Phase.HELD: (3, 3),
    Phase.SLOW: (3, 3),
}
"""The frozen code of each phase, when ready and when not; a hold is 3 whatever else is true."""


def gateway(phase: Phase, hold: Hold = Hold.FREE, *, ready: bool = True) -> dict[str, Any]:
    """Build what the Status reply says of a gateway without probes."""
    return {"phase": phase.value, "hold": hold.value, "ready": ready}


@pytest.mark.parametrize(("phase", "hold", "ready"), tuple(product(Phase, Hold, (True, False))))
def test_each_state_has_its_frozen_exit_code(phase: Phase, hold: Hold, ready: bool) -> None:
    """Every state of the core stands in the table."""
    assert exit_code([gateway(phase, hold, ready=ready)]) == (
        3 if hold is Hold.HELD else CODES[phase][0 if ready else 1]
    )


def test_exit_code_of_nothing_is_unknown() -> None:
    """No gateway at all is not health."""
    assert exit_code([]) == 4


def test_exit_code_is_the_worst() -> None:
    """Among several gateways the worst one decides."""
    ready, starting = gateway(Phase.UP), gateway(Phase.STARTING, ready=False)

    assert exit_code([ready, starting]) == 151
    assert exit_code([ready, starting, gateway(Phase.HELD, Hold.HELD)]) == 3
