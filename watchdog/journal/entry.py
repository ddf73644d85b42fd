"""How an event becomes a row, and under which incidents it is filed.

Invariant: a record is filed under what its own decisions name, never under what a requester wrote, so nobody outside
can have records kept for ever. The answers to a page are filed with the incident the page was for. Deliberately not
here: the way back from row to event (reader.py).
"""

from typing import Final

from watchdog.core.decisions import Decision, QueuePage
from watchdog.core.deliveries import PageAcknowledged, PageDelivered, PageFailed, PageStuck
from watchdog.core.events import Stamped
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import IncidentId
from watchdog.core.paperdecisions import PaperVerdict
from watchdog.journal import chain, codec
from watchdog.journal.chain import Row

SYNCHRONISED: Final = 1
"""Flag: the wall clock of the stamp was synchronised."""

PAGES_MAX: Final = 1_024
"""Pages whose incident is remembered; answers to older ones are stored, but filed under nothing."""


class PageIndex:
    """Which incident a page was for."""

    def __init__(self, pages: list[tuple[str, str]]) -> None:
        self._incidents = dict(pages[-PAGES_MAX:])
        self.unwritten: list[tuple[str, str, int]] = []
        """(page, incident, seq) not in the file yet."""

    def take(self, page: str, incident: str, seq: int) -> None:
        """Remember a page, forgetting the oldest beyond PAGES_MAX."""
        self._incidents[page] = incident
        self.unwritten.append((page, incident, seq))
        while len(self._incidents) > PAGES_MAX:
            del self._incidents[next(iter(self._incidents))]

    def incident_of(self, page: str) -> str | None:
        """Find the incident of a page."""
        return self._incidents.get(page)


def papers_name(incident: IncidentId) -> IncidentId:
    """Return under which name an incident's papers are filed as well: they are found however much came after them."""
    return IncidentId(f"{chain.one_line(incident)}/papers")


def row_of(stamped: Stamped, decisions: tuple[Decision, ...], pages: PageIndex) -> Row:
    """Write one event with its decisions as a row, and remember the pages among them."""
    stamp, event = stamped.stamp, stamped.event
    names = {chain.one_line(name) for decision in decisions if (name := getattr(decision, "incident", None))}
    names |= {papers_name(decision.incident) for decision in decisions if isinstance(decision, PaperVerdict)}
    if isinstance(event, EvidenceCollected | PageAcknowledged):
        names.add(chain.one_line(event.incident))
    if isinstance(event, PageDelivered | PageFailed | PageStuck):
        incident = pages.incident_of(chain.one_line(event.page))
        names |= set() if incident is None else {incident}
    for decision in decisions:
        if isinstance(decision, QueuePage) and decision.incident is not None:
            pages.take(chain.one_line(decision.page), chain.one_line(decision.incident), stamp.seq)
    return Row(
        format=codec.FORMAT_VERSION,
        seq=stamp.seq,
        wall_usec=stamp.wall_usec,
        boot=chain.one_line(stamp.boot),
        uptime_usec=stamp.uptime_usec,
        flags=SYNCHRONISED if stamp.synchronised else 0,
        kind=type(event).__name__,
        gateway=chain.one_line(getattr(event, "gateway", "")),
        incidents=" ".join(sorted(names)) or None,
        event=codec.canonical(codec.event_to_json(event)),
        decisions=codec.canonical([codec.decision_to_json(item) for item in decisions]) if decisions else None,
    )


def columns_of(row: Row, boot: int, digest: bytes) -> tuple[object, ...]:
    """Arrange a row as the table `records` has it."""
    return (
        row.seq,
        row.format,
        row.wall_usec,
        boot,
        row.uptime_usec,
        row.flags,
        row.kind,
        row.gateway,
        row.incidents,
        chain.pack(row.event),
        None if row.decisions is None else chain.pack(row.decisions),
        digest,
    )
