"""The hash chain: what each record and each segment is digested over, and how their texts are packed.

Theory of operation. A record's digest is SHA-256 over the digest before it and the record's eleven lines; the first
follows from the journal's id and format, so a chain cannot be moved to another journal. A sealed segment's digest is
taken over the digest of the segment before it, its last record's digest and its own facts, the snapshot's digest
among them; the next record follows from that. So segments form a chain of their own, and it still holds when the
records of an old segment have been removed.

A sequence number may skip where the writer lost events (the journal could not be written): a skip with an intact
chain was made by the writer, a skip with a broken one by somebody else.

Invariant: digests are taken over texts, never over compressed bytes, so another zlib changes nothing. The chain is
evidence against accidents and quiet edits; without a copy of its head elsewhere it is none against root.
"""

import hashlib
import json
import zlib
from typing import Final

from watchdog.core.values import dataclass

PACK_ABOVE: Final = 400
"""Texts shorter than this, in characters, stay readable: packing them gains nothing."""

PACKED_MAX: Final = 64 * 1024 * 1024
"""Most bytes one packed text may unfold to; a forged one must not fill the memory."""


class ChainError(Exception):
    """A stored text cannot be unpacked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record as text, in the order in which it is digested."""

    format: int
    seq: int
    wall_usec: int
    boot: str
    uptime_usec: int
    flags: int
    kind: str
    gateway: str
    incidents: str | None
    event: str
    decisions: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A sealed stretch of records. `last_wall_usec` is the latest wall time in it, `head` its last record's digest."""

    number: int
    format: int
    first_seq: int
    last_seq: int
    records: int
    first_wall_usec: int
    last_wall_usec: int
    head: bytes
    snapshot_digest: bytes
    digest: bytes
    pruned: bool


def genesis(journal_id: str) -> bytes:
    """What the first record follows from."""
    return hashlib.sha256(f"gatedog journal\nformat 1\n{journal_id}".encode()).digest()


def digest_of_row(previous: bytes, row: Row) -> bytes:
    """Digest a record. No line can hold a line break: texts are JSON or escaped like it."""
    lines = (
        f"{row.format}\n{row.seq}\n{row.wall_usec}\n{row.boot}\n{row.uptime_usec}\n{row.flags}\n{row.kind}\n"
        f"{row.gateway}\n{row.incidents or ''}\n{row.event}\n{row.decisions or ''}"
    )
    return hashlib.sha256(previous + lines.encode()).digest()


def digest_of_segment(previous: bytes, segment: Segment) -> bytes:
    """Digest a segment. `pruned` is not part of it: what was sealed stays true when the records are removed."""
    lines = (
        f"segment {segment.number}\n{segment.format}\n{segment.first_seq}\n{segment.last_seq}\n{segment.records}\n"
        f"{segment.first_wall_usec}\n{segment.last_wall_usec}\n{segment.snapshot_digest.hex()}"
    )
    return hashlib.sha256(previous + segment.head + lines.encode()).digest()


def digest_of_text(text: str) -> bytes:
    """Digest a snapshot."""
    return hashlib.sha256(text.encode()).digest()


def one_line(text: str) -> str:
    """Escape text from outside the way JSON does: ASCII, no control characters, ordinary names unchanged."""
    return json.dumps(text)[1:-1]


def pack(text: str) -> str | bytes:
    """Compress a text where that saves at least a quarter; a database viewer shows the others as they are."""
    if len(text) < PACK_ABOVE:
        return text
    packed = zlib.compress(text.encode(), 6)
    return packed if len(packed) * 4 <= len(text) * 3 else text


def unpack(stored: object) -> str:
    """Undo `pack`. Raises ChainError on bytes that are damaged or unfold beyond PACKED_MAX."""
    if isinstance(stored, str):
        return stored
    if not isinstance(stored, bytes):
        raise ChainError(f"a text is stored as {type(stored).__name__}")
    unfolding = zlib.decompressobj()
    try:
        text = unfolding.decompress(stored, PACKED_MAX)
        if not unfolding.eof:
            raise ChainError("a packed text is cut off or too long")
        return text.decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise ChainError(f"a packed text is damaged: {error}") from error
