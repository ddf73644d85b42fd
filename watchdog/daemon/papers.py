"""What the shell adds to a request about papers before the core sees it: the digest of the evidence, a look for files.

The core knows numbers of records and nothing of disks. Of a cause that is to be signed it must be told which evidence
there is; the asker's word for that counts only when it is the same. Of a guess that cites a file, somebody has to look
whether the file was kept.

Invariant: what comes from inside a gateway costs no look into the journal where the core refuses it anyway.
"""

from dataclasses import replace
from pathlib import Path

from watchdog.control.supervision import Offered, RequestNotTaken
from watchdog.core.enclosure import HypothesisOffered, PostmortemOffered
from watchdog.core.events import ActionRequested, EvidenceCollected
from watchdog.core.identity import IncidentId, Seq
from watchdog.core.papers import record_cited
from watchdog.core.verbs import Verb
from watchdog.journal.errors import JournalError
from watchdog.journal.evidencehead import evidence_head
from watchdog.journal.reader import Record
from watchdog.journal.store import Journal


def complete(event: ActionRequested, offered: Offered, journal: Journal) -> ActionRequested:
    """Fill in what only the shell can know.

    Raises:
        RequestNotTaken: a guess cites a file that was not kept. Nothing was asked: it was mistyped.
    """
    match event.verb, event.enclosed:
        case Verb.SIGN_CAUSE, PostmortemOffered() as text if not offered.signature and not event.peer.in_life:
            return replace(event, enclosed=_with_head(text, event.incident, journal))
        case Verb.HYPOTHESISE, HypothesisOffered() as hypothesis:
            _look_for_files(hypothesis, event.incident, journal)
        case _:
            pass
    return event


def _with_head(text: PostmortemOffered, incident: IncidentId | None, journal: Journal) -> PostmortemOffered:
    records = _records(journal, incident)
    if incident is None or not records:
        return replace(text, evidence_head="")
    found = evidence_head(journal.journal_id, incident, records).text
    return replace(text, evidence_head=found if text.evidence_head in ("", found) else "")


def _look_for_files(hypothesis: HypothesisOffered, incident: IncidentId | None, journal: Journal) -> None:
    files = [cite for cite in hypothesis.cites if "/" in cite and record_cited(cite) is not None]
    if not files:
        return
    kept = {
        record.stamped.stamp.seq: record.stamped.event.folder
        for record in _records(journal, incident)
        if isinstance(record.stamped.event, EvidenceCollected)
    }
    state = journal.folder.parent
    for cite in files:
        folder, name = kept.get(record_cited(cite) or Seq(0)), cite.partition("/")[2]
        if folder is None or not _is_kept(state / folder / name):
            raise RequestNotTaken(f"{cite} names no file that was kept of {incident}; nothing was asked", 0)


def _is_kept(path: Path) -> bool:
    try:
        return path.is_file() and not path.is_symlink()
    except (OSError, ValueError):
        return False


def _records(journal: Journal, incident: IncidentId | None) -> tuple[Record, ...]:
    try:
        return () if incident is None else journal.records_of_incident(incident)
    except JournalError:
        return ()  # the core then says that the evidence is not what was shown
