"""What the journal tells whoever asks: beside the loop, and never more than was asked for."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from sample_journal import MAIN, RULE, make, opened, stamped

from watchdog.core.enclosure import PostmortemOffered
from watchdog.core.events import ActionRequested
from watchdog.core.identity import IncidentId
from watchdog.core.paperdecisions import PostmortemEdited
from watchdog.core.peer import Peer
from watchdog.core.verbs import Verb
from watchdog.daemon.recordview import RecordView
from watchdog.journal.store import Journal

INC = IncidentId("INC-1")
RECORDS = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a journal: an incident, a person's text early in it, and much that came later."""
    text = PostmortemEdited(
        gateway=MAIN, rule=RULE, because="b", incident=INC, who="human", offered=PostmortemOffered(cause="the lock")
    )
    peer = Peer(process=None, uid=0, gid=0)
    with make(tmp_path / "journal") as journal:
        journal.append(stamped(1), (opened(1),))
        event = ActionRequested(gateway=MAIN, verb=Verb.EDIT_POSTMORTEM, reason="", peer=peer, incident=INC)
        journal.append(stamped(2, event), (text,))
        for seq in range(3, RECORDS + 1):
            journal.append(stamped(seq), (opened(1),))
        return journal.folder


def seqs(view: RecordView, read: Coroutine[Any, Any, list[Any]]) -> list[int]:
    """Read, and return the numbers of the records."""
    try:
        return [record["seq"] for record in asyncio.run(read)]
    finally:
        view.close()


def test_an_incident_is_its_papers_and_its_newest_records(folder: Path) -> None:
    """However long ago somebody wrote, and however much was recorded since."""
    view = RecordView(folder)
    assert seqs(view, view.of_incident(INC, 4)) == [2, 38, 39, 40]


def test_no_more_is_read_of_an_incident_than_is_told(folder: Path) -> None:
    """What is not told may be damaged, or a million records."""
    with Journal.open(folder) as journal:
        journal._connection.execute("DROP TRIGGER records_are_never_changed")
        journal._connection.execute("UPDATE records SET event = 'spoiled' WHERE seq BETWEEN 3 AND 30")
    view = RecordView(folder)
    assert seqs(view, view.of_incident(INC, 4)) == [2, 38, 39, 40]


@pytest.mark.parametrize(
    ("after", "limit", "told"), [(0, 2, [1, 2]), (38, 9, [39, 40]), (-3, 2, [38, 39]), (40, 9, [])]
)
def test_records_are_told_from_either_end(folder: Path, after: int, limit: int, told: list[int]) -> None:
    """After a number, or so many back from the newest."""
    view = RecordView(folder)
    assert seqs(view, view.after(after, limit)) == told


def test_the_loop_goes_on_while_records_are_read(folder: Path) -> None:
    """A death must not wait for somebody's reading."""
    view = RecordView(folder)
    order: list[str] = []

    async def ask() -> None:
        await view.of_incident(INC, 1000)
        order.append("told")

    async def both() -> None:
        asking = asyncio.create_task(ask())
        await asyncio.sleep(0)
        order.append("a death")
        await asking

    asyncio.run(both())
    view.close()
    assert order == ["a death", "told"]
