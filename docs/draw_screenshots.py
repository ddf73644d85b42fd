"""Photograph the pages of a real gatedog: two gateways, one of which restarted itself until it was held.

    python docs/draw_screenshots.py [FOLDER]        writes docs/screenshots/*.png

Needs Chromium and its driver (./check installs them). Nothing is drawn by hand, so a picture shows what there is.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "system" / "daemon")]

from browser import Browser, start  # noqa: E402 - of the tests, which are no package
from left_lives import end_lives  # noqa: E402 - likewise
from web_process import GATEDOG, web_process  # noqa: E402 - likewise

FOLDER = ROOT / "docs" / "screenshots"
WAIT_S = 60.0
WORDS = "Config invalid: tools.web.search: Unrecognized key"

POLICY = """
[gateway.openclaw]
command = ["/bin/sh", "-c", {dying}]
[gateway.openclaw.ready]
kind = "delay"
delay = "100ms"

[gateway.librarian]
command = ["/bin/sh", "-c", "exec sleep 600", {folder}]
[gateway.librarian.ready]
kind = "delay"
delay = "100ms"
"""
PAGER = '[channel.phone]\nkind = "exec"\nargv = ["/bin/true"]\n[escalation]\ntiers = [["phone"]]\n'

SHOTS = (
    ("gateways-desk", "/", 1280, "light"),
    ("gateways-phone", "/", 375, "dark"),
    ("incident-desk", "/incidents/INC-1", 1280, "dark"),
    ("incident-phone", "/incidents/INC-1", 375, "light"),
    ("incidents-phone", "/incidents", 375, "light"),
    ("policy-desk", "/policy", 1280, "light"),
)


def main() -> int:
    """Photograph everything into the folder that was named, or docs/screenshots."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="gatedog-screenshots-") as made,
        watching(Path(made)) as socket,
        web_process(socket) as web,
        start() as browser,
    ):
        for shot in SHOTS:
            photograph(browser, web.url.rstrip("/"), folder, *shot)
    return 0


def photograph(browser: Browser, url: str, folder: Path, name: str, path: str, width: int, scheme: str) -> None:
    """Write one picture."""
    browser.resize(width, 900 if width > 600 else 812)
    browser.prefer(color_scheme=scheme)
    browser.open(url + path)
    browser.until("return document.readyState === 'complete'")
    browser.screenshot(folder / f"{name}.png")
    print(folder / f"{name}.png")


@contextmanager
def watching(folder: Path) -> Iterator[Path]:
    """Run a daemon until its one gateway is held and the other ready; return its socket."""
    config, socket = folder / "config", folder / "run" / "control.sock"
    config.mkdir(mode=0o700)
    dying = f"sleep 0.4; echo '{WORDS}' >&2; exit 78 # {folder}"
    (config / "policy.toml").write_text(POLICY.format(dying=json.dumps(dying), folder=json.dumps(str(folder))))
    (config / "pager.toml").write_text(PAGER)
    for file in config.iterdir():
        file.chmod(0o600)
    words = ["--config", str(config), "--state", str(folder / "state"), "--runtime", str(folder / "run")]
    daemon = subprocess.Popen([GATEDOG, "daemon", *words], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: {"held", "up"} <= phases(socket))
        yield socket
    finally:
        daemon.terminate()
        daemon.wait(WAIT_S)
        end_lives(folder / "state")


def phases(socket: Path) -> set[str]:
    """Return what the gateways are doing; nothing while nobody answers."""
    words = [GATEDOG, "--socket", str(socket), "status", "--json"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        return set()
    return {gateway["phase"] for gateway in json.loads(done.stdout)["gateways"]}


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait, within a bound."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the gateways did not come to what is to be shown")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
