"""Play a drill on a copy, and file how it went.

Invariant: whatever happens in it, a drill ends in a report, and the copy is gone.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from watchdog.demo.sink import Sink
from watchdog.demo.stage import CannotPlay, Stage
from watchdog.drill.catalogue import Drill
from watchdog.drill.record import DrillReport, NotSeen, Record, Step
from watchdog.drill.site import Site


def play(drill: Drill, hear: Callable[[Step], None]) -> DrillReport:
    """Play it, and report. Raises nothing of its own: what goes wrong is a finding."""
    wall_usec = time.time_ns() // 1000
    record = Record(hear)
    trouble = ""
    try:
        with ExitStack() as held:
            stage = held.enter_context(Stage())
            drill.play(Site(stage, record, held.enter_context(Sink()), held.enter_context(Sink())))
    except NotSeen:
        pass  # it stands in the record
    except (CannotPlay, OSError, ValueError) as error:
        trouble = str(error)
    return DrillReport(drill=drill.name, live=False, wall_usec=wall_usec, steps=tuple(record.steps), trouble=trouble)


def file(report: DrillReport, folder: Path) -> Path:
    """Write a report into `folder`, under its time and name. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(report.wall_usec / 1_000_000))
    written = folder / f"{at}-{report.drill}.json"
    written.write_text(report.to_json() + "\n", encoding="utf-8")
    return written
