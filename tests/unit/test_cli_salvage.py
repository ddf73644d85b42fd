"""`gatedog journal salvage`: what is saved, what is said to be lost, and when it refuses."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from watchdog.cli.main import gatedog
from watchdog.core.events import JournalDamageFound
from watchdog.daemon.recovery import remember
from watchdog.journal.errors import JournalDamaged
from watchdog.journal.store import Journal
from watchdog.journal.verification import verify


def command(*words: str) -> tuple[int, str]:
    """Run a command line."""
    done = CliRunner().invoke(gatedog, words)
    return done.exit_code, done.output


def test_salvage_keeps_all_but_the_spoiled_record(journal_folder: Path, spoil: Any) -> None:
    """What stands before the damage is chained anew, what stands behind it is kept one by one, and both verify."""
    with Journal.read(journal_folder) as journal:
        last = journal.last_seq
    spoil.spoil_record(journal_folder, 6)
    before = spoil.bytes_of(journal_folder)
    code, said = command("journal", "salvage", str(journal_folder))
    target = journal_folder.with_name("journal.salvaged")

    assert code == 0, said
    assert "lost: record 6:" in said
    assert "5 records before" in said
    assert f"{last - 6} records kept" in said
    assert spoil.bytes_of(journal_folder) == before
    assert verify(target).intact
    with Journal.read(target) as made:
        assert made.journal_id != "first"
        assert made.founded_because
        assert made.last_seq >= last


def test_salvage_says_ranges(journal_folder: Path, spoil: Any) -> None:
    """Neighbouring losses are one line, and JSON says the same."""
    spoil.remove_record(journal_folder, 6)
    spoil.remove_record(journal_folder, 7)
    code, said = command(
        "journal", "salvage", str(journal_folder), "--to", str(journal_folder.with_name("new")), "--json"
    )

    assert code == 0, said
    assert '"first": 6, "last": 8' in said


def test_what_was_salvaged_can_be_gone_on_from(journal_folder: Path, spoil: Any) -> None:
    """Put in its place by a human, it begins with the state the sound part led to, and says that it was damaged."""
    spoil.spoil_record(journal_folder, spoil.seq_of(journal_folder, "MainProcessExited", 3))
    command("journal", "salvage", str(journal_folder))
    target = journal_folder.with_name("journal.salvaged")
    memory = remember(target, machine_id="here")
    memory.journal.close()

    assert isinstance(memory.untold, JournalDamageFound)
    assert len(memory.state.gateways[0].ledger) == 3


@pytest.mark.parametrize("why", ["intact", "there", "written"])
def test_salvage_refuses(journal_folder: Path, spoil: Any, why: str) -> None:
    """A journal that is whole, a target that exists, a journal that a daemon writes."""
    expected = {"intact": "nothing to salvage", "there": "nothing is written over it", "written": "one writer"}[why]
    if why != "intact":
        spoil.spoil_record(journal_folder, 6)
    if why == "there":
        journal_folder.with_name("journal.salvaged").mkdir()
    writer = Journal.open(journal_folder) if why == "written" else None
    code, said = command("journal", "salvage", str(journal_folder))
    if writer is not None:
        writer.close()

    assert code == 1
    assert expected in said


def test_the_next_command_of_a_damaged_journal_is_salvage(journal_folder: Path, spoil: Any) -> None:
    """Who reads the error knows what to type."""
    spoil.overwrite_header(journal_folder)
    code, said = command("journal", "salvage", str(journal_folder))

    assert code == 0, said
    with pytest.raises(JournalDamaged) as caught:
        Journal.read(journal_folder)
    assert caught.value.next_command == f"gatedog journal salvage {journal_folder}"
