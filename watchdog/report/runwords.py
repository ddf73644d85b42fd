"""Runs of runbooks for machines, in words: what was decided about one, and how a step ended.

Invariant: one line each, and nothing from outside unescaped.
"""

from typing import assert_never

from watchdog.core.rundecisions import (
    BreakerMoved,
    EndStep,
    PerformStep,
    RunAction,
    RunBegan,
    RunEnded,
    RunVerdict,
    RunWaits,
)
from watchdog.core.runstate import StepEnded
from watchdog.core.runtelling import command_text, ended_text
from watchdog.report.escape import visible


def step_ended_text(event: StepEnded) -> str:
    """Say how a step ended, and the last line of what it printed."""
    said = f"; it printed: {visible(event.said, 120)}" if event.said else ""
    return f"{event.run}: step {event.number} {visible(ended_text(event), 200)}{said}"


def run_text(decision: RunAction | RunVerdict) -> str:
    """Say what was decided about a run."""
    match decision:
        case PerformStep():
            return f"{decision.run}: run step {decision.number}: {visible(command_text(decision.argv), 160)}"
        case EndStep():
            return f"{decision.run}: end the program that is under way"
        case RunBegan():
            about = f" for {decision.incident}" if decision.incident else ""
            return f"{decision.run} begins{about}: runbook {decision.runbook}"
        case RunWaits():
            return f"{decision.run} waits for a person to approve of step {decision.number}"
        case RunEnded():
            return f"{decision.run} is {decision.phase.value}"
        case BreakerMoved():
            return f"the breaker of runbook {decision.runbook} is {decision.phase.value}"
        case _ as unreachable:
            assert_never(unreachable)
