"""Maintenance and silences, granted, refused and over: a real daemon, a person at a terminal, and the agent."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

LIVES = ["/bin/sh", "-c", "echo up; exec sleep 600"]
FAILS_SOON = """
[gateway.gateway.health]
start_grace = "1s"
failing = "1s"
failing_together = "1s"
failing_remote = "1s"
[[gateway.gateway.probe]]
name = "beat"
kind = "heartbeat"
target = "{beat}"
period = "1s"
timeout = "900ms"
"""
LOOKS = 8
"""With a second between them this is longer than any of the times above, so a probe that was judged would have told."""


def watch(site: Any) -> Path:
    """Start a daemon whose gateway has a heartbeat that counts after a second, and return the file."""
    beat: Path = site.folder / "beat"
    beat.touch()
    site.write_policy(LIVES, FAILS_SOON.format(beat=beat))
    site.start()
    site.wait_until(ready=True)
    site.wait(lambda: site.status()["health"]["word"] == "healthy", "it to be well")
    return beat


def wait_for_failed_looks(site: Any) -> None:
    """Wait until the probe has failed so often in a row that it would have been told."""

    def failed() -> bool:
        shown = site.cli("probe", "history", "gateway", "beat").stdout
        return shown.count("there is no such file") >= LOOKS

    site.wait(failed, "failed looks")


@pytest.mark.parametrize("quiet", ["maintenance", "silence"])
def test_a_finding_waits_until_a_quiet_is_over(site, quiet: str) -> None:
    """While it lasts nobody is paged and status says so; ended by the command that was printed, the page goes out."""
    beat = watch(site)
    code, said = site.human(quiet, "gateway", "--for", "1h", "-m", "disk-swap")
    command = next(line for line in said.splitlines() if "--end" in line)
    beat.unlink()
    wait_for_failed_looks(site)
    status, shown, told = site.status(), site.cli("status"), site.delivered()

    assert (code, told) == (0, [])
    assert shown.returncode == (152 if quiet == "maintenance" else 150)
    assert "disk-swap" in shown.stdout
    assert status["maintenance" if quiet == "maintenance" else "silences"]
    assert site.human(*command[command.index("gatedog") :].split()[1:])[0] == 0
    site.wait_for_pages("beat FAILS")


def test_a_maintenance_is_over_by_itself(site) -> None:
    """Nobody ends it, its time does, and what was found meanwhile is told then."""
    beat = watch(site)
    site.human("maintenance", "gateway", "--for", "3s", "-m", "short")
    beat.unlink()
    site.wait_until(maintenance=None)
    site.wait_for_pages("beat FAILS")


def test_a_hold_is_told_through_a_maintenance(site) -> None:
    """Nothing will start a held gateway by itself, so its page does not wait; status says held before maintenance."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)
    site.human("maintenance", "gateway", "--for", "1h", "-m", "work")
    site.human("silence", "gateway", "--for", "1h", "-m", "work")
    seen: set[int] = set()
    while site.status()["word"] != "HELD":
        pid = site.status()["pid"]
        if pid is not None and pid not in seen:
            seen.add(pid)
            os.kill(pid, signal.SIGKILL)
        site.wait(lambda: site.status()["pid"] not in seen, "the next life, or none")
    site.wait_for_pages("HELD")

    assert site.cli("status").returncode == 3


def test_an_agent_that_asks_for_quiet_is_refused_and_told_of(site, tmp_path: Path) -> None:
    """From inside the gateway neither is granted; the agent reads why, and a person hears that it asked."""
    answer, program = tmp_path / "answer.txt", Path(sys.executable).with_name("gatedog")
    asks = "; ".join(
        f"{program} {quiet} gateway --for 1h -m 'please be quiet'; echo code $?" for quiet in ("maintenance", "silence")
    )
    site.write_policy(["/bin/sh", "-c", f"({asks}) > {answer} 2>&1; echo done >> {answer}; exec sleep 600"])
    site.start()
    site.wait(lambda: answer.exists() and "done" in answer.read_text(), "the agent's answers")
    site.wait(lambda: bool(site.delivered()), "a page about it")
    status = site.status()

    assert answer.read_text().count("code 77") == 2
    assert (status["maintenance"], status["silences"]) == (None, [])
    assert "its own agent asked for maintenance" in site.delivered()[0]["title"]
    assert "please be quiet" not in site.delivered()[0]["title"]


def test_quiet_outlives_the_daemon(site) -> None:
    """Both are there after kill -9, with the same end, and still keep a finding back."""
    beat = watch(site)
    site.human("maintenance", "gateway", "--for", "2h", "-m", "move")
    site.human("silence", "gateway", "beat", "--for", "3h", "-m", "known")
    before = site.status()
    (daemon,) = site._daemons
    daemon.kill()
    daemon.wait()
    beat.unlink()
    site.start()
    site.wait_until(ready=True)
    wait_for_failed_looks(site)
    after = site.status()

    assert site.cli("status").returncode == 152
    assert site.delivered() == []
    assert after["maintenance"]["until_wall_usec"] == before["maintenance"]["until_wall_usec"]
    assert [(one["subject"], one["because"]) for one in after["silences"]] == [("beat", "known")]
    assert site.human("maintenance", "gateway", "--end")[0] == 0
    assert site.human("silence", "gateway", "beat", "--end")[0] == 0
    site.wait_for_pages("beat FAILS")
