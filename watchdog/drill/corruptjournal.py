"""A byte of the journal is wrong: gatedog must not trust it, must not lose the gateway, and must say so."""

import signal
import sqlite3
from contextlib import closing

from watchdog.drill.site import Site

_LETTERS = b'"kind":"MainProcessStarted"'


def play(site: Site) -> None:
    """Change one letter of the record of its first life; recover by reading the page and closing the incident."""
    site.begin()
    gateway = site.gateway_pid()
    site.end_daemon(signal.SIGKILL)  # at a clean end a snapshot is written, and start reads no further back
    journal = site.state_folder / "journal" / "journal.db"
    with closing(sqlite3.connect(journal)) as database:  # into the file itself: what SQLite logs beside it, it checks
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sound = journal.read_bytes()
    site.record.check("a record was found to damage", holds=_LETTERS in sound)
    journal.write_bytes(sound.replace(_LETTERS, _LETTERS.replace(b"Main", b"Rain"), 1))
    site.record.note("one letter of it was changed")
    site.start_daemon()
    site.record.wait("seen", lambda: site.incident("journal."), 20.0)
    site.record.wait("paged", lambda: site.paged(site.phone, "journal"), 10.0)
    site.record.check("the gateway was left alone", holds=site.gateway_pid() == gateway)
    kept = sorted(site.state_folder.glob("journal.damaged-*"))
    site.record.check("the damaged journal was kept", holds=bool(kept), said=", ".join(each.name for each in kept))
    incident = site.incident("journal.")
    site.recover("journal.damaged", "incident", "close", incident, "-m", "drill")
    site.record.wait("back to normal", lambda: not site.incident("journal."), 10.0)
