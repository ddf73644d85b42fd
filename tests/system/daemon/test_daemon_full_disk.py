"""A daemon whose disk is full: it watches, pages, turns requests away, and later writes everything down."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

LIVES = ["/bin/sh", "-c", "echo up; exec sleep 600"]
REQUESTS_MAX = 200
"""So many requests take far more than what a full disk still has room for (the ballast, and the write-ahead log)."""

NEARLY_TEN_MINUTES_USEC = 540_000_000


def ask_until_turned_away(site: Any, fill: Callable[[], None]) -> str:
    """Keep the disk full and the journal busy until a request is turned away; return what the asker read."""
    for _ in range(REQUESTS_MAX):
        fill()
        code, said = site.human("page", "test")
        if code != 0:
            assert code == 75, said
            return str(said)
    pytest.fail("the disk never refused")


def is_postponed(site: Any) -> bool:
    """Say whether the next start is put off for ten minutes; end whatever life there still is."""
    seen = site.status() or {}
    with suppress(ProcessLookupError):  # it may have ended since
        if seen.get("pid"):
            os.kill(seen["pid"], signal.SIGKILL)
    return (seen.get("next_start_in_usec") or 0) > NEARLY_TEN_MINUTES_USEC


def test_a_full_disk_blinds_nobody(site, small_disk: Path, fill_disk: Callable[[Path], None]) -> None:
    """A death is seen and paged, at most one start follows, requests exit 75; with room again all is on record."""
    filler = small_disk / "filler"
    site.state = small_disk / "state"
    site.write_policy(LIVES)
    daemon = site.start()
    site.wait_until(ready=True)

    said = ask_until_turned_away(site, lambda: fill_disk(filler))
    told = site.wait_for_pages("cannot write its journal")
    site.wait(lambda: is_postponed(site), "the next start to be put off")
    again, why = site.human("page", "test")
    lives = {int(path.stem) for path in (site.state / "lives" / "gateway").glob("*.json")}

    assert "journal" in said
    assert (again, "journal" in why) == (75, True)
    assert any(page["severity"] == "critical" for page in told)
    assert len(lives) <= 2, "the first life, and at most one start on a full disk"

    filler.unlink()
    site.wait(lambda: site.human("page", "test")[0] == 0, "requests to be taken again")
    over = site.wait_for_pages("cannot write its journal", update="resolved")
    assert site.human("start", "gateway")[0] == 0
    site.wait_until(ready=True)
    daemon.send_signal(signal.SIGTERM)

    assert any("nothing was lost" in str(page) for page in over)
    assert daemon.wait(timeout=20) == 0
    assert "Traceback" not in site.errors.read_text()
    folder = site.state / "journal"
    assert site.cli("journal", "verify", str(folder)).returncode == 0
    assert site.cli("verify", str(folder)).returncode == 0
    assert {"MainProcessExited", "JournalFailed", "JournalGapFound"} <= site.kinds_on_record()
