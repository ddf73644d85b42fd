"""Installed without the package: with pipx or uv for everybody, as docs/install.md has it, or not at all (README).

The machines reach no network; what is fetched there lies in a folder of theirs.
"""

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import Machine
from machine_install import pack_sources
from machine_tree import CHECKOUT
from package_index import bring_index
from package_layers import layer
from printed_pages import commands
from setup_site import GATEWAY, Site

from watchdog import __version__

pytestmark = pytest.mark.system

PAGE = CHECKOUT / "docs/install.md"
INSTALLING, REMOVING = "Other distributions: pipx or uv", "Remove"
HOME = "/home/alice/gatedog"
BUSY_S = 300
"""It takes ten seconds where nothing else runs."""
OPEN_TO_OTHERS = "! -type l \\( ! -user root -o -perm /022 \\)"
LIBRARIES = "import aiohttp; from watchdog.gateway.bus import load_pystemd; load_pystemd()"
DRY_RUN = f"gatedog setup systemd --unit {GATEWAY} --name openclaw"


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[Site]:
    """Give a machine with pipx, uv, and a checkout in alice's home."""
    with Machine(suite) as machine:
        made = Site(machine.boot())
        root = Path(f"/proc/{machine.leader}/root")
        shutil.copytree(layer(suite, "pipx") / "srv/packages", root / "srv/packages")
        machine.run(["sh", "-c", "dpkg --install /srv/packages/*.deb"])
        bring_index(machine)
        with tarfile.open(fileobj=io.BytesIO(pack_sources(()))) as tar:
            tar.extractall(root / HOME.lstrip("/"), filter="data")
        machine.run(["chown", "--recursive", "alice:", HOME])
        yield made


def printed(section: str, suite: str, tool: str) -> str:
    """Return the one command of a section that is for this tool, in the version that the suite has."""
    is_newer = tool == "pipx" and suite == "trixie"
    (line,) = (each for each in commands(PAGE, section) if f" {tool} " in each and ("--global" in each) == is_newer)
    return line


@pytest.mark.parametrize("tool", ["pipx", "uv"])
def test_installed_for_all_it_is_roots_alone(site: Site, suite: str, tool: str) -> None:
    """Everybody can run it, nobody but root can write it, setup takes it for its own program; removed it is gone."""
    install = ["sh", "-c", f"cd {HOME} && {printed(INSTALLING, suite, tool)}"]
    said = site.machine.run(install, timeout=BUSY_S, check=False)
    program = Path(site.run("readlink -f /usr/local/bin/gatedog").strip())
    prefix = program.parent.parent
    version = site.run("cd / && gatedog version", user="bob")
    exposed = site.run(f"find {prefix} /usr/local/bin {OPEN_TO_OTHERS}")
    libraries = site.run(f"{program.with_name('python')} -c '{LIBRARIES}'")
    taken = site.run(DRY_RUN)
    refused = site.run(f"chmod o+w {prefix}/lib; {DRY_RUN}; chmod o-w {prefix}/lib")
    removed = site.run(f"cd / && {printed(REMOVING, suite, tool)}")

    assert prefix.is_relative_to("/opt"), said.stdout + said.stderr
    assert version == f"gatedog {__version__}\n"
    assert (exposed, libraries) == ("", "")
    assert taken.endswith("nothing was changed. To do it, add --apply.\n")
    assert f"{prefix}/lib can be written by others than root" in refused
    assert site.run(f"ls {prefix} /usr/local/bin/gatedog 2>/dev/null") == "[2] ", removed


def test_the_demo_alone_sets_up_what_it_needs(site: Site, suite: str) -> None:
    """On a Debian 12 without gatedog or any library of its, a user types one command in a fresh checkout."""
    if suite != "bookworm":
        pytest.skip("the README says it of Debian 12")
    before = site.run(f"ls -a {HOME}").split()
    done = site.machine.run(
        ["sh", "-c", f"cd {HOME} && ./gatedog demo --json"], user="alice", timeout=BUSY_S, check=False
    )

    assert ".venv" not in before
    assert done.returncode == 0, done.stderr
    assert "first run: making .venv" in done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert {outcome[key] for key in ("held", "paged", "self_restart_refused")} == {True}
