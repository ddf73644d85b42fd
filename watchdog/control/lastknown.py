"""status.json: what was last known when nobody answers, for its readers.

Invariant: believed only when it is a plain file of whoever's answers would be believed on the socket beside it; else
anybody could leave a healthy status behind. Whatever it says, its reader calls it stale. Light imports: `status` loads
this.
"""

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from watchdog.control.places import SOCKET_NAME, SYSTEM_SOCKET, trusted_uids

FILE_NAME = "status.json"
BYTES_MAX = 4 * 1024 * 1024
SYSTEM_FOLDER = SYSTEM_SOCKET.parent
_NEEDED = frozenset({"now_wall_usec", "started_wall_usec", "gateways", "incidents", "outbox", "pid", "version"})


def read_last_known(folders: Iterable[Path], uid: int) -> dict[str, Any] | None:
    """Return the first status that can be believed, None when there is none."""
    for folder in folders:
        found = _read(folder / FILE_NAME, trusted_uids(folder / SOCKET_NAME, uid))
        if found is not None:
            return found
    return None


def _read(path: Path, owners: frozenset[int]) -> dict[str, Any] | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid not in owners:
                return None
            found = json.loads(file.read(BYTES_MAX))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.keys() >= _NEEDED else None
