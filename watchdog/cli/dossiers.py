"""Where the facts of one incident come from: the state folder when it may be read, else the daemon's socket.

Invariant: reads only. A state folder is taken for the daemon's own only when both name the same journal, so that files
of another daemon are never shown as evidence. What could not be had from here is said, never left open.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import click

from watchdog.cli import asking
from watchdog.cli.likeness import alike
from watchdog.cli.paths import Surroundings
from watchdog.cli.recorded import JOURNAL_FOLDER, journal_trouble
from watchdog.cli.trouble import NO_PERMISSION, Trouble
from watchdog.control.recordreply import record_of
from watchdog.core.engine import step
from watchdog.core.identity import IncidentId, Seq
from watchdog.core.state import EMPTY, State
from watchdog.core.timeline import HOUR
from watchdog.core.values import dataclass
from watchdog.journal.errors import JournalDamaged, JournalError, JournalNewer
from watchdog.journal.evidence import Evidence, check_evidence, owed
from watchdog.journal.evidencehead import is_evidence
from watchdog.journal.reader import JournalReader, Record
from watchdog.journal.verification import verify
from watchdog.report.dossier import Checked, Dossier, heading, is_of_gateway

BEFORE: Final = 400
"""Records before the incident's first that are searched for what led to it."""
AFTER: Final = 100
NEAR_USEC: Final = 2 * HOUR
"""How far by the clock a record may lie before or after the incident's own: a picture of days shows no spiral."""
AROUND_MAX: Final = 3000
FILED_MAX: Final = 5000
_BATCH: Final = 1000
_NAMED_MAX: Final = 64
_SHAPE: Final = re.compile(r"INC-[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A dossier, and the state folder it was read from; None: the daemon told it."""

    dossier: Dossier
    state: Path | None
    owed: tuple[str, ...] = ()


def find(surroundings: Surroundings, identity: str, state: Path | None, *, around: bool = True) -> Found:
    """Gather an incident: from `state` when it is named, else from whoever knows most. Raises Trouble."""
    incident = _named(identity)
    if state is not None:
        return _from_folder(state, incident, around=around)
    own = surroundings.state_folder()
    try:
        status = asking.call(surroundings, "Status")["status"]
    except Trouble as trouble:
        if trouble.code != "unreachable" or surroundings.socket is not None or not _is_readable(own):
            raise
        click.echo(f"gatedog: {trouble.message}; reading {own}", err=True)
        return _from_folder(own, incident, around=around)
    theirs = _folder_of(own, str(status["journal"]))
    if theirs is not None:
        return _from_folder(theirs, incident, around=around)
    return _from_daemon(surroundings, incident, str(status["journal"]), own, around=around)


def checked(found: Found) -> Found:
    """Verify the journal and the evidence of an incident that was read from a state folder."""
    if found.state is None:
        return found
    check = check_all(found.state, found.dossier.filed, found.dossier.evidence or ())
    return replace(found, dossier=replace(found.dossier, checked=check))


def check_all(state: Path, filed: frozenset[Seq], folders: Iterable[Evidence]) -> Checked:
    """Walk the journal's whole chain, and say what does not fit: in the incident first, before it last."""
    result = verify(state / JOURNAL_FOLDER)
    first = min(filed, default=0)
    known = tuple(folders)
    inside, outside = [], []
    for problem in result.problems:
        where = "the journal" if problem.record is None else f"record {problem.record}"
        if problem.record is not None and problem.record < first:
            outside.append(f"{where}, before the incident: {problem.what}")
        else:
            word = ", of the incident" if problem.record in filed else ""
            inside.append(f"{where}{word}: {problem.what}")
    inside += [f"{evidence.folder}: {what}" for evidence in known for what in evidence.problems]
    files = sum(len(evidence.files) for evidence in known)
    summary = (
        f"{result.records + result.kept} records of the journal, {len(filed)} of the incident; chain head "
        f"{result.head.hex()}; {files} files of evidence in {len(known)} folders"
    )
    return Checked(problems=(*inside, *outside), summary=summary)


def check_in_place(
    surroundings: Surroundings, identity: str, state: Path | None
) -> tuple[Checked, tuple[Evidence, ...]]:
    """Verify an incident beside its files, however damaged the journal is. Raises Trouble."""
    incident = _named(identity)
    folder = state or _own_folder(surroundings, incident)
    try:
        records = _filed_and_readable(folder, incident)
        evidence = check_evidence(folder, incident, records)
        found = check_all(folder, frozenset(record.stamped.stamp.seq for record in records), evidence)
    except JournalError as error:
        raise journal_trouble(error) from None
    except PermissionError as error:
        why, ways = f"{error.filename} may not be read", (f"ls -ld {error.filename}",)
        raise Trouble(why, exit_code=NO_PERMISSION, code="no-permission", next_=ways) from None
    if not records and not evidence and not found.problems:
        raise _unknown(incident)
    return found, evidence


def _named(identity: str) -> IncidentId:
    if not _SHAPE.fullmatch(identity):
        raise click.UsageError("An incident is named like this: INC-1.")
    return IncidentId(identity)


# -- from the state folder -----------------------------------------------------------------------------------------


def _from_folder(state: Path, incident: IncidentId, *, around: bool) -> Found:
    try:
        with JournalReader.open_folder(state / JOURNAL_FOLDER) as journal:
            filed = journal.records_of_incident(incident)
            beside = _around(journal, filed) if around else ()
            seen = _seen(journal, incident) if around else ()
            journal_id = journal.journal_id
    except JournalError as error:
        raise _damaged(error, incident) from None
    if not filed:
        raise _unknown(incident)
    left_out: list[str] = []
    try:
        evidence = check_evidence(state, incident, filed)
    except PermissionError as error:
        evidence = None
        left_out.append(f"the evidence: it cannot be read ({error.strerror})")
    dossier = _dossier(incident, journal_id, filed, beside, left_out)
    return Found(dossier=replace(dossier, seen=seen, evidence=evidence), state=state, owed=owed(incident, filed))


def _around(journal: JournalReader, filed: tuple[Record, ...]) -> tuple[Record, ...]:
    if not filed:
        return ()
    first, last = filed[0].stamped.stamp.seq, filed[-1].stamped.stamp.seq
    nearby = journal.records(Seq(max(first - 1 - BEFORE, 0)), AROUND_MAX)
    return tuple(record for record in nearby if record.stamped.stamp.seq <= last + AFTER)


def _seen(journal: JournalReader, incident: IncidentId) -> tuple[str, ...]:
    """Decide the journal again from its last snapshot on: the memory of incidents is in no record."""
    snapshot = journal.latest_snapshot()
    state: State = EMPTY if snapshot is None else snapshot[0]
    for record in journal.records(Seq(0) if snapshot is None else snapshot[1]):
        state = step(state, record.stamped).state
    known = [{"id": str(each.incident), "fingerprint": each.fingerprint} for each in state.incidents]
    return tuple(str(each["id"]) for each in alike(known, incident) or ())


def _filed_and_readable(state: Path, incident: IncidentId) -> tuple[Record, ...]:
    """Read the records that name an incident, sound or not: what is wrong with them is found by who asks for this."""
    found: list[Record] = []
    with JournalReader.open_folder(state / JOURNAL_FOLDER) as journal:
        rows = ((row, digest) for row, digest, _ in journal.kept_rows())
        try:
            for row, digest in chain(rows, journal.rows()):
                if incident in str(row.incidents or "").split(" "):
                    found.append(journal.decoded(row, digest))
        except (JournalDamaged, JournalNewer):
            pass  # the walk over the chain meets the same record, and names it
    return tuple(found)


def _own_folder(surroundings: Surroundings, incident: IncidentId) -> Path:
    """Return the state folder that belongs to the daemon which would answer; nobody answering, this account's."""
    own = surroundings.state_folder()
    elsewhere = f"gatedog incident verify {incident} --state FOLDER"
    try:
        status = asking.call(surroundings, "Status")["status"]
    except Trouble as trouble:
        if trouble.code != "unreachable" or surroundings.socket is not None:
            raise
        return own
    theirs = _folder_of(own, str(status["journal"]))
    if theirs is None and not _journal_id(own) and _is_readable(own):
        return own  # a journal that is too damaged to say whose it is
    if theirs is None:
        why = f"the state folder of the daemon that answers is not {own}, or may not be read: evidence is checked there"
        ways = (f"sudo gatedog incident verify {incident}", elsewhere)
        raise Trouble(why, exit_code=NO_PERMISSION, code="no-permission", next_=ways)
    return theirs


def _damaged(error: JournalError, incident: IncidentId) -> Trouble:
    trouble = journal_trouble(error)
    ways = (f"gatedog incident verify {incident}", *trouble.next_commands)
    return Trouble(trouble.message, exit_code=trouble.exit_code, code=trouble.code, next_=ways)


def _is_readable(state: Path) -> bool:
    return os.access(state / JOURNAL_FOLDER, os.R_OK | os.X_OK)


def _folder_of(own: Path, journal_id: str) -> Path | None:
    """Find the state folder of a journal: this account's, or below it that of one `gatedog run --name NAME`."""
    try:
        named = sorted(own.iterdir())[:_NAMED_MAX]
    except OSError:
        named = []
    return next((each for each in (own, *named) if _journal_id(each) == journal_id), None)


def _journal_id(state: Path) -> str:
    if not _is_readable(state):
        return ""
    try:
        with JournalReader.open_folder(state / JOURNAL_FOLDER) as journal:
            return journal.journal_id
    except JournalError:
        return ""


# -- from the daemon -----------------------------------------------------------------------------------------------


def _from_daemon(
    surroundings: Surroundings, incident: IncidentId, journal_id: str, own: Path, *, around: bool
) -> Found:
    reply = asking.call(surroundings, "Explain", incident=incident)
    filed = _read(reply["records"])
    left_out = []
    if len(filed) < len(reply["records"]):
        left_out.append(f"{len(reply['records']) - len(filed)} records that a newer gatedog wrote")
    if len(reply["records"]) >= _BATCH:
        left_out.append(f"the incident's records before its newest {len(reply['records'])}: the daemon tells no more")
    left_out.append(f"the evidence and its check: {own} is not this daemon's, or may not be read; try sudo or --state")
    beside: tuple[Record, ...] = ()
    clocks = all("synchronised" in each for each in reply["records"])
    if around and filed:
        first = max(filed[0].stamped.stamp.seq - 1 - BEFORE, 0)
        told = _told(surroundings, first, filed[-1].stamped.stamp.seq + AFTER)
        beside = _read(told)
    known = asking.call(surroundings, "Incidents", all=True)["incidents"]
    dossier = _dossier(incident, journal_id, filed, beside, left_out)
    seen = tuple(str(each["id"]) for each in alike(known, incident) or ())
    return Found(dossier=replace(dossier, seen=seen, clocks_known=clocks), state=None)


def _told(surroundings: Surroundings, after: int, last: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < AROUND_MAX:
        batch = [
            reply["record"]
            for reply in asking.stream(surroundings, "Events", after_seq=after, limit=_BATCH, follow=False)
            if reply.get("record") is not None
        ]
        found += [record for record in batch if record["seq"] <= last]
        if len(batch) < _BATCH or batch[-1]["seq"] >= last:
            break
        after = batch[-1]["seq"]
    return found


def _read(replies: Iterable[dict[str, Any]]) -> tuple[Record, ...]:
    return tuple(record for reply in replies if (record := record_of(reply)) is not None)


def _dossier(
    incident: IncidentId,
    journal_id: str,
    filed: tuple[Record, ...],
    beside: tuple[Record, ...],
    left_out: list[str],
) -> Dossier:
    if not filed:
        raise _unknown(incident)
    if len(filed) > FILED_MAX:
        left_out.append(f"{len(filed) - FILED_MAX} records of the incident in its middle")
        middle = range(FILED_MAX // 2, len(filed) - FILED_MAX // 2)
        # What people wrote stays, wherever it lies: a cause must not vanish behind a flood of records.
        filed = tuple(each for place, each in enumerate(filed) if place not in middle or not is_evidence(each))
    seqs = frozenset(record.stamped.stamp.seq for record in filed)
    bare = Dossier(incident=incident, journal_id=journal_id, records=filed, filed=seqs)
    gateway = heading(bare).gateway
    first, last = (filed[place].stamped.stamp.wall_usec for place in (0, -1))
    near = [each for each in beside if first - NEAR_USEC <= each.stamped.stamp.wall_usec <= last + NEAR_USEC]
    others = [each for each in near if each.stamped.stamp.seq not in seqs and is_of_gateway(each, gateway)]
    if len(beside) >= AROUND_MAX:
        left_out.append(f"what happened around the incident after record {beside[-1].stamped.stamp.seq}")
    whole = sorted((*filed, *others), key=lambda record: record.stamped.stamp.seq)
    return replace(bare, records=tuple(whole), left_out=tuple(left_out))


def _unknown(incident: IncidentId) -> Trouble:
    return Trouble(f"no record names {incident}", code="UnknownIncident", next_=("gatedog incident list --all",))


def need_evidence(found: Found) -> tuple[Evidence, ...]:
    """Return the folders of evidence, or raise Trouble where they cannot be looked at."""
    if found.dossier.evidence is None:
        why = found.dossier.left_out[-1]
        ways = (f"sudo gatedog incident evidence {found.dossier.incident}",)
        raise Trouble(f"left out: {why}", exit_code=NO_PERMISSION, code="no-permission", next_=ways)
    return found.dossier.evidence
