"""The figures of the demo, and whether they show what they are meant to show.

Invariant: a figure that was not measured is None, never a guess.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict

from watchdog.core.values import dataclass

CYCLES_WITHOUT_MIN = 20
CYCLES_WITH_MAX = 5
SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What both nights came to. `cycles_with`: gateway deaths from the onset of the spiral to the hold."""

    cycles_without: int
    cycles_with: int
    held: bool
    paged: bool
    self_restart_refused: bool
    seconds_to_page: float | None
    """From the gateway's first death to the arrival of the critical page; None when none came."""

    def to_json(self) -> str:
        """Return the object that is the demo's last line."""
        return json.dumps(asdict(self))

    def shortcomings(self) -> tuple[str, ...]:
        """Say in a sentence each what the demo did not show."""
        return tuple(self._missing())

    def _missing(self) -> Iterator[str]:
        if self.cycles_without < CYCLES_WITHOUT_MIN:
            yield f"the spiral without gatedog made {self.cycles_without} cycles, fewer than {CYCLES_WITHOUT_MIN}"
        if not self.self_restart_refused:
            yield "the gateway's own request for a restart was not refused"
        if not self.held:
            yield "gatedog did not hold the gateway"
        if self.cycles_with > CYCLES_WITH_MAX:
            yield f"the gateway died {self.cycles_with} times with gatedog, more than {CYCLES_WITH_MAX}"
        if not self.paged:
            yield "no page arrived"
        elif self.seconds_to_page is None or self.seconds_to_page >= SECONDS_MAX:
            yield f"the page did not arrive within {SECONDS_MAX:.0f} s of the first death"
