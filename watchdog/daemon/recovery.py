"""Remember: from the journal back to the state, before anything is offered.

Theory of operation. The last snapshot and the records after it rebuild the state by the same `step` that made them.
Decisions of that past are not performed again: what of them reached the world is found by looking at the world
(tickets, life records, processes), what still waits (pages, alarms) is part of the state itself.

A journal that cannot be read to its end must not leave the gateway unwatched. It is kept as it is, under another
name; a new one, with an id of its own, goes on from the state its sound part led to; and the event that says so puts
the core in safe mode (core/safemode.py) and pages. A journal that came here from another machine, or that ends before
a life that is on disk (an older copy was put back), is treated likewise: its ids may be in use elsewhere already.

Invariant: nothing here writes to a journal but to make one, and damage is judged through a connection that cannot
write at all.
"""

import hashlib
import secrets
from dataclasses import replace
from pathlib import Path

from watchdog.core.events import JournalDamageFound, JournalRenewed
from watchdog.core.identity import Seq
from watchdog.core.state import State
from watchdog.core.values import dataclass
from watchdog.journal import schema
from watchdog.journal.files import WriterLock
from watchdog.journal.founding import Cause, cause_of, finish_renewal, free_place, renew
from watchdog.journal.salvage import Remains, judge
from watchdog.journal.store import Journal

MACHINE_ID_PATH = Path("/etc/machine-id")
BROKEN_MARK = "broken"
"""A file in the journal's folder: a daemon met damage while writing, which reading may not show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """An open journal and the state its records lead to. `untold`: what happened to the journal, not on record yet."""

    journal: Journal
    state: State
    untold: Cause | None = None


def remember(folder: Path, *, newest_life: int = 0, machine_id: str | None = None) -> Memory:
    """Open the journal in `folder`, or make one, and rebuild the state.

    `newest_life` is the highest life on disk; `machine_id` is this machine's. Raises the errors of journal/, but not
    for a damaged or newer journal: that is kept aside and told.
    """
    machine = _machine_id() if machine_id is None else machine_id
    finish_renewal(folder)
    if not _holds_journal(folder):
        journal = Journal.create(folder, journal_id=secrets.token_hex(8), machine_id=machine)
        return Memory(journal=journal, state=judge(folder).state)
    lock, remains = _claim(folder, newest_life)
    cause = _why_renew(folder, remains, machine)
    if cause is not None:
        newest = Seq(max(remains.newest_seq, newest_life))
        try:
            renew(folder, remains.state, newest, cause, journal_id=secrets.token_hex(8), machine_id=machine)
        finally:
            lock.release()
        lock, remains = _claim(folder, newest_life)
    return Memory(journal=Journal.open(folder, lock=lock), state=remains.state, untold=cause_of(remains.untold))


def mark_broken(folder: Path, what: str) -> None:
    """Leave a mark for the next start: writing met damage. Without room for the mark, that start may not see it."""
    try:
        (folder / BROKEN_MARK).write_text(what, encoding="utf-8")
    except OSError:
        return  # the damage is still there, and the next daemon that meets it ends in the same way


def _holds_journal(folder: Path) -> bool:
    path = folder / schema.FILE_NAME
    return path.exists() or path.with_name(f"{path.name}-wal").exists()


def _claim(folder: Path, newest_life: int) -> tuple[WriterLock, Remains]:
    lock = WriterLock.take(folder)
    try:
        return lock, _judged(folder, newest_life)
    except BaseException:
        lock.release()
        raise


def _judged(folder: Path, newest_life: int) -> Remains:
    remains = judge(folder)
    if remains.reason:
        return remains
    try:
        return replace(remains, reason=(folder / BROKEN_MARK).read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        pass
    if newest_life <= remains.last_seq:
        return remains
    why = f"it ends with record {remains.last_seq}, and life {newest_life} is on disk: its end is lost, or it is a copy"
    return replace(remains, record=Seq(remains.last_seq + 1), reason=why)


def _why_renew(folder: Path, remains: Remains, machine: str) -> Cause | None:
    if remains.reason:
        kept_as = str(free_place(folder, "damaged"))
        return JournalDamageFound(record=remains.record, reason=remains.reason, kept_as=kept_as, held=remains.held)
    if remains.machine_id and machine and remains.machine_id != machine:
        reason = f"the journal was written on machine {remains.machine_id}, and this is {machine}"
        return JournalRenewed(reason=reason, kept_as=str(free_place(folder, "moved")))
    return None


def _machine_id() -> str:
    """Return a name for this machine that does not give the machine id away (machine-id(5) asks for that)."""
    try:
        raw = MACHINE_ID_PATH.read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(b"gatedog journal\0" + raw.strip()).hexdigest()[:16]
