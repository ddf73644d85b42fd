"""The journal against real trouble: a writer killed in the middle of a write, and a disk that is really full."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from watchdog.core.decisions import NothingDone
from watchdog.core.events import HostShutdownBegan, JournalGapFound, Stamp, Stamped
from watchdog.core.identity import NOBODY, BootId, Seq
from watchdog.core.rules import RuleId
from watchdog.core.timeline import Usec
from watchdog.journal.errors import JournalUnwritable
from watchdog.journal.store import BUFFER_MAX, Journal
from watchdog.journal.verification import verify

pytestmark = pytest.mark.system

NOTHING = NothingDone(gateway=NOBODY, rule=next(iter(RuleId)), because="nothing changed")

WRITER = """
import sys
from pathlib import Path
from watchdog.core.decisions import NothingDone
from watchdog.core.events import HostShutdownBegan, Stamp, Stamped
from watchdog.core.identity import NOBODY, BootId
from watchdog.core.rules import RuleId
from watchdog.core.state import State
from watchdog.journal.store import Journal

decision = NothingDone(gateway=NOBODY, rule=next(iter(RuleId)), because="nothing changed")
with Journal.open(Path(sys.argv[1])) as journal:
    for _ in range(100_000):
        seq = journal.next_seq
        stamp = Stamp(seq=seq, wall_usec=seq, boot=BootId("boot"), uptime_usec=seq)
        decided = seq % 3 == 0
        journal.append(Stamped(stamp=stamp, event=HostShutdownBegan(reason="x" * (seq % 700))), (decision,) * decided)
        if seq % 50 == 0:
            journal.seal(State(incident_count=seq))
        if decided:
            sys.stdout.write(f"{seq}\\n")
            sys.stdout.flush()
"""


def stamped(seq: Seq, size: int) -> Stamped:
    """Stamp an event whose text takes about so many bytes and does not compress."""
    text = os.urandom(size // 2).hex()
    stamp = Stamp(seq=seq, wall_usec=Usec(seq), boot=BootId("boot"), uptime_usec=Usec(seq))
    return Stamped(stamp=stamp, event=HostShutdownBegan(reason=text))


def append_until_refused(journal: Journal, ballast: Path) -> int:
    """Append until the disk refuses; count the events that were stored on the ballast's room."""
    stored = 0
    for _ in range(100):
        try:
            journal.append(stamped(journal.next_seq, 60_000), (NOTHING,))
        except JournalUnwritable:
            return stored
        stored += not ballast.exists()
    pytest.fail("the disk never refused")


@pytest.mark.parametrize("deaths_after", [1, 20, 61, 130])
def test_a_killed_writer_loses_nothing_it_returned_from(tmp_path: Path, deaths_after: int) -> None:
    """After SIGKILL in the middle of appends every acknowledged decision is there, and the chain verifies."""
    Journal.create(tmp_path, journal_id="j", machine_id="m").close()
    acknowledged = 0
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(deaths_after):
                acknowledged = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            left_over = [line for line in writer.stdout.read().split("\n")[:-1] if line]
            acknowledged = int(left_over[-1]) if left_over else acknowledged
        with Journal.read(tmp_path) as reader:  # while the write-ahead log of the dead still lies there
            seen = reader.last_seq
        with Journal.open(tmp_path) as journal:
            found = list(journal.records())
            snapshot = journal.latest_snapshot()

        assert writer.returncode == -signal.SIGKILL
        assert seen >= acknowledged
        assert [record.stamped.stamp.seq for record in found] == list(range(1, seen + 1))
        assert all(bool(record.decisions) == (record.stamped.stamp.seq % 3 == 0) for record in found)
        assert snapshot is None or snapshot[0].incident_count == snapshot[1]
        assert verify(tmp_path).problems == ()


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    """A writer killed with SIGKILL leaves no stale lock behind."""
    Journal.create(tmp_path, journal_id="j", machine_id="m").close()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    Journal.open(tmp_path).close()


def test_a_full_disk_loses_nothing_that_memory_can_hold(small_disk: Path, fill_disk) -> None:
    """The ballast carries on for a while, then the journal says it cannot write; with room again all is stored."""
    filler = small_disk / "filler"
    with Journal.create(small_disk / "state", journal_id="j", machine_id="m") as journal:
        ballast = small_disk / "state" / "ballast"
        reserved = ballast.exists()
        journal.append(stamped(journal.next_seq, 100), (NOTHING,))
        fill_disk(filler)
        stored_on_ballast = append_until_refused(journal, ballast)
        waiting = journal.pending
        whole_meanwhile = verify(small_disk / "state").problems
        filler.unlink()
        journal.append(stamped(journal.next_seq, 100), (NOTHING,))

        assert reserved
        assert stored_on_ballast > 0
        assert (waiting, journal.pending, journal.loss) == (1, 0, None)
        assert whole_meanwhile == ()
        assert [record.stamped.stamp.seq for record in journal.records()] == list(range(1, journal.next_seq))
        assert ballast.exists()
    assert verify(small_disk / "state").intact


def test_what_a_full_disk_made_us_lose_is_told(small_disk: Path, fill_disk) -> None:
    """Beyond what memory holds events are counted, and the gap record stands right after the last stored one."""
    filler = small_disk / "filler"
    with Journal.create(small_disk / "state", journal_id="j", machine_id="m") as journal:
        journal.append(stamped(journal.next_seq, 100), (NOTHING,))
        fill_disk(filler)
        refused = 0
        for _ in range(BUFFER_MAX + 5_000):
            try:
                journal.append(stamped(journal.next_seq, 400))
            except JournalUnwritable:
                refused += 1
            if journal.loss is not None and journal.loss.lost >= 3:
                break
        loss = journal.loss
        assert loss is not None
        assert refused > 0
        filler.unlink()
        journal.commit()
        gap = JournalGapFound(after_seq=loss.after_seq, lost=loss.lost, reason="disk full")
        stamp = Stamp(seq=journal.next_seq, wall_usec=Usec(1), boot=BootId("boot"), uptime_usec=Usec(1))
        journal.append(Stamped(stamp=stamp, event=gap), (NOTHING,))
        last_two = [record.stamped.stamp.seq for record in journal.tail(2)]

        assert last_two == [loss.after_seq, loss.after_seq + loss.lost + 1]
        assert journal.loss is None
    verification = verify(small_disk / "state")

    assert verification.problems == ()
    assert [(skip.after_seq, skip.lost) for skip in verification.skips] == [(loss.after_seq, loss.lost)]
