"""A journal record, as it travels and as `--json` prints it.

Invariant: the same for a record that the daemon tells and for one that is read from the journal of a dead one.
"""

from watchdog.control.wire import RecordReply
from watchdog.journal import codec
from watchdog.journal.reader import Record


def record_reply(record: Record) -> RecordReply:
    """Turn a journal record into the object that travels."""
    stamp = record.stamped.stamp
    return RecordReply(
        seq=stamp.seq,
        wall_usec=stamp.wall_usec,
        boot=stamp.boot,
        uptime_usec=stamp.uptime_usec,
        kind=type(record.stamped.event).__name__,
        event=codec.event_to_json(record.stamped.event),
        decisions=[codec.decision_to_json(decision) for decision in record.decisions],
        synchronised=stamp.synchronised,
    )
