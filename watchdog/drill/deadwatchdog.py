"""gatedog itself is killed: the gateway must go on, somebody else must say so, and nothing may be forgotten."""

import signal
import subprocess
import sys
from pathlib import Path

from watchdog.drill.site import Site

_SILENT_SECONDS = 90.0
"""The last word believes a status that is 30 s old; a busy host takes its time for the rest."""


def play(site: Site) -> None:
    """Kill gatedog; the last word tells; start it again."""
    site.begin()
    _record(site).mkdir(mode=0o700)
    gateway = site.gateway_pid()
    site.end_daemon(signal.SIGKILL)
    site.record.note("gatedog was killed")
    site.record.wait("the last word tells", lambda: _last_word(site) and site.paged(site.phone), _SILENT_SECONDS)
    site.start_daemon()
    taken_up = "the same gateway is taken up again"
    site.record.wait(taken_up, lambda: site.gateway_pid() == gateway, 20.0)
    site.record.check("no start was charged", holds=not _charged(site))


def _last_word(site: Site) -> bool:
    """Do what the timer does four times a minute."""
    words = ("lastword", "gatedog", "--config", str(site.folder), "--run", str(site.run_folder.parent))
    command = [sys.executable, "-I", "-m", "watchdog.cli", *words, "--state", str(_record(site))]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)  # noqa: S603 - gatedog itself
    return done.returncode == 0


def _record(site: Site) -> Path:
    """Where the last word puts outages on record."""
    return site.folder / "lastword"


def _charged(site: Site) -> bool:
    return any(each["used"] for each in site.standing()["budget"])
