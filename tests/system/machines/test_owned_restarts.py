"""A unit that gatedog owns, on a real systemd: one restart for one death, a hold for a loop, one owner."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from machine import Machine
from machine_install import install_gatedog
from machine_tree import CHECKOUT
from owned_site import COPY, GATEWAY, NAME, OwnedSite, own

pytestmark = pytest.mark.system

TIMED_COPY = """\
[Service]
ExecStart=/bin/sh -c 'sleep 2; kill -9 $$$$'
Restart=always
RestartSec=1
"""
SOCKET, INTERFACE = "/run/gatedog/control.sock", "io.gatedog.Supervisor"


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[OwnedSite]:
    """Give a machine, set up and watched; the tests of this file follow on each other's remains."""
    with Machine(suite) as machine:
        install_gatedog(machine.boot())
        with own(machine) as site:
            yield site


def test_install_leaves_the_gateway_running(site: OwnedSite) -> None:
    """It adopts what ran: the same process, and nothing but one charge for a life that is not its own."""
    status = site.status()

    assert (status["pid"], status["kind"], status["what"]) == (site.pid(), "unit", GATEWAY)
    assert site.used() == 1
    assert site.pages() == []


def test_one_death_is_one_restart(site: OwnedSite) -> None:
    """A killed gateway is started once, by gatedog's ticket, and counted once."""
    used, before = site.used(), site.pid()
    site.kill()
    status = site.wait_for_new_life(before)

    assert site.used() == used + 1
    assert status["life"] > 0
    assert site.machine.unit(GATEWAY)["NRestarts"] == "0"
    assert site.run("ls /run/gatedog/tickets") == ""


def test_systemctl_is_refused_and_says_whom_to_ask(site: OwnedSite) -> None:
    """Root, a sudoer and the agent all fail to restart it with systemctl, and its process stays."""
    before = site.pid()
    for user in (None, "alice", "openclaw"):
        for verb in ("restart", "stop", "start", "try-restart"):
            said = site.run(f"systemctl --no-ask-password {verb} {GATEWAY}", user=user)
            assert said.startswith("["), f"{user} could {verb}: {said}"

    assert site.pid() == before
    assert "owned by gatedog" in site.run(f"systemctl status {GATEWAY}")


def test_the_agent_is_refused_by_gatedog_as_well(site: OwnedSite) -> None:
    """What runs in the gateway's cgroup asks in vain, and a human is told of it."""
    before = site.pid()
    cgroup = site.machine.unit(GATEWAY)["ControlGroup"]
    said = site.run(f"echo $$ > /sys/fs/cgroup{cgroup}/cgroup.procs && gatedog restart {NAME} -m 'I feel stuck'")

    assert said.startswith("[77]"), said
    assert "inside a supervised gateway" in said
    assert site.pid() == before
    site.wait_for_page("refused")


def call(site: OwnedSite, method: str, **parameters: object) -> tuple[dict[str, Any], str]:
    """Let varlinkctl call a method; return the parameters of the reply, and what it said of a failure."""
    words = ["varlinkctl", "--json=short", "call", SOCKET, f"{INTERFACE}.{method}", json.dumps(parameters)]
    done = site.machine.run(words, check=False)
    return json.loads(done.stdout), done.stderr.strip()


def test_systemds_own_client_understands_the_socket(site: OwnedSite) -> None:
    """Varlinkctl parses the whole description, gets an answer and a refusal, and an error with its parameters."""
    if site.machine.suite == "bookworm":
        pytest.skip("varlinkctl came with systemd 256")
    named = re.compile(r"^(?:type|method|error) \w+", re.MULTILINE)
    text = (CHECKOUT / f"watchdog/control/{INTERFACE}.varlink").read_text(encoding="utf-8")
    listed = site.run(f"varlinkctl info {SOCKET}; varlinkctl list-interfaces {SOCKET}")
    shown = site.run(f"varlinkctl introspect {SOCKET} {INTERFACE}")
    parsed = [site.machine.run(["varlinkctl", "validate-idl"], input=each, check=False) for each in (text, f"{text}x")]
    status, _ = call(site, "Status")
    asked = {"verb": "restart", "gateway": NAME, "reason": "by another client"}
    refused, failure = call(site, "Request", **asked)

    assert "Product: gatedog" in listed
    assert listed.splitlines()[-2:] == [INTERFACE, "org.varlink.service"]
    assert named.findall(shown) == named.findall(text)
    assert [done.returncode for done in parsed] == [0, 1], parsed
    assert status["status"]["gateways"][0]["pid"] == site.pid()
    assert (refused["outcome"], refused["rule"], failure) == ("refused", "request.humans-only", "")
    for method, error, word, parameters in (
        ("Explain", f"{INTERFACE}.UnknownIncident", "INC-99", {"incident": "INC-99"}),
        ("Request", f"{INTERFACE}.UnknownVerb", "dance", asked | {"verb": "dance"}),
        ("Dance", "org.varlink.service.MethodNotFound", "Dance", {}),
    ):
        why, failure = call(site, method, **parameters)
        assert failure.endswith(f"failed: {error}"), failure
        assert word in why.values()


def test_a_human_restarts_it(site: OwnedSite) -> None:
    """A person at a terminal restarts it; that is recorded and not charged."""
    used, before = site.used(), site.pid()
    done = site.human.run(f"gatedog restart {NAME} -m 'new configuration'")
    assert done.returncode == 0, done.stdout
    site.wait_for_new_life(before)

    assert site.used() == used


def test_the_origin_rules_bind_for_a_confined_gateway(site: OwnedSite) -> None:
    """Started by gatedog, with a uid of its own and nothing it could get round the rules by, it is enforcing."""
    site.run("systemctl start gatedog-inspect.service")
    site.wait_until(timeout=60, enforcement="enforcing")


def test_a_way_round_the_rules_is_named_and_paged(site: OwnedSite) -> None:
    """An account that may use sudo is advisory, with the reason, and losing the rules is a page."""
    site.machine.write("/etc/sudoers.d/agent", "openclaw ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    site.run("systemctl start gatedog-inspect.service")
    site.wait_for_page("no longer bind", timeout=60)
    said = site.status()["enforcement"]
    site.run("rm /etc/sudoers.d/agent; systemctl start gatedog-inspect.service")

    assert said.startswith("advisory"), said
    assert "sudo" in said
    site.wait_until(timeout=60, enforcement="enforcing")


def test_a_start_that_root_smuggles_in_fails_and_is_told(site: OwnedSite) -> None:
    """A unit that wants the gateway cannot start it without a ticket, and two such jobs are a second manager."""
    before = site.pid()
    site.forget_pages()
    for _ in range(2):
        site.run(f"systemd-run --wait -p Conflicts={GATEWAY} true")
        before = site.wait_for_new_life(before)["pid"]
    page = site.wait_for_page("SECOND MANAGER")

    assert "stop" in page["title"]


def test_another_unit_with_the_same_program_is_named(site: OwnedSite) -> None:
    """A copy of the unit is a rival from the next look on, and its removal ends that story."""
    site.machine.write(f"/etc/systemd/system/{COPY}", "[Service]\nExecStart=/opt/openclaw/gateway\nUser=openclaw\n")
    site.run(f"systemctl daemon-reload; systemctl start {COPY}; systemctl restart gatedog")
    page = site.wait_for_page("NOT GATEDOG'S ALONE", timeout=60)
    rivals = site.status()["rivals"]
    site.run(
        f"systemctl stop {COPY}; rm /etc/systemd/system/{COPY}; systemctl daemon-reload; systemctl restart gatedog"
    )

    assert COPY in page["title"]
    assert any(COPY in rival for rival in rivals)
    site.wait_until(timeout=60, rivals=[])


def test_a_users_unit_and_a_cron_script_are_one_second_manager_story(site: OwnedSite) -> None:
    """The agent's own unit with the same program, and a job of cron that restarts it, are named in one incident."""
    home, job = "/home/openclaw/.config/systemd/user", "/etc/cron.d/restart-gateway"
    site.forget_pages()
    site.machine.write(f"{home}/mine.service", "[Service]\nExecStart=/opt/openclaw/gateway\n", owner="openclaw")
    site.run(f"mkdir -p {home}/default.target.wants; ln -s ../mine.service {home}/default.target.wants/")
    site.machine.write(job, f"*/30 * * * * root systemctl restart {GATEWAY}\n")
    site.run("systemctl start gatedog-inspect.service; systemctl restart gatedog")
    site.wait_for_page("NOT GATEDOG'S ALONE", timeout=60)
    site.machine.wait_for(lambda: len(site.status().get("rivals", ())) >= 2, "both to be named", 60)
    rivals = site.status()["rivals"]
    site.run(f"rm -r {home} {job}; systemctl start gatedog-inspect.service; systemctl restart gatedog")
    stories = {page["incident"] for page in site.pages() if "NOT GATEDOG'S ALONE" in page["title"]}

    assert any("mine.service" in rival for rival in rivals)
    assert any("restart-gateway" in rival for rival in rivals)
    assert len(stories) == 1
    site.wait_until(timeout=60, rivals=[])


def test_a_loop_without_network_is_tried_slowly(site: OwnedSite) -> None:
    """What fails by itself on a host that reaches nobody is not to blame: people are told, and it is tried."""
    site.forget_pages()
    site.decree(3)
    site.wait_until(timeout=60, phase="slow")
    site.decree(None)
    site.wait_for_page("DOWN - trying once every")
    done = site.human.run(f"gatedog start {NAME} -m 'the network is back'")

    assert done.returncode == 0, done.stdout
    site.wait_until(phase="up", ready=True)


def test_a_spiral_is_held_and_paged_while_systemd_would_go_on(site: OwnedSite) -> None:
    """Killed again and again: held, told once, explained; a unit under Restart=always next to it goes on dying."""
    site.machine.write("/etc/systemd/system/control.service", TIMED_COPY)
    site.run("systemctl daemon-reload; systemctl start control.service")
    site.forget_pages()
    deaths = 0
    while site.status()["hold"] != "held":
        deaths += 1
        assert deaths < 10, site.run("gatedog status")
        before = site.kill()
        site.machine.wait_for(lambda before=before: site.pid() != before, "the death to be seen")
        site.machine.wait_for(lambda: site.status()["phase"] in ("up", "held"), "what follows a death")
    status = site.wait_until(hold="held", phase="held")
    page = site.wait_for_page("HELD")
    restarts = int(site.machine.unit("control.service")["NRestarts"])
    site.machine.wait_for(lambda: int(site.machine.unit("control.service")["NRestarts"]) > restarts, "it to go on")
    site.run("systemctl stop control.service; rm /etc/systemd/system/control.service; systemctl daemon-reload")

    assert site.pid() == 0
    assert status["why"]
    assert "gatedog release" in page["next_command"]
    assert "HELD" in site.run("gatedog status")


def test_a_human_releases_it(site: OwnedSite) -> None:
    """One start follows a release, and the gateway that lives now stays up."""
    done = site.human.run(f"gatedog release {NAME} -m 'configuration mended'")

    assert done.returncode == 0, done.stdout
    site.wait_until(phase="up", ready=True, hold="probation")
