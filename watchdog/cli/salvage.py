"""`gatedog journal salvage`: a new journal from all of a damaged one that can still be verified.

Invariant: the damaged journal is read through a connection that cannot write, and no daemon writes to it meanwhile.
The new one stands beside it and is never put in its place: which of the two goes on is a human's choice.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from watchdog.cli.recorded import journal_trouble
from watchdog.cli.trouble import Trouble
from watchdog.core.events import JournalDamageFound
from watchdog.core.identity import Seq
from watchdog.journal import chain, codec
from watchdog.journal.errors import JournalDamaged, JournalError, JournalNewer
from watchdog.journal.files import WriterLock
from watchdog.journal.founding import FoundingJournal
from watchdog.journal.reader import JournalReader
from watchdog.journal.salvage import Lost, Remains, Sound, judge, starting_point, walk
from watchdog.journal.verification import verify

_KEPT_AT_ONCE = 256


@dataclass(slots=True, kw_only=True)
class Salvaged:
    """What came of it. `stepped` records stand before the damage; `kept` ones behind it, readable by themselves."""

    journal_id: str = ""
    old_id: str
    stepped: int = 0
    kept: int = 0
    lost: list[Lost] = field(default_factory=list)
    last_seq: Seq = Seq(0)

    def lose(self, lost: Lost) -> None:
        """Note a loss, together with the one before it where they touch and have one reason."""
        self.last_seq = max(self.last_seq, lost.last)
        before = self.lost[-1] if self.lost else None
        if before is not None and before.last + 1 == lost.first and before.why == lost.why:
            self.lost[-1] = replace(before, last=lost.last)
        else:
            self.lost.append(lost)


def salvage(folder: Path, target: Path) -> Salvaged:
    """Write what can be verified of `folder` into a new journal in `target`. Raises Trouble."""
    if target.exists():
        raise Trouble(f"{target} exists, and nothing is written over it", next_=(f"ls -la {target}",))
    try:
        with _no_writer(folder):
            problems = verify(folder).problems
            if not problems:
                why = f"{folder} is as it was written, so there is nothing to salvage"
                raise Trouble(why, code="intact", next_=(f"gatedog journal verify {folder}",))
            remains = judge(folder)
            first = problems[0]
            cause = JournalDamageFound(
                record=remains.record if remains.reason else first.record,
                reason=remains.reason or first.what,
                kept_as=str(folder),
                held=remains.held,
            )
            return _written(folder, target, remains, cause)
    except JournalError as error:
        raise journal_trouble(error) from None


@contextmanager
def _no_writer(folder: Path) -> Iterator[None]:
    lock = WriterLock.borrow(folder)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _written(folder: Path, target: Path, remains: Remains, cause: JournalDamageFound) -> Salvaged:
    found = Salvaged(old_id=remains.journal_id, journal_id=secrets.token_hex(8), last_seq=remains.newest_seq)
    with FoundingJournal.create(
        target,
        journal_id=found.journal_id,
        machine_id=remains.machine_id,
        founded_because=codec.canonical(codec.event_to_json(cause)),
    ) as made:
        try:
            with JournalReader.open_folder(folder, any_format=True) as journal:
                _carry(journal, made, found)
        except JournalDamaged as damaged:
            found.lose(Lost(first=Seq(found.last_seq + 1), last=Seq(found.last_seq + 1), why=damaged.what))
        made.found(remains.state, found.last_seq)
    return found


def _carry(journal: JournalReader, made: FoundingJournal, found: Salvaged) -> None:
    made.keep(kept := list(_kept(journal)))
    found.kept += len(kept)
    segments = starting_point(journal)[-1]
    pruned = [segment for segment in segments if segment.pruned]
    after, previous = (Seq(pruned[-1].last_seq), pruned[-1].digest) if pruned else (Seq(0), journal.genesis)
    behind: list[Sound] = []
    for each in walk(journal, segments, after, previous):
        if isinstance(each, Lost):
            found.lose(each)
            continue
        found.last_seq = max(found.last_seq, Seq(each.row.seq))
        if not found.lost:
            made.carry(each.record)
            found.stepped += 1
            continue
        behind.append(each)
        found.kept += 1
        if len(behind) >= _KEPT_AT_ONCE:
            made.keep(behind)
            behind.clear()
    made.keep(behind)


def _kept(journal: JournalReader) -> Iterator[Sound]:
    """Give the records that were kept for their incidents when their segment was removed."""
    for row, digest, previous in journal.kept_rows():
        if chain.digest_of_row(previous, row) != digest:
            continue
        try:
            yield Sound(row=row, digest=digest, previous=previous, record=journal.decoded(row, digest))
        except JournalNewer:
            continue
