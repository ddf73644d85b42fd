"""Who sent the signal, as the installed gatedog.service tells it: an account with CAP_PERFMON and nothing else."""

from collections.abc import Callable, Iterator

import pytest
from machine import Machine
from machine_install import install_gatedog
from owned_site import GATEWAY, NAME, OwnedSite, own

pytestmark = pytest.mark.system

SUDOERS = "alice ALL=(root) NOPASSWD: ALL\n"
NOTE = "/run/gatedog-inspect/tracepoints"


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[OwnedSite]:
    """Give a machine, set up and watched; the tests of this file follow on each other's remains."""
    with Machine(suite) as machine:
        install_gatedog(machine.boot())
        with own(machine) as site:
            machine.write("/etc/sudoers.d/alice", SUDOERS, mode=0o440)
            yield site


def ending(site: OwnedSite, act: Callable[[int], object]) -> tuple[str, str]:
    """Let something happen to the gateway; return its end as `status` and as `events` say it. It is up again then."""

    def ended_usec() -> int:
        last = site.status().get("last_exit")
        return 0 if last is None else int(last["wall_usec"])

    before, pid = ended_usec(), site.pid()
    act(pid)
    site.machine.wait_for(lambda: ended_usec() > before, "another ending on record")
    site.machine.wait_for(lambda: site.status()["phase"] in ("up", "held"), "the decision on it")
    said = str(site.status()["last_exit"]["text"])
    ends = [line for line in site.run("gatedog events").splitlines() if f"{NAME} ended: " in line]
    if site.status()["phase"] == "held":
        released = site.human.run(f"gatedog release {NAME} -m 'next test'")
        assert released.returncode == 0, released.stdout
    site.wait_for_new_life(pid)
    return said, ends[-1]


def test_a_human_at_a_terminal(site: OwnedSite) -> None:
    """`sudo kill` over ssh is told with the login session's scope, though the program was gone at once."""
    status, event = ending(site, lambda pid: site.human.run(f"sudo kill -9 {pid}"))

    assert status.startswith("ended by SIGKILL from pid ")
    assert " in session-" in status
    assert event.rstrip().endswith(", human)"), event


def test_a_child_of_the_agent(site: OwnedSite) -> None:
    """What runs in the gateway's cgroup is told from everybody else, whatever account it has."""
    cgroup = site.machine.unit(GATEWAY)["ControlGroup"]
    become = "setpriv --reuid openclaw --regid openclaw --clear-groups"
    enter = f"echo $$ > /sys/fs/cgroup{cgroup}/cgroup.procs"
    status, event = ending(site, lambda pid: site.run(f"{enter} && exec {become} kill -9 {pid}"))

    assert f" in {GATEWAY}" in status
    assert event.rstrip().endswith(", supervised)"), event


def test_systemctl_kill_is_systemds(site: OwnedSite) -> None:
    """What systemd sends, it is the sender: who asked systemd for it is not on record."""
    status, event = ending(site, lambda _: site.human.run(f"sudo systemctl kill -s KILL {GATEWAY}"))

    assert status == "ended by SIGKILL from pid 1 (systemd) in init.scope (killed)"
    assert event.rstrip().endswith(", host)"), event


def test_an_exit_status_after_a_signal(site: OwnedSite) -> None:
    """A gateway that ends by itself when told to is explained by who told it."""
    status, event = ending(site, lambda pid: site.human.run(f"sudo kill {pid}"))

    assert status.startswith("ended with code 0 after SIGTERM from pid ")
    assert " in session-" in status
    assert event.rstrip().endswith(", human)"), event


def test_cgroup_kill_is_its_writers(site: OwnedSite) -> None:
    """Killing the unit's cgroup through the kernel is told as the deed of whoever wrote to it."""
    cgroup = site.machine.unit(GATEWAY)["ControlGroup"]
    script = f"echo 1 > /sys/fs/cgroup{cgroup}/cgroup.kill"
    status, event = ending(site, lambda _: site.human.run(f"sudo sh -c '{script}'"))

    assert " in session-" in status
    assert event.rstrip().endswith(", human)"), event


def test_another_unit(site: OwnedSite) -> None:
    """A unit that kills is told by its name, and counts as a second owner."""
    status, event = ending(
        site, lambda pid: site.run(f"systemd-run --wait --unit=reaper -q sh -c 'kill -9 {pid}; sleep 1'")
    )

    assert " in reaper.service" in status
    assert event.rstrip().endswith(", second-manager)"), event


def test_without_the_tracepoints_gatedog_runs_and_says_so(site: OwnedSite) -> None:
    """Where root cannot read tracefs, senders are unknown; everything else goes on."""
    machine = site.machine
    machine.write(
        "/etc/systemd/system/gatedog.service.d/blind.conf", "[Service]\nExecStartPre=\nExecStartPre=/bin/true\n"
    )
    site.run(f"rm {NOTE}; systemctl daemon-reload; systemctl restart gatedog")
    site.wait_until(phase="up", ready=True)
    status, event = ending(site, lambda pid: site.run(f"kill -9 {pid}"))

    assert "sender of signals: not available: " in machine.journal("gatedog.service")
    assert status == "ended by SIGKILL (killed)"
    assert event.rstrip().endswith("(SIGKILL)"), event
