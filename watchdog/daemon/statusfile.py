"""status.json: the Status reply as a file, for those who look when the daemon is dead.

Invariant: replaced atomically, readable by all, and never older than `STATUS_EVERY_S` while the loop runs; a reader
calls anything older than 30 s unknown.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATUS_EVERY_S = 20.0
_GATHER_S = 0.1
"""A burst of changes is written once: the file is a view, the journal is the truth."""


class StatusFile:
    """Writes the file soon after a change."""

    def __init__(self, path: Path, look: Callable[[], dict[str, Any]]) -> None:
        self._path = path
        self._look = look
        self._due: asyncio.TimerHandle | None = None

    def refresh(self) -> None:
        """The state changed: write soon."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(_GATHER_S, self.write)

    def write(self) -> None:
        """Write now. OSError ends the daemon no more than it ends the gateway: a full /run is not worth a death."""
        self._due = None
        try:
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(self._look()) + "\n", encoding="utf-8")
            fresh.chmod(0o644)
            fresh.replace(self._path)
        except OSError:
            # Readers see the age of the file and call it unknown, which is true.
            return

    def close(self) -> None:
        """Write a last time."""
        if self._due is not None:
            self._due.cancel()
        self.write()
