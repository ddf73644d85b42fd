"""A real OpenClaw under a real gatedog: its folders, its configuration, and what people type at both.

Everything listens on loopback, lives in a folder of the test's own, and is ended by the record that gatedog keeps of
it. OpenClaw gets no credentials, and of channels only one with a token that nobody has.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from left_lives import end_lives
from openclaw_install import Installation

from watchdog.origin.sockdiag import LISTENING, read_table

START_S = 180.0
"""Bound of a wait for a gateway that starts: 10 to 20 s where nothing else runs."""
ANSWER_S = 60.0
GATEDOG = str(Path(sys.executable).with_name("gatedog"))
TOKEN = "gatedog-test-token"  # noqa: S105 - opens a gateway of this test on loopback
DEAD_CHANNEL = {"telegram": {"enabled": True, "botToken": f"123456:{'A' * 35}"}}
"""A channel that never connects: nobody has this token."""


COPY = "own"
"""The folder of an installation that a test may write into."""


class Site:
    """One OpenClaw, the gatedog that supervises it, and their folders."""

    def __init__(self, folder: Path, installation: Installation) -> None:
        self.folder = folder
        self.node, self.package = installation.node, installation.package
        self.port = free_port()
        self.bundle = made(folder / "config")
        self.claw = made(folder / "claw")
        self.home = made(folder / "home")
        self.pages_file = folder / "pages.jsonl"
        self.said = folder / "gatedog.txt"
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.configure()

    # -- OpenClaw --------------------------------------------------------------------------------------------------

    def configure(self, **changes: object) -> None:
        """Write openclaw.json as an editor does, in place of the old one; `changes` replace keys of the top."""
        plain = {
            "gateway": {
                "mode": "local",
                "bind": "loopback",
                "port": self.port,
                "auth": {"mode": "token", "token": TOKEN},
            },
            "logging": {"file": str(self.claw / "openclaw.jsonl")},
        }
        self.write_config(json.dumps(plain | changes))

    def write_config(self, text: str) -> None:
        """Put a text in the place of openclaw.json."""
        new = self.claw / "openclaw.json.new"
        new.write_text(text)
        new.chmod(0o600)
        new.rename(self.claw / "openclaw.json")

    def environment(self) -> dict[str, str]:
        """Return the variables that OpenClaw runs with; the profile adds its own."""
        return {
            "HOME": str(self.home),
            "PATH": f"{self.node.parent}:/usr/local/bin:/usr/bin:/bin",
            "OPENCLAW_STATE_DIR": str(self.claw),
            "OPENCLAW_CONFIG_PATH": str(self.claw / "openclaw.json"),
            "OPENCLAW_NO_UPDATE_CHECK": "1",
            "NO_COLOR": "1",
        }

    def argv(self) -> list[str]:
        """Return the gateway's command."""
        words = ["gateway", "run", "--port", str(self.port), "--bind", "loopback"]
        return [str(self.node), str(self.package / "openclaw.mjs"), *words]

    def openclaw(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run OpenClaw's own command line, as somebody outside of the gateway would."""
        more = {"OPENCLAW_GATEWAY_TOKEN": TOKEN, "OPENCLAW_SUPERVISOR_MODE": "external"}
        return subprocess.run(
            [str(self.node), str(self.package / "openclaw.mjs"), *words],
            env=self.environment() | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )

    # -- gatedog ---------------------------------------------------------------------------------------------------

    def start(self, health: str = "", environment: dict[str, str] | None = None) -> None:
        """Supervise it by the shipped profile; `health` are lines of its own health table."""
        variables = "\n".join(
            f"{name} = {json.dumps(value)}" for name, value in (self.environment() | (environment or {})).items()
        )
        (self.bundle / "policy.toml").write_text(
            f'[gateway.openclaw]\nprofile = "openclaw"\nport = {self.port}\ncommand = {json.dumps(self.argv())}\n'
            f"[gateway.openclaw.environment]\n{variables}\n[gateway.openclaw.health]\n{health}\n"
        )
        sink = f"cat >> {self.pages_file}; echo >> {self.pages_file}"
        (self.bundle / "pager.toml").write_text(
            f'[channel.sink]\nkind = "exec"\nargv = ["/bin/sh", "-c", {json.dumps(sink)}]\n'
            '[escalation]\ntiers = [["sink"]]\nnotices = ["sink"]\n'
        )
        for file in self.bundle.iterdir():
            file.chmod(0o600)
        argv = [GATEDOG, "daemon", "--config", str(self.bundle), "--state", str(self.folder / "state")]
        with self.said.open("ab") as said:
            daemon = subprocess.Popen(
                [*argv, "--runtime", str(self.folder / "run")], stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        self._daemons.append(daemon)
        self.wait(lambda: self.status() is not None, "gatedog to answer", ANSWER_S)

    def close(self) -> None:
        """End gatedog, and then the lives of which it left a record."""
        for daemon in self._daemons:
            daemon.kill()
            daemon.wait()
        end_lives(self.folder / "state")
        shutil.rmtree(self.folder / COPY, ignore_errors=True)  # pytest keeps the folders of three runs

    def gatedog(self, *words: str) -> str:
        """Run a command of gatedog's and return what it printed."""
        return subprocess.run(
            [GATEDOG, "--socket", str(self.folder / "run" / "control.sock"), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        ).stdout

    def status(self) -> dict[str, Any] | None:
        """Return how gatedog sees the gateway; None while it does not answer."""
        text = self.gatedog("status", "--json")
        if not text.startswith("{"):
            return None
        found: dict[str, Any] = json.loads(text)["gateways"][0]
        return found

    def used(self, account: str) -> int:
        """Return how many starts are charged to an account's longest window: "restart", "self_restart"."""
        windows = (self.status() or {})["budget"]
        return int([window["used"] for window in windows if window["account"] == account][-1])

    def pages(self) -> list[dict[str, Any]]:
        """Return the pages and notices that were delivered."""
        if not self.pages_file.exists():
            return []
        return [json.loads(line) for line in self.pages_file.read_text().splitlines() if line.strip()]

    # -- waiting ---------------------------------------------------------------------------------------------------

    def wait(self, reached: Callable[[], bool], what: str, within_s: float) -> float:
        """Wait for a condition; return how long it took, in seconds."""
        began = time.monotonic()
        while not reached():
            took = time.monotonic() - began
            assert took < within_s, f"waited {within_s:.0f} s for {what}\n{self.story()}"
            time.sleep(0.2)
        return time.monotonic() - began

    def wait_until(self, within_s: float, **fields: object) -> dict[str, Any]:
        """Wait until the status has these fields; return it."""
        seen: list[dict[str, Any]] = []

        def reached() -> bool:
            seen[:] = [self.status() or {}]
            return all(seen[0].get(name) == value for name, value in fields.items())

        self.wait(reached, str(fields), within_s)
        return seen[0]

    def wait_until_healthy(self) -> dict[str, Any]:
        """Wait until it serves and every probe has passed; return the status."""

        def is_healthy() -> bool:
            now = self.status() or {}
            return bool(now.get("ready")) and now["health"]["word"] == "healthy"

        self.wait(is_healthy, "the gateway to be healthy", START_S)
        return self.status() or {}

    def wait_for_page(self, words: str, within_s: float) -> dict[str, Any]:
        """Wait for a page or notice with these words in its text; return it."""
        self.wait(lambda: any(words in page["text"] for page in self.pages()), f"a page with {words!r}", within_s)
        return next(page for page in self.pages() if words in page["text"])

    def story(self) -> str:
        """Tell what happened, for a test that fails."""
        logs = sorted((self.folder / "state" / "log").glob("*/*.log"), key=lambda file: file.stat().st_mtime)
        tails = [f"-- {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in logs[-2:]]
        return "\n".join([self.gatedog("status"), self.gatedog("events"), self.said.read_text(), *tails])


def made(folder: Path) -> Path:
    """Make a folder that nobody else looks into."""
    folder.mkdir(mode=0o700, parents=True)
    return folder


def free_port() -> int:
    """Find a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Say whether anybody listens on a port."""
    return any(each.source[1] == port for each in read_table(LISTENING))


def descendants(pid: int) -> set[int]:
    """Return the processes below one."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        with suppress(OSError):
            for task in Path(f"/proc/{waiting.pop()}/task").iterdir():
                children = {int(word) for word in (task / "children").read_text().split()}
                waiting += children - found
                found |= children
    return found
