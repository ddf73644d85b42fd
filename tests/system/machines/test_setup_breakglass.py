"""The ways past gatedog, and the small units beside it: break-glass, another try, the last word."""

import json
from collections.abc import Iterator

import pytest
from machine import Machine
from machine_install import install_gatedog
from setup_site import GATEWAY, START, Site

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[Site]:
    """Give the machine; every test leaves the gateway owned and running."""
    with Machine(suite) as made:
        install_gatedog(made.boot())
        site = Site(made)
        site.own()
        yield site


def test_a_gatedog_that_failed_is_tried_again(site: Site) -> None:
    """The retry unit starts a failed gatedog and leaves one alone that a human stopped."""
    site.run("systemctl reset-failed gatedog.service; systemctl start gatedog-retry.service")
    stopped = site.machine.unit("gatedog-retry.service")["Result"]
    drop_in = "/etc/systemd/system/gatedog.service.d/90-test.conf"
    site.machine.write(drop_in, "[Unit]\nWants=\n[Service]\nRestart=no\nExecStart=\nExecStart=/bin/false\n")
    site.run("systemctl daemon-reload; systemctl start gatedog.service")
    failed = site.machine.unit("gatedog.service")["ActiveState"]
    site.machine.write(drop_in, "[Unit]\nWants=\n[Service]\nType=simple\nExecStart=\nExecStart=/bin/sleep 1000\n")
    site.run("systemctl daemon-reload; systemctl start gatedog-retry.service")
    tried = site.machine.wait_for(
        lambda: site.machine.unit("gatedog.service")["ActiveState"] == "active", "gatedog to be started again"
    )
    site.run(f"systemctl stop gatedog.service; rm -r {drop_in.rpartition('/')[0]}; systemctl daemon-reload")

    assert stopped == "exec-condition"
    assert failed == "failed"
    assert tried


def test_a_fresh_status_costs_no_last_word(site: Site) -> None:
    """The last word's program is run when the status is old or missing, or something is on record, and not else."""
    machine = site.machine
    machine.write("/etc/systemd/system/gatedog-lastword@.service.d/90.conf", "[Service]\nExecStart=\nExecStart=true\n")
    site.run("systemctl daemon-reload; rm -f /run/gatedog/status.json")

    def result() -> str:
        site.run("systemctl start gatedog-lastword@gatedog.service")
        return machine.unit("gatedog-lastword@gatedog.service")["Result"]

    missing = result()
    site.run("touch /run/gatedog/status.json")
    fresh = result()
    site.run("touch -d '1 minute ago' /run/gatedog/status.json")
    old = result()
    site.run("touch /run/gatedog/status.json /var/lib/gatedog-lastword/outage")
    on_record = result()
    site.run("rm -r /etc/systemd/system/gatedog-lastword@.service.d /var/lib/gatedog-lastword; systemctl daemon-reload")

    assert (missing, fresh, old, on_record) == ("success", "exec-condition", "success", "success")


def test_a_door_opens_again_after_a_death(site: Site) -> None:
    """A killed gateway is not restarted by systemd, and the door that stands open from before starts it again."""
    site.run("/usr/lib/gatedog/break-glass stop openclaw; /usr/lib/gatedog/break-glass start openclaw")
    site.run(f"systemctl kill --signal=SIGKILL {GATEWAY}")
    dead = site.machine.wait_for(
        lambda: site.state() == "failed" and site.machine.unit(START), "the gateway to be dead"
    )
    start = site.run("/usr/lib/gatedog/break-glass start openclaw")

    assert dead["ActiveState"] == "active"
    assert start == f"break-glass: {GATEWAY} is active.\n"


def test_the_audit_mark_is_set_at_the_next_start(site: Site) -> None:
    """A life that began through gatedog's door carries login uid and audit session of its account."""
    site.run("/usr/lib/gatedog/break-glass stop openclaw; /usr/lib/gatedog/break-glass start openclaw")
    pid = site.machine.unit(GATEWAY)["MainPID"]
    # Until it has become the program, the process is systemd's own, and not marked yet.
    site.machine.wait_for(lambda: "sleep infinity" in site.run(f"ps -o args= -p {pid}"), "the gateway to run")
    login, session = site.run(f"cat /proc/{pid}/loginuid; echo; cat /proc/{pid}/sessionid").split()

    assert login == site.run("id -u openclaw").strip()
    assert 0 < int(session) < 4294967295


def test_the_glass_breaks_without_gatedog(site: Site) -> None:
    """Stop and start work by the short name with gatedog dead, its files moved away, its journal broken, no bus."""
    machine = site.machine
    site.run("systemctl stop gatedog.service; printf broken >/var/lib/gatedog/journal; rm -rf /run/gatedog")
    site.run(
        "mkdir /root/away; mv /usr/lib/gatedog/lib /usr/lib/gatedog/bin /root/away; mv /etc/gatedog/policy.toml /root"
    )
    site.run("systemctl stop dbus.socket dbus.service")
    broken = site.run("gatedog status")
    stop, down = site.run("gatedog break-glass stop openclaw"), site.state()
    start, up = site.run(f"gatedog break-glass start {GATEWAY}"), site.state()
    ticket = site.run("ls /run/gatedog/tickets")
    as_alice = site.run("gatedog break-glass stop openclaw", user="alice")
    nobody = site.run("gatedog break-glass stop nobody")
    site.run("systemctl start dbus.socket dbus.service; mv /root/away/* /usr/lib/gatedog/; rmdir /root/away")
    site.run("mv /root/policy.toml /etc/gatedog; rm /var/lib/gatedog/journal; systemd-tmpfiles --create")
    records = [json.loads(line) for line in site.run("cat /var/lib/gatedog-break-glass/*.json").splitlines()]

    assert broken.startswith("[127]")
    assert (stop, down) == (
        f"break-glass: {GATEWAY} is inactive. It stays down until somebody starts it: break-glass start openclaw\n",
        "inactive",
    )
    assert (start, up) == (f"break-glass: {GATEWAY} is active.\n", "active")
    assert ticket == ""
    assert as_alice.startswith("[4] break-glass: only root may do this: sudo")
    assert f"It owns: openclaw ({GATEWAY})" in nobody
    assert [(each["verb"], each["gateway"], each["unit"]) for each in records[-2:]] == [
        ("stop", "openclaw", GATEWAY),
        ("start", "openclaw", GATEWAY),
    ]
    assert records[-1]["boot"] == machine.boot_id()


def test_the_glass_breaks_on_a_full_disk(site: Site) -> None:
    """With nowhere to write in /var the record goes to /run, and the human gets what was asked for."""
    site.run("mount -t tmpfs -o ro full /var/lib/gatedog-break-glass")
    said = site.run("sudo /usr/lib/gatedog/break-glass stop openclaw")
    record = json.loads(site.run("cat /run/gatedog-break-glass/*.json"))
    site.run("umount /var/lib/gatedog-break-glass; rm -r /run/gatedog-break-glass")
    down = site.state()
    site.run("/usr/lib/gatedog/break-glass start openclaw")

    assert "cannot write a record into /var/lib/gatedog-break-glass: Read-only file system" in said
    assert (record["verb"], down, site.state()) == ("stop", "inactive", "active")
    assert record["who"].startswith("root (sudo root")


def test_unmanage_gives_the_unit_back(site: Site) -> None:
    """Without its drop-ins the unit obeys systemctl at once; setting up again owns it again; it runs on."""
    pid = site.machine.unit(GATEWAY)["MainPID"]
    said = site.run("gatedog break-glass unmanage openclaw")
    free = site.machine.unit(GATEWAY)
    site.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw --no-start --apply")
    again = site.machine.unit(GATEWAY)

    assert f"removed /etc/systemd/system/{GATEWAY}.d/50-gatedog.conf" in said
    assert (free["RefuseManualStop"], free["Restart"], free["MainPID"]) == ("no", "always", pid)
    assert (again["RefuseManualStop"], again["Restart"], again["MainPID"]) == ("yes", "no", pid)
