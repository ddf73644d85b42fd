"""Evidence compared with the journal's word for it: every way to spoil it is seen, and none is followed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from recorded_night import EVIDENCE, ONE, record_night

from watchdog.core.decisions import CollectEvidence, DropEvidence
from watchdog.core.events import HostShutdownBegan
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import ActionId
from watchdog.core.rules import RuleId
from watchdog.daemon.evidence import Occasion, keep_evidence
from watchdog.journal.evidence import FILES_MAX, Evidence, check_evidence, owed
from watchdog.journal.reader import JournalReader, Record
from watchdog.journal.seal import seal

FOLDER = "incidents/INC-1/19.4"


def filed(state: Path) -> tuple[Record, ...]:
    """Read the incident's records."""
    with JournalReader.open_folder(state / "journal") as journal:
        return journal.records_of_incident(ONE)


def problems(state: Path) -> list[str]:
    """Say what does not fit, all of it."""
    return [what for each in check_evidence(state, ONE, filed(state)) for what in each.problems]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give the state folder of the night of 26 March."""
    return record_night(tmp_path / "state")


def test_what_was_kept_fits(state: Path) -> None:
    """Untouched files have the digest and the size that the journal says, and are listed by name."""
    (found,) = check_evidence(state, ONE, filed(state))

    assert found.problems == ()
    assert (found.folder, found.record, found.digest) == (FOLDER, 20, found.promised_digest)
    assert [(file.name, file.content) for file in found.files] == sorted(EVIDENCE.items())


def grow(folder: Path) -> None:
    """Add a byte to a file."""
    with (folder / "output.log").open("ab") as file:
        file.write(b"x")


def flip(folder: Path) -> None:
    """Change a byte of a file, its size unchanged."""
    content = (folder / "output.log").read_bytes()
    (folder / "output.log").write_bytes(b"L" + content[1:])


def link(folder: Path) -> None:
    """Put a link with the same content in a file's place."""
    (folder / "why.txt").rename(folder.parent.parent / "elsewhere")
    (folder / "why.txt").symlink_to(folder.parent.parent / "elsewhere")


def link_folder(folder: Path) -> None:
    """Put a link to the same files in the folder's place."""
    folder.rename(folder.parent.parent / "moved")
    folder.symlink_to(folder.parent.parent / "moved")


def fill(folder: Path) -> None:
    """Add more files than are looked at."""
    for number in range(FILES_MAX + 1):
        (folder / f"{number}").touch()


def vanish(folder: Path) -> None:
    """Take the folder away."""
    folder.rename(folder.parent.parent / "gone")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (grow, "were recorded"),
        (flip, "was recorded"),
        (lambda folder: (folder / "why.txt").unlink(), "was recorded"),
        (lambda folder: (folder / "why.txt").rename(folder / "who.txt"), "was recorded"),
        (lambda folder: (folder / "new.txt").touch(), "was recorded"),
        (link, "why.txt is not a plain file"),
        (link_folder, "19.4 is not a folder"),
        (fill, "at most"),
        (vanish, "19.4 is gone"),
    ],
)
def test_every_change_is_seen(state: Path, spoil: Callable[[Path], None], said: str) -> None:
    """A grown, changed, missing, renamed, new or linked file, and a missing folder, do not fit."""
    spoil(state / FOLDER)

    assert said in " ".join(problems(state))


def test_a_folder_that_no_record_names_is_told(state: Path) -> None:
    """What somebody put beside the evidence is no evidence."""
    (state / "incidents" / "INC-1" / "99.1").mkdir()

    assert problems(state) == ["no record of this journal says that this was kept"]


def test_a_record_cannot_lead_out_of_the_evidence(state: Path, tmp_path: Path) -> None:
    """A folder in a record that is not below the incident's own is not read."""
    (kept,) = [each for each in filed(state) if type(each.stamped.event).__name__ == "EvidenceCollected"]
    for folder in ("/etc", "../../etc", "incidents/INC-1/..", "incidents/INC-2/1.1", "incidents/INC-1/a/b"):
        event = _moved(kept, folder)
        found: tuple[Evidence, ...] = check_evidence(tmp_path / "none", ONE, (event,))
        assert [each.files for each in found] == [()]
        assert "not one below" in found[0].problems[0]


def _moved(record: Record, folder: str) -> Record:
    event = replace(record.stamped.event, folder=folder)
    return replace(record, stamped=replace(record.stamped, event=event))


def test_evidence_that_was_asked_for_and_not_kept_is_owed(state: Path) -> None:
    """Until a record says that it was kept, it is owed."""
    records = filed(state)

    assert owed(ONE, records) == ()
    assert owed(ONE, records[:1]) == ("19.4",)


def test_evidence_that_gave_way_is_no_problem(state: Path) -> None:
    """A folder that the core had dropped, on record, is told as dropped, whether or not it is still there."""
    records = filed(state)
    (kept,) = [each for each in records if type(each.stamped.event).__name__ == "EvidenceCollected"]
    drop = DropEvidence(
        gateway=kept.stamped.event.gateway, rule=RuleId.EVIDENCE_BOUNDED, because="full", incident=ONE, folder=FOLDER
    )
    dropping = replace(kept, stamped=replace(kept.stamped, event=HostShutdownBegan()), decisions=(drop,))
    for spoil in (grow, vanish):
        spoil(state / FOLDER)
        (found,) = check_evidence(state, ONE, (*records, dropping))
        assert (found.dropped, found.problems, found.files) == (kept.stamped.stamp.seq, (), ())

    assert check_evidence(state, ONE, records)[0].problems == ("19.4 is gone",)


def test_seal_tells_names_and_borders_apart() -> None:
    """Moving a byte from one file to the next, or renaming one, is another digest."""
    seals = {seal(files)[0] for files in ([("a", b"xy")], [("b", b"xy")], [("a", b"x"), ("b", b"y")], [("a", b"yx")])}

    assert len(seals) == 4


def test_what_the_daemon_keeps_is_what_is_checked(state: Path) -> None:
    """The folder that the daemon makes, and the digest it records, fit as they are."""
    (order,) = [each for record in filed(state) for each in record.decisions if isinstance(each, CollectEvidence)]
    occasion = Occasion(
        gateway=order.gateway, incident=ONE, action=ActionId("77.1"), rule=order.rule, because=order.because
    )
    kept = keep_evidence(state / "incidents", occasion)
    record = filed(state)[1]
    event = EvidenceCollected(
        gateway=order.gateway, incident=ONE, folder=kept.folder, digest=kept.digest, size_bytes=kept.size_bytes
    )
    told = replace(record, stamped=replace(record.stamped, event=event))

    assert [each.problems for each in check_evidence(state, ONE, (*filed(state), told))] == [(), ()]
