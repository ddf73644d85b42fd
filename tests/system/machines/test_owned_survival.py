"""gatedog's own deaths, and the host's: the gateway's process, budget and hold outlive them, and no page is lost."""

from collections.abc import Iterator

import pytest
from machine import Machine
from machine_install import install_gatedog
from machine_sessions import RemoteHost
from owned_site import GATEWAY, NAME, PATIENT, OwnedSite, own

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[OwnedSite]:
    """Give a machine, set up and watched, whose gateway has been started by gatedog once."""
    with Machine(suite) as machine:
        install_gatedog(machine.boot())
        with own(machine, PATIENT) as site:
            site.wait_for_new_life(site.kill())
            yield site


@pytest.mark.parametrize(
    "ends",
    [
        "systemctl kill -s KILL gatedog.service",
        "systemctl restart gatedog.service",
        "systemctl daemon-reload",
        "systemctl daemon-reexec",
        "systemctl kill -s KILL dbus.service; systemctl restart systemd-logind.service",
    ],
)
def test_the_gateway_outlives(site: OwnedSite, ends: str) -> None:
    """Whatever happens to gatedog or below it: same process, same budget, no page, and the next death is still seen."""
    site.forget_pages()
    before, used, life = site.pid(), site.used(), site.status()["life"]
    site.run(ends)
    status = site.wait_until(phase="up", pid=before, life=life)

    assert (status["ready"], site.used()) == (True, used)
    assert site.pages() == []


def test_a_death_is_seen_after_all_that(site: OwnedSite) -> None:
    """Reconnected and adopted, gatedog restarts the gateway as before, and nothing but that is charged."""
    used = site.used()
    site.wait_for_new_life(site.kill())

    assert site.used() == used + 1


def test_a_death_that_gatedog_was_not_there_for_is_charged_and_answered(site: OwnedSite) -> None:
    """A gateway that ended while gatedog was stopped is found down and started again, at its price."""
    used, before = site.used(), site.pid()
    site.run("systemctl stop gatedog.service")
    site.kill()
    site.run("systemctl start gatedog.service")
    site.wait_for_new_life(before)

    assert site.used() == used + 1


def test_a_frozen_gatedog_is_started_again_and_its_silence_is_told_once(site: OwnedSite) -> None:
    """SIGSTOP: the watchdog of the service manager ends it; the gateway runs on."""
    before, watcher = site.pid(), site.pid("gatedog.service")
    site.run(f"kill -STOP {watcher}")
    site.machine.wait_for(lambda: site.pid("gatedog.service") not in (0, watcher), "another gatedog", timeout=60)

    site.wait_until(phase="up", pid=before)


def test_the_last_word_comes_once_and_so_does_its_end(site: OwnedSite) -> None:
    """A gatedog that cannot come back is one page; when it is back for good, that is told once."""
    site.forget_pages()
    before = site.pid()
    broken = "/etc/systemd/system/gatedog.service.d/broken.conf"
    site.machine.write(broken, "[Service]\nExecStartPre=/bin/false\n")
    site.run("systemctl daemon-reload; systemctl kill -s KILL gatedog.service")
    site.machine.wait_for(site.titles, "the last word", timeout=120)
    site.run("systemctl start gatedog-lastword@gatedog.service; systemctl start gatedog-lastword@gatedog.service")
    said = site.titles()
    site.run(f"rm {broken}; systemctl daemon-reload; systemctl reset-failed gatedog.service")
    site.run("systemctl start gatedog.service")
    site.wait_until(phase="up", pid=before)
    site.machine.wait_for(lambda: len(site.titles()) > len(said), "the word that it is back", timeout=150)
    site.run("systemctl start gatedog-lastword@gatedog.service")

    assert len(said) == 1, said
    assert len(site.titles()) == 2, site.titles()


def test_break_glass_works_with_gatedog_dead_and_is_told_later(site: OwnedSite) -> None:
    """Root stops the gateway past a dead gatedog; gatedog comes back, leaves it down, and pages who did it."""
    site.forget_pages()
    site.run("systemctl stop gatedog.service; mv /usr/lib/gatedog/lib /usr/lib/gatedog/lib.away")
    said = site.run(f"/usr/lib/gatedog/break-glass stop {NAME}")
    stopped = site.pid()
    site.run("mv /usr/lib/gatedog/lib.away /usr/lib/gatedog/lib; systemctl start gatedog.service")
    page = site.wait_for_page("break-glass was used: stop")
    status = site.wait_until(phase="stopped")

    assert stopped == 0, said
    assert "by root" in str(page)
    assert site.pid() == 0
    assert status["pid"] is None


def test_break_glass_start_under_a_living_gatedog_is_obeyed(site: OwnedSite) -> None:
    """Root's start is taken as the human's word that it is: the gateway is up, and wanted up."""
    said = site.run(f"/usr/lib/gatedog/break-glass start {NAME}")
    site.wait_for_page("break-glass was used: start")

    site.wait_until(phase="up", ready=True)
    assert site.pid() != 0, said


def test_a_clean_reboot_pages_nobody_and_keeps_the_budget(site: OwnedSite) -> None:
    """gatedog, not the boot, starts the gateway; nothing of the shutdown is charged or told."""
    used = site.used()
    site.machine.wait_for(lambda: "outbox 0" in site.run("gatedog status"), "the outbox to empty")
    site.forget_pages()
    site.machine.reboot()
    site.wait_until(phase="up", ready=True)

    assert site.pages() == []
    assert site.used() <= used + 1
    assert site.run(f"systemctl is-enabled {GATEWAY}") != "enabled\n"


def test_an_unclean_reboot_costs_one_ending_and_keeps_a_hold(site: OwnedSite) -> None:
    """The plug is pulled while a human holds the gateway: after the boot it is still held, and stays down."""
    chain = site.status()["chain"]
    site.machine.reboot(clean=False)
    site.wait_until(phase="up", ready=True)
    endings = site.status()["chain"] - chain
    with RemoteHost(site.machine).terminal("alice") as human:
        site.wait_for_new_life(site.kill())  # whoever sits at this terminal was there before the life
        done = human.run(f"gatedog hold {NAME} -m 'looking at it'")
        assert done.returncode == 0, done.stdout
    used = site.used()
    site.machine.reboot(clean=False)
    status = site.wait_until(phase="held", hold="held")

    assert endings == 1
    assert site.pid() == 0
    assert site.used() == used
    assert "looking at it" in status["why"]
