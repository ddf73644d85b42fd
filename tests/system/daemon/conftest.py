"""A real daemon, a real gateway, a real command line: what the end-to-end tests stand on."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from keyholders import Person
from left_lives import end_lives

from watchdog.journal.store import Journal

WAIT_S = 30.0
"""Bound of every wait; nothing here takes that long."""
LIVES = ["/bin/sh", "-c", "exec sleep 600"]
"""A gateway that does not end."""
GATEDOG = (str(Path(sys.executable).with_name("gatedog")),)


class Site:
    """One daemon's folders, and the commands a person would type at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = folder / "run"
        self.state = folder / "state"
        self.config = folder / "config"
        self.config.mkdir(mode=0o700)
        self.pages = folder / "pages.jsonl"
        self.socket = self.runtime / "control.sock"
        self.errors = folder / "stderr.txt"
        self._daemons: list[subprocess.Popen[bytes]] = []

    # -- the daemon ------------------------------------------------------------------------------------------------

    def write_policy(self, argv: list[str], extra: str = "", *, sink: str = "") -> None:
        """Write a bundle with one gateway named "gateway" and an exec channel that appends pages to a file."""
        command = sink or f"cat >> {self.pages}; echo >> {self.pages}"
        if argv[:2] == ["/bin/sh", "-c"] and len(argv) == 3:
            argv = [*argv, str(self.folder)]  # one owner per command and host, and other runs may be under way
        (self.config / "policy.toml").write_text(
            f"[gateway.gateway]\ncommand = {json.dumps(argv)}\n{extra}\n[gateway.gateway.ready]\n"
            'kind = "delay"\ndelay = "100ms"\n'
        )
        (self.config / "pager.toml").write_text(
            f'[channel.sink]\nkind = "exec"\nargv = ["/bin/sh", "-c", {json.dumps(command)}]\n'
            '[escalation]\ntiers = [["sink"]]\nnotices = ["sink"]\n'
        )
        for file in self.config.iterdir():
            file.chmod(0o600)

    def start(self, *program: str) -> subprocess.Popen[bytes]:
        """Start a daemon, or `program` in its place, and wait until its socket answers."""
        argv = [*GATEDOG, "daemon", "--config", str(self.config)]
        argv += ["--state", str(self.state), "--runtime", str(self.runtime)]
        if program:
            argv = [*program, str(self.config), str(self.state), str(self.runtime)]
        with self.errors.open("ab") as errors:
            daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        self._daemons.append(daemon)
        self.wait(lambda: self.status() is not None or daemon.poll() is not None, "the daemon to answer")
        assert daemon.poll() is None, self.errors.read_text()
        return daemon

    def close(self) -> None:
        """End every daemon, and whatever is left of the lives they wrote down."""
        for daemon in self._daemons:
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()
        end_lives(self.state)

    # -- looking ---------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any] | None:
        """Return the live gateway's status, None while nobody answers."""
        done = self.cli("status", "--json")
        if done.returncode == 4 or not done.stdout.startswith("{"):
            return None
        found: dict[str, Any] = json.loads(done.stdout)["gateways"][0]
        return found

    def delivered(self) -> list[dict[str, Any]]:
        """Return the pages that reached the sink."""
        if not self.pages.exists():
            return []
        return [json.loads(line) for line in self.pages.read_text().splitlines() if line.strip()]

    def wait_for_pages(self, title: str, *, update: str = "") -> list[dict[str, Any]]:
        """Wait until a page with these words in its title was delivered; return all such pages."""

        def such() -> list[dict[str, Any]]:
            return [page for page in self.delivered() if title in page["title"] and update in ("", page["update"])]

        self.wait(lambda: bool(such()), f"a page about {title!r}")
        return such()

    def kinds_on_record(self) -> set[str]:
        """Return the kinds of events in the journal."""
        with Journal.read(self.state / "journal") as journal:
            return {row.kind for row, _ in journal.rows()}

    def wait_until(self, **fields: object) -> dict[str, Any]:
        """Wait until the gateway's status has these fields."""
        seen: dict[str, Any] = {}

        def reached() -> bool:
            now = self.status()
            if now is not None:
                seen.update(now)
            return now is not None and all(now[name] == value for name, value in fields.items())

        self.wait(reached, f"{fields}; last seen: {seen}")
        return seen

    def wait(self, reached: Callable[[], bool], what: str) -> None:
        """Wait for a condition, at most WAIT_S."""
        until = time.monotonic() + WAIT_S
        while not reached():
            assert time.monotonic() < until, f"waited {WAIT_S} s for {what}\n{self.errors.read_text()}"
            time.sleep(0.05)

    # -- asking ----------------------------------------------------------------------------------------------------

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a program without a terminal would."""
        return subprocess.run(
            [*GATEDOG, "--socket", str(self.socket), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )

    def commit(self) -> str:
        """Commit, as a person at a terminal does, what lies in the bundle's folder; return what was said."""
        offered = self.cli("policy", "propose", str(self.config), "--reason", "a test")
        assert offered.returncode == 0, offered.stderr
        proposal = offered.stdout.split()[0]
        code, said = self.human("policy", "commit", proposal, "--config", str(self.config))
        assert code == 0, said
        return said

    def human(self, *words: str, types: str = "") -> tuple[int, str]:
        """Run a command of gatedog's as a person does; type a line there."""
        return self.at_terminal(*GATEDOG, "--socket", str(self.socket), *words, types=types)

    def at_terminal(self, *argv: str, types: str = "") -> tuple[int, str]:
        """Run a program on a terminal of its own, below this test, which is older than the gateway."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(argv[0], argv)
        os.write(terminal, types.encode())  # the terminal keeps it until it is read
        output, until = b"", time.monotonic() + WAIT_S
        while time.monotonic() < until:
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                output += os.read(terminal, 65536)
            except OSError:  # the other side of the terminal is closed: the command has ended
                break
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), output.decode()

    def rules(self) -> dict[str, Any]:
        """Return which rules count."""
        found: dict[str, Any] = json.loads(self.cli("policy", "log", "--json").stdout)["rules"]
        return found

    def limit(self) -> int:
        """Return the first budget in force."""
        first: int = self.status()["budget"][0]["limit"]
        return first


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return folders for one daemon; end whatever was started in them."""
    made = Site(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def ruled(site: Site) -> Site:
    """Return a daemon whose gateway is up, under the bundle that it found."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)
    return site


@pytest.fixture
def signed(site: Site) -> tuple[Site, Person, Person]:
    """Return the same with two people who may sign, of whom both must for what loosens."""
    site.write_policy(LIVES)
    policy = site.config / "policy.toml"
    policy.write_text("min_signers = 2\n" + policy.read_text())
    alice, bob = Person(site, "alice@ops"), Person(site, "bob@ops")
    (site.config / "allowed_signers").write_text(alice.line() + bob.line())
    (site.config / "allowed_signers").chmod(0o600)
    site.start()
    site.wait_until(ready=True)
    return site, alice, bob
