"""What is remembered of drills.

Invariant: one entry a drill and kind of place (copy or live), the newest; sorted. Deliberately not here: playing them
(drill/), and what follows (core/drills.py).
"""

from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass

DRILLS_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillOnRecord:
    """How a drill went the last time. `report`: one line."""

    drill: str
    live: bool
    passed: bool
    report: str
    who: str
    wall_usec: Usec
