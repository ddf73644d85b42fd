"""The main job, with a real daemon, real processes and the real command line."""

import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

DIES = ["/bin/sh", "-c", "echo 'Config invalid: tools.web'; exit 1"]
LIVES = ["/bin/sh", "-c", "echo up; exec sleep 600"]


def test_a_crash_loop_is_held_and_paged_and_a_human_releases_it(site) -> None:
    """Three identical deaths hold the gateway, page with the evidence, and status says what to type next."""
    site.write_policy(DIES)
    site.start()

    held = site.wait_until(word="HELD")
    site.wait(lambda: bool(site.delivered()), "a page")
    page = site.delivered()[0]
    shown = site.cli("status")

    assert page["severity"] == "critical"
    assert "HELD" in page["title"]
    assert held["chain"] == 3
    assert shown.returncode == 3
    assert "gatedog release gateway" in shown.stdout
    evidence = list((site.state / "incidents" / "INC-1").glob("*/output.log"))
    assert any("Config invalid" in path.read_text() for path in evidence)

    code, said = site.human("release", "gateway", "-m", "looked at it")
    assert (code, "released" in said) == (0, True)
    site.wait(lambda: len(site.delivered()) > 1, "the page of the failed probation")
    assert site.wait_until(word="HELD")["hold_rule"] == "hold.probation-failed"


def test_the_agent_inside_is_refused_and_a_human_is_told(site, tmp_path: Path) -> None:
    """`gatedog ask restart` from inside the gateway exits 77 with the rule; a warning page goes out."""
    answer = tmp_path / "answer.txt"
    ask = f"{Path(sys.executable).with_name('gatedog')} ask restart --reason 'update applied' 2>&1; echo code $?"
    site.write_policy(["/bin/sh", "-c", f"({ask}) > {answer}; exec sleep 600"])
    site.start()

    site.wait(lambda: answer.exists() and "code" in answer.read_text(), "the agent's answer")
    site.wait(lambda: bool(site.delivered()), "a page about it")

    assert "code 77" in answer.read_text()
    assert "request.agent-never" in answer.read_text()
    assert site.delivered()[0]["severity"] == "warning"
    assert site.status()["refused"]["origin"] == "supervised"


@pytest.mark.parametrize(
    "laundered",
    [
        "setsid {ask}",
        "nohup {ask}",
        "(setsid {ask} &) ; sleep 600",
        "script -qec '{ask}' /dev/null",
        "setsid script -qec '{ask}' /dev/null",
    ],
)
def test_no_route_from_inside_makes_the_agent_a_human(site, tmp_path: Path, laundered: str) -> None:
    """A restart asked for by a laundered child of the gateway is refused as supervised, and the life goes on."""
    answer = tmp_path / "answer.txt"
    program = tmp_path / "ask.sh"
    program.write_text(
        f"#!/bin/sh\n{Path(sys.executable).with_name('gatedog')} restart gateway > {answer}.new 2>&1\n"
        f"echo code $? >> {answer}.new\nmv {answer}.new {answer}\n"
    )
    program.chmod(0o755)
    site.write_policy(["/bin/sh", "-c", f"{laundered.format(ask=program)}; exec sleep 600"])
    site.start()

    site.wait(answer.exists, "the agent's answer")
    status = site.status()

    assert "code 77" in answer.read_text()
    assert status["refused"]["origin"] == "supervised"
    assert status["last_exit"] is None


def test_the_daemons_death_leaves_the_gateway_running_and_the_budget_spent(site) -> None:
    """After kill -9 the next daemon adopts the same process, and what was charged stays charged."""
    site.write_policy(LIVES)
    first = site.start()
    pid = site.wait_until(ready=True)["pid"]
    os.kill(pid, signal.SIGKILL)
    site.wait(lambda: (site.status() or {}).get("pid") not in (None, pid), "the restart")
    before = site.wait_until(ready=True)

    first.kill()
    first.wait()
    os.kill(before["pid"], 0)
    stale = site.cli("status")
    site.start()
    after = site.wait_until(ready=True)

    assert stale.returncode == 4
    assert after["pid"] == before["pid"]
    assert after["budget"][0]["used"] == before["budget"][0]["used"] == 1
    assert after["chain"] == 1


def test_an_ending_while_the_daemon_was_away_is_seen_and_charged(site) -> None:
    """A gateway that dies between two daemons is one unasked ending, answered by one start."""
    site.write_policy(LIVES)
    first = site.start()
    pid = site.wait_until(ready=True)["pid"]

    first.kill()
    first.wait()
    os.kill(pid, signal.SIGKILL)
    site.start()
    after = site.wait_until(ready=True)

    assert after["pid"] != pid
    assert (after["chain"], after["budget"][0]["used"]) == (1, 1)


def test_a_page_that_was_not_delivered_survives_the_daemon(site) -> None:
    """A page whose channel was down is delivered by the next daemon, under the same key."""
    down = site.folder / "channel-is-down"
    down.touch()
    site.write_policy(DIES, sink=f"test ! -e {down} || exit 75; cat >> {site.pages}; echo >> {site.pages}")
    first = site.start()
    site.wait_until(word="HELD")
    first.kill()
    first.wait()

    down.unlink()
    site.start()
    site.wait(lambda: bool(site.delivered()), "the page")

    assert "HELD" in site.delivered()[0]["title"]
    assert site.wait_until(word="HELD")["chain"] == 3


def test_a_second_gatedog_on_the_same_gateway_refuses(site, tmp_path: Path) -> None:
    """Another daemon with other folders but the same command says who owns it, and does nothing."""
    site.write_policy(LIVES)
    site.start()
    other = site.cli(
        "daemon",
        *("--config", str(site.config)),
        *("--state", str(tmp_path / "other-state")),
        *("--runtime", str(tmp_path / "other-run")),
    )

    assert other.returncode == 1
    assert "gateway" in other.stderr
    assert not (tmp_path / "other-state" / "journal").exists()


def test_stop_start_restart_by_a_human_are_not_charged(site) -> None:
    """What a human asks for is done, recorded and not charged; nobody is paged."""
    site.write_policy(LIVES)
    site.start()
    first = site.wait_until(ready=True)

    assert site.human("restart", "gateway")[0] == 0
    site.wait(lambda: (site.status() or {}).get("pid") not in (None, first["pid"]), "the new life")
    assert site.human("stop", "gateway")[0] == 0
    site.wait_until(word="STOPPED")
    assert site.human("start", "gateway")[0] == 0
    last = site.wait_until(ready=True)

    assert last["budget"][0]["used"] == 0
    assert site.delivered() == []


def test_a_request_without_a_terminal_is_refused_with_the_ways_that_would_work(site) -> None:
    """A script without a terminal gets 77, the rule, and what a human would type."""
    site.write_policy(LIVES)
    site.start()

    refused = site.cli("stop", "gateway", "--json")
    error = json.loads(refused.stderr)["error"]

    assert refused.returncode == 77
    assert error["rule"] == "request.humans-only"
    assert any("ssh -t" in way for way in error["next"])


def test_the_journal_of_a_run_verifies_and_decides_again(site) -> None:
    """Chain and decisions of a real run check out, offline; a flipped byte does not."""
    site.write_policy(DIES)
    daemon = site.start()
    site.wait_until(word="HELD")
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=20) == 0
    folder = site.state / "journal"

    assert site.cli("journal", "verify", str(folder)).returncode == 0
    assert site.cli("verify", str(folder)).returncode == 0

    with sqlite3.connect(folder / "journal.db") as database:
        guards = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for guard in guards:  # whoever forges a journal drops what forbids it first
            database.execute(f"DROP TRIGGER {guard}")
        database.execute("UPDATE records SET uptime_usec = uptime_usec + 1 WHERE seq = 5")
    assert site.cli("journal", "verify", str(folder)).returncode == 1


def test_events_and_explain_tell_the_story(site) -> None:
    """The last events and the incident's walk name the deaths, the hold and the delivered page."""
    site.write_policy(DIES)
    site.start()
    site.wait_until(word="HELD")
    site.wait(lambda: "PageDelivered" in site.cli("events", "--json").stdout, "the delivery on record")

    events = site.cli("events").stdout
    story = site.cli("explain", "INC-1").stdout

    assert "HELD" in story or "hold" in story.lower()
    assert "spiral.identical-endings" in story
    assert "gateway" in events
    assert "Config invalid" in events


def test_a_reload_takes_over_budgets_and_refuses_another_command(site) -> None:
    """A commit changes the rules of a running gateway; what would need another process is said to need a restart."""
    site.write_policy(LIVES)
    site.start()
    before = site.wait_until(ready=True)

    site.write_policy(LIVES, 'budget = {windows = ["2 per 10min"]}')
    site.commit()
    site.wait(lambda: site.status()["budget"][0]["limit"] == 2, "the new budget")
    site.write_policy(DIES)
    said = site.commit()
    site.wait(lambda: "PolicyRejected" in site.kinds_on_record(), "the refusal")

    assert "revision 3 is in place; it takes effect with: sudo systemctl restart gatedog" in said
    assert site.status()["pid"] == before["pid"]
    assert site.status()["budget"][0]["limit"] == 2
