"""Verifying a journal: whatever was done to the file is found, and the first broken record is named."""

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from watchdog.core.decisions import Decision, IncidentOpened, NothingDone, Severity
from watchdog.core.events import HostShutdownBegan, Stamp, Stamped
from watchdog.core.identity import BootId, GatewayName, IncidentId, Seq
from watchdog.core.rules import RuleId
from watchdog.core.state import State
from watchdog.core.timeline import DAY, Usec
from watchdog.journal.errors import JournalError, JournalMissing
from watchdog.journal.store import Journal
from watchdog.journal.verification import Skip, verify

WALL = 1_774_500_000_000_000
RULE = next(iter(RuleId))
MAIN = GatewayName("main")
NOTHING = NothingDone(gateway=MAIN, rule=RULE, because="nothing changed")
OPENED = IncidentOpened(
    gateway=MAIN,
    rule=RULE,
    because="again " * 100,
    incident=IncidentId("INC-1"),
    severity=Severity.CRITICAL,
)


def append(journal: Journal, count: int, *decisions: Decision, wall_usec: int = WALL) -> None:
    """Append so many events and commit them."""
    for _ in range(count):
        seq = journal.next_seq
        stamp = Stamp(
            seq=seq, wall_usec=Usec(wall_usec + seq), boot=BootId("boot"), uptime_usec=Usec(seq), synchronised=True
        )
        journal.append(Stamped(stamp=stamp, event=HostShutdownBegan(reason=f"event {seq}")), decisions)
    journal.commit()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a closed journal: a pruned segment with a kept record, a sealed one, and 12 records after it."""
    folder = tmp_path_factory.mktemp("original")
    with Journal.create(folder, journal_id="j-1", machine_id="m-1") as journal:
        append(journal, 5)
        append(journal, 1, OPENED)
        journal.seal(State(incident_count=1))
        append(journal, 9, wall_usec=WALL + 400 * DAY)
        append(journal, 1, OPENED, wall_usec=WALL + 400 * DAY)
        journal.seal(State(incident_count=2))
        append(journal, 10, wall_usec=WALL + 400 * DAY)
        append(journal, 2, OPENED, NOTHING, wall_usec=WALL + 400 * DAY)
        journal.prune(Usec(WALL + 400 * DAY))
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """Give a copy to spoil."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def spoil(folder: Path, script: str) -> None:
    """Change the file behind the journal's back."""
    connection = sqlite3.connect(folder / "journal.db")
    connection.executescript(
        f"DROP TRIGGER records_are_never_changed; DROP TRIGGER kept_records_are_never_changed; {script}"
    )
    connection.commit()
    connection.close()


def found(folder: Path) -> list[tuple[int | None, str]]:
    """List the problems of a folder."""
    return [(problem.record, problem.what) for problem in verify(folder).problems]


def test_an_untouched_journal_is_intact(folder: Path) -> None:
    """Everything is counted, nothing is complained about, and the head is the newest record's digest."""
    verification = verify(folder)
    with Journal.read(folder) as journal:
        newest = journal.tail(1)[0].digest

    assert verification.intact
    assert verification.problems == ()
    assert (verification.records, verification.kept, verification.segments) == (22, 1, 2)
    assert (verification.first_seq, verification.last_seq, verification.head) == (7, 28, newest)


def test_an_empty_journal_is_intact(tmp_path: Path) -> None:
    """Nothing was written, so nothing is wrong."""
    Journal.create(tmp_path, journal_id="j", machine_id="m").close()
    verification = verify(tmp_path)

    assert (verification.intact, verification.records, verification.last_seq) == (True, 0, 0)


def test_verifying_beside_the_writer(tmp_path: Path) -> None:
    """A journal in use is verified as it was when the walk began."""
    with Journal.create(tmp_path, journal_id="j", machine_id="m") as journal:
        append(journal, 3, OPENED)

        assert verify(tmp_path).records == 3


def test_no_journal_is_an_error_not_a_clean_bill(tmp_path: Path) -> None:
    """An empty folder must not verify."""
    with pytest.raises(JournalMissing):
        verify(tmp_path)


@pytest.mark.parametrize(
    ("script", "record", "what"),
    [
        ("UPDATE records SET wall_usec = wall_usec + 1 WHERE seq = 20", 20, "its content is not what was written"),
        ("UPDATE records SET event = replace(event, '20', '21') WHERE seq = 20", 20, "its content is not what was"),
        ("UPDATE records SET decisions = NULL WHERE seq = 27", 27, "its content is not what was written"),
        ("UPDATE records SET decisions = x'789c00' WHERE seq = 16", 16, "its packed text is damaged"),
        ("UPDATE records SET digest = zeroblob(32) WHERE seq = 20", 20, "does not follow from the record before"),
        ("DELETE FROM records WHERE seq = 20", 21, "records 20 to 20 before it are missing"),
        ("DELETE FROM records WHERE seq BETWEEN 17 AND 19", 20, "records 17 to 19 before it are missing"),
        ("DELETE FROM records WHERE seq = 16", 16, "records 16 to 16 are missing: cut off"),
        ("DELETE FROM records WHERE seq >= 27", 27, "the newest records are missing: something still names record 28"),
        (
            """UPDATE records SET seq = -20 WHERE seq = 20; UPDATE records SET seq = 20 WHERE seq = 21;
            UPDATE records SET seq = 21 WHERE seq = -20""",
            20,
            "it and record 21 were exchanged",
        ),
        ("UPDATE segments SET head = zeroblob(32) WHERE number = 1", 6, "the seal of segment 1 is not what was"),
        ("UPDATE segments SET digest = zeroblob(32) WHERE number = 1", 6, "the seal of segment 1 is not what was"),
        ("DELETE FROM segments WHERE number = 1", 7, "segment 2 stands where segment 1 belongs"),
        ("UPDATE segments SET snapshot = '{}' WHERE number = 1", 6, "snapshot of segment 1 is not what was sealed"),
        ("UPDATE segments SET snapshot = x'00' WHERE number = 2", 16, "snapshot of segment 2: a packed text is"),
        ("UPDATE segments SET pruned = 0 WHERE number = 1", 1, "records 1 to 6 are missing"),
        ("UPDATE segments SET pruned = 1 WHERE number = 2", 7, "segment 2 was pruned, yet has 10 records"),
        ("UPDATE kept_records SET gateway = 'x'", 6, "kept for its incident, is not what was written"),
        ("DELETE FROM mentions WHERE seq = 27", 27, "it names INC-1, but is not found under it"),
        ("INSERT INTO mentions VALUES ('INC-1', 20)", None, "5 records are filed under incidents, and 4 name one"),
        ("UPDATE boots SET id = 'other'", 7, "does not follow from the record before"),
        ("UPDATE meta SET value = 'j-2' WHERE key = 'journal_id'", 6, "the seal of segment 1"),
    ],
)
def test_a_change_is_found_and_named(folder: Path, script: str, record: int | None, what: str) -> None:
    """Each kind of damage is found at the first record it touches, with a sentence that says what it is."""
    spoil(folder, script)
    problems = found(folder)

    assert problems
    assert problems[0][0] == record, problems
    assert what in problems[0][1], problems


def test_one_broken_record_is_one_problem(folder: Path) -> None:
    """The walk goes on behind the break, so the extent of the damage shows."""
    spoil(folder, "UPDATE records SET flags = 0 WHERE seq IN (18, 22)")

    assert [record for record, _ in found(folder)] == [18, 22]


def test_numbers_the_writer_skipped_are_no_problem(tmp_path: Path) -> None:
    """What could not be stored was left out by the writer itself; the chain proves it."""
    with Journal.create(tmp_path, journal_id="j", machine_id="m") as journal:
        append(journal, 2)
        journal.skip_to(Seq(6))
        append(journal, 1)
    verification = verify(tmp_path)

    assert verification.intact
    assert verification.skips == (Skip(after_seq=Seq(2), lost=3),)


def test_a_file_that_is_no_journal_is_a_problem(tmp_path: Path) -> None:
    """Damage of the whole file is reported like any other."""
    (tmp_path / "journal.db").write_bytes(b"\x00" * 4_096)

    assert found(tmp_path)[0][0] is None


def test_no_flipped_bit_gets_through(folder: Path, original: Path) -> None:
    """One flipped bit anywhere is found, or it changed nothing that is ever read; it never surprises a reader."""
    content = (folder / "journal.db").read_bytes()
    with Journal.read(original) as journal:
        records = list(journal.records())
    chance = random.Random(26)  # noqa: S311 - a fixed choice of bits, not a secret
    unnoticed = 0
    for _ in range(150):
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        spoiled = bytearray(content)
        spoiled[place] ^= 1 << bit
        (folder / "journal.db").write_bytes(spoiled)
        unnoticed += verify(folder).intact
        try:
            with Journal.read(folder) as journal:
                read = list(journal.records())
        except JournalError:
            continue

        assert read == records or not verify(folder).intact, (place, bit)
    assert unnoticed < 150
