"""Which old records are removed, and what stays of them.

Invariant: a segment loses its records only as a whole, oldest first, and only after the keep time; its row with the
chain's head and the snapshot stays, so the chain holds across the gap. A record that names an incident is moved, with
the digest before it, so that it can still be checked by itself: an incident keeps its events for ever.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from watchdog.core.timeline import DAY
from watchdog.journal.chain import Segment
from watchdog.journal.reader import JournalReader

KEEP_USEC: Final = 396 * DAY
"""13 months: "what happened this time last year" must still have its answer."""

_KEEP: Final = """INSERT INTO kept_records
    SELECT r.*, IFNULL(
        (SELECT p.digest FROM records AS p WHERE p.seq < r.seq AND p.seq >= ? ORDER BY p.seq DESC LIMIT 1), ?)
    FROM records AS r WHERE r.seq BETWEEN ? AND ? AND r.incidents IS NOT NULL"""
_REMOVE: Final = "DELETE FROM records WHERE seq BETWEEN ? AND ?"
_FORGET_FOLDS: Final = "DELETE FROM folds WHERE seq BETWEEN ? AND ?"
_MARK: Final = "UPDATE segments SET pruned = 1 WHERE number = ?"


def expired(journal: JournalReader, before_wall_usec: int) -> Iterator[tuple[Segment, bytes]]:
    """Sealed segments that end before the given wall time, oldest first, each with the digest before it.

    Stops at the first that is not old enough: a clock that once ran ahead must not tear a hole.
    """
    previous = journal.genesis
    for segment in journal.segments():
        if not segment.pruned:
            if segment.last_wall_usec >= before_wall_usec:
                return
            yield segment, previous
        previous = segment.digest


def removal(segment: Segment, previous: bytes) -> Sequence[tuple[str, Sequence[tuple[object, ...]]]]:
    """The statements that replace a segment's records by its snapshot and head."""
    span = (segment.first_seq, segment.last_seq)
    return [
        (_KEEP, [(segment.first_seq, previous, *span)]),
        (_REMOVE, [span]),
        (_FORGET_FOLDS, [span]),
        (_MARK, [(segment.number,)]),
    ]
