"""Writing and reading a journal: order, durability, the folder, folding, incidents."""

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from sample_journal import MAIN, NOTHING, RULE, WALL, make, opened, stamped

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.events import ActionRequested, NetworkObserved, PageDelivered
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import BootId, GatewayName, IncidentId, PageId, Seq
from watchdog.core.peer import Peer
from watchdog.core.timeline import Usec
from watchdog.core.verbs import Verb
from watchdog.journal import store
from watchdog.journal.errors import (
    JournalBusy,
    JournalDamaged,
    JournalExists,
    JournalMissing,
    JournalNewer,
)
from watchdog.journal.store import Journal

# -- order and durability ------------------------------------------------------------------------------------------


def test_what_was_appended_reads_back_in_order(journal: Journal) -> None:
    """Events come back as they were stamped, with their decisions, oldest first."""
    journal.append(stamped(1))
    journal.append(stamped(2), (NOTHING, opened(1)))
    journal.append(stamped(3, boot=BootId("another")), ())
    journal.commit()
    found = list(journal.records())

    assert [record.stamped for record in found] == [stamped(1), stamped(2), stamped(3, boot=BootId("another"))]
    assert [record.decisions for record in found] == [(), (NOTHING, opened(1)), ()]


def test_an_event_with_a_decision_commits_everything_before_it(journal: Journal) -> None:
    """When append with a decision returns, it and all that waited are visible to another process."""
    journal.append(stamped(1))
    waiting = journal.pending
    journal.append(stamped(2), (NOTHING,))
    with Journal.read(journal.folder) as reader:
        seen = [record.stamped.stamp.seq for record in reader.records()]

    assert (waiting, journal.pending, seen) == (1, 0, [1, 2])


def test_an_event_without_a_decision_waits_for_commit(journal: Journal) -> None:
    """Group commit: no fsync for an event nothing follows from, until commit is called."""
    journal.append(stamped(1))
    with Journal.read(journal.folder) as reader:
        before = reader.last_seq
        journal.commit()
        after = reader.last_seq

    assert (before, after) == (0, 1)


def test_waiting_events_are_bounded(journal: Journal) -> None:
    """A flood of events without decisions commits itself, so a crash loses at most one batch."""
    for seq in range(1, store.BATCH_MAX + 2):
        journal.append(stamped(seq))

    assert journal.pending == 1
    assert journal.last_seq == store.BATCH_MAX


@pytest.mark.parametrize("seq", [0, 1, 3])
def test_a_wrong_sequence_number_is_refused(journal: Journal, seq: int) -> None:
    """Exactly next_seq is taken: a hole or a repetition is a mistake of the program."""
    journal.append(stamped(1))
    with pytest.raises(ValueError, match=f"event {seq} was appended where 2 comes next"):
        journal.append(stamped(seq))

    assert journal.next_seq == 2


def test_reopening_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Numbers and chain continue over a restart, and close commits what waited."""
    with make(tmp_path) as journal:
        journal.append(stamped(1), (NOTHING,))
        journal.append(stamped(2))
    with Journal.open(tmp_path) as journal:
        journal.append(stamped(3), (NOTHING,))

        assert [record.stamped.stamp.seq for record in journal.records()] == [1, 2, 3]
        assert (journal.journal_id, journal.machine_id) == ("j-1", "m-1")
        assert journal.created_wall_usec > WALL


def test_reading_can_start_after_a_record_and_stop_early(journal: Journal) -> None:
    """`after` and `limit` cut the history; the chain is checked from there."""
    for seq in range(1, 1_300):
        journal.append(stamped(seq))
    journal.commit()

    assert [record.stamped.stamp.seq for record in journal.records(Seq(600), 600)] == list(range(601, 1_201))
    assert [record.stamped.stamp.seq for record in journal.tail(2)] == [1_298, 1_299]
    assert len(journal.tail(5_000)) == 1_299
    assert journal.tail(0) == ()


def test_text_from_outside_cannot_break_a_record(journal: Journal) -> None:
    """Line breaks, NUL and half surrogate pairs in a gateway's name are stored and read back."""
    event = ActionRequested(
        gateway=GatewayName("a\nb\x00\udcff"), verb=Verb.START, reason="\ud800", peer=Peer(process=None, uid=0, gid=0)
    )
    journal.append(stamped(1, event), (NOTHING,))

    assert next(journal.records()).stamped.event == event


# -- the folder ----------------------------------------------------------------------------------------------------


def test_the_files_are_for_their_owner_only(journal: Journal) -> None:
    """Nobody else on the host reads the history."""
    journal.append(stamped(1), (NOTHING,))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in journal.folder.iterdir()}

    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    assert {"journal.db", "journal.db-wal", "journal.lock", "ballast"} <= set(modes)


def test_a_second_writer_is_refused(journal: Journal) -> None:
    """Two writers would fork the chain; the error names the folder."""
    with pytest.raises(JournalBusy, match=str(journal.folder)):
        Journal.open(journal.folder)
    with pytest.raises(JournalBusy):
        make(journal.folder)


def test_a_journal_is_never_made_over_another(tmp_path: Path) -> None:
    """Neither over a journal nor over the write-ahead log an old one left behind."""
    make(tmp_path / "a").close()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "journal.db-wal").write_bytes(b"old")
    for folder in (tmp_path / "a", tmp_path / "b"):
        with pytest.raises(JournalExists):
            make(folder)


def test_creating_again_after_a_crash_in_between(tmp_path: Path) -> None:
    """A half-made journal is made anew: it never had the journal's name."""
    (tmp_path / "journal.new").write_bytes(b"half")
    with make(tmp_path) as journal:
        assert journal.next_seq == 1
    assert not (tmp_path / "journal.new").exists()


def test_a_folder_without_a_journal_says_so(tmp_path: Path) -> None:
    """Neither reading nor writing makes a journal by accident."""
    for way in (Journal.open, Journal.read):
        with pytest.raises(JournalMissing, match=r"Next: ls -la"):
            way(tmp_path)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00", b"x" * 8_192])
def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """A torn or overwritten file is refused and not modified."""
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    for way in (Journal.open, Journal.read):
        with pytest.raises(JournalDamaged, match="left as it is"):
            way(tmp_path)

    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """A SQLite file without the journal's application id is not written to."""
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(JournalDamaged, match="no gatedog journal"):
        Journal.open(tmp_path)


def test_a_truncated_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A file that lost its end is named as damaged, by the writer's way in as well."""
    with make(tmp_path) as journal:
        for seq in range(1, 200):
            journal.append(stamped(seq))
    path = tmp_path / "journal.db"
    content = path.read_bytes()[:8_192]
    path.write_bytes(content)
    with pytest.raises(JournalDamaged):
        Journal.open(tmp_path)

    assert path.read_bytes() == content


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    """A downgrade says which format it met and writes nothing."""
    make(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    for way in (Journal.open, Journal.read):
        with pytest.raises(JournalNewer, match="format 7"):
            way(tmp_path)


def test_an_intact_record_of_an_unknown_kind_is_newer_not_damaged(journal: Journal) -> None:
    """What a newer version appended is told apart from damage: the chain holds, only the word is unknown."""
    journal.append(stamped(1), (NOTHING,))
    journal.append(stamped(2))
    journal._buffer[0] = replace(journal._buffer[0], event='{"kind":"Teleported"}')
    journal.commit()
    with pytest.raises(JournalNewer, match="record 2: 'Teleported' is no kind"):
        list(journal.records())


def test_records_cannot_be_changed_by_accident(journal: Journal) -> None:
    """Whoever tries UPDATE by hand is told that a journal is append-only."""
    journal.append(stamped(1), (NOTHING,))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        journal._connection.execute("UPDATE records SET wall_usec = 0")


# -- folding -------------------------------------------------------------------------------------------------------


def test_repeated_observations_are_counted_not_stored(journal: Journal) -> None:
    """Folds reach the disk with the next record, and add up over commits."""
    look = NetworkObserved(has_route=True, has_dns=True)
    journal.append(stamped(1, look))
    for second in range(5):
        journal.fold(Seq(1), Usec(WALL + second))
    unwritten = journal.folds()
    journal.append(stamped(2), (NOTHING,))
    journal.fold(Seq(1), Usec(WALL + 9))
    journal.append(stamped(3), (NOTHING,))
    fold = journal.folds()[0]

    assert unwritten == ()
    assert (fold.seq, fold.count, fold.wall_usec) == (1, 6, WALL + 9)
    assert journal.folds(Seq(1)) == ()


def test_folds_alone_are_written_now_and_then(journal: Journal) -> None:
    """An idle host does not pay an fsync per observation, and does not lose hours of counts either."""
    journal.append(stamped(1), (NOTHING,))
    journal.fold(Seq(1), Usec(WALL))
    journal.commit()
    early = journal.folds()
    journal.fold(Seq(1), Usec(WALL + store.FOLD_EVERY_USEC))

    assert early == ()
    assert journal.folds()[0].count == 2


# -- incidents -----------------------------------------------------------------------------------------------------


def test_an_incident_finds_its_records(journal: Journal) -> None:
    """Decisions, evidence and the answers to its pages are filed under an incident; a requester's words are not."""
    incident, page = IncidentId("INC-1"), PageId("INC-1/1")
    queued = QueuePage(
        gateway=MAIN,
        rule=RULE,
        because="b",
        page=page,
        incident=incident,
        severity=Severity.CRITICAL,
        update=PageUpdate.OPENED,
        channels=("terminal",),
        title="t",
        did="d",
        next_command="n",
    )
    asked = ActionRequested(
        gateway=MAIN, verb=Verb.ACKNOWLEDGE, reason="", peer=Peer(process=None, uid=0, gid=0), incident=incident
    )
    evidence = EvidenceCollected(gateway=MAIN, incident=incident, folder="f", digest="d", size_bytes=1)
    journal.append(stamped(1), (opened(1), opened(2), queued))
    journal.append(stamped(2, asked))
    journal.append(stamped(3, evidence))
    journal.append(stamped(4, PageDelivered(page=page, channel="terminal")))
    journal.append(stamped(5, PageDelivered(page=PageId("other"), channel="terminal")))
    journal.append(stamped(6), (opened(12),))

    assert [record.stamped.stamp.seq for record in journal.records_of_incident(incident)] == [1, 3, 4]
    assert [record.stamped.stamp.seq for record in journal.records_of_incident(IncidentId("INC-2"))] == [1]
    assert journal.records_of_incident(IncidentId("INC-3")) == ()


def test_the_newest_of_an_incident_are_read_alone(journal: Journal) -> None:
    """Whoever asks for a few does not pay for a year of them."""
    for seq in range(1, 10):
        journal.append(stamped(seq), (opened(1),))

    found = journal.records_of_incident(IncidentId("INC-1"), newest=3)
    assert [record.stamped.stamp.seq for record in found] == [7, 8, 9]


def test_the_answer_to_a_page_is_filed_after_a_restart_too(tmp_path: Path) -> None:
    """Which incident a page was for is remembered in the file, not only in memory."""
    page = PageId("p")
    queued = QueuePage(
        gateway=MAIN,
        rule=RULE,
        because="b",
        page=page,
        incident=IncidentId("INC-1"),
        severity=Severity.CRITICAL,
        update=PageUpdate.OPENED,
        channels=(),
        title="t",
        did="d",
        next_command="n",
    )
    with make(tmp_path) as journal:
        journal.append(stamped(1), (queued,))
    with Journal.open(tmp_path) as journal:
        journal.append(stamped(2, PageDelivered(page=page, channel="c")), (NOTHING,))

        assert len(journal.records_of_incident(IncidentId("INC-1"))) == 2
