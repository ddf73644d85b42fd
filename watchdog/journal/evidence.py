"""What is left of an incident's evidence, compared with what the journal says was kept.

Invariant: reads only, within bounds, and follows no link: a folder is believed to be the evidence only when every step
to it is a plain folder below `incidents/`. A difference is reported, never repaired. Deliberately not here: the records
(verification.py) and keeping evidence (the daemon's).
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from watchdog.core.decisions import CollectEvidence, DropEvidence
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import IncidentId, Seq
from watchdog.core.values import dataclass
from watchdog.journal.reader import Record
from watchdog.journal.seal import seal

EVIDENCE_FOLDER: Final = "incidents"
"""Below the state folder."""
FILES_MAX: Final = 256
FILE_BYTES_MAX: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """One file, as it is now. `digest` is the SHA-256 of its content, in hex."""

    name: str
    size_bytes: int
    digest: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One folder of evidence. `record` says that it was kept; None: none does. `problems` is empty when it fits.

    `dropped` is the record by which it had to give way to newer evidence: then nothing of it is looked at any more.
    """

    record: Seq | None
    folder: str
    dropped: Seq | None = None
    promised_digest: str = ""
    promised_bytes: int = 0
    digest: str = ""
    files: tuple[KeptFile, ...] = ()
    problems: tuple[str, ...] = ()


class _Unfit(Exception):  # noqa: N818 - what does not fit, not a defect
    """The folder cannot be what was kept; the text says why."""


def check_evidence(state: Path, incident: IncidentId, records: Iterable[Record]) -> tuple[Evidence, ...]:
    """Compare each folder that the records of an incident name with their digest, and find those that none names.

    Raises PermissionError when the state folder must not be read.
    """
    known = tuple(records)
    kept = [
        (record.stamped.stamp.seq, record.stamped.event)
        for record in known
        if isinstance(record.stamped.event, EvidenceCollected) and record.stamped.event.incident == incident
    ]
    dropped = {
        each.folder: record.stamped.stamp.seq
        for record in known
        for each in record.decisions
        if isinstance(each, DropEvidence) and each.incident == incident
    }
    checked = [_check(state, incident, seq, event, dropped.get(event.folder)) for seq, event in kept]
    named = {Path(event.folder).name for _, event in kept}
    orders = (each for record in known for each in record.decisions if isinstance(each, CollectEvidence))
    ordered = {str(order.action) for order in orders if order.incident == incident}
    strays = [name for name in _names(state / EVIDENCE_FOLDER / incident) if name not in named | ordered]
    return (*checked, *(_stray(f"{EVIDENCE_FOLDER}/{incident}/{name}") for name in strays))


def owed(incident: IncidentId, records: Iterable[Record]) -> tuple[str, ...]:
    """Return the actions that asked for evidence of which no record says that it was kept."""
    actions: dict[str, None] = {}
    for record in records:
        event = record.stamped.event
        if isinstance(event, EvidenceCollected):
            actions.pop(Path(event.folder).name, None)
        orders = (each for each in record.decisions if isinstance(each, CollectEvidence))
        actions |= {str(order.action): None for order in orders if order.incident == incident}
    return tuple(actions)


def _check(state: Path, incident: IncidentId, seq: Seq, event: EvidenceCollected, dropped: Seq | None) -> Evidence:
    found = Evidence(
        record=seq,
        folder=event.folder,
        dropped=dropped,
        promised_digest=event.digest,
        promised_bytes=event.size_bytes,
    )
    if dropped is not None:
        return found
    parts = PurePosixPath(event.folder).parts
    if len(parts) != 3 or parts[:2] != (EVIDENCE_FOLDER, incident) or ".." in parts:
        return replace(found, problems=(f"its folder is not one below {EVIDENCE_FOLDER}/{incident}",))
    try:
        files = _read(state, parts)
    except _Unfit as unfit:
        return replace(found, problems=(str(unfit),))
    digest, size = seal((file.name, file.content) for file in files)
    problems = (
        [] if digest == event.digest else [f"its files have the digest {digest}, and {event.digest} was recorded"]
    )
    if size != event.size_bytes:
        problems.append(f"its files have {size} bytes, and {event.size_bytes} were recorded")
    return replace(found, digest=digest, files=files, problems=tuple(problems))


def _stray(folder: str) -> Evidence:
    return Evidence(record=None, folder=folder, problems=("no record of this journal says that this was kept",))


def _read(state: Path, parts: tuple[str, ...]) -> tuple[KeptFile, ...]:
    folder = state
    for part in parts:
        folder /= part
        _require(folder, stat.S_ISDIR, "a folder")
    names = _names(folder)
    if len(names) > FILES_MAX:
        raise _Unfit(f"it has {len(names)} files; at most {FILES_MAX} are read")
    return tuple(_read_file(folder / name) for name in names)


def _read_file(path: Path) -> KeptFile:
    status = _require(path, stat.S_ISREG, "a plain file")
    if status.st_size > FILE_BYTES_MAX:
        raise _Unfit(f"{path.name} has {status.st_size} bytes; at most {FILE_BYTES_MAX} are read")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            content = opened.read(FILE_BYTES_MAX)
    except PermissionError:
        raise
    except OSError as error:
        raise _Unfit(f"{path.name} cannot be read: {error.strerror}") from None
    return KeptFile(
        name=path.name, size_bytes=len(content), digest=hashlib.sha256(content).hexdigest(), content=content
    )


def _require(path: Path, is_kind: Callable[[int], bool], kind: str) -> os.stat_result:
    try:
        status = path.lstat()
    except FileNotFoundError:
        raise _Unfit(f"{path.name} is gone") from None
    except NotADirectoryError:
        raise _Unfit(f"{path.name} is in no folder") from None
    if not is_kind(status.st_mode):
        raise _Unfit(f"{path.name} is not {kind}")
    return status


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return []
