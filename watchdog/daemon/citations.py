"""What the shell adds to a request about papers before the core sees it: the digest of the evidence, a look for files.

The core knows numbers of records and nothing of disks. Of a cause that is to be signed it must be told which evidence
there is; the asker's word for that counts only when it is the same. Of a guess that cites a file, somebody has to look
whether the file was kept.

Invariants: one look at a time, in a thread of its own and over a connection of its own, so whoever asks all day delays
nobody but others who ask for the same. A guess costs the records that it cites, a cause at most RECORDS_MAX, and what
comes from inside a gateway costs nothing where the core refuses it anyway.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from watchdog.control.supervision import Offered, RequestNotTaken
from watchdog.core.enclosure import HypothesisOffered, PostmortemOffered
from watchdog.core.events import ActionRequested
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import IncidentId, Seq
from watchdog.core.papers import record_cited
from watchdog.core.verbs import Verb
from watchdog.journal.errors import JournalError
from watchdog.journal.evidencehead import find_head
from watchdog.journal.store import Journal

RECORDS_MAX = 20_000
"""Records of one incident that are read for a signature: what a thread can digest within the time of an answer."""


class Citations:
    """Looks up what papers rest on, in the journal below `folder` and in the evidence beside it."""

    def __init__(self, folder: Path, *, records_max: int = RECORDS_MAX) -> None:
        self._folder = folder
        self._records_max = records_max
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="citations")

    def close(self) -> None:
        """Look nothing further up."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def complete(self, event: ActionRequested, offered: Offered) -> ActionRequested:
        """Fill in what only the shell can know.

        Raises:
            RequestNotTaken: a guess cites a file that was not kept, or there is more evidence than can be signed.
                Nothing was asked.
        """
        match event.verb, event.enclosed:
            case Verb.SIGN_CAUSE, PostmortemOffered() as text if not offered.signature and not event.peer.in_life:
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(self._thread, self._head, event.incident, text.evidence_head)
                return replace(event, enclosed=replace(text, evidence_head=found))
            case Verb.HYPOTHESISE, HypothesisOffered(cites=cites) if any("/" in cite for cite in cites):
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._thread, self._look_for_files, cites, event.incident)
            case _:
                pass
        return event

    def _head(self, incident: IncidentId | None, named: str) -> str:
        """Digest the evidence as far as the asker has read it; "" names all that there is.

        Empty when it was never what they name: the core then says that it is not what was shown.
        """
        if incident is None:
            return ""
        try:
            with Journal.read(self._folder) as journal:
                count = journal.filed_count(incident)
                if count > self._records_max:
                    because = f"{incident} has {count} records, and {self._records_max} can be read for one signature"
                    raise RequestNotTaken(f"{because}; nothing was asked", 0)
                records = journal.records_of_incident(incident)
                head = find_head(named, journal.journal_id, incident, records)
                return "" if head is None else head.text
        except JournalError:
            return ""

    def _look_for_files(self, cites: tuple[str, ...], incident: IncidentId | None) -> None:
        files = [(cite, seq) for cite in cites if "/" in cite and (seq := record_cited(cite)) is not None]
        kept = self._folders(incident, tuple(seq for _, seq in files))
        for cite, seq in files:
            folder, name = kept.get(seq), cite.partition("/")[2]
            if folder is None or not _is_kept(self._folder.parent / folder / name):
                raise RequestNotTaken(f"{cite} names no file that was kept of {incident}; nothing was asked", 0)

    def _folders(self, incident: IncidentId | None, cited: tuple[Seq, ...]) -> dict[Seq, str]:
        if incident is None or not cited:
            return {}
        try:
            with Journal.read(self._folder) as journal:
                records = journal.records_of_incident(incident, only=cited)
        except JournalError:
            return {}
        return {
            record.stamped.stamp.seq: record.stamped.event.folder
            for record in records
            if isinstance(record.stamped.event, EvidenceCollected)
        }


def _is_kept(path: Path) -> bool:
    try:
        return path.is_file() and not path.is_symlink()
    except (OSError, ValueError):
        return False
