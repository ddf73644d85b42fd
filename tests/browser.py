"""A headless Chromium for tests that look at pages: opened, sized, asked, photographed and ended.

It is Debian's, driven by Debian's chromedriver with the standard library: WebDriver is JSON over HTTP on loopback.

Invariant: it reaches nothing but loopback, whatever a page asks for; each one has a profile of its own, which is gone
with it; and every wait has a bound. Deliberately not here: what pages should look like.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

WAIT_S = 60.0
"""Bound of every wait; the first start on a busy machine takes some of it."""

PROGRAMS = ("chromium", "chromedriver")
PACKAGES = "chromium chromium-driver"
REBOUND = "rebound.example"
"""A name of strangers that this browser takes for loopback, as after DNS rebinding; it resolves no other."""

_FLAGS = (
    "--headless",
    "--no-sandbox",  # the tests run as root, where Chromium's own sandbox cannot be had
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_LISTENS = re.compile(rb"started successfully on port (\d+)")


class Unavailable(Exception):  # noqa: N818 - the name is the fact
    """There is none here; the text says what would help."""


@dataclass(slots=True, kw_only=True)
class Browser:
    """One window. Sizes are CSS pixels; `port` and `session` are chromedriver's."""

    port: int
    session: str = ""

    def open(self, address: str | Path) -> None:
        """Open an address or a file, and wait until it is loaded."""
        self._ask("POST", "url", {"url": address.as_uri() if isinstance(address, Path) else address})

    def resize(self, width: int, height: int = 800, *, scale: float = 1.0) -> None:
        """Be a screen of this size; below 600 pixels, a phone's."""
        phone = width < 600
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)

    def prefer(self, **features: str) -> None:
        """Have preferences: `prefer(color_scheme="dark", reduced_motion="reduce")`; those not named are the usual."""
        wanted = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.devtools("Emulation.setEmulatedMedia", features=wanted)

    def evaluate(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page and return what it returns: `evaluate("return document.title")`.

        The page's content policy does not bind it. A promise is waited for.
        """
        return self._ask("POST", "execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script: str, *arguments: object, seconds: float = WAIT_S) -> Any:
        """Evaluate until the answer is true to JavaScript, and return it; fail after so many seconds."""
        deadline = time.monotonic() + seconds
        while not (found := self.evaluate(script, *arguments)):
            assert time.monotonic() < deadline, f"not within {seconds} s: {script}\n{self.text()[-2000:]}"
            time.sleep(0.02)
        return found

    def text(self) -> str:
        """Return the text of the page as people see it."""
        return str(self.evaluate("return document.body ? document.body.innerText : ''"))

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window; 0 when it needs no scrolling sideways."""
        return int(self.evaluate("const e = document.documentElement; return e.scrollWidth - e.clientWidth"))

    def press(self, key: str) -> None:
        """Press and release a key by its WebDriver code point or letter; TAB and ENTER are below."""
        strokes = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._ask("POST", "actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def errors(self) -> list[str]:
        """Return what the console has complained of since it was last asked: failures, refusals, warnings."""
        told = self._ask("POST", "se/log", {"type": "browser"})
        return [f"{each['level']}: {each['message']}" for each in told if each["level"] in {"SEVERE", "WARNING"}]

    def outline(self) -> list[tuple[str, str]]:
        """Return role and name of everything that a screen reader is told of, in its order."""
        nodes = self.devtools("Accessibility.getFullAXTree")["nodes"]
        seen = [node for node in nodes if not node.get("ignored")]
        return [(node["role"]["value"], str(node.get("name", {}).get("value", ""))) for node in seen]

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG."""
        path.write_bytes(base64.b64decode(self._ask("GET", "screenshot")))

    def photograph(self, path: Path) -> None:
        """Write the whole page as a PNG, however long."""
        taken = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def devtools(self, command: str, **parameters: object) -> Any:
        """Call one command of the DevTools protocol."""
        return self._ask("POST", "goog/cdp/execute", {"cmd": command, "params": parameters})

    def reset(self) -> None:
        """Be as new: an empty page of 1280 pixels, no preferences, a quiet console."""
        self.open("about:blank")
        self.resize(1280)
        self.prefer()
        self.errors()

    def close(self) -> None:
        """Close the window; with it the browser ends."""
        with suppress(OSError):
            self._ask("DELETE", "")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        place = "/session" + (f"/{self.session}" if self.session else "") + (f"/{path}" if path else "")
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            given = None if method != "POST" else json.dumps(body)
            connection.request(method, place, body=given, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        assert answer.status == 200, f"{method} {place}: {told}"
        return told["value"]


TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"


@contextmanager
def start() -> Iterator[Browser]:
    """Start a browser, and end it with everything that it started. Raises Unavailable."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise Unavailable(f"needs Debian's Chromium and its driver: apt-get install {PACKAGES}")
    with tempfile.TemporaryDirectory(prefix="gatedog-browser-", ignore_cleanup_errors=True) as folder:
        said = Path(folder, "driver.log")
        with said.open("wb") as log:
            driver = subprocess.Popen(
                ["chromedriver", "--port=0"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": folder, "TMPDIR": folder, "no_proxy": "*"},
                start_new_session=True,
            )
        try:
            browser = Browser(port=_port(driver, said))
            capabilities = {
                "goog:chromeOptions": {"args": [*_FLAGS, f"--user-data-dir={folder}/profile"]},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            browser.session = browser._ask("POST", "", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]
            browser.reset()
            try:
                yield browser
            finally:
                browser.close()
        finally:
            _end(driver)


def _port(driver: subprocess.Popen[bytes], said: Path) -> int:
    deadline = time.monotonic() + WAIT_S
    while not (found := _LISTENS.search(said.read_bytes())):
        assert driver.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.02)
    return int(found[1])


def _end(driver: subprocess.Popen[bytes]) -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(driver.pid, sent)  # its group: a browser that did not close goes with it
        with suppress(subprocess.TimeoutExpired):
            driver.wait(10.0)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Give one browser to a module; skip without Chromium, and fail where everything must be tested."""
    try:
        with start() as made:
            yield made
    except Unavailable as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """Give the module's browser, as new."""
    chromium.reset()
    return chromium
