"""Root's look at who may get round the rules, in its real confined unit, on hosts with real users and real rules."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from machine import Machine

pytestmark = pytest.mark.system

UNITS = Path(__file__).parents[3] / "units"
GATEWAY = "agent-gateway.service"
UNIT_TEXT = "[Service]\nUser=agent\nPAMName=gatedog-gateway\nExecStart=/usr/local/bin/agent-run serve\n"
PORT = 18_789


def shell(machine: Machine, script: str) -> str:
    """Run a shell script as root."""
    return machine.run(["sh", "-euc", script]).stdout


@pytest.fixture(scope="module")
def host(gatedog_machine: Machine) -> Iterator[Machine]:
    """Give a machine with a gateway on which every condition is met."""
    machine = gatedog_machine
    shell(machine, "useradd --system --create-home --shell /usr/sbin/nologin agent; useradd --create-home alice")
    shell(machine, "id gatedog 2>/dev/null || useradd --system gatedog")
    unit = (UNITS / "gatedog-inspect.service").read_text(encoding="utf-8")
    machine.write("/etc/systemd/system/gatedog-inspect.service", unit.replace("@GATEDOG@", "/usr/bin/gatedog"))
    machine.write("/etc/pam.d/gatedog-gateway", "account required pam_permit.so\nsession required pam_loginuid.so\n")
    machine.write("/usr/local/bin/agent-run", "#!/bin/sh\nexec sleep 100000\n", mode=0o755)
    machine.write(f"/etc/systemd/system/{GATEWAY}", UNIT_TEXT)
    machine.write("/etc/gatedog/policy.toml", f'[gateway.main]\nunit = "{GATEWAY}"\nport = {PORT}\n')
    shell(machine, f"systemctl daemon-reload; systemctl start {GATEWAY}")
    yield machine
    shell(
        machine,
        f"systemctl stop {GATEWAY}; rm -rf /etc/systemd/system/{GATEWAY} /etc/systemd/system/gatedog-inspect.service; "
        "systemctl daemon-reload; rm -rf /etc/gatedog /usr/local/bin/agent-run; userdel -r agent; userdel -r alice",
    )


def facts(machine: Machine) -> dict[str, Any]:
    """Let the unit look, and return what it left."""
    machine.run(["systemctl", "start", "gatedog-inspect.service"])
    found: dict[str, Any] = json.loads(machine.read("/run/gatedog-inspect/main.json"))
    return found


def reasons(found: dict[str, Any]) -> list[str]:
    """Return all that was found, and all that could not be read."""
    return [each for check in found["checks"] for each in (*check["found"], *check["unread"])]


def test_a_gateway_of_its_own_account_is_enforcing(host: Machine) -> None:
    """Nothing found and nothing unread, from within the sandbox; the facts are root's and readable by all."""
    found = facts(host)

    assert reasons(found) == []
    assert found["rivals"] == []
    assert len(found["checks"]) == 9
    assert shell(host, "stat -c '%U %a' /run/gatedog-inspect /run/gatedog-inspect/main.json").split() == [
        *("root", "755"),
        *("root", "644"),
    ]


BROKEN = {
    "group docker": ("groupadd docker; usermod -aG docker agent", "groupdel docker", "group docker"),
    "sudo rule": (
        "echo 'agent ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/agent; chmod 440 /etc/sudoers.d/agent",
        "rm /etc/sudoers.d/agent",
        "/etc/sudoers.d/agent:1",
    ),
    "writable unit": (
        f"chown agent /etc/systemd/system/{GATEWAY}",
        f"chown root /etc/systemd/system/{GATEWAY}",
        f"/etc/systemd/system/{GATEWAY}",
    ),
    "writable program": ("chmod 777 /usr/local/bin", "chmod 755 /usr/local/bin", "/usr/local/bin"),
    "own crontab": (
        "echo '* * * * * true' > /var/spool/cron/crontabs/agent; chmod 600 /var/spool/cron/crontabs/agent",
        "rm /var/spool/cron/crontabs/agent",
        "crontabs/agent:1",
    ),
    "lingering": (
        "mkdir -p /var/lib/systemd/linger; touch /var/lib/systemd/linger/agent",
        "rm /var/lib/systemd/linger/agent",
        "lingers",
    ),
    "a process outside": (
        "systemd-run --unit stray --uid agent sleep 100000",
        "systemctl stop stray",
        "outside the gateway: /system.slice/stray.service",
    ),
    "an engine's socket": (
        (
            "mkdir -p /run/podman; python3 -c 'import os; os.mknod(\"/run/podman/podman.sock\", 0o140666)'; "
            "chmod 666 /run/podman/podman.sock"
        ),
        "rm -r /run/podman",
        "podman.sock",
    ),
    "a key to somebody else": (
        (
            "mkdir -m 700 ~alice/.ssh ~agent/.ssh; ssh-keygen -q -t ed25519 -N '' -f ~agent/.ssh/id; "
            "cat ~agent/.ssh/id.pub > ~alice/.ssh/authorized_keys; rm ~agent/.ssh/id.pub; chown -R agent ~agent/.ssh"
        ),
        "rm -r ~agent/.ssh ~alice/.ssh",
        "logs it in as alice",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_way_round_the_rules_is_seen_from_the_sandbox(host: Machine, name: str) -> None:
    """What the confined unit may read is enough to find it, and it is gone from the facts when it is mended."""
    break_it, mend_it, words = BROKEN[name]
    shell(host, break_it)
    try:
        found = reasons(facts(host))
    finally:
        shell(host, mend_it)

    assert any(words in reason for reason in found), found
    assert reasons(facts(host)) == []


def test_rivals_that_only_root_can_see_are_in_the_facts(host: Machine) -> None:
    """A copy in a closed home and a line in a person's crontab are named by their files."""
    units = "/home/alice/.config/systemd/user"
    wants = f"{units}/default.target.wants"
    table = "/var/spool/cron/crontabs/alice"
    shell(host, f"mkdir -p {wants}; cp /etc/systemd/system/{GATEWAY} {units}; ln -s ../{GATEWAY} {wants}")
    shell(host, "chmod 700 /home/alice")
    shell(host, f"echo '* * * * * pgrep agent-run || systemctl restart agent-gateway' > {table}; chmod 600 {table}")
    try:
        found = {rival["subject"]: rival["detail"] for rival in facts(host)["rivals"]}
    finally:
        shell(host, f"rm -r /home/alice/.config {table}")

    assert found.keys() == {f"{units}/{GATEWAY}", f"{table}:1"}
    assert f"user unit {GATEWAY} of alice starts the same program" in found[f"{units}/{GATEWAY}"]
    assert f"runs systemctl on {GATEWAY}" in found[f"{table}:1"]


ASK = """
import sys
from watchdog.core.events import EnforcementObserved
from watchdog.core.identity import BootId, GatewayName, ProcessRef
from watchdog.core.policy import GatewayPolicy
from watchdog.daemon.enforcement import Standpoint, look
from watchdog.origin import procfs
from watchdog.origin.enforcing.factsfile import read_moment
from watchdog.sensors.portowner import look_at_port

pid, unit, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
process = procfs.read_stat(pid).reference(procfs.read_boot())
seen = look(GatewayPolicy(name=GatewayName("main"), unit=unit), process, Standpoint(now=read_moment()))
print("enforcing" if seen.enforcing else "advisory: " + seen.reason)
for rival in look_at_port(port, (procfs.read_cgroup(pid),)):
    print(rival.subject, "|", rival.detail)
"""


@pytest.fixture
def ask(host: Machine) -> Callable[[], list[str]]:
    """Judge and look as the daemon would, without any right."""

    def judge() -> list[str]:
        pid = host.unit(GATEWAY)["MainPID"]
        python = shell(host, "head -1 $(readlink -f /usr/bin/gatedog)").strip().removeprefix("#!")
        command = [*python.split(), "-c", ASK, pid, GATEWAY, str(PORT)]
        return host.run(command, user="gatedog").stdout.splitlines()

    return judge


def test_the_daemon_judges_by_the_facts_and_the_audit_mark(host: Machine, ask: Callable[[], list[str]]) -> None:
    """An account without rights reads the facts; a life that PAM did not mark is advisory on the best of hosts."""
    facts(host)
    assert ask() == ["enforcing"]

    host.write(f"/etc/systemd/system/{GATEWAY}", UNIT_TEXT.replace("PAMName=gatedog-gateway\n", ""))
    shell(host, f"systemctl daemon-reload; systemctl restart {GATEWAY}")
    try:
        (said,) = ask()
    finally:
        host.write(f"/etc/systemd/system/{GATEWAY}", UNIT_TEXT)
        shell(host, f"systemctl daemon-reload; systemctl restart {GATEWAY}")

    assert "audit mark" in said


def test_an_outside_owner_of_the_port_is_named(host: Machine, ask: Callable[[], list[str]]) -> None:
    """By cgroup, pid and start, from an account that may see no descriptors."""
    program = f"import socket, time; s = socket.create_server(('127.0.0.1', {PORT})); time.sleep(100000)"
    host.run(["systemd-run", "--unit", "squatter", "python3", "-c", program])
    facts(host)
    try:
        _, said = host.wait_for(lambda: said if len(said := ask()) == 2 else None, "the squatter to listen")
        pid = host.unit("squatter.service")["MainPID"]
    finally:
        host.run(["systemctl", "stop", "squatter"])

    assert said.startswith("/system.slice/squatter.service | ")
    assert f"port {PORT} is held by pid {pid} (python3), started " in said
