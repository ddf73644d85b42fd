"""What a unit says, to systemd's journal and to systemd itself, as signs and as evidence."""

import json
from collections.abc import Iterator

import pytest
from machine import Machine
from machine_install import install_gatedog
from owned_site import GATEWAY, POLICY, OwnedSite, own

pytestmark = pytest.mark.system

TALKER = """\
#!/usr/bin/python3
import os, pathlib, socket, time
print("gateway up", flush=True)
place, said = pathlib.Path("/home/openclaw/say"), ""
systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
while True:
    if not pathlib.Path("/home/openclaw/mute").exists():
        systemd.sendto(b"WATCHDOG=1\\nSTATUS=serving 4 channels", os.environ["NOTIFY_SOCKET"])
    text = place.read_text() if place.exists() else ""
    if text != said:
        print(text, flush=True)
        said = text
    time.sleep(0.1)
"""
MORE = """\
[gateway.openclaw.health]
work_lines = ["message * sent"]
[[gateway.openclaw.probe]]
name = "pulse"
kind = "notify"
period = "2s"
timeout = "1s"
stale_after = "5s"
liveness_only = true
"""
LISTEN = "[Service]\nNotifyAccess=main\nWatchdogSec=1h\n"
FOLLOWERS = "pgrep -x journalctl || true"


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[OwnedSite]:
    """Give a machine whose gateway says what it is told to; the tests of this file follow on each other's remains."""
    with Machine(suite) as machine:
        install_gatedog(machine.boot())
        machine.write(f"/etc/systemd/system/{GATEWAY}.d/10-listen.conf", LISTEN)
        with own(machine, POLICY + MORE) as site:
            machine.write("/opt/openclaw/gateway", TALKER, mode=0o755)
            before = site.kill()
            site.wait_for_new_life(before)
            yield site


def classes_seen(site: OwnedSite) -> list[str]:
    """Return the classes of lines on record."""
    rows = [json.loads(line) for line in site.run("gatedog events --json").splitlines() if line.startswith("{")]
    texts = json.dumps(rows)
    return [name for name in ("port-in-use", "disk-full") if name in texts]


def test_a_known_line_of_a_unit_is_a_sign(site: OwnedSite) -> None:
    """A port in use is seen in the journal, and is a doubt: no page by itself."""
    site.forget_pages()
    site.machine.write("/home/openclaw/say", "Error: listen EADDRINUSE: address already in use 127.0.0.1:18789\n")
    site.machine.wait_for(lambda: "port-in-use" in classes_seen(site), "the line to be seen", 60)

    assert site.pages() == []
    site.machine.wait_for(lambda: "suspect" in site.run("gatedog status --json"), "a doubt", 30)


def test_trouble_that_needs_a_human_is_a_page_with_the_journal_as_evidence(site: OwnedSite) -> None:
    """A full disk, said in the log of a unit, is told; what another unit logs is not the gateway's."""
    site.run("systemd-run --wait sh -c 'echo token expired'")
    site.machine.write("/home/openclaw/say", "write failed: ENOSPC: no space left on device\n")
    page = site.wait_for_page("disk-full", timeout=60)
    kept = f"/var/lib/gatedog/incidents/{page['incident']}"
    site.machine.wait_for(lambda: "ENOSPC" in site.run(f"cat {kept}/*/journal.jsonl"), "the evidence", 30)

    assert "auth-expired" not in site.run("gatedog events --json")
    site.machine.wait_for(lambda: "OWED" not in site.run(f"gatedog incident evidence {page['incident']}"), "all of it")
    names = set(site.run(f"cd {kept} && ls */ | sort -u").split())
    assert {"about.json", "gateway.json", "journal.jsonl", "life.json", "resources.jsonl", "unit.json"} <= names
    assert {"unit-50-gatedog.conf", f"unit-{GATEWAY}"} <= names
    assert "DOES NOT FIT" not in site.run(f"gatedog incident verify {page['incident']}")


def test_a_journal_is_followed_once_whatever_happens_to_the_daemon(site: OwnedSite) -> None:
    """A killed daemon leaves no reader behind, although systemd ends nothing else of it."""
    before = site.run(FOLLOWERS).split()
    main = site.machine.unit("gatedog.service")["MainPID"]
    site.run(f"kill -9 {main}")
    site.machine.wait_for(lambda: site.run(FOLLOWERS).split() not in ([], before), "another reader", 30)
    site.machine.wait_for(lambda: len(site.run(FOLLOWERS).split()) == 1, "one reader", 30)
    site.wait_until(phase="up", ready=True)

    assert len(before) == 1
    assert site.machine.unit(GATEWAY)["ActiveState"] == "active"


def test_a_stopped_daemon_follows_nothing(site: OwnedSite) -> None:
    """And started again, it hears of what the unit logs from then on."""
    site.run("systemctl stop gatedog")
    left = site.run(FOLLOWERS)
    site.run("systemctl start gatedog")
    site.wait_until(phase="up", ready=True)
    site.machine.write("/home/openclaw/say", "again: token expired\n")
    site.machine.wait_for(lambda: "again: token" in site.run("gatedog events --json"), "the line to be seen", 60)

    assert left == ""


def test_a_units_pulse_is_heard_through_systemd(site: OwnedSite) -> None:
    """WATCHDOG=1 and STATUS= go to systemd, which is asked for them; a pulse that stops is a failure."""
    well = site.run("gatedog probe run openclaw pulse")
    site.machine.write("/home/openclaw/mute", "")
    site.machine.wait_for(
        lambda: "no WATCHDOG=1 for 5s" in site.run("gatedog probe run openclaw pulse"),
        "its silence to be a failure",
        30,
    )

    assert "serving 4 channels" in well
