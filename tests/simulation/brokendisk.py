"""A disk that fills up, and a death of the daemon between any two writes.

The journal's own code runs on a real SQLite file; only its connection is replaced, by one that can refuse to write and
that counts what it writes. `Killed` is no Exception: no code of the product may catch it, as none can catch a SIGKILL.

Invariant: what the file holds after a death is what SQLite had committed, with or without a torn tail of the log.
"""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchdog.journal import schema
from watchdog.journal.store import Journal

_WRITES = ("BEGIN", "INSERT", "COMMIT", "CREATE", "UPDATE", "DELETE")
_GROWS = ("INSERT", "COMMIT", "CREATE")


class Killed(BaseException):
    """The daemon is dead at this point."""


class BrokenDisk:
    """Room, or none; and how many more steps the daemon has to live."""

    def __init__(self) -> None:
        self.is_full = False
        self.steps_to_live: int | None = None
        self.start_steps_to_live: int | None = None
        """Of these, only the steps of starting a gateway count."""

    def serve(self, journal: Journal) -> None:
        """Let the journal write to this disk from here on."""
        whole, journal._connection = (
            journal._connection,
            schema.connect_writer(journal.path, self._connection_class()),
        )
        whole.close()

    def _connection_class(self) -> type[sqlite3.Connection]:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Iterable[object] = ()) -> sqlite3.Cursor:
                with disk.write(sql):
                    return super().execute(sql, parameters)

            def executemany(self, sql: str, parameters: Iterable[Iterable[object]]) -> sqlite3.Cursor:
                with disk.write(sql):
                    return super().executemany(sql, parameters)

            def executescript(self, sql: str) -> sqlite3.Cursor:
                with disk.write("CREATE" if "CREATE" in sql else sql):
                    return super().executescript(sql)

        return Connection

    @contextmanager
    def write(self, sql: str) -> Iterator[None]:
        """Stand around one statement: the daemon may die before it, or after it."""
        if not sql.lstrip().startswith(_WRITES):
            yield
            return
        self.step()
        if self.is_full and sql.lstrip().startswith(_GROWS):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        yield
        self.step()

    def step(self) -> None:
        """Die here, if this is where it was to be."""
        if self.steps_to_live is None:
            return
        self.steps_to_live -= 1
        if self.steps_to_live <= 0:
            self.live_on()
            raise Killed

    def step_of_start(self) -> None:
        """Take a step in starting a gateway, between its record, its program and its report."""
        self.step()
        if self.start_steps_to_live is not None:
            self.start_steps_to_live -= 1
            if self.start_steps_to_live <= 0:
                self.live_on()
                raise Killed

    def live_on(self) -> None:
        """Let whoever runs now live as long as nobody says otherwise."""
        self.steps_to_live = self.start_steps_to_live = None


def let_go(journal: Journal, chance: random.Random) -> None:
    """Take the journal out of a dead daemon's hands: no commit, no checkpoint, now and then a torn tail."""
    files = [journal.path, journal.path.with_name(f"{schema.FILE_NAME}-wal")]
    contents = [file.read_bytes() if file.exists() else None for file in files]
    journal._connection.close()  # here SQLite tidies up, which the dead do not; so what it did is taken back below
    journal._lock.release()
    for file, content in zip(files, contents, strict=True):
        if content is not None:
            file.write_bytes(content)
    log = files[1]
    if contents[1] and chance.random() < 0.5:
        torn = chance.randbytes(chance.randint(1, 6_000))
        log.write_bytes(contents[1] + torn)
    _shared_memory(journal.path).unlink(missing_ok=True)


def _shared_memory(path: Path) -> Path:
    return path.with_name(f"{path.name}-shm")
