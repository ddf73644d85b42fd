"""The journal's records, for whoever asks for them.

Everybody may read, and a thousand records take a while to be read, checked and written out: that is not for the loop,
in which a death would wait for it. So there is one thread for all who ask, with a connection of its own.

Invariant: what is told was committed. Deliberately not here: who may ask how often (control/tokens.py).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from watchdog.control.recordreply import record_reply
from watchdog.control.wire import RecordReply
from watchdog.core.identity import IncidentId, Seq
from watchdog.journal.evidencehead import newest_of
from watchdog.journal.reader import JournalReader


class RecordView:
    """Reads the journal in `folder`, one asker at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal: JournalReader | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records")

    def close(self) -> None:
        """Read nothing further."""
        self._thread.submit(self._let_go)
        self._thread.shutdown(wait=False)

    async def after(self, seq: int, limit: int) -> list[RecordReply]:
        """Read at most `limit` records after `seq`, oldest first; below 0 it counts back from the newest."""
        return await self._read(lambda journal: _after(journal, seq, limit))

    async def of_incident(self, incident: IncidentId, limit: int) -> list[RecordReply]:
        """Read at most `limit` records of an incident, oldest first: its papers, and the newest of the others."""
        return await self._read(lambda journal: [record_reply(each) for each in newest_of(journal, incident, limit)])

    async def _read(self, read: Callable[[JournalReader], list[RecordReply]]) -> list[RecordReply]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read_here, read)

    def _read_here(self, read: Callable[[JournalReader], list[RecordReply]]) -> list[RecordReply]:
        if self._journal is None:  # a connection belongs to the thread that made it
            self._journal = JournalReader.open_folder(self._folder)
        return read(self._journal)

    def _let_go(self) -> None:
        if self._journal is not None:
            self._journal.close()


def _after(journal: JournalReader, seq: int, limit: int) -> list[RecordReply]:
    found = journal.tail(-seq)[:limit] if seq < 0 else journal.records(Seq(seq), limit)
    return [record_reply(record) for record in found]
