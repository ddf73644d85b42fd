"""Sealing a journal in segments, what a start reads of them, what is pruned, and how large it all is."""

import hashlib
from pathlib import Path

import pytest
from sample_journal import NOTHING, WALL, make, opened, stamped

from watchdog.core.events import (
    Event,
    HostShutdownBegan,
    NetworkObserved,
    PageDelivered,
    Stamped,
)
from watchdog.core.identity import IncidentId, PageId, Seq
from watchdog.core.state import State
from watchdog.core.timeline import DAY, HOUR, Usec
from watchdog.journal import store
from watchdog.journal.errors import (
    JournalDamaged,
)
from watchdog.journal.store import Journal


def bulky(seq: int) -> Stamped:
    """Stamp an event that needs pages of its own; its text hardly compresses."""
    return stamped(seq, HostShutdownBegan(reason=hashlib.shake_256(bytes([seq])).hexdigest(8_192)))


# -- segments ------------------------------------------------------------------------------------------------------


def test_a_start_reads_the_last_snapshot_and_what_follows(tmp_path: Path) -> None:
    """Sealing stores the state; reopening finds it with the seq it stands after, and the chain goes on from there."""
    state = State(incident_count=5, policy_digest="d")
    with make(tmp_path) as journal:
        assert journal.latest_snapshot() is None
        journal.append(stamped(1))
        journal.append(stamped(2))
        journal.seal(State())
        journal.append(stamped(3))
        journal.seal(state)
        journal.append(stamped(4), (NOTHING,))
    with Journal.open(tmp_path) as journal:
        journal.append(stamped(5), (NOTHING,))

        assert journal.latest_snapshot() == (state, 3)
        assert [record.stamped.stamp.seq for record in journal.records(Seq(3))] == [4, 5]
        assert [record.stamped.stamp.seq for record in journal.records()] == [1, 2, 3, 4, 5]
        assert [(s.first_seq, s.last_seq, s.records) for s in journal.segments()] == [(1, 2, 2), (3, 3, 1)]


def test_an_empty_segment_is_not_sealed(journal: Journal) -> None:
    """Sealing twice leaves one segment."""
    journal.seal(State())
    journal.append(stamped(1))
    journal.seal(State())
    journal.seal(State())

    assert len(journal.segments()) == 1


def test_sealing_is_due_by_count(journal: Journal) -> None:
    """5,000 records bound what a start has to replay."""
    for seq in range(1, store.SEGMENT_RECORDS):
        journal.append(stamped(seq))
    before = journal.seal_due
    journal.append(stamped(store.SEGMENT_RECORDS))

    assert (before, journal.seal_due) == (False, True)
    journal.seal(State())
    assert not journal.seal_due


def test_sealing_is_due_by_age(tmp_path: Path) -> None:
    """A quiet host seals weekly, also when the week spans a restart."""
    with make(tmp_path) as journal:
        journal.append(stamped(1, wall_usec=WALL), (NOTHING,))
        journal.append(stamped(2, wall_usec=WALL + 7 * DAY - 1), (NOTHING,))

        assert not journal.seal_due
    with Journal.open(tmp_path) as journal:
        journal.append(stamped(3, wall_usec=WALL + 7 * DAY), (NOTHING,))

        assert journal.seal_due


def test_a_changed_snapshot_is_refused(journal: Journal) -> None:
    """Nobody starts from a memory that was not sealed."""
    journal.append(stamped(1))
    journal.seal(State(incident_count=1))
    journal._connection.execute("""UPDATE segments SET snapshot = '{"incident_count":0}'""")
    with pytest.raises(JournalDamaged, match="snapshot of segment 1 is not what was sealed"):
        journal.latest_snapshot()


def test_a_broken_record_stops_reading_and_is_named(journal: Journal) -> None:
    """Reading checks the chain: the records before the broken one come out, then its number."""
    for seq in range(1, 6):
        journal.append(stamped(seq), (NOTHING,))
    journal._connection.executescript(
        "DROP TRIGGER records_are_never_changed; UPDATE records SET flags = 9 WHERE seq = 4"
    )
    reading = journal.records()

    assert [next(reading).stamped.stamp.seq for _ in range(3)] == [1, 2, 3]
    with pytest.raises(JournalDamaged, match="record 4") as caught:
        next(reading)
    assert caught.value.record == 4


# -- retention -----------------------------------------------------------------------------------------------------


def test_old_segments_are_pruned_but_incidents_keep_their_events(journal: Journal) -> None:
    """13 months later the records are gone, except those of incidents; head and snapshot stay, the chain goes on."""
    journal.append(stamped(1))
    journal.append(stamped(2), (opened(1),))
    journal.append(stamped(3))
    journal.fold(Seq(3), Usec(WALL))
    journal.seal(State(incident_count=1))
    journal.append(stamped(4), (opened(1),))
    journal.append(stamped(5))
    journal.seal(State(incident_count=2))
    late = WALL + 400 * DAY
    journal.append(stamped(6, wall_usec=late), (NOTHING,))
    journal.append(stamped(7, wall_usec=late), (opened(1),))
    removed = journal.prune(Usec(late))

    assert removed == 3
    assert [record.stamped.stamp.seq for record in journal.records()] == [6, 7]
    assert [record.stamped.stamp.seq for record in journal.records_of_incident(IncidentId("INC-1"))] == [2, 4, 7]
    assert journal.latest_snapshot() == (State(incident_count=2), 5)
    assert journal.folds() == ()
    assert journal.prune(Usec(late)) == 0


def test_what_is_young_or_unsealed_is_not_pruned(journal: Journal) -> None:
    """A segment goes as a whole and oldest first: one young record keeps it and all after it."""
    journal.append(stamped(1))
    journal.append(stamped(2, wall_usec=WALL + 300 * DAY))
    journal.seal(State())
    journal.append(stamped(3))
    journal.seal(State())
    journal.append(stamped(4), (NOTHING,))

    assert journal.prune(Usec(WALL + 400 * DAY)) == 0
    assert len(list(journal.records())) == 4


def test_pruning_gives_the_room_back(journal: Journal) -> None:
    """The file shrinks."""
    for seq in range(1, 60):
        journal.append(bulky(seq))
    journal.seal(State())
    before = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal.prune(Usec(WALL + 400 * DAY))

    assert journal._connection.execute("PRAGMA page_count").fetchone()[0] < before / 3


# -- size ----------------------------------------------------------------------------------------------------------


def test_a_typical_event_takes_less_than_400_bytes(tmp_path: Path) -> None:
    """A year of events stays small: 2,000 events without decisions, as a gateway makes them, are measured."""
    with make(tmp_path) as journal:
        for seq in range(1, 2_001):
            event: Event = (
                NetworkObserved(has_route=seq % 4 == 0, has_dns=True)
                if seq % 2
                else PageDelivered(page=PageId(f"INC-{seq}/1"), channel="pushover", detail="queued as 8f14e45fceea")
            )
            journal.append(stamped(seq, event, wall_usec=WALL + seq * HOUR))
    per_record = (tmp_path / "journal.db").stat().st_size / 2_000

    assert per_record < 400, per_record
