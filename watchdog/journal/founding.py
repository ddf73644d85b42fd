"""A journal that begins with the memory of another one.

Theory of operation. A damaged journal, or one that came from another machine, is never written again: it is moved
aside as it is, and a new one with an id of its own goes on from the state that the sound part of the old led to. The
new journal is built whole beside its place, so that at no instant a crash leaves a gateway without its budgets and
holds: first the old one is renamed away, then the new one into its place, and a start that finds only the new one
finishes that.

The founding snapshot is a sealed segment without records, marked as if they had been removed: what led there lies in
the old journal. Numbers go on behind the highest that the old journal knew, because lives and pages in the world
bear them.

Invariant: the old journal's files are renamed, never written. Deliberately not here: judging it (salvage.py).
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from watchdog.core.events import JournalDamageFound, JournalRenewed
from watchdog.core.identity import Seq
from watchdog.core.state import State
from watchdog.journal import chain, codec
from watchdog.journal.chain import Segment
from watchdog.journal.entry import columns_of, row_of
from watchdog.journal.errors import JournalUnwritable
from watchdog.journal.reader import Record
from watchdog.journal.salvage import Sound
from watchdog.journal.store import BATCH_MAX, INSERT_BOOT, INSERT_MENTION, INSERT_PAGE, INSERT_SEGMENT, Journal

Cause = JournalDamageFound | JournalRenewed

_INSERT_KEPT: Final = "INSERT OR IGNORE INTO kept_records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class FoundingJournal(Journal):
    """A new journal while the old one's memory is put into it."""

    def carry(self, record: Record) -> None:
        """Store a record of the old journal under its old number, chained anew. Raises JournalUnwritable."""
        self._buffer.append(row_of(record.stamped, record.decisions, self._pages))
        self._next_seq = Seq(record.stamped.stamp.seq + 1)
        if len(self._buffer) >= BATCH_MAX:
            self._flush()

    def keep(self, rows: Sequence[Sound]) -> None:
        """Keep records that are sound by themselves, but behind a hole: to be read, not to be stepped."""
        boots = dict.fromkeys(each.row.boot for each in rows if each.row.boot not in self._boots)
        new = {boot: number for number, boot in enumerate(boots, start=len(self._boots) + 1)}
        numbers = self._boots | new
        kept = [(*columns_of(each.row, numbers[each.row.boot], each.digest), each.previous) for each in rows]
        named = [(name, each.row.seq) for each in rows if each.row.incidents for name in each.row.incidents.split(" ")]
        boot_rows = [(number, boot) for boot, number in new.items()]
        self._transact([(INSERT_BOOT, boot_rows), (_INSERT_KEPT, kept), (INSERT_MENTION, named)])
        self._boots = numbers

    def found(self, state: State, last_seq: Seq) -> None:
        """End what was carried over with `state`; the next record is numbered after `last_seq`."""
        self.seal(state)
        last = Seq(max(last_seq, self._stored_seq + 1))
        text = codec.canonical(codec.state_to_json(state))
        unsigned = Segment(
            number=self._open.number,
            format=codec.FORMAT_VERSION,
            first_seq=last,
            last_seq=last,
            records=0,
            first_wall_usec=self.created_wall_usec,
            last_wall_usec=self.created_wall_usec,
            head=self._head,
            snapshot_digest=chain.digest_of_text(text),
            digest=b"",
            pruned=True,
        )
        signed = replace(unsigned, digest=chain.digest_of_segment(self._open.previous, unsigned))
        columns = (*(getattr(signed, name) for name in Segment.__slots__[:10]), 1, chain.pack(text))
        pages = [
            (chain.one_line(waiting.page.page), chain.one_line(waiting.page.incident), last)
            for waiting in state.outbox
            if waiting.page.incident is not None
        ]
        self._transact([(INSERT_SEGMENT, [columns]), (INSERT_PAGE, pages)])


def renew(folder: Path, state: State, last_seq: Seq, cause: Cause, *, journal_id: str, machine_id: str) -> None:
    """Move the journal in `folder` to `cause.kept_as` and put a new one in its place.

    The caller holds the old journal's lock. Raises JournalUnwritable; the old journal is then still in its place,
    or the next `finish_renewal` puts the new one there.
    """
    fresh = _fresh(folder)
    try:
        if fresh.exists():
            import shutil  # noqa: PLC0415 - brings bz2 and lzma, for a folder that is hardly ever there (docs/adr/0018)

            shutil.rmtree(fresh)
        because = codec.canonical(codec.event_to_json(cause))
        with FoundingJournal.create(
            fresh, journal_id=journal_id, machine_id=machine_id, founded_because=because
        ) as journal:
            journal.found(state, last_seq)
        folder.rename(cause.kept_as)
        fresh.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        raise JournalUnwritable(folder, str(error)) from error


def finish_renewal(folder: Path) -> None:
    """Take up a renewal that a crash interrupted between its two renames. Raises JournalUnwritable."""
    fresh = _fresh(folder)
    if folder.exists() or not fresh.exists():
        return
    try:
        fresh.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        raise JournalUnwritable(folder, str(error)) from error


def free_place(folder: Path, word: str) -> Path:
    """Return the first unused name beside `folder` for keeping it: journal.damaged-1, journal.damaged-2."""
    number = 1
    while (place := folder.with_name(f"{folder.name}.{word}-{number}")).exists():
        number += 1
    return place


def cause_of(text: str) -> Cause | None:
    """Read why a journal was founded; None when the text is empty. What cannot be read counts as damage."""
    if not text:
        return None
    try:
        event = codec.event_from_json(codec.parse(text))
    except codec.CodecError as error:
        return JournalDamageFound(record=None, reason=f"why it was founded cannot be read: {error}", kept_as="")
    return event if isinstance(event, JournalDamageFound | JournalRenewed) else None


def _fresh(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.new")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
