"""A journal record, as it travels and as `--json` prints it, and back again.

Invariant: the same for a record that the daemon tells and for one that is read from the journal of a dead one. What a
gateway's variables hold is told by neither: the socket is everybody's, and policy.toml need not be.
"""

from collections.abc import Mapping
from typing import Any

from watchdog.control.wire import RecordReply
from watchdog.core.events import Stamp, Stamped
from watchdog.core.identity import BootId, Seq
from watchdog.core.timeline import Usec
from watchdog.journal import codec
from watchdog.journal.reader import Record

NOT_TOLD = "[not told]"


def record_reply(record: Record) -> RecordReply:
    """Turn a journal record into the object that travels."""
    stamp = record.stamped.stamp
    return RecordReply(
        seq=stamp.seq,
        wall_usec=stamp.wall_usec,
        boot=stamp.boot,
        uptime_usec=stamp.uptime_usec,
        kind=type(record.stamped.event).__name__,
        event=_without_values(codec.event_to_json(record.stamped.event)),
        decisions=[codec.decision_to_json(decision) for decision in record.decisions],
        synchronised=stamp.synchronised,
    )


def record_of(reply: Mapping[str, Any]) -> Record | None:
    """Read a record as it travels; None when a newer version wrote it."""
    stamp = Stamp(
        seq=Seq(reply["seq"]),
        wall_usec=Usec(reply["wall_usec"]),
        boot=BootId(reply["boot"]),
        uptime_usec=Usec(reply["uptime_usec"]),
        synchronised=reply.get("synchronised", True),
    )
    try:
        event = codec.event_from_json(reply["event"])
        decisions = tuple(codec.decision_from_json(each) for each in reply["decisions"])
    except codec.CodecError:
        return None
    return Record(stamped=Stamped(stamp=stamp, event=event), decisions=decisions, digest=b"")


def _without_values(told: Any) -> Any:
    if isinstance(told, dict):
        return {
            name: [[variable, NOT_TOLD] for variable, _ in part] if name == "environment" else _without_values(part)
            for name, part in told.items()
        }
    return [_without_values(part) for part in told] if isinstance(told, list) else told
