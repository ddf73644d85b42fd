"""Writing a journal: one writer, append-only, committed before anything is done about it (law 3).

Theory of operation. `append` turns an event and its decisions into a row. Without decisions the row waits for
`commit` (the daemon calls it within a second); with decisions it is committed now, together with everything that
waited. Digests are taken when a batch is written, not before, so that an event which had to be given up leaves the
chain whole. When the disk refuses, the ballast is freed and the batch tried once more; if that fails, the rows stay
in memory (bounded) for the next attempt, and what no longer fits is counted as `lost`.

Invariants: what `append` with decisions, or `commit`, returned from is on disk; a sequence number is given out once,
even when its event was lost, because it may already name a life in the world.
"""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from watchdog.core.decisions import Decision
from watchdog.core.events import JournalGapFound, Stamped
from watchdog.core.identity import Seq
from watchdog.core.state import State
from watchdog.core.timeline import DAY, MINUTE, Usec
from watchdog.core.values import dataclass
from watchdog.journal import chain, codec, retention, schema
from watchdog.journal.chain import Row, Segment
from watchdog.journal.entry import PAGES_MAX, PageIndex, columns_of, row_of
from watchdog.journal.errors import JournalDamaged, JournalUnwritable
from watchdog.journal.files import Ballast, WriterLock
from watchdog.journal.reader import JournalReader

SEGMENT_RECORDS: Final = 5_000
SEGMENT_AGE_USEC: Final = 7 * DAY
BATCH_MAX: Final = 256
"""Events without a decision that wait at most; the last of them commits them all."""
BUFFER_MAX: Final = 4_096
"""Events kept in memory while nothing can be written; what comes after them is lost."""
FOLD_EVERY_USEC: Final = 10 * MINUTE
"""Counts of repeated observations are written with the next record, or this long after the first of them."""

_ROOM_WOULD_HELP: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_INSERT_RECORD: Final = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_BOOT: Final = "INSERT INTO boots VALUES (?, ?)"
INSERT_MENTION: Final = "INSERT OR IGNORE INTO mentions VALUES (?, ?)"
INSERT_PAGE: Final = "INSERT OR IGNORE INTO pages VALUES (?, ?, ?)"
INSERT_SEGMENT: Final = "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_UPSERT_FOLD: Final = """INSERT INTO folds VALUES (?, ?, ?) ON CONFLICT (seq) DO UPDATE
    SET count = count + excluded.count, wall_usec = excluded.wall_usec"""

Statement = tuple[str, Sequence[tuple[object, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Events after `after_seq` that were seen but could not even be kept in memory."""

    after_seq: Seq
    lost: int


@dataclass(slots=True, kw_only=True)
class _OpenSegment:
    """What was committed since the last seal."""

    number: int
    previous: bytes
    first_seq: int = 0
    records: int = 0
    first_wall_usec: int = 0
    last_wall_usec: int = 0

    def take(self, seq: int, wall_usec: int) -> None:
        if not self.records:
            self.first_seq, self.first_wall_usec, self.last_wall_usec = seq, wall_usec, wall_usec
        self.records += 1
        self.last_wall_usec = max(self.last_wall_usec, wall_usec)


class Journal(JournalReader):
    """The one writer of a journal. What it reads of itself is what was committed."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: WriterLock) -> None:
        super().__init__(folder, connection)
        self._lock = lock
        self._ballast = Ballast(folder)
        self._buffer: list[Row] = []
        self._folds: dict[int, tuple[int, int]] = {}
        self._folding_since_usec: int | None = None
        self._loss: Loss | None = None
        self._stored_seq = self.last_seq
        self._next_seq = Seq(self._stored_seq + 1)
        self._head = self.head()
        self._boots: dict[str, int] = {str(boot): int(number) for number, boot in self._query("SELECT * FROM boots")}
        pages = self._query("SELECT page, incident FROM pages ORDER BY seq DESC LIMIT ?", (PAGES_MAX,))
        self._pages = PageIndex([(str(page), str(incident)) for page, incident in reversed(pages)])
        self._open = self._open_segment()
        self._ballast.make()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        journal_id: str,
        machine_id: str,
        founded_because: str = "",
        connection_class: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> Self:
        """Make a journal in `folder` and open it. Raises JournalExists, JournalBusy, JournalUnwritable."""
        meta = {"journal_id": journal_id, "machine_id": machine_id, "created_wall_usec": str(time.time_ns() // 1_000)}
        meta |= {"founded_because": founded_because} if founded_because else {}
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalUnwritable(folder, str(error)) from error
        lock = WriterLock.take(folder)
        try:
            schema.make_file(folder, meta, connection_class)
            return cls._opened(folder, lock, connection_class)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        lock: WriterLock | None = None,
        connection_class: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> Self:
        """Open for writing. Raises JournalMissing, JournalBusy, JournalDamaged, JournalNewer.

        The records after the last snapshot are not checked here: the daemon has read them (salvage.py), and reading
        checks. `lock` is the folder's, when the caller already holds it; the journal releases it in any case.
        """
        try:
            schema.check_header(folder)
            lock = lock or WriterLock.take(folder)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        try:
            with JournalReader.open_folder(folder) as journal:
                journal.head()  # a file too damaged for this is refused before anything could write to it
            return cls._opened(folder, lock, connection_class)
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def read(folder: Path) -> JournalReader:
        """Open for reading only. Raises JournalMissing, JournalDamaged, JournalNewer."""
        return JournalReader.open_folder(folder)

    @classmethod
    def _opened(cls, folder: Path, lock: WriterLock, connection_class: type[sqlite3.Connection]) -> Self:
        connection = schema.connect_writer(folder / schema.FILE_NAME, connection_class)
        try:
            return cls(folder, connection, lock)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Commit what waits and let go of file and lock, also when that commit fails."""
        try:
            self._flush()
        finally:
            super().close()
            self._lock.release()

    # -- appending -------------------------------------------------------------------------------------------------

    @property
    def next_seq(self) -> Seq:
        """The sequence number the next event must carry."""
        return self._next_seq

    @property
    def pending(self) -> int:
        """How many appended events are not on disk yet."""
        return len(self._buffer)

    @property
    def loss(self) -> Loss | None:
        """What was lost since the last JournalGapFound was appended: append one as soon as writing works again."""
        return self._loss

    def append(self, stamped: Stamped, decisions: tuple[Decision, ...] = ()) -> None:
        """Take one event with its decisions; when there are decisions, return only after both are on disk.

        Raises JournalUnwritable when they are not: the event is then kept in memory, or counted in `loss`, and the
        decisions must not be acted upon. Raises ValueError when the event does not carry `next_seq`.
        """
        if stamped.stamp.seq != self._next_seq:
            raise ValueError(f"event {stamped.stamp.seq} was appended where {self._next_seq} comes next")
        if len(self._buffer) >= BUFFER_MAX:
            try:
                self._flush()
            except JournalUnwritable:
                self._lose(1)
                raise
        self._buffer.append(row_of(stamped, decisions, self._pages))
        self._next_seq = Seq(self._next_seq + 1)
        if isinstance(stamped.event, JournalGapFound):
            self._loss = None
        if decisions or len(self._buffer) % BATCH_MAX == 0:  # not "above": a full disk is not asked again every time
            self._flush()

    def take_back(self) -> None:
        """Forget the event that was just appended and could not be written, because nobody acts upon it.

        Its number is given out again: it names nothing in the world. An event that was counted as lost stays lost.
        """
        if self._buffer and self._buffer[-1].seq == self._next_seq - 1:
            row = self._buffer.pop()
            self._pages.unwritten[:] = [page for page in self._pages.unwritten if page[2] != row.seq]
            self._next_seq = Seq(row.seq)

    def commit(self) -> None:
        """Put everything appended so far on disk. Raises JournalUnwritable; nothing is dropped by that."""
        if self._buffer:
            self._flush()

    def fold(self, seq_of_equal: Seq, wall_usec: Usec) -> None:
        """Count an observation equal to record `seq_of_equal`, which is not stored again. Raises JournalUnwritable."""
        if seq_of_equal not in self._folds and len(self._folds) >= BUFFER_MAX:
            return  # nothing was writable for so long that counts are the least of it
        count, _ = self._folds.get(seq_of_equal, (0, 0))
        self._folds[seq_of_equal] = (count + 1, wall_usec)
        if self._folding_since_usec is None:
            self._folding_since_usec = wall_usec
        waited_usec = abs(wall_usec - self._folding_since_usec)
        if waited_usec >= FOLD_EVERY_USEC or len(self._folds) >= BATCH_MAX:
            self._flush()

    def skip_to(self, seq: Seq) -> None:
        """Give out no number below `seq`: the world holds a life named after an event that was never stored.

        Recovery calls this when a ticket, cgroup or pid file carries a number the journal does not have.
        """
        if seq > self._next_seq:
            self._lose(seq - self._next_seq)

    def _lose(self, count: int) -> None:
        self._next_seq = Seq(self._next_seq + count)
        known = self._loss
        after_seq = Seq(self._buffer[-1].seq if self._buffer else self._stored_seq)
        self._loss = (
            Loss(after_seq=after_seq, lost=count)
            if known is None
            else Loss(after_seq=known.after_seq, lost=known.lost + count)
        )

    # -- segments --------------------------------------------------------------------------------------------------

    @property
    def seal_due(self) -> bool:
        """Whether the open segment is long or old enough to be closed with a snapshot."""
        open_ = self._open
        age_usec = open_.last_wall_usec - open_.first_wall_usec
        return open_.records + self.pending >= SEGMENT_RECORDS or age_usec >= SEGMENT_AGE_USEC

    def seal(self, state: State) -> None:
        """Close the segment with `state`, the memory after the last appended event. An empty segment stays open.

        Raises JournalUnwritable; the segment then stays open.
        """
        self._flush()
        if not self._open.records:
            return
        text = codec.canonical(codec.state_to_json(state))
        unsigned = Segment(
            number=self._open.number,
            format=codec.FORMAT_VERSION,
            first_seq=self._open.first_seq,
            last_seq=self._stored_seq,
            records=self._open.records,
            first_wall_usec=self._open.first_wall_usec,
            last_wall_usec=self._open.last_wall_usec,
            head=self._head,
            snapshot_digest=chain.digest_of_text(text),
            digest=b"",
            pruned=False,
        )
        digest = chain.digest_of_segment(self._open.previous, unsigned)
        columns = [getattr(unsigned, name) for name in Segment.__slots__]
        columns[9:] = [digest, 0, chain.pack(text)]
        self._transact([(INSERT_SEGMENT, [tuple(columns)])])
        self._head = digest
        self._open = _OpenSegment(number=unsigned.number + 1, previous=digest)

    def prune(self, now_wall_usec: Usec, keep_usec: int = retention.KEEP_USEC) -> int:
        """Remove the records of sealed segments wholly older than `keep_usec`; return how many were removed.

        Records that name an incident are kept. Call it only while the wall clock is synchronised: a clock that
        wrongly says 2099 would make everything old. Raises JournalUnwritable.
        """
        removed = 0
        for segment, previous in retention.expired(self, now_wall_usec - keep_usec):
            self._transact(retention.removal(segment, previous))
            span = (segment.first_seq, segment.last_seq)
            kept = self._query("SELECT COUNT(*) FROM kept_records WHERE seq BETWEEN ? AND ?", span)
            removed += segment.records - int(kept[0][0])
        if removed:
            self._return_pages()
        return removed

    def _return_pages(self) -> None:
        try:
            self._connection.executescript("PRAGMA incremental_vacuum")  # execute would stop after the first page
        except sqlite3.OperationalError as error:
            raise JournalUnwritable(self.path, str(error)) from error

    def _open_segment(self) -> _OpenSegment:
        sealed = self.segments(newest=1)
        number, previous, after = (
            (sealed[0].number + 1, sealed[0].digest, sealed[0].last_seq) if sealed else (1, self.genesis, 0)
        )
        found = self._query(
            "SELECT COUNT(*), IFNULL(MIN(seq), 0), IFNULL(MAX(wall_usec), 0) FROM records WHERE seq > ?", (after,)
        )
        records, first_seq, last_wall_usec = found[0]
        first = self._query("SELECT wall_usec FROM records WHERE seq = ?", (first_seq,))
        return _OpenSegment(
            number=number,
            previous=previous,
            first_seq=first_seq,
            records=records,
            first_wall_usec=first[0][0] if first else 0,
            last_wall_usec=last_wall_usec,
        )

    # -- the one place that writes ---------------------------------------------------------------------------------

    def _flush(self) -> None:
        if not self._buffer and not self._folds:
            return
        unknown = dict.fromkeys(row.boot for row in self._buffer if row.boot not in self._boots)
        boots = {boot: number for number, boot in enumerate(unknown, start=len(self._boots) + 1)}
        numbers = self._boots | boots
        head = self._head
        records: list[tuple[object, ...]] = []
        for row in self._buffer:
            head = chain.digest_of_row(head, row)
            records.append(columns_of(row, numbers[row.boot], head))
        mentions = [(name, row.seq) for row in self._buffer if row.incidents for name in row.incidents.split(" ")]
        folds = [(seq, count, wall_usec) for seq, (count, wall_usec) in self._folds.items()]
        self._transact(
            [
                (INSERT_BOOT, [(number, boot) for boot, number in boots.items()]),
                (_INSERT_RECORD, records),
                (INSERT_MENTION, mentions),
                (INSERT_PAGE, self._pages.unwritten),
                (_UPSERT_FOLD, folds),
            ]
        )
        for row in self._buffer:
            self._open.take(row.seq, row.wall_usec)
            self._stored_seq = Seq(row.seq)
        self._head = head
        self._boots = numbers
        self._buffer.clear()
        self._pages.unwritten.clear()
        self._folds.clear()
        self._folding_since_usec = None
        self._ballast.make()

    def _transact(self, statements: Sequence[Statement]) -> None:
        """Run all or nothing; when room or the disk is the trouble, once more on the ballast's room."""
        try:
            self._try_transaction(statements)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _ROOM_WOULD_HELP or not self._ballast.free():
                raise JournalUnwritable(self.path, str(error)) from error
            try:
                self._try_transaction(statements)
            except sqlite3.OperationalError as again:
                raise JournalUnwritable(self.path, str(again)) from again

    def _try_transaction(self, statements: Sequence[Statement]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, rows in statements:
                if rows:
                    self._connection.executemany(sql, rows)
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise JournalDamaged(self.path, str(error)) from error
