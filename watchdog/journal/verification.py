"""Walking the whole chain and saying what, if anything, is wrong with it.

Invariant: reads only, keeps one record in memory at a time, and goes on after a broken record (following the digest
that stands beside it), so one flipped bit is one problem and not a thousand. Deliberately not here: repairing.
"""

from collections.abc import Iterator
from dataclasses import field, replace
from pathlib import Path
from typing import Final

from watchdog.core.identity import Seq
from watchdog.core.values import dataclass
from watchdog.journal import chain
from watchdog.journal.chain import Row, Segment
from watchdog.journal.errors import JournalDamaged, JournalNewer
from watchdog.journal.reader import JournalReader, StoredRow

PROBLEMS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it was written. `record` None: it concerns the file as a whole."""

    record: Seq | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Numbers the writer itself passed over, because it could not store their events."""

    after_seq: Seq
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a walk over the whole journal found. `records` counts those present, `kept` those kept for incidents."""

    records: int
    kept: int
    segments: int
    first_seq: Seq
    last_seq: Seq
    head: bytes
    skips: tuple[Skip, ...]
    problems: tuple[Problem, ...]

    @property
    def intact(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems


@dataclass(slots=True, kw_only=True)
class _Walk:
    """How far the walk has come."""

    previous: bytes
    last_seq: int = 0
    first_seq: int = 0
    records: int = 0
    kept: int = 0
    in_segment: int = 0
    filed: int = 0
    skips: list[Skip] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def note(self, record: int | None, what: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(record=None if record is None else Seq(record), what=what))


def verify(folder: Path) -> Verification:
    """Check every record, segment, snapshot and kept record. Raises JournalMissing when there is no journal.

    Damage is reported, not raised. The walk sees the journal as it was when it began, so it may run beside a writer.
    """
    walk = _Walk(previous=b"")
    segments: tuple[Segment, ...] = ()
    try:
        with JournalReader.open_folder(folder) as journal, journal.frozen():
            walk.previous = journal.genesis
            segments = journal.segments()
            _check_segments(journal, segments, walk)
            _check_records(journal, segments, walk)
            _check_kept(journal, walk)
            _check_ends(journal, walk)
            for complaint in journal.complaints():
                walk.note(None, f"SQLite finds: {complaint}")
    except JournalDamaged as error:
        walk.note(error.record or (walk.last_seq + 1 if walk.records else None), error.message)
    except JournalNewer as error:
        walk.note(None, error.message)
    return Verification(
        records=walk.records,
        kept=walk.kept,
        segments=len(segments),
        first_seq=Seq(walk.first_seq),
        last_seq=Seq(walk.last_seq),
        head=walk.previous,
        skips=tuple(walk.skips),
        problems=tuple(walk.problems),
    )


def _check_segments(journal: JournalReader, segments: tuple[Segment, ...], walk: _Walk) -> None:
    previous = journal.genesis
    for number, segment in enumerate(segments, start=1):
        if segment.number != number:
            walk.note(segment.first_seq, f"segment {segment.number} stands where segment {number} belongs")
        if chain.digest_of_segment(previous, segment) != segment.digest:
            walk.note(segment.last_seq, f"the seal of segment {segment.number} is not what was written")
        try:
            journal.snapshot(segment)
        except (JournalDamaged, JournalNewer) as error:
            walk.note(segment.last_seq, error.message)
        previous = segment.digest


def _check_records(journal: JournalReader, segments: tuple[Segment, ...], walk: _Walk) -> None:
    sealed = iter(segments)
    segment = next(sealed, None)
    for (row, digest), following in _with_next(journal.rows()):
        while segment is not None and segment.last_seq < row.seq:
            _leave(segment, walk)
            segment = next(sealed, None)
        if chain.digest_of_row(walk.previous, row) != digest:
            walk.note(row.seq, _diagnosis(walk, row, digest, following))
        elif row.seq > walk.last_seq + 1 and len(walk.skips) < PROBLEMS_MAX:
            walk.skips.append(Skip(after_seq=Seq(walk.last_seq), lost=row.seq - walk.last_seq - 1))
        _check_filed(journal, row, walk)
        walk.first_seq = walk.first_seq or row.seq
        walk.records += 1
        walk.in_segment += 1
        walk.last_seq = row.seq
        walk.previous = digest
    while segment is not None:
        _leave(segment, walk)
        segment = next(sealed, None)


def _leave(segment: Segment, walk: _Walk) -> None:
    if segment.pruned:
        if walk.in_segment:
            walk.note(segment.first_seq, f"segment {segment.number} was pruned, yet has {walk.in_segment} records")
    elif walk.last_seq < segment.last_seq:
        walk.note(walk.last_seq + 1, f"records {walk.last_seq + 1} to {segment.last_seq} are missing: cut off")
    elif walk.in_segment != segment.records:
        walk.note(segment.last_seq, f"{walk.in_segment} of the {segment.records} records sealed up to here are left")
    elif walk.previous != segment.head:
        walk.note(segment.last_seq, f"this is not the record that segment {segment.number} was sealed with")
    walk.previous = segment.digest
    walk.last_seq = segment.last_seq
    walk.in_segment = 0


def _diagnosis(walk: _Walk, row: Row, digest: bytes, following: StoredRow | None) -> str:
    """Say what kind of break this is, as far as the neighbours tell."""
    if following is not None:
        other, other_digest = following
        if chain.digest_of_row(walk.previous, replace(other, seq=row.seq)) == other_digest:
            return f"it and record {other.seq} were exchanged"
    if row.seq > walk.last_seq + 1:
        return f"records {walk.last_seq + 1} to {row.seq - 1} before it are missing"
    if not row.event:
        return "its packed text is damaged"
    if following is not None and chain.digest_of_row(digest, following[0]) == following[1]:
        return "its content is not what was written"
    return "it does not follow from the record before it"


def _check_kept(journal: JournalReader, walk: _Walk) -> None:
    for row, digest, previous in journal.kept_rows():
        walk.kept += 1
        if chain.digest_of_row(previous, row) != digest:
            walk.note(row.seq, "this record, kept for its incident, is not what was written")
        _check_filed(journal, row, walk)


def _check_filed(journal: JournalReader, row: Row, walk: _Walk) -> None:
    names = str(row.incidents).split(" ") if row.incidents else []
    walk.filed += len(names)
    for name in names:
        if not journal.is_filed(name, row.seq):
            walk.note(row.seq, f"it names {name}, but is not found under it")


def _check_ends(journal: JournalReader, walk: _Walk) -> None:
    named = journal.newest_named()
    if named > walk.last_seq:
        walk.note(walk.last_seq + 1, f"the newest records are missing: something still names record {named}")
    if journal.filed_count() != walk.filed:
        walk.note(None, f"{journal.filed_count()} records are filed under incidents, and {walk.filed} name one")


def _with_next(rows: Iterator[StoredRow]) -> Iterator[tuple[StoredRow, StoredRow | None]]:
    present = next(rows, None)
    while present is not None:
        following = next(rows, None)
        yield present, following
        present = following
