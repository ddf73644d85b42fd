"""What root wrote down before going past gatedog.

Invariant: a record counts only if root alone could have written it, file and folder; it is read as JSON and never
executed. Deliberately not here: the deed itself (it must work without this program), and what follows from it (core/).
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass
from watchdog.gateway.output import one_line
from watchdog.gateway.unitlook import DROP_IN

BREAK_GLASS_FOLDERS = (Path("/var/lib/gatedog-break-glass"), Path("/run/gatedog-break-glass"))
UNITS = Path("/etc/systemd/system")
_RECORD_BYTES_MAX = 16 * 1024
_RECORDS_MAX = 256
_VERBS = frozenset({"start", "stop", "unmanage"})
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassRecord:
    """One use. `who` is one line, as sudo and the audit identity named the person."""

    verb: str
    unit: str
    who: str
    wall_usec: Usec


def read_records(
    unit: str, folders: tuple[Path, ...] = BREAK_GLASS_FOLDERS, units: Path = UNITS
) -> tuple[BreakGlassRecord, ...]:
    """Return the uses for a unit, oldest first; of very many, the newest. A folder that is not there holds none.

    Only what came after gatedog's drop-in was laid: a unit that was given back, and is owned anew, is not to stay down
    because of a stop in an earlier life of its.
    """
    since = _owned_since_usec(unit, units)
    found = [record for folder in folders for record in _read_folder(folder) if record.unit == unit]
    return tuple(sorted((each for each in found if each.wall_usec >= since), key=lambda record: record.wall_usec))


def _owned_since_usec(unit: str, units: Path) -> int:
    try:
        return (units / f"{unit}.d" / DROP_IN).stat().st_mtime_ns // 1_000
    except OSError:
        return 0  # no drop-in that can be seen: then every record may count


def _read_folder(folder: Path) -> list[BreakGlassRecord]:
    try:
        status = folder.lstat()
        files = sorted(folder.glob("*.json"))[-_RECORDS_MAX:]
    except OSError:
        return []
    if not stat.S_ISDIR(status.st_mode) or not _is_of_root(status):
        return []
    return [record for record in map(_read, files) if record is not None]


def _read(file: Path) -> BreakGlassRecord | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not _is_of_root(status):
            return None
        return _decode(json.loads(os.read(descriptor, _RECORD_BYTES_MAX)))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    finally:
        os.close(descriptor)


def _is_of_root(status: os.stat_result) -> bool:
    return status.st_uid == 0 and not status.st_mode & _OTHERS_MAY_WRITE


def _decode(fields: dict[str, Any]) -> BreakGlassRecord | None:
    verb = str(fields["verb"])
    if fields["v"] != 1 or verb not in _VERBS:
        return None
    return BreakGlassRecord(
        verb=verb,
        unit=str(fields["unit"]),
        who=one_line(str(fields["who"])),
        wall_usec=Usec(int(fields["wall_usec"])),
    )
