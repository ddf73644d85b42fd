"""`gatedog lastword` with real files, a real process table and a real program as the channel."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system


class Installation:
    """A bundle, a folder for /run and one for the records, in which `lastword` runs."""

    def __init__(self, folder: Path) -> None:
        self.pages = folder / "pages"
        self.record = folder / "state" / "gatedog.json"
        self._status = folder / "run" / "gatedog" / "status.json"
        self._folder = folder
        for each in ("etc", "state", "run/gatedog", "pages"):
            (folder / each).mkdir(parents=True)
        for each in (folder, folder / "etc"):
            each.chmod(0o755)
        script = folder / "etc" / "page"
        script.write_text(f"#!/bin/sh\ncat > {self.pages}/$(date +%s%N).json\ntest ! -e {folder}/busy\n")
        script.chmod(0o755)
        pager = folder / "etc" / "pager.toml"
        pager.write_text(
            f'[channel.phone]\nkind = "exec"\nargv = ["{script}"]\n'
            '[escalation]\ntiers = [["phone"]]\nnotices = ["phone"]\n'
        )
        pager.chmod(0o644)

    def status(self, *, age_s: float, pid: int, started_s: float = 3600, **more: object) -> None:
        """Leave a status as the daemon would have, `age_s` ago."""
        now = time.time_ns() // 1000
        fields = {
            "pid": pid,
            "written_at": now - int(age_s * 1e6),
            "started_wall_usec": now - int(started_s * 1e6),
            "journal": "j1",
            "host_going_down": False,
            "gateways": [{"name": "main"}],
        }
        self._status.write_text(json.dumps({**fields, **more}))

    def run(self, name: str = "gatedog") -> subprocess.CompletedProcess[str]:
        """Run it as the timer would."""
        words = ["lastword", name, "--config", f"{self._folder}/etc", "--run", f"{self._folder}/run"]
        command = [sys.executable, "-m", "watchdog.cli", *words, "--state", f"{self._folder}/state"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def titles(self) -> list[str]:
        """Return what was paged, in order."""
        return [page["title"] for page in self.sent()]

    def sent(self) -> list[dict[str, Any]]:
        """Return the pages, in order."""
        return [json.loads(page.read_text()) for page in sorted(self.pages.iterdir())]

    def be_busy(self, *, busy: bool) -> None:
        """Let the channel fail for a while, after it has taken the page."""
        mark = self._folder / "busy"
        mark.touch() if busy else mark.unlink()


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation with one exec channel."""
    return Installation(tmp_path)


@pytest.fixture
def gone() -> int:
    """The pid of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_an_outage_is_one_page_and_one_back(installation: Installation, gone: int) -> None:
    """Through the channel of pager.toml, with nothing left on record at the end."""
    installation.status(age_s=60, pid=gone)

    runs = [installation.run() for _ in range(3)]
    assert [each.returncode for each in runs] == [0, 0, 0]
    assert installation.titles() == ["gatedog: dead; main unwatched"]

    for _ in range(2):
        installation.status(age_s=0, pid=os.getpid())
        assert installation.run().returncode == 0

    assert installation.titles()[1:] == ["gatedog: back, and watches main again"]
    assert not installation.record.exists()


def test_a_page_that_did_not_get_through_is_sent_again_by_the_next_run(installation: Installation, gone: int) -> None:
    """With the same keys, so that the receiver can tell; the run that failed says so by its exit status."""
    installation.status(age_s=60, pid=gone)
    installation.be_busy(busy=True)
    failed = installation.run()
    installation.be_busy(busy=False)

    assert failed.returncode == 1
    assert installation.run().returncode == 0

    first, second = installation.sent()
    assert first == second


def test_a_living_gatedog_is_left_alone(installation: Installation) -> None:
    """Nothing is sent and nothing is on record."""
    installation.status(age_s=1, pid=os.getpid())

    assert installation.run().returncode == 0
    assert installation.titles() == []
    assert not installation.record.exists()


def test_a_stop_on_purpose_is_a_notice(installation: Installation, gone: int) -> None:
    """It wakes nobody, and says what is unwatched."""
    installation.status(age_s=60, pid=gone, stopping=True)

    assert [installation.run().returncode for _ in range(2)] == [0, 0]

    assert [(page["severity"], page["title"]) for page in installation.sent()] == [
        ("info", "gatedog: was stopped; main unwatched")
    ]


def test_all_finds_the_daemons_by_themselves(installation: Installation, gone: int) -> None:
    """One that has a folder in /run needs no name."""
    installation.status(age_s=60, pid=gone)

    assert installation.run("--all").returncode == 0
    assert installation.titles() == ["gatedog: dead; main unwatched"]


@pytest.mark.parametrize("name", ["../x", "", ".."])
def test_a_name_that_leads_elsewhere_is_refused(installation: Installation, name: str) -> None:
    """It becomes part of two paths."""
    assert installation.run(name).returncode == 2
