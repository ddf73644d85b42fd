"""Journal records, from the daemon or straight from its journal, as one and the same thing.

Invariant: reads only. A record that this version cannot read is shown as what it is, never skipped: a gap in a story is
a lie.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from watchdog.cli.trouble import FAILED, NO_PERMISSION, Trouble
from watchdog.control.recordreply import record_of, record_reply
from watchdog.control.wire import RecordReply
from watchdog.core.identity import IncidentId
from watchdog.journal.errors import JournalError, JournalUnreadable
from watchdog.journal.reader import JournalReader, Record
from watchdog.report.escape import visible
from watchdog.report.moments import precise_time
from watchdog.report.story import sentence

JOURNAL_FOLDER = "journal"
"""Below the state folder."""


def story_of(reply: Mapping[str, Any], *, alarms: bool = False) -> str:
    """Tell a record that travelled; its alarms only when asked, for they outnumber the facts."""
    record = record_of(reply)
    if record is not None:
        return sentence(record, alarms=alarms)
    kind = visible(str(reply["kind"]), 60)
    return f"{precise_time(reply['wall_usec'])}  {kind} (record {reply['seq']}: a newer gatedog wrote it)"


def read_tail(folder: Path, count: int) -> list[RecordReply]:
    """Read the newest records of a journal whose daemon is dead. Raises Trouble."""
    with _opened(folder) as journal:
        try:
            return [record_reply(record) for record in journal.tail(count)]
        except JournalError as error:
            raise journal_trouble(error) from None


def read_since(folder: Path, wall_usec: int) -> Iterator[RecordReply]:
    """Read all records of an instant and later, oldest first. Raises Trouble."""
    with _opened(folder) as journal:
        try:
            yield from (
                record_reply(record) for record in journal.records() if record.stamped.stamp.wall_usec >= wall_usec
            )
        except JournalError as error:
            raise journal_trouble(error) from None


def read_incident(folder: Path, incident: str) -> list[Record]:
    """Read all records of an incident. Raises Trouble."""
    with _opened(folder) as journal:
        try:
            return list(journal.records_of_incident(IncidentId(incident)))
        except JournalError as error:
            raise journal_trouble(error) from None


def journal_trouble(error: JournalError) -> Trouble:
    """Say what keeps a journal from being read."""
    exit_code = NO_PERMISSION if isinstance(error, JournalUnreadable) else FAILED
    return Trouble(error.message, exit_code=exit_code, code="journal", next_=(error.next_command,))


def _opened(folder: Path) -> JournalReader:
    try:
        return JournalReader.open_folder(folder)
    except JournalError as error:
        raise journal_trouble(error) from None
