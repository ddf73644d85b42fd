"""The digest of an incident's evidence: what a person signs together with a cause.

Theory of operation. Evidence is every record that is filed under the incident, but for those of papers (guesses, texts,
signatures): what was written about it is no evidence of it. A record's digest in the journal's chain covers the record
and, by way of the digest that a record of kept files holds, those files. The head is a chain of its own over these
digests in their order, beginning with the journal's id and the incident, so it grows with each record, and whoever has
today's records finds every head that there ever was.

Invariant: the daemon and the offline reader digest the same here. The text of a head is one line of printable ASCII
that begins with the last record it covers: "#345 12 records, sha256 9f86...".
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from watchdog.core.identity import IncidentId, Seq
from watchdog.core.paperdecisions import PaperVerdict
from watchdog.core.values import dataclass
from watchdog.journal.entry import papers_name
from watchdog.journal.reader import JournalReader, Record

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceHead:
    """The evidence up to a record. `last_seq` 0: there is none."""

    records: int
    last_seq: Seq
    digest: str

    @property
    def text(self) -> str:
        """Say it in one line."""
        return f"#{self.last_seq} {self.records} records, sha256 {self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A head beside today's evidence. `fits`: it is the head that this evidence had; `newer`: records since."""

    fits: bool
    newer: int


def is_evidence(record: Record) -> bool:
    """Tell whether a record is evidence of the incident it is filed under; else it is about papers."""
    return not any(isinstance(decision, PaperVerdict) for decision in record.decisions)


def newest(records: Sequence[Record], limit: int) -> Sequence[Record]:
    """Return at most `limit` records: those about papers, however old, and the newest of the evidence.

    A quarter of the places is the evidence's: papers alone explain nothing.
    """
    if len(records) <= limit:
        return records
    papers = [record for record in records if not is_evidence(record)]
    evidence = [record for record in records if is_evidence(record)]
    room = min(len(evidence), max(limit // 4, limit - len(papers)))
    chosen = (*papers[max(len(papers) - (limit - room), 0) :], *evidence[len(evidence) - room :])
    return sorted(chosen, key=lambda record: record.stamped.stamp.seq)


def newest_of(journal: JournalReader, incident: IncidentId, limit: int) -> Sequence[Record]:
    """Read what `newest` returns, and little more: what an incident has gathered in a year is not read for it."""
    late = journal.records_of_incident(incident, newest=limit)
    papers = journal.records_of_incident(papers_name(incident), newest=limit)
    both = {record.stamped.stamp.seq: record for record in (*papers, *late)}
    return newest([both[seq] for seq in sorted(both)], limit)


def evidence_head(journal_id: str, incident: IncidentId, records: Iterable[Record]) -> EvidenceHead:
    """Digest the evidence among all records filed under an incident, oldest first."""
    return list(_heads(journal_id, incident, records))[-1]


def find_head(named: str, journal_id: str, incident: IncidentId, records: Iterable[Record]) -> EvidenceHead | None:
    """Find the head that a person had before them: named as a whole, or by its last record, "#345"; "" is today's.

    None: the evidence never had such a head.
    """
    known = [head for head in _heads(journal_id, incident, records) if head.records]
    if not named:
        return known[-1] if known else None
    return next((head for head in known if named in (head.text, f"#{head.last_seq}")), None)


def compare(signed: str, journal_id: str, incident: IncidentId, records: Iterable[Record]) -> Compared:
    """Find the head that was signed among those the evidence has had."""
    known = [head.text for head in _heads(journal_id, incident, records)]
    if signed not in known:
        return Compared(fits=False, newer=0)
    return Compared(fits=True, newer=len(known) - 1 - known.index(signed))


def _heads(journal_id: str, incident: IncidentId, records: Iterable[Record]) -> Iterable[EvidenceHead]:
    digest = hashlib.sha256(f"gatedog evidence\nformat {_FORMAT}\n{journal_id}\n{incident}".encode()).digest()
    count = 0
    yield EvidenceHead(records=count, last_seq=Seq(0), digest=digest.hex())
    for record in filter(is_evidence, records):
        digest = hashlib.sha256(digest + record.digest).digest()
        count += 1
        yield EvidenceHead(records=count, last_seq=record.stamped.stamp.seq, digest=digest.hex())
