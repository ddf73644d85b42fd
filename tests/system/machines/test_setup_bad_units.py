"""Units and hosts that `gatedog setup systemd` refuses, each with the remedy and nothing half installed."""

from collections.abc import Iterator

import pytest
from machine import Machine
from machine_install import install_gatedog
from setup_site import GATEWAY, Site, changed

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[Site]:
    """Give the machine on which every test leaves the gateway unowned and running."""
    with Machine(suite) as made:
        install_gatedog(made.boot())
        yield Site(made)


def unit(service: str, more: str = "") -> str:
    """Write a unit file."""
    return f"[Unit]\n{more}\n[Service]\nUser=openclaw\nExecStart=/usr/bin/sleep infinity\n{service}\n"


BAD: list[tuple[str, dict[str, str], str, str, str]] = [
    ("missing", {}, "nowhere", "There is no unit nowhere.service", "gatedog setup systemd --name NAME"),
    ("masked", {"m.service": ""}, "m", "is masked", "systemctl unmask m.service"),
    ("template", {"t@.service": unit("")}, "t@", "is a template", "t@INSTANCE.service"),
    ("oneshot", {"o.service": unit("Type=oneshot")}, "o", "is a oneshot unit", "long-running"),
    ("broken", {"b.service": "[Service]\nUser=openclaw\n"}, "b", "cannot load b.service", "systemctl status"),
    ("timer", {}, "cron.timer", "is not the name of a service", "list-units"),
    ("own", {}, "gatedog", "is gatedog's own", ""),
    ("root", {"r.service": unit("User=root")}, "r", "runs as root", "--advisory"),
    (
        "upheld",
        {"u.service": unit(""), "up.service": unit("", "Upholds=u.service")},
        "u",
        "up.service starts it again whenever it is down",
        "Edit up.service",
    ),
    (
        "required",
        {"d.service": unit(""), "web.service": unit("", "Requires=d.service")},
        "d",
        "web.service pulls it in and fails without it",
        "Edit web.service",
    ),
    (
        "triggered",
        {"k.service": unit(""), "k.timer": "[Timer]\nOnCalendar=daily\n"},
        "k",
        "k.timer starts it by itself",
        "systemctl disable --now k.timer",
    ),
    (
        "writable",
        {"w.service": unit("ExecStart=\nExecStart=/home/openclaw/run")},
        "w",
        "can be rewritten",
        "--advisory",
    ),
]


@pytest.mark.parametrize(("files", "name", "what", "how"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_unit_is_refused_with_the_remedy(site: Site, files: dict[str, str], name: str, what: str, how: str) -> None:
    """A unit that cannot be owned is refused, says why and what to do, and leaves nothing half installed."""
    for file, text in files.items():
        if text:
            site.machine.write(f"/etc/systemd/system/{file}", text)
        else:
            site.run(f"ln -s /dev/null /etc/systemd/system/{file}")
    site.run("printf '#!/bin/sh\\n' >/home/openclaw/run; chown openclaw: /home/openclaw/run; systemctl daemon-reload")
    for other in files:
        site.run(f"systemctl show {other}")  # loaded, so that what it says of others counts
    if "up.service" in files or "web.service" in files or "k.timer" in files:
        site.run(f"systemctl start {list(files)[-1]}")
    before = site.listing()
    said = site.run(f"gatedog setup systemd --unit {name} --apply")
    after = site.listing()
    for file in reversed(files):
        site.run(f"systemctl stop {file}; rm /etc/systemd/system/{file}")
    site.run("systemctl daemon-reload")

    assert said.startswith("["), said
    assert what in said
    assert how in said
    assert changed(before, after) == []


def test_a_user_unit_is_offered_a_move(site: Site) -> None:
    """A unit of the agent's own service manager is not taken; the commands that move it are printed."""
    text = "[Service]\nExecStart=/usr/bin/node gateway.js --port 1\n"
    site.machine.write("/home/openclaw/.config/systemd/user/agent.service", text, owner="openclaw")
    said = site.run("gatedog setup systemd --unit agent --apply")
    site.run("rm -r /home/openclaw/.config")

    assert "is a unit of openclaw's own service manager" in said
    assert "systemctl --user disable --now agent.service" in said
    assert "--user openclaw --command '/usr/bin/node gateway.js --port 1'" in said


def without(site: Site, hide: str, bring_back: str) -> str:
    """Say what setup says while something of the host is missing."""
    site.run(hide)
    said = site.run(f"gatedog setup systemd --unit {GATEWAY} --apply")
    site.run(bring_back)
    return said


def test_a_host_that_lacks_something_is_told_what(site: Site) -> None:
    """Without polkit, the bus, or a program that only root can write, nothing is installed, and the remedy is named."""
    before = site.listing()
    polkit = "/usr/lib/systemd/system/polkit.service"
    reload = "systemctl daemon-reload"
    no_polkit = without(
        site, f"systemctl stop polkit; mv {polkit} /root/; {reload}", f"mv /root/polkit.service {polkit}; {reload}"
    )
    bus = "/run/dbus/system_bus_socket"
    no_bus = without(site, f"mv {bus} {bus}.away", f"mv {bus}.away {bus}")
    writable = without(site, "chmod o+w /usr/lib/gatedog/lib", "chmod o-w /usr/lib/gatedog/lib")

    assert "apt-get install polkitd" in no_polkit
    assert "apt-get install dbus" in no_bus
    assert "sudo pipx install --global '.[systemd,web]'" in writable
    assert "/usr/lib/gatedog/lib can be written by others than root" in writable
    assert changed(before, site.listing()) == []


def test_the_checkout_on_a_users_disk_is_refused(site: Site) -> None:
    """A gatedog that a user installed for themselves cannot own a unit: they could rewrite it."""
    site.run("cp -a /usr/lib/gatedog /home/alice/own && chown -R alice: /home/alice/own")
    said = site.run(f"/home/alice/own/bin/python -m watchdog.cli setup systemd --unit {GATEWAY} --apply")
    site.run("rm -r /home/alice/own")

    assert "could be replaced by somebody other than root" in said


ACCEPTED: list[tuple[str, str, str]] = [
    (
        "Type=notify\nNotifyAccess=all\nExecStart=\nExecStart=sh -c 'systemd-notify --ready; sleep 1000'",
        "Type=notify",
        "",
    ),
    ("Type=forking\nExecStart=\nExecStart=sh -c '/usr/bin/sleep 1000 &'", "Type=forking", ""),
    ("Type=exec", "it is not enabled", ""),
    ("Restart=on-failure\nRestartForceExitStatus=1", "Restart=on-failure is overruled", ""),
    ("", "it is not enabled by a link of its own", ""),
    ("", "dbus.service: a stop or restart of that stops the gateway as well", "PartOf=dbus.service"),
]


@pytest.mark.parametrize(("service", "note", "more"), ACCEPTED)
def test_other_kinds_of_unit_are_owned_with_a_note(site: Site, service: str, note: str, more: str) -> None:
    """Units that notify, fork, restart themselves or hang on others are accepted, and what changes for them is said."""
    site.machine.write("/etc/systemd/system/odd@1.service", unit(service, more))
    site.run("systemctl daemon-reload")
    before = site.listing()
    said = site.run("gatedog setup systemd --unit odd@1 --apply --no-start")
    again = site.run("gatedog setup systemd --unit odd@1 --apply --no-start")
    start = site.run("/usr/lib/gatedog/break-glass start odd-1")
    restart = site.machine.unit("odd@1.service")["Restart"]
    stop = site.run("/usr/lib/gatedog/break-glass stop odd-1")
    site.give_back("odd-1")
    after = site.listing()
    site.run("rm /etc/systemd/system/odd@1.service; systemctl daemon-reload")

    assert note in said
    assert again.endswith("nothing to change.\n")
    assert "odd@1.service is active" in start
    assert restart == "no"
    assert "odd@1.service is inactive" in stop or "odd@1.service is failed" in stop
    assert changed(before, after) == []
