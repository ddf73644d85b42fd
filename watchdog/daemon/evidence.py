"""Keep what is left of a life, before the next one writes over it.

Theory of operation. A folder for each order, `incidents/INC-n/ACTION`: what the backend has of the life (exit record,
sender, end of the log, the unit and its files), what its own commands said last, and what gatedog knows of the moment
(scene.py). `about.json` says of each file where it comes from and whose words it is, when all of it was taken and by
which clocks, what is not there and why, and what was left out as a secret.

Invariants: a folder is written once, under a name made of the incident and the action that asked for it, and its digest
goes into the journal: what is there later is what was there then, or it shows. Everything is bounded: a file, a folder,
an incident, all of it. What an incident that is full would add is not kept, on record; of all of it the oldest goes,
when the core has decided so (law 3).
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from watchdog.core.decisions import CollectEvidence
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import ActionId, GatewayName, IncidentId, LifeId
from watchdog.core.rules import RuleId
from watchdog.core.values import dataclass
from watchdog.daemon.scene import Scene
from watchdog.gateway.backend import Backend
from watchdog.gateway.observe import Glimpse, keep_glimpses
from watchdog.journal.evidence import EVIDENCE_FOLDER
from watchdog.journal.reader import Record
from watchdog.journal.seal import seal
from watchdog.sensors.clocks import Reading, read_clocks, wall_error_usec

EVIDENCE_BYTES_MAX: Final = 1024 * 1024
GLIMPSE_BYTES_MAX: Final = 256 * 1024

OWED_RECORDS: Final = 256
"""How far back a new daemon looks for evidence that the one before was asked for and did not live to keep."""

DROPPED_AT_ONCE: Final = 64
"""Folders that are named as too old at one time; the next evidence names more."""

_REASON, _ABOUT = "why.txt", "about.json"
_REDACTED: Final = re.compile(r"\[redacted: ([a-z ]{1,40})\]")
_SOURCES: Final = (
    ("why.txt", "gatedog", "the decision that asked for this"),
    ("life.json", "gatedog", "the record of the life: process, how it ended, who sent the signal"),
    ("output.log", "the gateway", "the end of what the life printed"),
    ("journal.jsonl", "the gateway", "the end of what the life logged, and systemd's own lines about it"),
    ("unit.json", "systemd", "the unit's properties"),
    ("unit-", "the host", "the unit's file and drop-ins, as everybody may read them"),
    ("observe-", "the gateway", "what a command printed that ran under the gateway's account"),
    ("gateway.json", "gatedog", "how the gateway stood: phase, budget, health"),
    ("requests.jsonl", "gatedog", "who asked for what; `reason` is the asker's"),
    ("probes.jsonl", "gatedog", "what the probes saw; `answer` is the gateway's"),
    ("resources.jsonl", "the kernel", "what its processes used"),
    ("sockets.jsonl", "the kernel", "its TCP sockets, and who else listens on its port"),
    ("step.json", "gatedog", "the step of a runbook that was run"),
    ("step-output.txt", "the step", "what the step printed"),
)
"""Name, or how it begins; whose words it is; what it is."""


class EvidenceError(Exception):
    """Evidence could not be kept; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much evidence there may be, in bytes: of one incident, and of all of them."""

    incident_bytes: int = 16 * 1024 * 1024
    all_bytes: int = 256 * 1024 * 1024


BOUNDS: Final = Bounds()
NOTHING: Final = Scene(files=(), missing=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What evidence is kept for: the incident and the action that it is filed under, and why. `life` 0: of no life."""

    gateway: GatewayName
    incident: IncidentId
    action: ActionId
    rule: RuleId
    because: str
    life: LifeId = LifeId(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was kept, where (relative to the state folder), and the SHA-256 over names and contents.

    `full` says which bound let only the reason be kept; empty: none did.
    """

    folder: str
    digest: str
    size_bytes: int
    full: str = ""


def keep_evidence(
    folder: Path,
    occasion: Occasion,
    backend: Backend | None = None,
    glimpses: tuple[Glimpse, ...] = (),
    *,
    scene: Callable[[], Scene] = lambda: NOTHING,
    bounds: Bounds = BOUNDS,
) -> Kept:
    """Write all that there is for an occasion into a new folder below `folder`, and put it on disk.

    Raises EvidenceError, when nothing of that can be relied on.
    """
    target = folder / occasion.incident / occasion.action
    reading = read_clocks()
    try:
        full = _what_is_full(folder, occasion.incident, bounds)
        missing = [f"everything: {full}"] if full else []
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        why = f"{occasion.gateway}: {occasion.rule.value}: {occasion.because}\n"
        (target / _REASON).write_text(why, encoding="utf-8")
        if not full:
            missing += _collect(occasion.life, backend, target)
            keep_glimpses(glimpses, target, GLIMPSE_BYTES_MAX)
            found = scene()
            for name, content in found.files:
                (target / name).write_bytes(content)
            missing += found.missing
        (target / _ABOUT).write_text(_about(occasion, target, reading, missing), encoding="utf-8")
        return _sealed(folder, target, full)
    except OSError as error:
        because = f"evidence for {occasion.incident} could not be kept in {target}: {error.strerror}"
        raise EvidenceError(because) from error


def owed_evidence(records: Iterable[Record]) -> tuple[CollectEvidence, ...]:
    """Return the orders among these records that no evidence answers: a page may be on its way that promises it."""
    owed: dict[str, CollectEvidence] = {}
    for record in records:
        if isinstance(record.stamped.event, EvidenceCollected):
            owed.pop(Path(record.stamped.event.folder).name, None)
        orders = (each for each in record.decisions if isinstance(each, CollectEvidence))
        owed |= {order.action: order for order in orders}
    return tuple(owed.values())


def too_old(folder: Path, is_open: Callable[[IncidentId], bool], bounds: Bounds = BOUNDS) -> tuple[str, ...]:
    """Name the oldest folders, as records name them, that have to go for the rest to be within an eighth of the bound.

    Those of open incidents are none of them, whatever they take. Empty while all of it is within the bound. Raises
    OSError.
    """
    sizes = {place: _size(place) for place in _folders(folder)}
    excess = sum(sizes.values()) - bounds.all_bytes
    if excess <= 0:
        return ()
    excess += bounds.all_bytes // 8
    named: list[str] = []
    for place in sorted(sizes, key=_age):
        if excess <= 0 or len(named) == DROPPED_AT_ONCE:
            break
        if not is_open(IncidentId(place.parent.name)):
            named.append(str(place.relative_to(folder.parent)))
            excess -= sizes[place]
    return tuple(named)


def size_of_all(folder: Path) -> int:
    """Return what all evidence takes up, in bytes. Raises OSError."""
    return sum(_size(place) for place in _folders(folder))


def drop_evidence(state: Path, folder: str) -> None:
    """Remove a folder of evidence, as records name it. Raises OSError. What is not there any more is no trouble."""
    place = state / folder
    is_link = place.is_symlink() or place.parent.is_symlink()
    if place.parent.parent != state / EVIDENCE_FOLDER or ".." in place.parts or is_link:
        raise OSError(f"{folder} is no folder of evidence")
    try:
        names = os.listdir(place)  # noqa: PTH208 - names, not paths
    except FileNotFoundError:
        return
    for name in names:
        (place / name).unlink(missing_ok=True)
    place.rmdir()
    if not any(place.parent.iterdir()):
        place.parent.rmdir()


def _collect(life: LifeId, backend: Backend | None, target: Path) -> list[str]:
    """Let the backend write what it has of the life. What it cannot is said, and keeps nothing else from being kept."""
    if backend is None:
        return ["life.json: it is about no life of a gateway"]
    try:
        backend.collect(life, target, EVIDENCE_BYTES_MAX)
    except OSError as error:
        return [f"some of life {life}: {error.strerror or error}"]
    return [] if (target / "life.json").exists() else ["life.json: no life was running, and no record of one is left"]


def _what_is_full(folder: Path, incident: IncidentId, bounds: Bounds) -> str:
    sizes = {place: _size(place) for place in _folders(folder)}
    own = sum(size for place, size in sizes.items() if place.parent.name == incident)
    if own >= bounds.incident_bytes:
        return f"{incident} has the {bounds.incident_bytes} bytes of evidence that one incident may have"
    if sum(sizes.values()) >= bounds.all_bytes + bounds.all_bytes // 8:
        return f"open incidents have more than the {bounds.all_bytes} bytes that all evidence may take"
    return ""


def _about(occasion: Occasion, target: Path, reading: Reading, missing: list[str]) -> str:
    """Say what the other files are."""
    files = sorted(target.iterdir())
    error_usec = wall_error_usec()
    said = {
        "incident": occasion.incident,
        "gateway": occasion.gateway,
        "life": occasion.life,
        "action": occasion.action,
        "rule": occasion.rule.value,
        "taken": {
            "wall_usec": reading.wall_usec,
            "uptime_usec": reading.uptime_usec,
            "boot": reading.boot,
            "clocks": "CLOCK_REALTIME and CLOCK_BOOTTIME, read as one moment",
            "wall_synchronised": reading.synchronised,
            "wall_error_usec": "unknown" if error_usec is None else error_usec,
        },
        "files": [_told(file) for file in files if file.name != _ABOUT],
        "missing": missing,
    }
    return f"{json.dumps(said, indent=1)}\n"


def _told(file: Path) -> dict[str, object]:
    whose, what = next(
        ((whose, what) for name, whose, what in _SOURCES if file.name.startswith(name)), ("unknown", "unknown")
    )
    said: dict[str, object] = {"name": file.name, "words_of": whose, "what": what, "bytes": file.stat().st_size}
    if not file.name.startswith("unit-"):
        return said
    counts: dict[str, int] = {}
    for kind in _REDACTED.findall(file.read_text(encoding="utf-8", errors="replace")):
        counts[kind] = counts.get(kind, 0) + 1
    return said | {"redacted": counts}


def _sealed(folder: Path, target: Path, full: str) -> Kept:
    """Put every file on disk, then take the digest: a power cut must not leave a record of what is not there."""
    for path in target.iterdir():
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    digest, size = seal((path.name, path.read_bytes()) for path in sorted(target.iterdir()))
    return Kept(folder=str(target.relative_to(folder.parent)), digest=digest, size_bytes=size, full=full)


def _folders(folder: Path) -> Iterator[Path]:
    """Find the folders of evidence; what is something else there is nobody's to count or to drop."""
    for incident in _inside(folder):
        yield from _inside(incident)


def _inside(folder: Path) -> list[Path]:
    try:
        return [place for place in folder.iterdir() if place.is_dir() and not place.is_symlink()]
    except FileNotFoundError:
        return []  # there is none yet, or it is being dropped


def _size(place: Path) -> int:
    try:
        with os.scandir(place) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except FileNotFoundError:
        return 0  # it is being dropped


def _age(place: Path) -> tuple[tuple[int, ...], str]:
    """Order by the numbers of incident and record, which only rise."""
    return tuple(int(number) for number in re.findall(r"\d+", f"{place.parent.name} {place.name}")), place.name
