"""A person at a console of the kernel's is human: a terminal that no program on the host could have opened.

The console is a virtual one of this host's kernel under a serial console's kind of name: logind in a container has no
seat with virtual consoles, and a real serial port may be the way to this host.
"""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from machine import Machine
from machine_install import install_gatedog
from owned_site import NAME, OwnedSite, own

pytestmark = pytest.mark.system

CONSOLE = "hvc12"
MAJOR, MINOR = "4", "12"
PROFILE = f"""\
gatedog whoami --json >/srv/console/who
gatedog hold {NAME} -m "from the console"; echo $? >/srv/console/held
(setsid gatedog whoami --json >/srv/console/left.new; mv /srv/console/left.new /srv/console/left)
sleep 60
"""


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[OwnedSite]:
    """Give an owned machine with a console on which alice is logged in, as agetty does it."""
    with Machine(suite) as machine:
        install_gatedog(machine.boot())
        with own(machine) as site:
            site.wait_for_new_life(site.kill())
            node = ["mknod", f"/dev/{CONSOLE}", "c", MAJOR, MINOR]  # from this side: inside nobody may make one
            subprocess.run(["nsenter", f"--target={machine.leader}", "-m", *node], check=True)
            site.run("install -d -o alice /srv/console")
            machine.write("/home/alice/.bash_profile", PROFILE, owner="alice")
            tty = f"-p StandardInput=tty -p TTYPath=/dev/{CONSOLE} -p TTYReset=yes"
            site.run(f"systemd-run -q --unit=console {tty} agetty --autologin alice --noclear {CONSOLE} linux")
            yield site


def told(site: OwnedSite, name: str) -> str:
    """Wait for what the person's shell wrote down."""
    wait = f"test -s /srv/console/{name} && cat /srv/console/{name} || true"
    said: str = site.machine.wait_for(lambda: site.run(wait), f"{name} from the console")
    return said


def test_a_person_at_a_console_is_human(site: OwnedSite) -> None:
    """By their login and its terminal; and what they ask for is done."""
    held = told(site, "held")
    who: dict[str, Any] = json.loads(told(site, "who"))["who"]

    assert (who["origin"], who["rule"]) == ("human", "origin.console-login")
    assert held == "0\n"
    assert site.status()["hold"] == "held"


def test_what_left_the_console_is_nobody(site: OwnedSite) -> None:
    """The login alone does not make one human: a program without its terminal may be anybody's."""
    who: dict[str, Any] = json.loads(told(site, "left"))["who"]

    assert who["origin"] != "human"
