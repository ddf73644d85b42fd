"""A journal with a story, and the ways in which a disk or a hand may spoil it; for the tests of damaged journals."""

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from watchdog.core.endings import ExitRecord
from watchdog.core.engine import step
from watchdog.core.events import (
    Event,
    GatewayObserved,
    MainProcessExited,
    MainProcessStarted,
    PolicyLoaded,
    Stamp,
    Stamped,
    Starter,
    SupervisorStarted,
    TimerFired,
)
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef, Seq
from watchdog.core.policy import CommandPolicy, EscalationPolicy, GatewayPolicy, Policy
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import EMPTY, GatewayState, Hold, State
from watchdog.core.timeline import HOUR, MINUTE, Usec
from watchdog.core.timer import TimerId, TimerKind
from watchdog.journal.store import Journal

BOOT = BootId("boot-1")
NAME = GatewayName("main")
WALL = 1_774_500_000_000_000


class Writer:
    """Steps the core and stores what it decided, as the daemon's loop does."""

    def __init__(self, journal: Journal, state: State = EMPTY) -> None:
        self.journal = journal
        self.state = state
        self.at_usec = HOUR

    def take(self, event: Event) -> Seq:
        """Let an event happen a minute after the one before."""
        self.at_usec += MINUTE
        seq = self.journal.next_seq
        stamp = Stamp(seq=seq, wall_usec=Usec(WALL + self.at_usec), boot=BOOT, uptime_usec=Usec(self.at_usec))
        stepped = step(self.state, Stamped(stamp=stamp, event=event))
        self.journal.append(Stamped(stamp=stamp, event=event), stepped.decisions)
        self.state = stepped.state
        return seq

    def gateway(self) -> GatewayState:
        """Return what the core remembers of the gateway."""
        return self.state.gateways[0]

    def live_and_die(self, pid: int) -> None:
        """Let the ordered life begin and end."""
        life = self.gateway().start_life
        assert life is not None
        process = ProcessRef(pid=pid, start_ticks=pid, boot=BOOT)
        self.take(MainProcessStarted(gateway=NAME, process=process, life=LifeId(life), starter=Starter.GATEDOG))
        self.take(MainProcessExited(gateway=NAME, process=process, exit=ExitRecord(code=1)))

    def begin(self) -> None:
        """Load a policy and look at a gateway that is down."""
        self.take(SupervisorStarted(version="test", rules=RULES_VERSION))
        gateway = GatewayPolicy(name=NAME, command=CommandPolicy(argv=("gateway",)))
        escalation = EscalationPolicy(tiers=(("phone",),), notices=("mail",))
        self.take(PolicyLoaded(policy=Policy(gateways=(gateway,), escalation=escalation), digest="d"))
        self.take(GatewayObserved(gateway=NAME, process=None))


@pytest.fixture(scope="session")
def journal_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a journal with a sealed segment of one death, and two more deaths after it (the last one holds)."""
    folder = tmp_path_factory.mktemp("template") / "journal"
    with Journal.create(folder, journal_id="first", machine_id="here") as journal:
        writer = Writer(journal)
        writer.begin()
        writer.live_and_die(101)
        journal.seal(writer.state)
        writer.live_and_die(102)
        writer.take(TimerFired(timer=TimerId(kind=TimerKind.START_DUE, subject=NAME)))
        writer.live_and_die(103)
        assert writer.gateway().hold is Hold.HELD
        assert len(writer.gateway().ledger) == 3
    return folder


@pytest.fixture
def journal_folder(journal_template: Path, tmp_path: Path) -> Path:
    """Give a copy of the journal to spoil."""
    return Path(shutil.copytree(journal_template, tmp_path / "journal"))


class Spoiler:
    """What can happen to a journal, and what it looks like from outside."""

    @staticmethod
    def spoil_record(folder: Path, seq: int) -> None:
        """Change one record, as a flipped bit would."""
        _write(folder, "UPDATE records SET uptime_usec = uptime_usec + 1 WHERE seq = ?", seq)

    @staticmethod
    def remove_record(folder: Path, seq: int) -> None:
        """Take one record out."""
        _write(folder, "DELETE FROM records WHERE seq = ?", seq)

    @staticmethod
    def remove_tail(folder: Path, after: int) -> None:
        """Take the newest records off, as a torn write would."""
        _write(folder, "DELETE FROM records WHERE seq > ?", after)

    @staticmethod
    def remove_segment(folder: Path) -> None:
        """Take the sealed segment's row away: the records stay, the seal is gone."""
        _write(folder, "DELETE FROM segments WHERE number = 1")

    @staticmethod
    def spoil_snapshot(folder: Path) -> None:
        """Change the snapshot under its seal."""
        _write(folder, "UPDATE segments SET snapshot = '{}' WHERE number = 1")

    @staticmethod
    def newer_format(folder: Path) -> None:
        """Mark the file as written by a later version."""
        _write(folder, "PRAGMA user_version = 2")

    @staticmethod
    def overwrite_header(folder: Path) -> None:
        """Write zeros over the file's first bytes."""
        with (folder / "journal.db").open("r+b") as file:
            file.write(bytes(100))

    @staticmethod
    def cut_file(folder: Path) -> None:
        """Leave three pages of the file."""
        with (folder / "journal.db").open("r+b") as file:
            file.truncate(3 * 4096)

    @staticmethod
    def spoil_for_writing(folder: Path) -> None:
        """Forbid the next record, as a page would that only an insertion reads."""
        with sqlite3.connect(folder / "journal.db", isolation_level=None) as database:
            fault = "SELECT RAISE(ABORT, 'database disk image is malformed')"
            database.execute(f"CREATE TRIGGER malformed BEFORE INSERT ON records BEGIN {fault}; END")
        database.close()

    @staticmethod
    def seq_of(folder: Path, kind: str, number: int) -> int:
        """Return the number of the n-th record of a kind."""
        with sqlite3.connect(folder / "journal.db") as database:
            found = database.execute("SELECT seq FROM records WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
        database.close()
        return int(found[number - 1][0])

    @staticmethod
    def bytes_of(folder: Path) -> dict[str, str]:
        """Digest the files that hold the journal. SQLite's shared memory holds none of it."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.iterdir())
            if not path.name.endswith("-shm") and path.stat().st_size
        }


def _write(folder: Path, sql: str, *parameters: int) -> None:
    with sqlite3.connect(folder / "journal.db", isolation_level=None) as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute(sql, parameters)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


@pytest.fixture
def spoil() -> type[Spoiler]:
    """Return the ways to spoil a journal."""
    return Spoiler


@pytest.fixture
def journal_writer() -> type[Writer]:
    """Return the way to write a journal as the daemon does."""
    return Writer
