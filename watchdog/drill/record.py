"""What a drill expected to see, and when it came.

Invariant: a step that did not come ends the drill, and its record says which and what stood there instead.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from watchdog.core.values import dataclass
from watchdog.report.escape import visible

_LOOK_SECONDS = 0.05
SAID_MAX = 160


class NotSeen(Exception):  # noqa: N818 - said of a step
    """What was expected did not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that had to happen. `seconds` since the drill began; `said`: what was seen."""

    what: str
    passed: bool
    seconds: float
    said: str = ""


class Record:
    """The steps of one drill, in their order. `hear` gets each as it is known."""

    def __init__(self, hear: Callable[[Step], None] = lambda _: None) -> None:
        self.steps: list[Step] = []
        self._began = time.monotonic()
        self._hear = hear

    def note(self, what: str, said: str = "") -> None:
        """Write down something that was done, or that holds."""
        self._add(what, passed=True, said=said)

    def wait(self, what: str, look: Callable[[], Any], seconds: float) -> Any:
        """Wait until `look` finds something; return that. Raises NotSeen when it does not within `seconds`."""
        end = time.monotonic() + seconds
        while not (found := look()):
            if time.monotonic() > end:
                self._add(what, passed=False, said=f"not within {seconds:.0f} s")
                raise NotSeen(what)
            time.sleep(_LOOK_SECONDS)
        self._add(what, passed=True, said=found if isinstance(found, str) else "")
        return found

    def check(self, what: str, *, holds: bool, said: str = "") -> None:
        """Write down whether something holds. Raises NotSeen when it does not."""
        self._add(what, passed=holds, said=said)
        if not holds:
            raise NotSeen(what)

    def _add(self, what: str, *, passed: bool, said: str) -> None:
        seconds = round(time.monotonic() - self._began, 3)
        step = Step(what=what, passed=passed, seconds=seconds, said=visible(said)[:SAID_MAX])
        self.steps.append(step)
        self._hear(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReport:
    """How a drill went. `wall_usec`: when it began."""

    drill: str
    live: bool
    wall_usec: int
    steps: tuple[Step, ...]
    trouble: str = ""
    """Why it could not be played to its end, where that is not a step's doing."""

    @property
    def passed(self) -> bool:
        """Whether all came that was expected."""
        return not self.trouble and bool(self.steps) and all(step.passed for step in self.steps)

    @property
    def line(self) -> str:
        """It in one line."""
        if self.passed:
            return f"passed: {len(self.steps)} steps in {self.steps[-1].seconds:.1f} s"
        missing = next((step.what for step in self.steps if not step.passed), self.trouble)
        return f"FAILED: {missing}"

    def to_json(self) -> str:
        """Return it as one JSON object."""
        steps = [
            {"what": step.what, "passed": step.passed, "seconds": step.seconds, "said": step.said}
            for step in self.steps
        ]
        words = {"drill": self.drill, "live": self.live, "began_wall_usec": self.wall_usec, "passed": self.passed}
        return json.dumps({**words, "trouble": self.trouble, "steps": steps})
