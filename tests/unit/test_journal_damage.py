"""Damaged journals: what is carried over, what is told, and that the damaged file stays as it is."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from watchdog.core.events import JournalDamageFound, JournalRenewed, PageDelivered, SupervisorStarted
from watchdog.core.identity import GatewayName
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import Hold
from watchdog.daemon.recovery import BROKEN_MARK, Memory, mark_broken, remember
from watchdog.journal.founding import free_place
from watchdog.journal.store import Journal
from watchdog.journal.verification import verify
from watchdog.replay.verification import verify as decide_again


def opened(journal_folder: Path, *, newest_life: int = 0, machine_id: str = "here") -> Memory:
    """Remember as the daemon does, and let go of the file."""
    memory = remember(journal_folder, newest_life=newest_life, machine_id=machine_id)
    memory.journal.close()
    return memory


def test_a_sound_journal_is_remembered_and_nothing_is_told(journal_folder: Path) -> None:
    """The usual start: the same id, the state of the last record, no event about it."""
    memory = opened(journal_folder)

    assert memory.untold is None
    assert memory.journal.journal_id == "first"
    assert memory.state.gateways[0].hold is Hold.HELD
    assert [each.name for each in journal_folder.parent.iterdir()] == ["journal"]


def test_a_spoiled_record_is_named_and_what_came_before_it_carries_over(journal_folder: Path, spoil: Any) -> None:
    """The ledger up to the damage stays spent, and the page will name the record."""
    seq = spoil.seq_of(journal_folder, "MainProcessStarted", 3)
    spoil.spoil_record(journal_folder, seq)
    memory = opened(journal_folder)

    assert isinstance(memory.untold, JournalDamageFound)
    assert memory.untold.record == seq
    assert memory.journal.journal_id != "first"
    assert len(memory.state.gateways[0].ledger) == 2
    assert memory.state.policy is not None


def test_a_hold_behind_the_damage_is_still_read(journal_folder: Path, spoil: Any) -> None:
    """It was placed by a record that cannot be verified, and it is taken at its word."""
    spoil.spoil_record(journal_folder, spoil.seq_of(journal_folder, "MainProcessStarted", 3))
    memory = opened(journal_folder)

    assert isinstance(memory.untold, JournalDamageFound)
    assert memory.state.gateways[0].hold is Hold.FREE
    assert memory.untold.held == (GatewayName("main"),)


@pytest.mark.parametrize(
    ("damage", "where", "lives_kept"),
    [
        ("remove_record", (9,), 2),
        ("remove_tail", (9,), 3),
        ("remove_segment", (), 1),
        ("spoil_snapshot", (), 3),
        ("newer_format", (), 3),
        ("overwrite_header", (), 0),
        ("cut_file", (), 0),
    ],
)
def test_whatever_is_wrong_the_daemon_goes_on_and_the_file_stays_as_it_is(
    journal_folder: Path, spoil: Any, damage: str, where: tuple[int, ...], lives_kept: int
) -> None:
    """Every kind of damage is kept aside untouched, told, and gone on from with all that was sound."""
    getattr(spoil, damage)(journal_folder, *where)
    before = spoil.bytes_of(journal_folder)
    memory = opened(journal_folder)
    kept = journal_folder.with_name("journal.damaged-1")

    assert isinstance(memory.untold, JournalDamageFound)
    assert memory.untold.reason
    assert memory.untold.kept_as == str(kept)
    assert spoil.bytes_of(kept) == before
    assert sum(len(gateway.ledger) for gateway in memory.state.gateways) == lives_kept
    assert verify(journal_folder).intact
    assert decide_again(journal_folder).differences == ()


def test_numbers_go_on_behind_everything_the_old_journal_knew(journal_folder: Path, spoil: Any) -> None:
    """Lives and pages in the world bear the old numbers, those behind the damage included."""
    with Journal.read(journal_folder) as journal:
        last = journal.last_seq
    spoil.spoil_record(journal_folder, 5)
    spoil.spoil_record(journal_folder, last - 1)
    memory = remember(journal_folder, newest_life=last + 40, machine_id="here")
    number = memory.journal.next_seq
    memory.journal.close()

    assert number == last + 41


def test_the_event_waits_until_it_is_on_record(journal_folder: Path, journal_writer: Any, spoil: Any) -> None:
    """A daemon that dies before it could tell leaves the telling to the next one."""
    spoil.spoil_record(journal_folder, spoil.seq_of(journal_folder, "MainProcessExited", 3))
    first, second = opened(journal_folder).untold, opened(journal_folder).untold
    memory = remember(journal_folder, machine_id="here")
    assert memory.untold is not None
    writer = journal_writer(memory.journal, memory.state)
    writer.take(memory.untold)
    memory.journal.close()

    assert first == second == memory.untold
    assert opened(journal_folder).untold is None
    assert len(list(journal_folder.parent.iterdir())) == 2


def test_a_crash_between_the_two_renames_is_finished(journal_folder: Path, spoil: Any) -> None:
    """The new journal waits complete beside the place the old one has left."""
    spoil.spoil_record(journal_folder, spoil.seq_of(journal_folder, "MainProcessExited", 3))
    memory = opened(journal_folder)
    journal_folder.rename(journal_folder.with_name("journal.new"))
    again = opened(journal_folder)

    assert again.journal.journal_id == memory.journal.journal_id
    assert again.state == memory.state
    assert again.untold == memory.untold


def test_a_crash_before_the_renames_begins_anew(journal_folder: Path, spoil: Any) -> None:
    """What lies half made beside a journal that is still in its place is thrown away."""
    spoil.spoil_record(journal_folder, spoil.seq_of(journal_folder, "MainProcessExited", 3))
    fresh = journal_folder.with_name("journal.new")
    fresh.mkdir()
    (fresh / "journal.db").write_bytes(b"half")
    memory = opened(journal_folder)

    assert memory.untold is not None
    assert not fresh.exists()


def test_a_second_damage_is_kept_under_a_second_name(journal_folder: Path, spoil: Any) -> None:
    """No kept journal is ever written over."""
    spoil.overwrite_header(journal_folder)
    opened(journal_folder)
    spoil.overwrite_header(journal_folder)
    memory = opened(journal_folder)

    assert isinstance(memory.untold, JournalDamageFound)
    assert memory.untold.kept_as.endswith("journal.damaged-2")
    assert free_place(journal_folder, "damaged").name == "journal.damaged-3"


def test_another_machine_gets_another_journal_id(journal_folder: Path) -> None:
    """Budgets, holds and incidents move along; the ids of pages do not repeat those of the first machine."""
    memory = opened(journal_folder, machine_id="elsewhere")

    assert isinstance(memory.untold, JournalRenewed)
    assert memory.journal.journal_id != "first"
    assert memory.journal.machine_id == "elsewhere"
    assert memory.state.gateways[0].hold is Hold.HELD
    assert journal_folder.with_name("journal.moved-1").exists()
    assert opened(journal_folder, machine_id="elsewhere").journal.journal_id == memory.journal.journal_id


def test_an_older_copy_is_noticed_by_a_life_it_does_not_know(journal_folder: Path) -> None:
    """A start is on record before it happens: a life beyond the journal's end shows that the end is missing."""
    memory = opened(journal_folder, newest_life=500)

    assert isinstance(memory.untold, JournalDamageFound)
    assert "life 500" in memory.untold.reason
    assert memory.state.gateways[0].hold is Hold.HELD


def test_damage_that_only_writing_meets_is_believed(journal_folder: Path) -> None:
    """A daemon that ended because of it leaves a mark, and the next one does not try the same file again."""
    mark_broken(journal_folder, "database disk image is malformed")
    memory = opened(journal_folder)

    assert isinstance(memory.untold, JournalDamageFound)
    assert memory.untold.reason == "database disk image is malformed"
    assert not (journal_folder / BROKEN_MARK).exists()
    assert memory.state.gateways[0].hold is Hold.HELD


def test_pages_that_wait_keep_their_incident(journal_folder: Path, journal_writer: Any) -> None:
    """The delivery of a page that was queued in the old journal is filed under its incident in the new one."""
    memory = remember(journal_folder, machine_id="elsewhere")
    waiting = memory.state.outbox[0].page
    with memory.journal as journal:
        writer = journal_writer(journal, memory.state)
        writer.take(PageDelivered(page=waiting.page, channel="phone"))
        assert waiting.incident is not None
        journal.commit()
        found = journal.records_of_incident(waiting.incident)

    assert [type(record.stamped.event) for record in found] == [PageDelivered]


def test_any_byte_may_be_wrong(journal_folder: Path, journal_writer: Any) -> None:
    """Whatever a flipped byte hits, remembering ends with a journal that can be written."""
    whole = (journal_folder / "journal.db").read_bytes()
    random = Random(7)  # noqa: S311 - chosen bytes, not secrets
    for number in range(8):
        place = journal_folder.with_name(f"try-{number}") / "journal"
        place.mkdir(parents=True)
        spoiled = bytearray(whole)
        for _ in range(number + 1):
            spoiled[random.randrange(len(spoiled))] ^= 1 << random.randrange(8)
        (place / "journal.db").write_bytes(bytes(spoiled))
        memory = remember(place, machine_id="here")
        with memory.journal as journal:
            journal_writer(journal, memory.state).take(SupervisorStarted(version="test", rules=RULES_VERSION))
