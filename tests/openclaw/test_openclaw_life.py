"""A real OpenClaw as a process: it starts, stays, dies, hangs and refuses to start."""

import os
import signal
import time

import pytest
from openclaw_site import START_S, Site, descendants

pytestmark = pytest.mark.openclaw


def test_it_comes_up_and_is_found_healthy(site: Site) -> None:
    """From the start to ready and healthy, within the first grace, nobody is told of anything."""
    site.start()
    site.wait_until(START_S, phase="up", ready=True)
    healthy = site.wait_until_healthy()

    assert [probe["phase"] for probe in healthy["health"]["probes"]] == ["passing", "passing"]
    assert (healthy["chain"], site.used("restart"), site.used("self_restart")) == (0, 0, 0)
    assert site.pages() == []


def test_it_stays_healthy_and_nobody_is_told(site: Site, pytestconfig: pytest.Config) -> None:
    """Nothing is found, and nothing is told, while it does what it does all day."""
    site.start()
    first = site.wait_until_healthy()
    until = time.monotonic() + 60 * float(pytestconfig.getoption("--steady-minutes"))
    while time.monotonic() < until:
        time.sleep(5)
        now = site.status()
        assert now is not None
        assert (now["phase"], now["health"]["word"], now["pid"]) == ("up", "healthy", first["pid"]), site.story()
        assert (now["health"]["signs"], now["health"]["stale_code"], site.pages()) == ([], [], []), site.story()


def test_killed_it_is_started_again_once_and_charged(site: Site) -> None:
    """SIGKILL: one start, charged to the restart budget, none of its processes left, and nobody is woken."""
    site.start()
    before = site.wait_until_healthy()
    left = descendants(before["pid"])
    assert left, "OpenClaw had processes of its own when this was written"
    os.kill(before["pid"], signal.SIGKILL)
    site.wait(lambda: (site.status() or {}).get("pid") not in (None, before["pid"]), "the next life", START_S)
    after = site.wait_until_healthy()

    assert (after["chain"], site.used("restart"), site.used("self_restart")) == (1, 1, 0)
    assert after["last_exit"]["signal"] == "SIGKILL"
    assert not left & descendants(1), "what the dead gateway left behind runs on"
    assert site.pages() == []


def test_hung_it_is_degraded_and_well_again(site: Site) -> None:
    """SIGSTOP: the kernel still takes its connections, and people hear that it does not answer."""
    site.start('failing = "20s"')
    pid = site.wait_until_healthy()["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        page = site.wait_for_page("FAILS", 300)
        now = site.status() or {}
    finally:
        os.kill(pid, signal.SIGCONT)

    assert (now["health"]["word"], now["phase"], now["pid"]) == ("degraded", "up", pid)
    assert page["severity"] == "critical"
    assert "did not answer within 5s" in page["text"]
    site.wait_until_healthy()
    site.wait(lambda: any(page["update"] == "resolved" for page in site.pages()), "the all-clear", 60)


def test_with_a_broken_configuration_it_is_not_tried_again(site: Site) -> None:
    """Exit status 78 before it served: one start, one page with its own words on the configuration, no other start."""
    site.write_config("{not json")
    site.start()
    page = site.wait_for_page("HELD", START_S)
    now = site.wait_until(60, word="HELD")

    assert "Gateway start blocked: existing config is missing" in page["text"]
    assert (now["last_exit"]["code"], now["chain"], site.used("restart")) == (78, 1, 0)
