"""A daemon that finds its journal damaged: it goes on, in safe mode, and says which record."""

import os
import signal
from typing import Any

import pytest

pytestmark = pytest.mark.system

DIES = ["/bin/sh", "-c", "echo 'Config invalid: tools.web'; exit 1"]
LIVES = ["/bin/sh", "-c", "echo up; exec sleep 600"]


def end(daemon: Any) -> None:
    """Kill a daemon, as a crash would."""
    daemon.kill()
    daemon.wait()


def test_a_hold_outlasts_the_damage_and_the_page_names_the_record(site, spoil: Any) -> None:
    """A record before the hold is spoiled: the hold is placed again, nothing is started, a human is told."""
    site.write_policy(DIES)
    first = site.start()
    site.wait_until(word="HELD")
    site.wait(lambda: bool(site.delivered()), "the page of the hold")
    end(first)
    journal = site.state / "journal"
    record = spoil.seq_of(journal, "MainProcessExited", 2)
    spoil.spoil_record(journal, record)
    before = spoil.bytes_of(journal)

    site.start()
    held = site.wait_until(word="HELD")
    told = site.wait_for_pages("safe mode")

    assert held["hold_rule"] == "journal.safe-mode"
    assert f"record {record}" in told[0]["title"]
    assert told[0]["severity"] == "critical"
    assert spoil.bytes_of(site.state / "journal.damaged-1") == before
    assert site.cli("journal", "verify", str(site.state / "journal")).returncode == 0
    assert "salvage" not in site.errors.read_text()
    assert site.cli("journal", "salvage", str(site.state / "journal.damaged-1")).returncode == 0


def test_an_unreadable_journal_leaves_the_gateway_watched_with_one_start(site, spoil: Any) -> None:
    """The running life is adopted; its end is answered by one start, the next end by a hold, until a human looks."""
    site.write_policy(LIVES)
    first = site.start()
    pid = site.wait_until(ready=True)["pid"]
    end(first)
    spoil.overwrite_header(site.state / "journal")

    daemon = site.start()
    adopted = site.wait_until(ready=True)
    os.kill(pid, signal.SIGKILL)
    site.wait(lambda: (site.status() or {}).get("pid") not in (None, pid), "the one start")
    second = site.wait_until(ready=True)["pid"]
    os.kill(second, signal.SIGKILL)
    held = site.wait_until(word="HELD")

    assert adopted["pid"] == pid
    assert held["hold_rule"] == "journal.safe-mode"
    assert any("the file" in page["title"] for page in site.wait_for_pages("safe mode"))
    assert site.human("release", "gateway", "-m", "looked at the disk")[0] == 0
    site.wait_until(ready=True)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=20) == 0
    folder = str(site.state / "journal")
    assert site.cli("journal", "verify", folder).returncode == 0
    assert site.cli("verify", folder).returncode == 0


def test_damage_that_only_writing_meets_ends_the_daemon_and_the_next_one_goes_on(site, spoil: Any) -> None:
    """The daemon says what it met and leaves a mark; the gateway runs on, and the next daemon adopts it."""
    site.write_policy(LIVES)
    daemon = site.start()
    pid = site.wait_until(ready=True)["pid"]
    spoil.spoil_for_writing(site.state / "journal")

    site.human("hold", "gateway", "-m", "to make it write")
    daemon.wait(timeout=20)
    os.kill(pid, 0)
    said = site.errors.read_text()
    site.start()

    assert daemon.returncode == 1
    assert "safe mode" in said
    assert "Traceback" not in said
    assert site.wait_until(ready=True)["pid"] == pid
    assert site.wait_for_pages("safe mode")
