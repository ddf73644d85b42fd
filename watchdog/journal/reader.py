"""Reading a journal: beside its writer, after its death, from a copy.

Invariant: no record is handed out whose digest does not follow from the record before it, and no snapshot but the
one that was sealed; the unchecked `rows` are for `verify` alone. No cursor stays open between two records, so a slow
reader never holds back the writer's log. Deliberately not here: judging a broken chain beyond its first broken record
(verification.py).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Self

from watchdog.core.decisions import Decision
from watchdog.core.events import Stamp, Stamped
from watchdog.core.identity import BootId, IncidentId, Seq
from watchdog.core.state import State
from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass
from watchdog.journal import chain, codec, schema
from watchdog.journal.chain import Row, Segment
from watchdog.journal.entry import SYNCHRONISED
from watchdog.journal.errors import JournalBusy, JournalDamaged, JournalNewer

BATCH: Final = 512
"""Records read from SQLite at a time."""

_COLUMNS: Final = """r.seq, r.format, r.wall_usec, IFNULL(b.id, ''), r.uptime_usec, r.flags, r.kind, r.gateway,
    r.incidents, r.event, r.decisions, r.digest"""
_ROWS: Final = f"SELECT {_COLUMNS} FROM records AS r LEFT JOIN boots AS b ON b.number = r.boot"  # noqa: S608 - constants
_KEPT: Final = f"SELECT {_COLUMNS}, r.previous FROM kept_records AS r LEFT JOIN boots AS b ON b.number = r.boot"  # noqa: S608 - constants
_SEGMENTS: Final = """SELECT number, format, first_seq, last_seq, records, first_wall_usec, last_wall_usec, head,
    snapshot_digest, digest, pruned FROM segments"""

_SEGMENT_TYPES: Final = (int,) * 7 + (bytes,) * 3 + (int,)

StoredRow = tuple[Row, bytes]
"""A row and the digest that stands beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One event with what was decided on it, as committed."""

    stamped: Stamped
    decisions: tuple[Decision, ...]
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """How often an observation equal to record `seq` came after it, and when last."""

    seq: Seq
    count: int
    wall_usec: Usec


class JournalReader:
    """A journal that can be read. Close it, or use it as a context."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.path = folder / schema.FILE_NAME
        self._connection = connection
        meta = {str(key): str(value) for key, value in self._query("SELECT key, value FROM meta")}
        if "journal_id" not in meta:
            raise JournalDamaged(self.path, "it does not say its own id")
        self.journal_id = meta["journal_id"]
        self.machine_id = meta.get("machine_id", "")
        self.founded_because = meta.get("founded_because", "")
        """The event that made this journal begin with the memory of another one, as JSON; empty for a first one."""
        created = meta.get("created_wall_usec", "")
        self.created_wall_usec = Usec(int(created) if created.isdecimal() else 0)
        self.genesis = chain.genesis(self.journal_id)

    @classmethod
    def open_folder(cls, folder: Path, *, any_format: bool = False) -> "JournalReader":
        """Open for reading. Raises JournalMissing, JournalDamaged, and JournalNewer unless `any_format`."""
        path = schema.check_header(folder, any_format=any_format)
        try:
            connection = schema.connect_reader(path)
        except sqlite3.DatabaseError as error:
            raise JournalDamaged(path, str(error)) from error
        try:
            return JournalReader(folder, connection)
        except BaseException:
            connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @property
    def last_seq(self) -> Seq:
        """Sequence number of the newest committed record, 0 when there is none."""
        rows = self._query(
            "SELECT MAX(IFNULL((SELECT MAX(seq) FROM records), 0), IFNULL(MAX(last_seq), 0)) FROM segments"
        )
        return Seq(rows[0][0])

    def head(self) -> bytes:
        """Digest of the newest thing chained: what the next record will follow from."""
        return self._anchor(self.last_seq)

    def records(self, after: Seq = Seq(0), limit: int | None = None) -> Iterator[Record]:
        """Read records with a sequence number above `after`, oldest first, checking the chain on the way.

        Raises JournalDamaged at the first record that does not follow from the one before it, JournalNewer at one
        that does but says what this version does not know.
        """
        previous = self._anchor(after)
        heads = [(segment.last_seq, segment.digest) for segment in self.segments() if segment.last_seq > after]
        for row, digest in self.rows(after, limit):
            while heads and heads[0][0] < row.seq:
                previous = heads.pop(0)[1]
            yield self._checked(row, digest, previous)
            previous = digest

    def rows(self, after: int = 0, limit: int | None = None) -> Iterator[StoredRow]:
        """Read records as text, oldest first, unchecked; for `verify`."""
        left = limit
        while left is None or left > 0:
            size = BATCH if left is None else min(BATCH, left)
            batch = self._query(f"{_ROWS} WHERE r.seq > ? ORDER BY r.seq LIMIT ?", (after, size))
            for columns in batch:
                yield self._row(columns), _blob(columns[11])
            if len(batch) < size:
                return
            after = batch[-1][0]
            left = None if left is None else left - size

    def kept_rows(self, after: int = 0) -> Iterator[tuple[Row, bytes, bytes]]:
        """Read the records kept for their incidents as (row, digest, digest before it), oldest first, unchecked."""
        while batch := self._query(f"{_KEPT} WHERE r.seq > ? ORDER BY r.seq LIMIT ?", (after, BATCH)):
            for columns in batch:
                yield self._row(columns), _blob(columns[11]), _blob(columns[12])
            after = batch[-1][0]

    def records_of_incident(
        self, incident: IncidentId, only: Sequence[Seq] | None = None, newest: int | None = None
    ) -> tuple[Record, ...]:
        """All records that name the incident, oldest first, those kept past their segment's end included.

        `only` reads no more than those with these sequence numbers, `newest` no more than so many.
        """
        among = "" if only is None else f" AND seq IN ({', '.join('?' * len(only))})"
        named = f"SELECT seq FROM mentions WHERE incident = ?{among} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - a "?" each
        where = f"WHERE r.seq IN ({named}) ORDER BY r.seq"
        name = (chain.one_line(incident), *(only or ()), -1 if newest is None else newest)
        kept = [(self._row(row), _blob(row[11]), _blob(row[12])) for row in self._query(f"{_KEPT} {where}", name)]
        present = [(self._row(row), _blob(row[11])) for row in self._query(f"{_ROWS} {where}", name)]
        whole = kept + [(row, digest, self._anchor(row.seq - 1)) for row, digest in present]
        return tuple(self._checked(row, digest, previous) for row, digest, previous in whole)

    def tail(self, count: int) -> tuple[Record, ...]:
        """The newest `count` records, newest last."""
        before = self._query("SELECT seq FROM records ORDER BY seq DESC LIMIT 1 OFFSET ?", (max(count, 0),))
        return tuple(self.records(Seq(before[0][0] if before else 0), count))

    def folds(self, after: Seq = Seq(0)) -> tuple[Fold, ...]:
        """How often observations were repeated, for records above `after`."""
        found = self._query("SELECT seq, count, wall_usec FROM folds WHERE seq > ? ORDER BY seq", (after,))
        return tuple(Fold(seq=Seq(seq), count=count, wall_usec=Usec(wall)) for seq, count, wall in found)

    def latest_snapshot(self) -> tuple[State, Seq] | None:
        """The state after the last sealed segment and that segment's last seq; None before the first."""
        found = self.segments(newest=1)
        if not found:
            return None
        return self.snapshot(found[0]), Seq(found[0].last_seq)

    def segments(self, after: int = 0, newest: int | None = None) -> tuple[Segment, ...]:
        """Sealed segments with a number above `after`, oldest first; only the `newest` so many."""
        found = self._query(f"{_SEGMENTS} WHERE number > ? ORDER BY number DESC LIMIT ?", (after, newest or -1))
        return tuple(self._segment(columns) for columns in reversed(found))

    def segment(self, number: int) -> Segment | None:
        """Return one sealed segment. Raises JournalDamaged when its row cannot be read."""
        found = self._query(f"{_SEGMENTS} WHERE number = ?", (number,))
        return self._segment(found[0]) if found else None

    def snapshot(self, segment: Segment) -> State:
        """Read the state a segment ends with. Raises JournalDamaged or JournalNewer."""
        stored = self._query("SELECT snapshot FROM segments WHERE number = ?", (segment.number,))
        where = f"the snapshot of segment {segment.number}"
        try:
            text = chain.unpack(stored[0][0])
        except chain.ChainError as error:
            raise JournalDamaged(self.path, f"{where}: {error}", segment.last_seq) from error
        if chain.digest_of_text(text) != segment.snapshot_digest:
            raise JournalDamaged(self.path, f"{where} is not what was sealed", segment.last_seq)
        try:
            return codec.state_from_json(codec.parse(text), version=segment.format)
        except codec.CodecError as error:
            raise JournalNewer(self.path, f"{where}: {error}") from error

    # -- for verification ------------------------------------------------------------------------------------------

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Read the journal as it is now, whatever a writer adds meanwhile. Its log grows while this lasts."""
        self._query("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._query("ROLLBACK")

    def is_filed(self, incident: str, seq: int) -> bool:
        """Whether the record is found under the incident."""
        return bool(self._query("SELECT 1 FROM mentions WHERE incident = ? AND seq = ?", (incident, seq)))

    def filed_count(self, incident: IncidentId | None = None) -> int:
        """How many records are filed under an incident; None: how often records are filed under any, all in all."""
        if incident is None:
            return int(self._query("SELECT COUNT(*) FROM mentions")[0][0])
        name = chain.one_line(incident)
        return int(self._query("SELECT COUNT(*) FROM mentions WHERE incident = ?", (name,))[0][0])

    def newest_named(self) -> Seq:
        """The highest sequence number that something beside the records names."""
        found = self._query(
            "SELECT MAX((SELECT IFNULL(MAX(seq), 0) FROM mentions), (SELECT IFNULL(MAX(seq), 0) FROM pages))"
        )
        return Seq(found[0][0])

    def complaints(self) -> tuple[str, ...]:
        """What SQLite itself finds wrong with the file, at most ten lines."""
        return tuple(str(row[0]) for row in self._query("PRAGMA quick_check(10)") if row[0] != "ok")

    # -- how rows become records -----------------------------------------------------------------------------------

    def _segment(self, columns: Sequence[Any]) -> Segment:
        if tuple(type(column) for column in columns) != _SEGMENT_TYPES:
            raise JournalDamaged(self.path, f"the row of segment {columns[0]} is damaged")
        return Segment(**{**dict(zip(Segment.__slots__, columns, strict=True)), "pruned": bool(columns[10])})

    def _row(self, columns: Sequence[Any]) -> Row:
        seq, version, wall_usec, boot, uptime_usec, flags, kind, gateway, incidents, event, decisions, _ = columns[:12]
        try:
            event_text = chain.unpack(event)
            decisions_text = None if decisions is None else chain.unpack(decisions)
        except chain.ChainError:
            event_text, decisions_text = "", None  # no event is empty, so its digest cannot fit: the chain names it
        return Row(
            format=version,
            seq=seq,
            wall_usec=wall_usec,
            boot=boot,
            uptime_usec=uptime_usec,
            flags=flags,
            kind=kind,
            gateway=gateway,
            incidents=incidents,
            event=event_text,
            decisions=decisions_text,
        )

    def _checked(self, row: Row, digest: bytes, previous: bytes) -> Record:
        if chain.digest_of_row(previous, row) != digest:
            raise JournalDamaged(self.path, "it does not follow from the record before it", row.seq)
        return self.decoded(row, digest)

    def decoded(self, row: Row, digest: bytes) -> Record:
        """Read a row's text. Raises JournalNewer when it says what this version does not know."""
        stamp = Stamp(
            seq=Seq(row.seq),
            wall_usec=Usec(row.wall_usec),
            boot=BootId(row.boot),
            uptime_usec=Usec(row.uptime_usec),
            synchronised=bool(row.flags & SYNCHRONISED),
        )
        try:
            event = codec.event_from_json(codec.parse(row.event), version=row.format)
            decisions: tuple[Decision, ...] = ()
            if row.decisions is not None:
                written = codec.parse(row.decisions)
                items = written if isinstance(written, list) else [written]
                decisions = tuple(codec.decision_from_json(item, version=row.format) for item in items)
        except codec.CodecError as error:
            raise JournalNewer(self.path, f"record {row.seq}: {error}") from error
        return Record(stamped=Stamped(stamp=stamp, event=event), decisions=decisions, digest=digest)

    def _anchor(self, after: int) -> bytes:
        """Digest that the first record above `after` follows from, unless a segment ends between the two."""
        sealed = self._query(
            "SELECT last_seq, digest FROM segments WHERE last_seq <= ? ORDER BY number DESC LIMIT 1", (after,)
        )
        last = self._query("SELECT seq, digest FROM records WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (after,))
        if sealed and (not last or last[0][0] <= sealed[0][0]):
            return _blob(sealed[0][1])
        return _blob(last[0][1]) if last else self.genesis

    def _query(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        try:
            with closing(self._connection.execute(sql, parameters)) as cursor:
                return cursor.fetchall()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise JournalBusy(self.folder) from error
            raise JournalDamaged(self.path, str(error)) from error
        except (UnicodeDecodeError, MemoryError) as error:  # a spoiled schema, a length no file can have
            raise JournalDamaged(self.path, f"SQLite cannot make sense of it: {error}") from error


def _blob(column: object) -> bytes:
    """A flipped bit can make a text of a digest: as no digest at all it fits nothing, and the chain names it."""
    return column if isinstance(column, bytes) else b""
