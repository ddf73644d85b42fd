"""What an idle daemon does not have in memory, by name: docs/adr/0018. Bytes are measured by benchmarks/peers."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

LIVES = ["/bin/sh", "-c", "exec sleep 600"]
GATEDOG = str(Path(sys.executable).with_name("gatedog"))

TELLING = """
import dataclasses, gc, json, pathlib, sys
from watchdog.daemon.__main__ import main

config, state, runtime = sys.argv[1:]
code = main(["daemon", "--config", config, "--state", state, "--runtime", runtime])
modules = sorted(sys.modules)
from watchdog.core import values
gc.collect()
frozen = [
    each for each in gc.get_objects()
    if isinstance(each, type) and each.__module__.startswith("watchdog.")
    and dataclasses.is_dataclass(each) and each.__dataclass_params__.frozen
]
heavy = [f"{each.__module__}.{each.__qualname__}" for each in frozen if each.__setattr__ is not values._refuse_set]
told = {"modules": modules, "frozen": len(frozen), "heavy": heavy}
pathlib.Path(state, "told.json").write_text(json.dumps(told))
sys.exit(code)
"""

ABSENT = {
    "the command line": {"click", "argparse", "gettext", "watchdog.cli", "watchdog.setup", "watchdog.demo"},
    "what apscheduler names and never needs here": {"multiprocessing", "concurrent.futures.process"},
    "what only reads the versions of packages": {"importlib.metadata", "email", "zipfile", "csv"},
    "what only a page or a damaged file needs": {
        "http.client",
        "smtplib",
        "difflib",
        "shutil",
        "lzma",
        "bz2",
        "pickle",
    },
    "what nothing needs": {"aiohttp", "xml", "unittest", "pdb", "watchdog.replay"},
}


def test_an_idle_daemon_has_not_imported_what_it_does_not_use(site) -> None:
    """A real daemon that watched a gateway and sent nothing has none of these modules, and each frozen class once."""
    site.write_policy(LIVES)
    daemon = site.start(sys.executable, "-c", TELLING)
    site.wait_until(ready=True)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=60) == 0
    told = json.loads((site.state / "told.json").read_text())

    assert {"asyncio", "sqlite3", "apscheduler", "watchdog.core.engine"} <= set(told["modules"])
    assert {why: names & set(told["modules"]) for why, names in ABSENT.items()} == {why: set() for why in ABSENT}
    assert told["frozen"] > 100
    assert told["heavy"] == [], "import dataclass from watchdog.core.values"


def test_the_command_becomes_the_daemon(site) -> None:
    """The process that was started is the daemon, by its pid and its name; the command line is gone from it."""
    site.write_policy(LIVES)
    daemon = site.start()
    folder = Path("/proc") / str(daemon.pid)

    assert b"\0-m\0watchdog.daemon\0daemon\0" in (folder / "cmdline").read_bytes()
    assert (folder / "comm").read_text() == "gatedog\n"


def test_the_folder_where_a_person_stands_gives_no_code(site, tmp_path: Path) -> None:
    """Modules come from where gatedog is installed, whatever lies in the current folder."""
    stands = tmp_path / "stands"
    for name in ("json.py", "asyncio.py", "watchdog/__init__.py"):
        file = stands / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    site.write_policy(LIVES, extra="nonsense = 1")
    refused = subprocess.run(
        [GATEDOG, "daemon", "--config", site.config, "--state", site.state, "--runtime", site.runtime],
        cwd=stands,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert refused.returncode == 1
    assert refused.stderr.startswith("gatedog: 1 problem in the policy\n")
    assert refused.stderr.endswith(f"  next: gatedog policy check {site.config}\n")
    assert not (tmp_path / "ran").exists()
