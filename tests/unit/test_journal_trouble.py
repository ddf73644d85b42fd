"""What a journal does when the disk refuses: keep, retry on the ballast's room, count what is lost."""

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sample_journal import NOTHING, make, stamped

from watchdog.core.events import (
    HostShutdownBegan,
    JournalGapFound,
    Stamped,
)
from watchdog.core.identity import Seq
from watchdog.journal import store
from watchdog.journal.errors import (
    JournalUnwritable,
)
from watchdog.journal.store import Journal, Loss


class RefusingConnection(sqlite3.Connection):
    """A connection whose disk can be told to fail."""

    refusals = 0
    code = sqlite3.SQLITE_IOERR

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.refusals > 0:
            self.refusals -= 1
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error
        return super().execute(sql, *rest)


def fill_up(journal: Journal) -> None:
    """Let the file have no page more than it has, which SQLite reports like a full disk."""
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")


def make_room(journal: Journal) -> None:
    """Undo `fill_up`."""
    journal._connection.execute("PRAGMA max_page_count = 1000000")


def bulky(seq: int) -> Stamped:
    """Stamp an event that needs pages of its own; its text hardly compresses."""
    return stamped(seq, HostShutdownBegan(reason=hashlib.shake_256(bytes([seq])).hexdigest(8_192)))


def test_a_full_disk_keeps_the_events_for_later(journal: Journal) -> None:
    """The error says so, nothing is half written, and the next commit with room stores everything."""
    journal.append(stamped(1), (NOTHING,))
    fill_up(journal)
    with pytest.raises(JournalUnwritable, match="full") as caught:
        journal.append(bulky(2), (NOTHING,))
    kept = journal.pending
    on_disk = [record.stamped.stamp.seq for record in journal.records()]
    make_room(journal)
    journal.append(stamped(3), (NOTHING,))

    assert (kept, on_disk, journal.loss) == (1, [1], None)
    assert [record.stamped.stamp.seq for record in journal.records()] == [1, 2, 3]
    assert "df -h" in caught.value.next_command


def test_the_ballast_is_freed_before_giving_up(tmp_path: Path) -> None:
    """One refused commit is answered with the reserved room and one more try; room is reserved again later."""
    with Journal.create(tmp_path, journal_id="j", machine_id="m", connection_class=RefusingConnection) as journal:
        reserved = (tmp_path / "ballast").stat().st_size
        connection = journal._connection
        assert isinstance(connection, RefusingConnection)
        connection.refusals = 2
        with pytest.raises(JournalUnwritable, match="disk I/O error"):
            journal.append(stamped(1), (NOTHING,))
        gone = not (tmp_path / "ballast").exists()
        journal.commit()
        again = (tmp_path / "ballast").exists()
        connection.refusals = 1
        journal.append(stamped(2), (NOTHING,))

        assert (reserved, gone, again) == (1024 * 1024, True, True)
        assert [record.stamped.stamp.seq for record in journal.records()] == [1, 2]


def test_a_busy_file_costs_no_ballast(tmp_path: Path) -> None:
    """Room does not help against a lock, so it is kept for when it does."""
    with Journal.create(tmp_path, journal_id="j", machine_id="m", connection_class=RefusingConnection) as journal:
        connection = journal._connection
        assert isinstance(connection, RefusingConnection)
        connection.refusals, connection.code = 1, sqlite3.SQLITE_BUSY
        with pytest.raises(JournalUnwritable):
            journal.append(stamped(1), (NOTHING,))

        assert (tmp_path / "ballast").exists()


def test_what_memory_cannot_hold_is_counted(journal: Journal) -> None:
    """Beyond the buffer events are lost, their numbers are not given out again, and a gap record says so."""
    journal.append(stamped(1), (NOTHING,))
    fill_up(journal)
    with pytest.raises(JournalUnwritable):
        journal.append(bulky(2), (NOTHING,))
    for seq in range(3, store.BUFFER_MAX + 12):
        try:
            journal.append(stamped(seq))
        except JournalUnwritable:
            continue
    loss, next_seq = journal.loss, journal.next_seq
    make_room(journal)
    journal.commit()
    gap = JournalGapFound(after_seq=Seq(store.BUFFER_MAX + 1), lost=10, reason="disk full")
    journal.append(stamped(next_seq, gap), (NOTHING,))
    newest = journal.tail(2)

    assert loss == Loss(after_seq=Seq(store.BUFFER_MAX + 1), lost=10)
    assert journal.loss is None
    assert [record.stamped.stamp.seq for record in newest] == [store.BUFFER_MAX + 1, store.BUFFER_MAX + 12]


def test_numbers_found_in_the_world_are_skipped(journal: Journal) -> None:
    """A life named after an event that was never stored keeps its number for itself."""
    journal.append(stamped(1), (NOTHING,))
    journal.skip_to(Seq(9))
    journal.skip_to(Seq(4))

    assert (journal.next_seq, journal.loss) == (9, Loss(after_seq=Seq(1), lost=7))
    journal.append(stamped(9), (NOTHING,))
    assert [record.stamped.stamp.seq for record in journal.records()] == [1, 9]


def test_closing_lets_go_even_when_nothing_can_be_written(tmp_path: Path) -> None:
    """A full disk does not leave a lock behind."""
    journal = make(tmp_path)
    fill_up(journal)
    journal.append(bulky(1))
    with pytest.raises(JournalUnwritable):
        journal.close()
    with Journal.open(tmp_path) as reopened:
        assert reopened.next_seq == 1
