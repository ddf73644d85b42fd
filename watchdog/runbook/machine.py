"""Carrying out one step of a runbook: what must hold before it, the program, and what its output shows.

Theory of operation. A step runs with gatedog's own rights, so nothing is run that another account could have written
(law 11): the program, every folder above it, and each file that it is given and might read as a program, unless the
gate's rules know the command to only look. Under systemd gatedog is the account `gatedog`, which may do next to
nothing: what needs root cannot be a step there. `gatedog` itself, by that word alone, is the gatedog that runs the
step. Whatever it asks for, it is asked by no person: it has no terminal, and is refused what is for humans.

Invariants: one StepEnded for each order, and no exception; of the output the end is kept, and its last line is one
line. Deliberately not here: processes (`Run` is given, and blocks), threads (daemon/steps.py), and what follows from it
(core/runs.py).
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from watchdog.core.classify import Rulebook, judge_action
from watchdog.core.effect import Effect
from watchdog.core.enclosure import ActionOffered
from watchdog.core.events import TEXT_MAX
from watchdog.core.gaterules import SHIPPED
from watchdog.core.rundecisions import PerformStep
from watchdog.core.runstate import StepEnd, StepEnded
from watchdog.core.values import dataclass
from watchdog.origin.procfs import one_line
from watchdog.policyfile.patterns import search
from watchdog.policyfile.runbooksection import OWN_PROGRAM
from watchdog.program.running import signal_text

OUTPUT_BYTES_MAX = 64 * 1024
"""Of one step's output, the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended. `status` negative: the number of a signal; None: its time was up, or it was told to end."""

    status: int | None
    output: bytes


class NotRun(Exception):  # noqa: N818 - an answer, not a defect
    """A program was not started; the text is one line for a person and says why."""


Run = Callable[[tuple[str, ...], int], Ended]
"""Runs argv for at most so many microseconds. Raises NotRun."""
Check = Callable[[Path], None]
"""Refuses a file that others than root could have written. Raises NotRun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What became of an order: the answer, and what the program printed."""

    event: StepEnded
    output: bytes = b""


def perform(order: PerformStep, run: Run, *, own: tuple[str, ...], check: Check, uid: int) -> Performed:
    """Carry an order out, to its end. `own` is how this gatedog is run, `uid` the account that it has."""
    try:
        if order.precondition:
            before = run(_runnable(order.precondition, own, check), order.timeout_usec)
            if before.status is None:
                return Performed(event=_answer(order, StepEnd.TIMEOUT), output=before.output)
            if before.status != 0:
                return Performed(event=_answer(order, StepEnd.UNMET, said=before.output), output=before.output)
        ended = run(_runnable(order.argv, own, check), order.timeout_usec)
    except NotRun as error:
        return Performed(event=_answer(order, StepEnd.NOT_RUN, detail=f"{error}{_rights(uid)}"))
    return Performed(event=_judged(order, ended, uid), output=ended.output)


def _runnable(argv: tuple[str, ...], own: tuple[str, ...], check: Check) -> tuple[str, ...]:
    if argv[0] == OWN_PROGRAM:
        return (*own, *argv[1:])
    check(Path(argv[0]))
    if judge_action(ActionOffered(action="", argv=argv), Rulebook(shipped=SHIPPED)).effect is not Effect.OBSERVE:
        for path in (path for word in argv[1:] for path in _named_by(word)):
            # ["/usr/bin/python3", "/home/agent/mend.py"] would run a stranger's file as much as naming it first; so
            # would ["/usr/bin/make", "-C/home/agent"], hence folders.
            if os.path.exists(path):  # noqa: PTH110 - a word that can be no path is none; Path.exists would raise
                check(Path(path))
    return argv


def _named_by(word: str) -> tuple[str, ...]:
    """Return what a word of an argv may name as a path. Steps are run in /, so what is relative is below it."""
    value = word.partition("=")[2]
    attached = word[word.find("/") :] if word.startswith("-") and "/" in word else ""
    return tuple(os.path.join("/", path) for path in (word, value, attached) if path)  # noqa: PTH118 - likewise


def _judged(order: PerformStep, ended: Ended, uid: int) -> StepEnded:
    if ended.status is None:
        return _answer(order, StepEnd.TIMEOUT, said=ended.output)
    text = ended.output.decode("utf-8", "replace")
    detail = _rights(uid).removeprefix("; ") if ended.status else ""
    if ended.status < 0:
        detail = signal_text(-ended.status)
    return StepEnded(
        gateway=order.gateway,
        run=order.run,
        number=order.number,
        action=order.action,
        end=StepEnd.OVER,
        code=ended.status if ended.status >= 0 else None,
        succeeded=_holds(order.success, text),
        stops=_holds(order.stop_if, text),
        said=last_line(ended.output),
        detail=detail,
    )


def _answer(order: PerformStep, end: StepEnd, *, said: bytes = b"", detail: str = "") -> StepEnded:
    return StepEnded(
        gateway=order.gateway,
        run=order.run,
        number=order.number,
        action=order.action,
        end=end,
        said=last_line(said),
        detail=one_line(detail),
    )


def _holds(pattern: str, text: str) -> bool:
    return not pattern or search(re.compile(pattern), text) is not None


def last_line(output: bytes) -> str:
    """Return the last line of an output that says anything, fit to be shown."""
    lines = output.decode("utf-8", "replace").splitlines()
    return one_line(next((line.strip() for line in reversed(lines) if line.strip()), ""), TEXT_MAX)


def _rights(uid: int) -> str:
    """Say what a step that failed may have lacked."""
    return "" if uid == 0 else f"; gatedog runs as uid {uid}: a step that needs root cannot work here"
