"""`gatedog doctor --bundle`: one archive for somebody who helps.

Invariant: everything in it went through the redactor, and the archive says what was taken out; it is written anew, for
its owner alone, and never over another file.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from watchdog.cli import asking
from watchdog.cli.exporting import write_new
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import Trouble
from watchdog.report.checkup import Check, Findings
from watchdog.report.redaction import Redactor

RECORDS = 500
FILE_BYTES_MAX = 1024 * 1024
_FOLDER = "gatedog-bundle"
_INLINE = re.compile(r"""(\benvironment\s*=\s*)\{(?:[^{}"']|"(?:\\.|[^"\\])*"|'[^']*')*\}""")


def rows_of(checks: Sequence[Check]) -> list[dict[str, str]]:
    """Return checks as objects."""
    return [
        {"id": each.id, "verdict": each.verdict.value, "evidence": each.evidence, "fix": each.fix} for each in checks
    ]


def write_bundle(
    archive: Path, surroundings: Surroundings, bundle: Path, found: Findings, checks: Sequence[Check]
) -> None:
    """Write the archive. Raises Trouble when it cannot be written, or is there already."""
    redactor = Redactor()
    entries = [(name, redactor.text(text)) for name, text in _texts(surroundings, bundle, found, checks)]
    taken_out = "".join(f"{count} x {kind}\n" for kind, count in redactor.log()) or "nothing of a known shape\n"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as pack:
        for name, text in (*entries, ("taken-out.txt", taken_out)):
            content = text.encode("utf-8", "replace")
            member = tarfile.TarInfo(f"{_FOLDER}/{name}")
            member.size, member.mode = len(content), 0o600
            pack.addfile(member, io.BytesIO(content))
    write_new(archive, packed.getvalue())


def _texts(
    surroundings: Surroundings, bundle: Path, found: Findings, checks: Sequence[Check]
) -> Iterator[tuple[str, str]]:
    yield "doctor.json", _json(rows_of(checks))
    yield "status.json", _json(found.status)
    yield "pager.json", _json(found.pager)
    for name, method, parameters in (
        ("incidents.json", "Incidents", {"all": True}),
        ("requests.json", "Requests", {}),
        ("probes.json", "Probes", {}),
    ):
        yield name, _answer(surroundings, method, parameters)
    yield "events.jsonl", _events(surroundings)
    for file in sorted(bundle.glob("*.toml")) if bundle.is_dir() else ():
        yield f"config/{file.name}", without_variables(_file(file))


def _answer(surroundings: Surroundings, method: str, parameters: dict[str, Any]) -> str:
    try:
        return _json(asking.call(surroundings, method, **parameters))
    except Trouble as trouble:
        return f"not known: {trouble.message}\n"


def _events(surroundings: Surroundings) -> str:
    try:
        records = [each["record"] for each in asking.stream(surroundings, "Events", after_seq=-RECORDS, limit=RECORDS)]
    except Trouble as trouble:
        return f"not known: {trouble.message}\n"
    return "".join(f"{json.dumps(record)}\n" for record in records if record is not None)


def _file(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX).decode("utf-8", "replace")
    except OSError as error:
        return f"not read: {error.strerror}\n"


def without_variables(text: str) -> str:
    """Leave out what a gateway's variables hold: which of them is a secret cannot be told from its value."""
    text = _INLINE.sub(r"\g<1>{}  # left out", text)
    lines, inside = [], False
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            inside = "environment" in line
            lines.append(line)
        else:
            lines.append("# left out\n" if inside and line.strip() else line)
    return "".join(lines)


def _json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"
