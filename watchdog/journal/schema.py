"""The file: its tables, how it is opened, and how a file that is no journal is recognised before SQLite touches it.

Invariant: one SQLite file in WAL mode, committed with synchronous=FULL, so what was committed survives the loss of
power; readable by its owner only. `records` is never updated (a trigger says so to whoever tries by hand).
Deliberately not here: what the columns mean for the chain (chain.py).
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from watchdog.journal.codec import FORMAT_VERSION
from watchdog.journal.errors import (
    JournalDamaged,
    JournalExists,
    JournalMissing,
    JournalNewer,
    JournalUnreadable,
    JournalUnwritable,
)

FILE_NAME: Final = "journal.db"
APPLICATION_ID: Final = 0x67646F67
"""ASCII "gdog": lets file(1) and us tell a journal from any other SQLite file."""

BUSY_TIMEOUT_S: Final = 2
_MAGIC: Final = b"SQLite format 3\x00"
_HEADER_BYTES: Final = 100

_RECORD_COLUMNS: Final = """
    seq INTEGER PRIMARY KEY,
    format INTEGER NOT NULL,
    wall_usec INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),
    uptime_usec INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    kind TEXT NOT NULL,
    gateway TEXT NOT NULL,
    incidents TEXT,
    event ANY NOT NULL,
    decisions ANY,
    digest BLOB NOT NULL"""

TABLES: Final = f"""
BEGIN;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE boots (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE records ({_RECORD_COLUMNS}
) STRICT;
CREATE TABLE kept_records ({_RECORD_COLUMNS},
    previous BLOB NOT NULL
) STRICT;
CREATE TABLE segments (
    number INTEGER PRIMARY KEY,
    format INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL UNIQUE,
    records INTEGER NOT NULL,
    first_wall_usec INTEGER NOT NULL,
    last_wall_usec INTEGER NOT NULL,
    head BLOB NOT NULL,
    snapshot_digest BLOB NOT NULL,
    digest BLOB NOT NULL,
    pruned INTEGER NOT NULL,
    snapshot ANY NOT NULL
) STRICT;
CREATE TABLE folds (seq INTEGER PRIMARY KEY, count INTEGER NOT NULL, wall_usec INTEGER NOT NULL) STRICT;
CREATE TABLE mentions (incident TEXT, seq INTEGER, PRIMARY KEY (incident, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE pages (page TEXT PRIMARY KEY, incident TEXT NOT NULL, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER records_are_never_changed BEFORE UPDATE ON records
    BEGIN SELECT RAISE(ABORT, 'a journal is append-only'); END;
CREATE TRIGGER kept_records_are_never_changed BEFORE UPDATE ON kept_records
    BEGIN SELECT RAISE(ABORT, 'a journal is append-only'); END;
COMMIT;
"""


def make_file(folder: Path, meta: dict[str, str], connection_class: type[sqlite3.Connection]) -> None:
    """Make an empty journal, whole or not at all: it is built beside its place and renamed into it.

    The caller holds the lock. Raises JournalExists, JournalUnwritable.
    """
    path = folder / FILE_NAME
    if path.exists() or path.with_name(f"{path.name}-wal").exists():  # an old log would be replayed into a new file
        raise JournalExists(folder)
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(unfinished, isolation_level=None, factory=connection_class)) as connection:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            connection.executescript(TABLES)
            connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted(meta.items()))
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        raise JournalUnwritable(path, str(error)) from error
    unfinished.rename(path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def connect_writer(path: Path, connection_class: type[sqlite3.Connection]) -> sqlite3.Connection:
    """Open for appending; the caller holds the lock and has called `check_header`."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S, factory=connection_class)
        connection.text_factory = _text
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_size_limit = 4194304")
    except sqlite3.OperationalError as error:
        raise JournalUnwritable(path, str(error)) from error
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open for reading, beside a writer or after its death.

    A copy on a read-only file system has no room for SQLite's shared memory; with no write-ahead log beside it, it is
    complete and opened as immutable.
    """
    still = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro{'&immutable=1' if still else ''}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_S,
    )
    connection.text_factory = _text
    return connection


def check_header(folder: Path, *, any_format: bool = False) -> Path:
    """Find the journal of a folder and read its first bytes without SQLite, which may repair what it opens.

    With `any_format` a newer format passes, for salvage: its older records may still be readable.

    Raises JournalMissing, JournalUnreadable, JournalDamaged or JournalNewer.
    """
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError as error:
        raise JournalMissing(folder) from error
    except OSError as error:
        raise JournalUnreadable(path, str(error)) from error
    if len(header) < _HEADER_BYTES:
        raise JournalDamaged(path, f"only {len(header)} bytes are left, which is less than a file header")
    if header[: len(_MAGIC)] != _MAGIC:
        raise JournalDamaged(path, "this is no SQLite file, or its first bytes were overwritten")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise JournalDamaged(path, "this is a SQLite file, but no gatedog journal")
    version = int.from_bytes(header[60:64], "big")
    if version > FORMAT_VERSION and not any_format:
        raise JournalNewer(path, f"format {version}, and this version reads up to {FORMAT_VERSION}")
    return path


def _text(raw: bytes) -> str:
    """Read damaged text as replacement characters: then the chain names the record, and not SQLite the column."""
    return str(raw, "utf-8", "replace")
