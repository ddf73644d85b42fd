"""What became of evidence: the part of the events (core/events.py) that says what was kept, and what was not.

Invariant: one order to keep evidence is answered by one of EvidenceCollected and EvidenceFailed. A folder is named as
records name it, `incidents/INC-n/ACTION`, below the state folder. Deliberately not here: the bound of one incident,
which is a limit like others (`LimitReached`).
"""

from watchdog.core.identity import GatewayName, IncidentId
from watchdog.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceCollected:
    """Files were captured for an incident under `folder` (relative to the state folder)."""

    gateway: GatewayName
    incident: IncidentId
    folder: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFailed:
    """The disk did not let evidence be kept, counted or removed. `reason` says which of it, and why: one line."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTooOld:
    """All evidence together takes more than it may, and these folders are the oldest of it; none was removed yet."""

    folders: tuple[str, ...]
