"""A real OpenClaw that restarts itself, by each of its ways, and one whose code is replaced."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest
from openclaw_install import Installation
from openclaw_site import COPY, START_S, TOKEN, Site

pytestmark = pytest.mark.openclaw


def by_signal(site: Site, pid: int) -> None:
    """Send the signal that OpenClaw restarts on."""
    os.kill(pid, signal.SIGUSR2)


def by_command(site: Site, pid: int) -> None:
    """Use OpenClaw's own command, from outside."""
    done = site.openclaw("gateway", "restart")
    assert done.returncode == 0, done.stdout + done.stderr


def by_configuration(site: Site, pid: int) -> None:
    """Change what cannot be changed without a restart."""
    site.configure(
        gateway={
            "mode": "local",
            "bind": "loopback",
            "port": site.port,
            "auth": {"mode": "password", "password": TOKEN},
        }
    )


WAYS = {
    "closed: restart (SIGUSR2)": by_signal,
    "closed: restart (SIGUSR2: gateway.restart)": by_command,
    "closed: restart (SIGUSR2: config reload: gateway.auth": by_configuration,
}


@pytest.mark.parametrize(("said", "restart"), WAYS.items(), ids=["signal", "command", "configuration"])
def test_a_restart_by_itself_is_charged_to_it(said: str, restart: Callable[[Site, int], None], site: Site) -> None:
    """The profile makes it an end of the process: gatedog starts the next one, and knows why the last one ended."""
    site.start()
    before = site.wait_until_healthy()
    restart(site, before["pid"])
    site.wait(lambda: (site.status() or {}).get("pid") not in (None, before["pid"]), "the next life", START_S)
    after = site.wait_until_healthy()

    assert (site.used("self_restart"), site.used("restart"), after["chain"]) == (1, 1, 1)
    assert after["last_exit"]["code"] == 0
    assert said in site.gatedog("events")


@pytest.mark.parametrize("restart", [by_signal, by_configuration], ids=["signal", "configuration"])
def test_a_restart_in_place_is_seen_and_charged(restart: Callable[[Site, int], None], site: Site) -> None:
    """Without the profile's variables it starts over inside of its process: no exit, and still a life that ended."""
    site.start(environment={"OPENCLAW_SUPERVISOR_MODE": "", "OPENCLAW_SERVICE_REPAIR_POLICY": ""})
    before = site.wait_until_healthy()
    restart(site, before["pid"])
    site.wait(lambda: site.used("self_restart") == 1, "the restart in place", START_S)
    after = site.wait_until_healthy()

    assert (after["pid"], after["chain"], site.used("restart")) == (before["pid"], 1, 1)
    assert "replaced (it started over inside of its process: by probe ready up for" in site.gatedog("events")
    assert site.pages() == []


def test_replaced_code_is_told_before_it_runs(site: Site, installation: Installation) -> None:
    """A package manager puts another version in place of the one that runs: a notice says so, and nothing is done."""
    copy = replace(installation, folder=site.folder / COPY)
    shutil.copytree(installation.folder, copy.folder, symlinks=True)
    site.node, site.package = copy.node, copy.package
    site.start()
    before = site.wait_until_healthy()
    manifest = site.package / "package.json"
    described = json.loads(manifest.read_text())
    replaced = described | {"version": "2099.1.1"}
    (site.package / "package.json.new").write_text(json.dumps(replaced))
    (site.package / "package.json.new").rename(manifest)
    notice = site.wait_for_page("different code", 700)
    now = site.status() or {}

    assert f"openclaw {described['version']} runs, 2099.1.1 is on disk" in notice["text"]
    assert (notice["severity"], now["pid"], now["chain"]) == ("info", before["pid"], 0)
    assert str(manifest) in now["health"]["stale_code"]
