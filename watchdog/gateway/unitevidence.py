"""What systemd and its journal keep of a life: its last words at once, the rest for an incident's folder.

The journal is read by journalctl, which belongs to root (law 11), and under our own uid; what it prints was written by
the supervised side and is copied as bytes, or cut to one line. Of the unit's files only those are read that everybody
may read, by a path that everybody may walk: where a link of somebody else's leads to a secret, nothing is copied.

Invariant: every reading is bounded in time and size, none of it runs on the event loop, and no value of an environment
variable or of a credential is kept.
"""

import json
import os
import re
import signal
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from watchdog.core.endings import most_telling
from watchdog.gateway.evidence import write_life
from watchdog.gateway.lives import LifeRecord
from watchdog.gateway.output import LAST_LINES, one_line

_JOURNALCTL = "/usr/bin/journalctl"
_LINES = 500
_SECONDS = 5.0
LAST_WORDS_SECONDS = 0.3
"""How long the report of a failure waits for its reason. Kills and clean ends do not wait: text does not name those."""
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
_FIELDS = "--output-fields=MESSAGE,PRIORITY,_PID"
_UNIT_FILE_BYTES_MAX = 64 * 1024
_SECRETS = ("Environment", "SetCredential")
"""How the names of properties begin that may hold secrets."""
_KINDS = {
    b"environment": b"environment variable",
    b"setcredential": b"credential",
    b"setcredentialencrypted": b"credential",
}
_SETTING = re.compile(rb"(?i)(?P<head>\s*(?P<name>environment|setcredential(?:encrypted)?)\s*=)")


def read_last_words(invocation: str) -> str:
    """Return the most telling of the last lines that the gateway itself wrote in this run; empty when there is none."""
    if not invocation:
        return ""
    match = f"_SYSTEMD_INVOCATION_ID={invocation}"
    lines = _read_journal([f"--lines={LAST_LINES}", match], 64 * 1024, LAST_WORDS_SECONDS).splitlines()
    return most_telling(tuple(words for line in lines if (words := one_line(_message(line)))))


def write_unit_evidence(record: LifeRecord, properties: Mapping[str, Any], into: Path, limit_bytes: int) -> None:
    """Write `life.json`, `unit.json`, the unit's files and the end of the journal, together at most `limit_bytes`.

    Raises:
        OSError: it could not be written.
    """
    rest = write_life(record, into, limit_bytes)
    described = {name: value for name, value in sorted(properties.items()) if not name.startswith(_SECRETS)}
    rest = _keep(into / "unit.json", json.dumps(described, indent=1, default=str).encode(), rest)
    for path in (properties.get("FragmentPath", ""), *(properties.get("DropInPaths") or ())):
        rest = _keep(into / f"unit-{Path(path).name}", without_values(read_public_file(path)), rest) if path else rest
    if record.invocation:
        # The lines of the gateway, and systemd's own about it: without _PID=1 anybody could log such lines.
        about = (f"INVOCATION_ID={record.invocation}", "_PID=1")
        matches = [f"_SYSTEMD_INVOCATION_ID={record.invocation}", "+", *about]
        _keep(into / "journal.jsonl", _read_journal([f"--lines={_LINES}", *matches], rest, _SECONDS), rest)


def _read_journal(arguments: list[str], bytes_max: int, seconds: float) -> bytes:
    """Return what journalctl prints, the end of it when that is more; what there is when time runs out."""
    command = [_JOURNALCTL, "--quiet", "--no-pager", "--output=json", _FIELDS, *arguments]
    try:
        with subprocess.Popen(  # noqa: S603 - fixed words and a hexadecimal id
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_ENVIRONMENT
        ) as process:
            try:
                text, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                text, _ = process.communicate()
    except OSError:
        return b""  # no journal here: the rest of the evidence is still worth keeping
    return text[-bytes_max:] if bytes_max > 0 else b""


def _message(line: bytes) -> str:
    try:
        message = json.loads(line).get("MESSAGE", "")
    except (ValueError, AttributeError):
        return ""
    if isinstance(message, list):  # journalctl's way to spell what is no UTF-8
        return bytes(number for number in message if isinstance(number, int)).decode("utf-8", errors="replace")
    return message if isinstance(message, str) else ""


def read_public_file(path: str) -> bytes:
    """Return the begin of a plain file that everybody may read; else one line that says why it is not here."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return f"cannot be read: {error.strerror}\n".encode()
    try:
        real, status = Path(f"/proc/self/fd/{descriptor}").readlink(), os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b"not read: it is no plain file\n"
        if not status.st_mode & stat.S_IROTH or not _everybody_reaches(real):
            return f"not read: not everybody may read {real}\n".encode()
        return os.read(descriptor, _UNIT_FILE_BYTES_MAX)
    finally:
        os.close(descriptor)


def without_values(text: bytes) -> bytes:
    """Take the values of Environment= and SetCredential= out of a unit's file: of no other word is it known what it is.

    A line that ends in a backslash goes on; comments between its parts do not end it.
    """
    told, inside = [], b""
    for line in text.splitlines(keepends=True):
        found = _SETTING.match(line)
        kind = inside or (b"" if found is None else _KINDS[found["name"].lower()])
        is_comment = line.lstrip().startswith((b"#", b";"))
        if not kind or (inside and is_comment):
            told.append(line)
        elif not inside and found is not None:
            told.append(found["head"] + b"[redacted: " + kind + b"]\n")
        if not is_comment:
            inside = kind if line.rstrip(b"\r\n").endswith(b"\\") else b""
    return b"".join(told)


def _everybody_reaches(real: Path) -> bool:
    try:
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in real.parents)
    except OSError:
        return False


def _keep(file: Path, content: bytes, rest: int) -> int:
    if rest <= 0:
        return 0
    file.write_bytes(content[:rest])
    return rest - len(content[:rest])
