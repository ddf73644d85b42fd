"""The rights that an install hands out: gatedog.service can do its work, and nobody anything more."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from machine import ELSEWHERE, Machine
from machine_install import install_gatedog
from machine_sessions import RemoteHost
from setup_programs import CLI, FAR, WITHIN
from setup_site import GATEWAY, START, STEM, STOP, Site

pytestmark = pytest.mark.system

OBSERVE = "gatedog-observe@openclaw-look.service"
UNIT_TEXT = """\
[Service]
User=openclaw
ExecStart=/usr/bin/python3 -u -c "import socket, time; print('gateway speaks'); \\
    s = socket.create_server(('127.0.0.1', 18789)); print('bound'); time.sleep(100000)"
Restart=always
[Install]
WantedBy=multi-user.target
"""
POLICY = f"""\
[gateway.openclaw]
unit = "{GATEWAY}"
[gateway.openclaw.observe]
look = ["/home/openclaw/bin/cli", "status", "--deep"]
"""
CAN: dict[str, Any] = {
    "uid": True,
    "http": 200,
    "smtp": {},
    "loopback": True,
    "journal": True,
    "lock in home": "pid 1",
    "policy": True,
    "credential": "secret",
    "pidfd": True,
    "program of another uid": True,
    "program of root": True,
    "perf_event_open": "ok",
    "sock_diag": True,
    "inotify": True,
    "status file": [],
    "stop": "ok",
    "down": "inactive",
    "still down": "inactive",
    "start": "ok",
    "up": "active",
    "observe": "ok",
    "reset-failed": "ok",
    "kill through systemd": "ok",
}
CANNOT = (
    "kill",
    "descriptors of another uid",
    "write /etc",
    "write home",
    "write cgroup",
    "sudo",
    "write+execute",
    "start without a ticket",
)


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[Site]:
    """Give the machine, its gateway owned with one observation; every test leaves it so, and running."""
    with Machine(suite) as made:
        install_gatedog(made.boot())
        site = Site(made, UNIT_TEXT)
        site.run("chmod 755 /home/openclaw")
        made.write("/home/openclaw/gateway.lock", "pid 1", owner="openclaw")
        made.write("/home/openclaw/bin/cli", CLI, mode=0o755, owner="openclaw")
        made.write("/etc/gatedog/policy.toml", POLICY)
        site.own()
        yield site


@pytest.fixture(scope="module")
def within(site: Site) -> dict[str, Any]:
    """Run a program in the place of gatedog's, in gatedog's own unit, and return what it could do there."""
    machine = site.machine
    blanks = {
        "GATEWAY": GATEWAY,
        "START": START,
        "STOP": STOP,
        "STEM": STEM,
        "OBSERVE": OBSERVE,
        "ELSEWHERE": ELSEWHERE,
    }
    program = WITHIN
    for blank, value in blanks.items():
        program = program.replace(f"@{blank}@", value)
    machine.write("/opt/within.py", program)
    machine.write("/etc/gatedog/credentials/token", "secret", mode=0o600)
    instead = "Type=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart=/usr/bin/python3 -I /opt/within.py\n"
    drop_in = "/etc/systemd/system/gatedog.service.d/90-test.conf"
    machine.write(drop_in, f"[Unit]\nWants=\n[Service]\n{instead}")
    site.run("systemctl daemon-reload")
    far = subprocess.Popen(
        RemoteHost(machine).entered(["python3", "-c", FAR]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert far.stdout is not None
        assert far.stdout.readline() == "ready\n"
        said = site.run("systemctl start gatedog.service; journalctl -u gatedog.service -o cat | tail -20")
        got = sorted(far.stdout.readline() for _ in range(2)) if "/found" not in said else []
    finally:
        far.kill()
        far.wait()
        far.stdout.close()
    site.run(f"rm -r {drop_in.rpartition('/')[0]} /etc/gatedog/credentials/token; systemctl daemon-reload")
    found: dict[str, Any] = json.loads(machine.read("/var/lib/gatedog/found.json"))
    return {**found, "got": got}


@pytest.mark.parametrize("what", sorted(CAN))
def test_the_unit_can_do_what_gatedog_does(within: dict[str, Any], what: str) -> None:
    """Within its hardening, gatedog reaches people and gateways, sees who asks, and moves exactly its gateway."""
    assert within[what] == CAN[what]


def test_pages_really_leave_the_unit(within: dict[str, Any]) -> None:
    """What the unit sent by HTTP and SMTP arrived on another host."""
    assert within["got"] == ["http text\n", "smtp mail\n"]


@pytest.mark.parametrize("what", CANNOT)
def test_the_unit_cannot_do_more(within: dict[str, Any], what: str) -> None:
    """It cannot signal, write, become or execute anything beyond that."""
    assert any(
        word in str(within[what]) for word in ("Error", "denied", "not permitted", "required", "failed", "no new")
    )


def test_polkit_grants_nothing_else(within: dict[str, Any]) -> None:
    """Every other wish to systemd, on this unit, on other units and on the host, is refused to gatedog."""
    others = {what: said for what, said in within.items() if what.startswith(("systemd-run", "systemctl "))}

    assert len(others) > 20
    assert [what for what, said in others.items() if said == "ok"] == []
    assert {said for what, said in others.items() if GATEWAY in what and "denied" not in said} == set()


def test_the_grant_belongs_to_the_unit(site: Site, suite: str) -> None:
    """Where polkit knows the asker's unit (126), gatedog's account has the right inside gatedog.service only."""
    outside = site.run(f"systemctl --no-ask-password kill --signal=SIGCONT {GATEWAY}", user="gatedog")

    assert ("Access denied" in outside) == (suite == "trixie")


@pytest.mark.parametrize("user", ["openclaw", "alice", "bob"])
def test_nobody_else_may_use_the_doors(site: Site, user: str) -> None:
    """The agent, a sudoer and a bystander are refused at the targets, the unit and the observation."""
    for line in (f"start {START}", f"start {STOP}", f"kill {GATEWAY}", f"reset-failed {GATEWAY}", f"start {OBSERVE}"):
        assert "Access denied" in site.run(f"systemctl --no-ask-password {line}", user=user), line
    assert site.state() == "active"


def test_the_agent_is_not_even_asked_for_a_password(site: Site) -> None:
    """The agent's account is denied whatever it wants of systemd, where others would be asked to authenticate."""
    wishes = ("systemctl --no-ask-password restart cron.service", "systemctl --no-ask-password daemon-reload")
    for wish in (*wishes, "systemd-run --no-ask-password true", "systemctl --no-ask-password reboot"):
        agent, bystander = site.run(wish, user="openclaw"), site.run(wish, user="bob")
        assert "denied" in agent.lower(), (wish, agent)
        assert "authentication required" in bystander.lower(), (wish, bystander)


def test_an_observation_has_the_gateways_eyes_and_nothing_of_gatedogs(within: dict[str, Any], site: Site) -> None:
    """A rewritten CLI runs under the gateway's uid, sees nothing of gatedog, no bus and no other process."""
    uid = site.run("id -u openclaw").strip()
    lines = within["observed"].splitlines()

    assert lines[0] == f"uid {uid}"
    assert lines[-1] == "end"
    assert not [line for line in lines if line.startswith(("sees", "restarted", "wrote"))]
    assert site.run("test -e /tmp/written-by-cli").startswith("[1]")


def test_an_observation_is_bounded(site: Site) -> None:
    """Output beyond the limit ends it, its output is read by gatedog alone, and its time is limited."""
    site.machine.write("/home/openclaw/bin/cli", "#!/bin/sh\nyes flood\n", mode=0o755, owner="openclaw")
    said = site.run(f"systemctl start {OBSERVE}")
    site.machine.write("/home/openclaw/bin/cli", CLI, mode=0o755, owner="openclaw")
    size = int(site.run("stat -c %s /run/gatedog-observe/openclaw-look.out"))
    bounds = site.machine.unit(OBSERVE)
    as_bob = site.run("cat /run/gatedog-observe/openclaw-look.out", user="bob")
    as_gatedog = site.run("head -c 5 /run/gatedog-observe/openclaw-look.out", user="gatedog")

    assert said.startswith("[1]")
    assert 0 < size <= 1 << 20
    assert (bounds["TimeoutStartUSec"], bounds["LimitFSIZE"]) == ("20s", str(1 << 20))
    assert "Permission denied" in as_bob
    assert as_gatedog == "flood"
