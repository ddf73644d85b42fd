"""The moves of a run, and where runs are remembered.

                 go-on                 wait                       approve
              +--------+   running ------------> waiting ------------------> running
              +-> running    |                     |
                   | finish  | stop  | fail  | lose | abort               | expire, abort | stop
                   v         v       v       v      v                     v               v
               finished   stopped  failed   lost  aborted              aborted         stopped

Invariant: a run that is over never moves again. Deliberately not here: which move follows from what (core/runs.py).
"""

from enum import Enum

from watchdog.core.identity import RunId
from watchdog.core.runstate import RUNS_KEPT, Run, RunPhase
from watchdog.core.tables import Machine, Moved
from watchdog.core.turn import Turn
from watchdog.core.values import replace


class RunMove(Enum):
    """What can happen to a run."""

    GO_ON = "go-on"
    WAIT = "wait"
    APPROVE = "approve"
    FINISH = "finish"
    STOP = "stop"
    FAIL = "fail"
    LOSE = "lose"
    ABORT = "abort"
    EXPIRE = "expire"


RUN = Machine(
    name="run",
    table={
        RunPhase.RUNNING: {
            RunMove.GO_ON: RunPhase.RUNNING,
            RunMove.WAIT: RunPhase.WAITING,
            RunMove.FINISH: RunPhase.FINISHED,
            RunMove.STOP: RunPhase.STOPPED,
            RunMove.FAIL: RunPhase.FAILED,
            RunMove.LOSE: RunPhase.LOST,
            RunMove.ABORT: RunPhase.ABORTED,
        },
        RunPhase.WAITING: {
            RunMove.APPROVE: RunPhase.RUNNING,
            RunMove.STOP: RunPhase.STOPPED,
            RunMove.ABORT: RunPhase.ABORTED,
            RunMove.EXPIRE: RunPhase.ABORTED,
        },
    },
)


def find(turn: Turn, name: RunId) -> Run | None:
    """Return a run that is remembered."""
    return next((each for each in turn.state.runs.runs if each.run == name), None)


def moved(turn: Turn, run: Run, move: RunMove) -> Run:
    """Return the run after a move of its machine."""
    after = RUN.after(run.phase, move)
    turn.moves.append(Moved(machine=RUN.name, before=run.phase, move=move, after=after))
    return replace(run, phase=after)


def put(turn: Turn, changed: Run) -> None:
    """Remember a run; of one that is over, not its steps."""
    memory = turn.state.runs
    kept = replace(changed, steps=()) if changed.is_over else changed
    known = any(each.run == kept.run for each in memory.runs)
    runs = tuple(kept if each.run == kept.run else each for each in memory.runs) if known else (*memory.runs, kept)
    over = [each for each in runs if each.is_over]
    dropped = over[: max(0, len(runs) - RUNS_KEPT)]
    turn.state = replace(turn.state, runs=replace(memory, runs=tuple(each for each in runs if each not in dropped)))
