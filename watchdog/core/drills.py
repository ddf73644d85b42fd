"""How drills went, and the word that none was held for long.

Theory of operation. A drill is played outside (drill/), by a person, on a copy; what reaches this room is its report.
The newest of each drill is remembered. One alarm looks, 90 days after the first policy and then whenever the newest
drill that passed is that old: a notice says so, once in 90 days, until somebody holds one.

Invariant: it wakes nobody, and nothing is broken to find out.
"""

from watchdog.core import escalation
from watchdog.core.asks import Ask, fail, grant
from watchdog.core.decisions import NothingDone
from watchdog.core.drillstate import DRILLS_MAX, DrillOnRecord
from watchdog.core.enclosure import DrillReported
from watchdog.core.identity import NOBODY
from watchdog.core.rules import RuleId
from watchdog.core.timeline import DAY, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

DRILL_AGE_USEC = 90 * DAY
"""How long a drill that passed is believed."""

_TIMER = TimerId(kind=TimerKind.DRILL_DUE, subject="")


def on_granted(turn: Turn, ask: Ask) -> None:
    """Remember a report."""
    reported = ask.event.enclosed
    if not isinstance(reported, DrillReported):
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, "a drill is put on record by its report", "gatedog drill --list")
        return
    kept = DrillOnRecord(
        drill=reported.drill,
        live=reported.live,
        passed=reported.passed,
        report=reported.report,
        who=ask.who,
        wall_usec=turn.stamp.wall_usec,
    )
    others = tuple(each for each in turn.state.drills if (each.drill, each.live) != (kept.drill, kept.live))
    newest = sorted((*others, kept), key=lambda each: each.wall_usec)[-DRILLS_MAX:]
    drills = tuple(sorted(newest, key=lambda each: (each.drill, each.live)))
    turn.state = replace(turn.state, drills=drills)
    because = f"{reported.drill}: {reported.report}"
    turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.DRILL_REPORTED, because=because))
    grant(turn, ask, f"on record: {because}", "gatedog drill --list")


def arm(turn: Turn) -> None:
    """Look 90 days from now, unless a look is due already."""
    if turn.timer_due(_TIMER) is None:
        _look_after(turn, DRILL_AGE_USEC)


def on_due(turn: Turn) -> None:
    """Say that none was held, or wait until the newest that passed is old."""
    newest = max((each.wall_usec for each in turn.state.drills if each.passed), default=None)
    age_usec = DRILL_AGE_USEC if newest is None else max(turn.stamp.wall_usec - newest, 0)
    if age_usec < DRILL_AGE_USEC:
        _look_after(turn, DRILL_AGE_USEC - age_usec)
        return
    long = duration_text(DRILL_AGE_USEC)
    escalation.notice(
        turn,
        NOBODY,
        RuleId.DRILL_DUE,
        title=f"no drill has passed for {long}",
        because="a runbook that is never tried stops working unseen",
        next_command="gatedog drill kill-loop",
    )
    _look_after(turn, DRILL_AGE_USEC)


def _look_after(turn: Turn, delay_usec: int) -> None:
    because = f"a drill wants to be held every {duration_text(DRILL_AGE_USEC)}"
    turn.set_timer(_TIMER, delay_usec, gateway=NOBODY, rule=RuleId.DRILL_DUE, because=because)
