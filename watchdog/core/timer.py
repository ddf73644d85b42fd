"""The alarms the core may ask for.

Invariant: one alarm of each kind per subject, so setting one again moves it. Deliberately not here: the clock that
rings (sensors/alarm.py).
"""

from enum import Enum

from watchdog.core.values import dataclass


class TimerKind(Enum):
    """The alarms the core may ask for; one of each kind per subject."""

    START_DUE = "start-due"
    START_DEADLINE = "start-deadline"
    STOP_DEADLINE = "stop-deadline"
    STABLE = "stable"
    UNOWNED = "unowned"
    ESCALATE = "escalate"
    ACKNOWLEDGEMENT_END = "acknowledgement-end"
    QUIET = "quiet"
    QUIET_END = "quiet-end"
    STUCK = "stuck"
    FOLLOW_END = "follow-end"
    MORE_PAGES = "more-pages"
    QUIET_HOURS_END = "quiet-hours-end"
    TEST_DUE = "test-due"
    DRILL_DUE = "drill-due"
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerId:
    """`subject` is a gateway name, an incident id, a run id, a channel, or empty where there is only one such alarm."""

    kind: TimerKind
    subject: str
