"""The Debian package on a machine: installed, set up, upgraded, downgraded, removed, installed again and purged.

The tests of this file are one story and run in its order, on one machine for each suite.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from machine import Machine
from owned_site import GATEWAY, NAME, PATIENT, OwnedSite, own
from package_making import NEXT_VERSION, Kind, Packages
from setup_site import LISTING, changed

from watchdog import __version__

pytestmark = pytest.mark.system

OTHER = """\
[Service]
ExecStart=/usr/bin/sleep infinity
Restart=always
"""
KEPT = "# mine, and kept\n"


@dataclass(slots=True, kw_only=True)
class Story:
    """The machine, and what the story has come to."""

    machine: Machine
    packages: Packages
    ends: ExitStack
    sites: list[OwnedSite] = field(default_factory=list)

    @property
    def site(self) -> OwnedSite:
        """The machine with its gateway, set up."""
        if not self.sites:
            self.sites.append(self.ends.enter_context(own(self.machine, PATIENT)))
            self.sites[0].wait_for_new_life(self.sites[0].kill())  # a life that is charged
        return self.sites[0]

    def install(self, kind: Kind = Kind.THIS) -> str:
        """Install one of the packages, as a person would, over what is there."""
        package = self.packages.of(self.machine.suite, kind)
        place = Path(f"/proc/{self.machine.leader}/root/srv") / package.name
        place.write_bytes(package.read_bytes())
        return self.apt("install", "--allow-downgrades", f"/srv/{package.name}")

    def apt(self, *words: str) -> str:
        """Run apt-get and return what it said."""
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        done = self.machine.run(["apt-get", "--yes", *words], env=quiet, timeout=120)
        return done.stdout + done.stderr

    def listing(self) -> str:
        """Return every file that an installation could touch and should not."""
        return self.machine.run(["python3", "-c", LISTING]).stdout

    def run(self, line: str) -> str:
        """Run a shell line; return what it said, with its exit code in front when it is not 0."""
        done = self.machine.run(["sh", "-c", line], check=False, timeout=90)
        return (f"[{done.returncode}] " if done.returncode else "") + done.stdout + done.stderr

    def units(self) -> str:
        """Return which units are there and in which state."""
        plain = "--all --plain --no-legend"
        return self.run(f"systemctl list-unit-files {plain}; systemctl list-units {plain} 'other*'")


@pytest.fixture(scope="module")
def story(machines_possible: None, packages: Packages, suite: str) -> Iterator[Story]:
    """Give a machine of the story's own."""
    with ExitStack() as ends:
        machine = ends.enter_context(Machine(suite)).boot()
        machine.write("/etc/systemd/system/other-gateway.service", OTHER)
        machine.run(["systemctl", "start", "other-gateway.service"])
        yield Story(machine=machine, packages=packages, ends=ends)


def test_install_takes_over_nothing_and_starts_nothing(story: Story) -> None:
    """Nothing changes beside the package's own files: no unit, no link, no process; only the account is made."""
    before, units, pid = story.listing(), story.units(), story.machine.unit("other-gateway.service")["MainPID"]
    story.install()
    said = story.run("gatedog version; getent passwd gatedog; dpkg --verify gatedog; pgrep -u gatedog").splitlines()

    new = {line.split()[0] for line in changed(before, story.listing())}
    assert {path for path in new if not path.startswith("/usr/lib/gatedog")} == {
        *("/etc/needrestart", "/etc/needrestart/conf.d", "/etc/needrestart/conf.d/gatedog.conf"),
    }
    assert story.units() == units
    assert story.machine.unit("other-gateway.service")["MainPID"] == pid
    assert said[0] == f"[1] gatedog {__version__}"
    assert said[1].endswith(":/var/lib/gatedog:/usr/sbin/nologin")
    assert said[2:] == [], "a file differs from the package's, or something runs"


def test_an_environment_of_pip_is_not_mixed_with_the_package(story: Story) -> None:
    """Where a human made /usr/lib/gatedog with pip, the package is not unpacked over it and says what to do."""
    story.apt("remove", "gatedog")
    story.run("python3 -m venv --without-pip /usr/lib/gatedog")
    before = story.listing()
    package = story.packages.of(story.machine.suite).name
    said = story.run(f"dpkg --install /srv/{package}")
    after = story.listing()
    story.run("rm -r /usr/lib/gatedog")
    story.install()

    assert said.startswith("[1]")
    assert "gatedog setup remove NAME --apply" in said
    assert "mv /usr/lib/gatedog /usr/lib/gatedog.old" in said
    assert changed(before, after) == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One way to change the version."""

    kind: Kind
    after: str


UPGRADE = Change(kind=Kind.NEXT, after=NEXT_VERSION)
DOWNGRADE = Change(kind=Kind.THIS, after=__version__)


@pytest.mark.parametrize("change", [UPGRADE, DOWNGRADE], ids=["upgrade", "downgrade"])
def test_another_version_keeps_gateway_budget_and_hold(story: Story, change: Change) -> None:
    """The daemon is restarted, its gateway is not; what was charged and decided stands, and what is held stays down."""
    site = story.site
    held = site.human.run(f"gatedog hold {NAME} -m 'until {change.after} runs'")
    assert held.returncode == 0, held.stdout
    site.wait_until(phase="up", hold="held")
    before, pid, began = site.remembered(), site.pid(), site.began()
    story.install(change.kind)
    site.wait_until(phase="up", pid=pid, hold="held")
    after = site.remembered()

    assert site.daemon_version() == change.after
    assert (site.pid(), site.began()) == (pid, began)
    assert after == before
    site.kill()
    site.wait_until(phase="held", hold="held")
    assert site.pid() == 0
    released = site.human.run(f"gatedog release {NAME} -m '{change.after} runs'")
    assert released.returncode == 0, released.stdout
    site.wait_until(phase="up", ready=True)
    assert site.run("gatedog journal verify").startswith("OK")


def test_units_of_another_version_are_shown_and_left_to_a_human(story: Story) -> None:
    """An upgrade leaves what setup wrote alone and prints the command that brings it up to date, once it is needed."""
    site = story.site
    before = story.listing()
    said = story.install(Kind.NEXT)
    untouched = changed(before, story.listing())
    (command,) = [line.partition("#")[0].strip() for line in said.splitlines() if "# and the options" in line]
    applied = story.run(f"{command} --apply")
    again = story.apt("install", "--reinstall", f"/srv/{story.packages.of(story.machine.suite, Kind.NEXT).name}")

    assert [line for line in untouched if not line.startswith("/usr/lib/gatedog/")] == []
    assert command == f"gatedog setup systemd --unit {GATEWAY} --name {NAME}"
    assert "+RestartSec=1001ms" in applied
    assert "another version" not in again
    assert site.wait_until(phase="up", ready=True)


def test_a_gatedog_that_a_human_stopped_stays_stopped(story: Story) -> None:
    """An upgrade restarts gatedog only where it ran."""
    site = story.site
    pid = site.pid()
    site.run("systemctl stop gatedog.service")
    story.install(Kind.NEXT)
    stopped = story.machine.unit("gatedog.service")["ActiveState"]
    site.run("systemctl start gatedog.service")
    site.wait_until(phase="up", pid=pid)

    assert stopped == "inactive"
    assert site.daemon_version() == NEXT_VERSION


def test_needrestart_leaves_gatedog_and_its_gateways_alone(story: Story) -> None:
    """Read as needrestart reads it, the snippet names gatedog's units and the owned gateway, and no other."""
    assert story.site.pid()
    units = ["gatedog.service", "gatedog-inspect.service", GATEWAY, "other-gateway.service", "ssh.service"]
    read = "our %nrconf; do shift; die $@ if $@; for $unit (@ARGV) { print qq{$unit\\n}"
    read += " if grep { $unit =~ $_ && !$nrconf{override_rc}{$_} } keys %{$nrconf{override_rc}} }"
    said = story.machine.run(["perl", "-e", read, "/etc/needrestart/conf.d/gatedog.conf", *units]).stdout

    assert said.split() == units[:3]


def test_a_unit_that_cannot_be_given_back_keeps_the_package(story: Story) -> None:
    """When the unit cannot be given back the removal ends, all is as before, and the way out is printed."""
    site = story.site
    manifest = f"/var/lib/gatedog-setup/manifest-{NAME}.json"
    story.run(f"cp {manifest} /root/kept; echo spoilt >{manifest}")
    before, pid = story.listing(), site.pid()
    said = story.run("apt-get remove --yes gatedog")
    after = story.listing()
    story.run(f"cat /root/kept >{manifest}")

    assert said.startswith("[100]")
    assert f"/usr/lib/gatedog/break-glass unmanage {NAME}" in said
    assert changed(before, after) == []
    assert site.wait_until(phase="up")["pid"] == pid


def test_remove_gives_the_unit_back_and_keeps_configuration_and_evidence(story: Story) -> None:
    """The gateway runs on as a unit of systemd; program and units go, /etc/gatedog and the journal stay."""
    site = story.site
    story.run(f"echo '{KEPT.strip()}' >>/etc/gatedog/policy.toml")
    configuration = story.run("cd /etc/gatedog && stat -c '%n %a %U:%G' . * && sha256sum *.toml release_codes")
    page = story.run("systemctl enable --now gatedog-web.service && systemctl is-active gatedog-web.service")
    pid = site.pid()
    said = story.apt("remove", "gatedog")
    unit = story.machine.unit(GATEWAY)

    assert f"the unit of {NAME} is systemd's again" in said
    assert (unit["MainPID"], unit["RefuseManualStart"], unit["UnitFileState"]) == (str(pid), "no", "enabled")
    assert story.run("cd /etc/gatedog && stat -c '%n %a %U:%G' . * && sha256sum *.toml release_codes") == configuration
    assert story.run("ls /usr/lib/gatedog /usr/bin/gatedog /usr/local/bin/gatedog 2>/dev/null") == "[2] "
    assert page.startswith("active\n"), page
    assert story.run("systemctl is-active gatedog-web.service").endswith("inactive\n")
    assert story.run("find /etc/systemd -name '*gatedog*'") == ""
    assert "gatedog" not in story.units()
    assert story.run("ls /var/lib/gatedog").split()
    assert story.run(f"systemctl restart {GATEWAY}") == ""


def test_installed_again_it_goes_on_where_it_was(story: Story) -> None:
    """After a removal, install and setup find policy, codes and journal of before."""
    story.install()
    policy = story.machine.read("/etc/gatedog/policy.toml")
    said = story.run(f"gatedog setup systemd --unit {GATEWAY} --name {NAME} --apply")
    site = story.site
    site.wait_until(phase="up")

    assert "ten release codes" not in said
    assert KEPT in policy
    assert story.machine.read("/etc/gatedog/policy.toml") == policy
    assert site.run("gatedog journal verify").startswith("OK")
    assert NEXT_VERSION in site.run("gatedog events -n 1000"), "the journal of before"


def test_purge_keeps_the_evidence_and_says_how_to_forget_it(story: Story) -> None:
    """Configuration goes; the journal and the account that owns it stay, until the printed command is typed."""
    pid = story.site.pid()
    said = story.apt("purge", "gatedog")
    unit = story.machine.unit(GATEWAY)
    left = story.run("stat -c '%n %U' /etc/gatedog /etc/needrestart/conf.d/gatedog.conf /var/lib/gatedog")
    (forget,) = [line.strip() for line in said.splitlines() if "userdel gatedog" in line]
    forgotten = story.run(f"{forget}; ls -d /var/lib/gatedog*; getent passwd gatedog")

    assert (unit["MainPID"], unit["RefuseManualStart"]) == (str(pid), "no")
    assert [line for line in left.splitlines() if "cannot" not in line] == ["[1] /var/lib/gatedog gatedog"]
    assert "cannot access '/var/lib/gatedog*'" in forgotten
    assert story.units().count("gatedog") == 0
