"""The metrics as a file for node_exporter's textfile collector: no port to open, and no process that stays.

Invariant: a reader finds the old file or the new one, whole. The counters go on from what the file itself says, so that
each run counts what was written since the last, and a file that was removed begins anew. Deliberately not here: when
this is run; a timer does that.
"""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from watchdog.web.asking import Daemon, NoAnswer, Reading
from watchdog.web.metrics import render_metrics
from watchdog.web.tally import Tally, read_back

BYTES_MAX: Final = 4 * 1024 * 1024
MODE: Final = 0o644


def metrics_text(daemon: Daemon, reading: Reading, before: str = "") -> str:
    """Say everything, with the counters of the text `before` carried on; without one they begin at 0 now."""
    return render_metrics(reading, _counted(daemon, reading, before))


def read_before(path: Path) -> str:
    """Return the text that is there, "" when there is none that a program of ours wrote."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            return file.read(BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return ""


def replace_file(path: Path, text: str) -> None:
    """Put the text in place of the file, readable by all. Raises OSError.

    The file for the meantime does not end in .prom, so that the collector does not take it for one of its own.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(descriptor, MODE)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _counted(daemon: Daemon, reading: Reading, before: str) -> Tally | None:
    if reading.status is None:
        return None
    journal = reading.status["journal"]
    tally = read_back(before, journal)
    if reading.stale:
        return tally
    try:
        if tally is None:
            return Tally(journal, daemon.newest_seq())
        daemon.catch_up(tally)
    except NoAnswer:
        return tally  # it ended in between: what was counted stands
    return tally
