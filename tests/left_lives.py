"""What a test's daemon leaves running: by law it never ends a gateway, so the test does."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from watchdog.gateway.process import read_stat


def end_lives(state: Path) -> None:
    """End the child gateways of which a daemon left records in its state folder."""
    for file in (state / "lives").glob("*/*.json"):
        if record := file.read_text():  # empty: a launcher that lost its daemon before it was told to begin
            _end(json.loads(record))


def _end(record: dict[str, Any]) -> None:
    """End a life by its record: its cgroup, and its main process if that is still the one."""
    kill = Path(record["cgroup_folder"]) / "cgroup.kill"
    if record["cgroup_folder"] and kill.exists():
        kill.write_text("1")
    stat = read_stat(record["pid"])
    if stat is not None and stat.start_ticks == record["start_ticks"]:
        with suppress(ProcessLookupError):  # its cgroup was killed just above, and its parent may bury it meanwhile
            os.kill(record["pid"], signal.SIGKILL)
