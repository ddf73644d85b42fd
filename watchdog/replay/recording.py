"""A recorded history of somebody's gateway: JSON Lines, a header and then one event a line.

Invariant: of the header only the name is read. What the recorder expected (`expect`) and knew afterwards (`meta`)
is an answer key, and a simulation that looked at it would prove nothing. Whatever a file holds, it is a `Recording`
whose times can be counted with, or a `RecordingError` that names the line.
"""

import json
from pathlib import Path
from typing import Any

from watchdog.core.values import dataclass

SECOND_USEC = 1_000_000
BYTES_MAX = 64 * 1024 * 1024
"""A year of a gateway in trouble is a few megabytes; a device or a core dump has no end."""
SECONDS_MAX = 400 * 86_400
"""Thirteen months. Alarms repeat while a recording goes on: one that ends in a million years is never played out."""
JUMP_SECONDS_MAX = 100 * 366 * 86_400
"""A clock without a battery comes up in 1970, one with a wrong digit a century ahead."""


class RecordingError(Exception):
    """A file is not a recording; the text names the file, the line, and what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One recorded event. `fields` is the rest of its line."""

    at_usec: int
    kind: str
    fields: dict[str, Any]

    def text(self, name: str) -> str:
        """Return a field as text, empty when it is missing or null."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A history by name, in time order."""

    name: str
    moments: tuple[Moment, ...]


def read_recording(path: Path) -> Recording:
    """Read a recording, or raise RecordingError."""
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        raise RecordingError(f"{path}: cannot be read: {why}") from error
    return parse_recording(raw, str(path))


def parse_recording(raw: bytes, file: str) -> Recording:
    """Read a recording's bytes, or raise RecordingError. `file` is only how messages call it."""
    if len(raw) > BYTES_MAX:
        raise RecordingError(f"{file}: is larger than {BYTES_MAX >> 20} MiB; give a recording, or a part of one")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordingError(f"{file}: is not UTF-8 text: {error}") from error
    # Not splitlines(): a log line inside a JSON text may hold a U+2028, which ends no line of a file.
    rows = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not rows:
        raise RecordingError(f"{file}: is empty; a recording begins with a header line")
    header = _object(file, *rows[0])
    name = header.get("trace")
    if not isinstance(name, str):
        raise RecordingError(f'{file}:{rows[0][0]}: the header has no "trace" name')
    moments = tuple(_moment(file, number, line) for number, line in rows[1:])
    return Recording(name=name, moments=tuple(sorted(moments, key=lambda moment: moment.at_usec)))


def _moment(file: str, number: int, line: str) -> Moment:
    row = _object(file, number, line)
    at, kind = row.pop("t", None), row.pop("ev", None)
    if not _is_number(at) or not isinstance(kind, str):
        raise RecordingError(f'{file}:{number}: an event needs "t" in seconds and "ev"')
    if not 0 <= at <= SECONDS_MAX:  # false for NaN, too
        raise RecordingError(f'{file}:{number}: "t" must lie between 0 and {SECONDS_MAX} seconds')
    delta = row.get("delta", 0)
    if kind == "clock-jump" and not (_is_number(delta) and abs(delta) <= JUMP_SECONDS_MAX):
        raise RecordingError(f'{file}:{number}: "delta" of a clock-jump must be seconds, {JUMP_SECONDS_MAX} at most')
    return Moment(at_usec=round(at * SECOND_USEC), kind=kind, fields=row)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _object(file: str, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise RecordingError(f"{file}:{number}: not JSON: {error}") from error
    except RecursionError:
        raise RecordingError(f"{file}:{number}: nested too deeply") from None
    if not isinstance(row, dict):
        raise RecordingError(f"{file}:{number}: not a JSON object")
    return row
