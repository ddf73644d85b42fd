"""What is left of a journal that may be damaged: how far it can be verified, and what that part leads to.

Theory of operation. Reading starts at the newest snapshot that is what was sealed, and follows the chain. The first
record that cannot be read, does not follow, or says what this version does not know ends the sound part; only that
part is stepped, because a history with a hole leads to a state that never was. Behind the hole the chain is taken up
again at the digest that stands beside the broken record: what follows from it is sound by itself, and is worth
keeping and reading, though not stepping.

Invariant: reads only, through a connection that cannot write; ends on any bytes. Deliberately not here: making the
journal that goes on from here (founding.py), and when to do so (daemon/recovery.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from watchdog.core.decisions import Decision, HoldPlaced, HoldReleased
from watchdog.core.engine import step
from watchdog.core.events import JournalDamageFound, JournalRenewed
from watchdog.core.identity import GatewayName, Seq
from watchdog.core.state import EMPTY, State
from watchdog.core.values import dataclass
from watchdog.journal import chain, schema
from watchdog.journal.chain import Row, Segment
from watchdog.journal.errors import JournalDamaged, JournalMissing, JournalNewer
from watchdog.journal.reader import BATCH, JournalReader, Record, StoredRow

UNREADABLE_MAX: Final = 10_000
"""Records in a row that SQLite cannot read before the walk gives up."""

NUMBERS_MAX: Final = 1_000_000
"""A number further than this behind the sound part is a flipped bit, and nothing is numbered after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A record that follows from the digest before it."""

    row: Row
    digest: bytes
    previous: bytes
    record: Record

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided on it."""
        return self.record.decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Records `first` to `last` cannot be believed, and why. `decisions` is what the last of them still says."""

    first: Seq
    last: Seq
    why: str
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """A judged journal. `reason` empty: it is sound from its newest snapshot to its end."""

    journal_id: str = ""
    machine_id: str = ""
    state: State = EMPTY
    last_seq: Seq = Seq(0)
    """The last record of the sound part; `state` is the memory after it."""
    newest_seq: Seq = Seq(0)
    """The highest number that anything in the journal bears."""
    record: Seq | None = None
    """The first record that is damaged, None when it is the file as a whole."""
    reason: str = ""
    held: tuple[GatewayName, ...] = ()
    """Gateways whose last word on a hold behind the damage is that they are held."""
    untold: str = ""
    """The event that made this journal begin with another's memory, as JSON, while no record says so yet."""


def judge(folder: Path) -> Remains:
    """Read the journal in `folder` as far as it can be believed.

    Raises JournalMissing, JournalUnreadable and JournalBusy; damage and a newer format are what it reports.
    """
    trouble = ""
    try:
        schema.check_header(folder)
    except JournalNewer as newer:
        trouble = newer.what
    except JournalDamaged as damaged:
        return Remains(reason=damaged.what)
    except JournalMissing:
        if not (folder / f"{schema.FILE_NAME}-wal").exists():
            raise
        return Remains(reason="the file is gone, and only its write-ahead log is left")
    try:
        with JournalReader.open_folder(folder, any_format=True) as journal:
            return _judged(journal, trouble)
    except JournalDamaged as damaged:
        return Remains(record=_seq(damaged.record), reason=trouble or damaged.what)


def walk(journal: JournalReader, segments: Iterable[Segment], after: Seq, previous: bytes) -> Iterator[Sound | Lost]:
    """Go through all records above `after`, the first of which follows from `previous`; go on behind damage."""
    heads = [(segment.last_seq, segment.digest) for segment in segments if segment.last_seq > after]
    last: int = after
    for stored in _stored(journal, after):
        if isinstance(stored, Lost):
            yield stored
            previous, last = b"", stored.last
            continue
        row, digest = stored
        while heads and heads[0][0] < row.seq:
            previous = heads[0][1]
            last = max(last, heads.pop(0)[0])
        yield _judged_row(journal, stored, previous, last)
        previous, last = digest, row.seq


def starting_point(journal: JournalReader) -> tuple[State, Seq, bytes, str, tuple[Segment, ...]]:
    """Find the newest snapshot that is what was sealed.

    Returns the state, the number it stands at, the digest the next record follows from, what is wrong with newer
    snapshots ("" for nothing), and all segments that can be read.
    """
    segments, trouble = _readable_segments(journal)
    for index in range(len(segments) - 1, -1, -1):
        segment = segments[index]
        try:
            _check_seal(journal, segments, index)
            return journal.snapshot(segment), Seq(segment.last_seq), segment.digest, trouble, segments
        except (JournalDamaged, JournalNewer) as error:
            trouble = trouble or error.what
    return EMPTY, Seq(0), journal.genesis, trouble, segments


def _judged(journal: JournalReader, trouble: str) -> Remains:
    state, last, previous, snapshot_trouble, segments = starting_point(journal)
    newest_snapshot = segments[-1] if segments and segments[-1].last_seq == last else None
    founding = newest_snapshot is not None and newest_snapshot.pruned and newest_snapshot.records == 0
    remains = Remains(
        journal_id=journal.journal_id,
        machine_id=journal.machine_id,
        untold=journal.founded_because if founding else "",
        reason=trouble or snapshot_trouble,
        record=Seq(segments[-1].last_seq) if snapshot_trouble and segments else None,
    )
    holds: dict[GatewayName, bool] = {}
    broken, newest = False, last
    for found in walk(journal, segments, last, previous):
        if isinstance(found, Lost):
            if not broken and not remains.reason:
                remains = replace(remains, record=found.first, reason=found.why)
            broken = True
            newest = max(newest, found.last)
        else:
            newest = max(newest, Seq(found.row.seq))
        if broken:
            _note_holds(holds, found.decisions)
        elif isinstance(found, Sound):
            stamped = found.record.stamped
            state, last = step(state, stamped).state, stamped.stamp.seq
            if isinstance(stamped.event, JournalDamageFound | JournalRenewed):
                remains = replace(remains, untold="")
    held = tuple(sorted(name for name, is_held in holds.items() if is_held))
    return _with_end(journal, segments, replace(remains, state=state, last_seq=last, newest_seq=newest, held=held))


def _with_end(journal: JournalReader, segments: tuple[Segment, ...], remains: Remains) -> Remains:
    """Notice that the newest records were cut off, and know the highest number."""
    try:
        named = journal.newest_named()
    except JournalDamaged as damaged:
        return replace(remains, reason=remains.reason or damaged.what)
    named = Seq(max(named, segments[-1].last_seq if segments else 0))
    if named > remains.newest_seq and not remains.reason:
        why = f"the newest records are missing: something still names record {named}"
        remains = replace(remains, record=Seq(remains.last_seq + 1), reason=why)
    newest = max((each for each in (named, remains.newest_seq) if each <= remains.last_seq + NUMBERS_MAX), default=0)
    return replace(remains, newest_seq=Seq(max(newest, remains.last_seq)))


def _judged_row(journal: JournalReader, stored: StoredRow, previous: bytes, last: int) -> Sound | Lost:
    row, digest = stored
    if not _is_well_typed(row):
        return Lost(first=Seq(row.seq), last=Seq(row.seq), why="its content is not what was written")
    follows = previous != b"" and chain.digest_of_row(previous, row) == digest
    try:
        record = journal.decoded(row, digest)
    except JournalNewer as newer:
        why = newer.what if follows else "its content is not what was written"
        return Lost(first=Seq(row.seq), last=Seq(row.seq), why=why)
    if follows:
        return Sound(row=row, digest=digest, previous=previous, record=record)
    if row.seq > last + 1:
        why = f"records {last + 1} to {row.seq - 1} are missing, so the one after them cannot be verified"
        return Lost(first=Seq(last + 1), last=Seq(row.seq), why=why, decisions=record.decisions)
    why = "it does not follow from the record before it"
    return Lost(first=Seq(row.seq), last=Seq(row.seq), why=why, decisions=record.decisions)


def _is_well_typed(row: Row) -> bool:
    """Say whether the row holds texts and numbers where they belong: a flipped bit changes a type as well."""
    numbers = (row.format, row.seq, row.wall_usec, row.uptime_usec, row.flags)
    texts = (row.boot, row.kind, row.gateway, row.incidents or "", row.event, row.decisions or "")
    return all(type(each) is int for each in numbers) and all(type(each) is str for each in texts)


def _stored(journal: JournalReader, after: int) -> Iterator[StoredRow | Lost]:
    """Read rows as far as SQLite gives them out, one at a time where it refuses many."""
    unreadable = 0
    size = BATCH
    while unreadable < UNREADABLE_MAX:
        try:
            batch = list(journal.rows(after, size))
        except JournalDamaged as damaged:
            if size > 1:
                size = 1
                continue
            if _is_beyond_end(journal, after):
                return
            after += 1
            unreadable += 1
            yield Lost(first=Seq(after), last=Seq(after), why=damaged.what)
            continue
        for row, digest in batch:
            if row.seq <= after:
                yield Lost(first=Seq(after + 1), last=Seq(after + 1), why="the records are not in order any more")
                return
            yield row, digest
            after = row.seq
        if len(batch) < size:
            return
        unreadable = 0


def _is_beyond_end(journal: JournalReader, after: int) -> bool:
    try:
        return journal.last_seq <= after
    except JournalDamaged:
        return False


def _readable_segments(journal: JournalReader) -> tuple[tuple[Segment, ...], str]:
    try:
        return journal.segments(), ""
    except JournalDamaged as damaged:
        trouble = damaged.what
    found: list[Segment] = []
    number, missed = 1, 0
    while missed < BATCH:
        try:
            segment = journal.segment(number)
        except JournalDamaged:
            segment = None
        missed = missed + 1 if segment is None else 0
        found += [] if segment is None else [segment]
        number += 1
    return tuple(found), trouble


def _check_seal(journal: JournalReader, segments: tuple[Segment, ...], index: int) -> None:
    segment = segments[index]
    before = segments[index - 1] if index else None
    if before is not None and before.number != segment.number - 1:
        return  # the one before is missing: the snapshot's own digest has to do
    if before is None and segment.number != 1:
        return
    previous = journal.genesis if before is None else before.digest
    if chain.digest_of_segment(previous, segment) != segment.digest:
        raise JournalDamaged(journal.path, f"the seal of segment {segment.number} is not what was written")


def _note_holds(holds: dict[GatewayName, bool], decisions: tuple[Decision, ...]) -> None:
    for decision in decisions:
        if isinstance(decision, HoldPlaced):
            holds[decision.gateway] = True
        elif isinstance(decision, HoldReleased):
            holds[decision.gateway] = False


def _seq(record: int | None) -> Seq | None:
    return None if record is None else Seq(record)
