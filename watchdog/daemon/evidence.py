"""Keep what is left of a life, before the next one writes over it.

Invariant: a folder of evidence is written once, under a name made of the incident and the action that asked for it,
and its digest goes into the journal: what is there later is what was there then, or it shows.
"""

from collections.abc import Iterable
from pathlib import Path

from watchdog.core.decisions import CollectEvidence
from watchdog.core.events import EvidenceCollected
from watchdog.core.values import dataclass
from watchdog.gateway.backend import Backend
from watchdog.gateway.observe import Glimpse, keep_glimpses
from watchdog.journal.reader import Record
from watchdog.journal.seal import seal

EVIDENCE_BYTES_MAX = 1024 * 1024
GLIMPSE_BYTES_MAX = 256 * 1024

OWED_RECORDS = 256
"""How far back a new daemon looks for evidence that the one before was asked for and did not live to keep."""


class EvidenceError(Exception):
    """Evidence could not be kept; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was kept, where (relative to the state folder), and the SHA-256 over names and contents."""

    folder: str
    digest: str
    size_bytes: int


def keep_evidence(
    folder: Path, order: CollectEvidence, backend: Backend | None, glimpses: tuple[Glimpse, ...] = ()
) -> Kept:
    """Copy the evidence of `order.life`, and what its own commands said last, into a new folder; else EvidenceError."""
    target = folder / order.incident / order.action
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        (target / "why.txt").write_text(f"{order.gateway}: {order.rule.value}: {order.because}\n", encoding="utf-8")
        if backend is not None and order.life:
            backend.collect(order.life, target, EVIDENCE_BYTES_MAX)
        keep_glimpses(glimpses, target, GLIMPSE_BYTES_MAX)
        return _sealed(folder, target)
    except OSError as error:
        raise EvidenceError(f"evidence for {order.incident} could not be kept in {target}: {error.strerror}") from error


def owed_evidence(records: Iterable[Record]) -> tuple[CollectEvidence, ...]:
    """Return the orders among these records that no evidence answers: a page may be on its way that promises it."""
    owed: dict[str, CollectEvidence] = {}
    for record in records:
        if isinstance(record.stamped.event, EvidenceCollected):
            owed.pop(Path(record.stamped.event.folder).name, None)
        orders = (each for each in record.decisions if isinstance(each, CollectEvidence))
        owed |= {order.action: order for order in orders}
    return tuple(owed.values())


def _sealed(folder: Path, target: Path) -> Kept:
    digest, size = seal((path.name, path.read_bytes()) for path in sorted(target.iterdir()))
    return Kept(folder=str(target.relative_to(folder.parent)), digest=digest, size_bytes=size)
