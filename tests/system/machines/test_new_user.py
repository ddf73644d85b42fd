"""A new user on a bare Debian: installs the package, follows docs/quickstart.md, has four bad nights, and goes again.

Every command of the quickstart is typed as it is printed there, in its order, at the terminal of a person who logged in
from another host; what gatedog prints as the next command is typed, too. The tests are one story and run in order.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from machine import Machine
from machine_sessions import RemoteHost, Terminal
from owned_site import PAGER, PHONE, PHONE_UNIT
from package_making import Packages

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[3]
QUICKSTART = ROOT / "docs/quickstart.md"
UNIT = "openclaw-gateway.service"
PORT = 18789
AGENT = """\
#!/usr/bin/python3
import os, subprocess, sys
agent = "while sleep 0.1; do [ -e wish ] && mv wish said && sh said >answer.new 2>&1 && mv answer.new answer; done"
os.chdir("/home/openclaw")
if not os.fork():  # the agent lives in its gateway
    os.execvp("sh", ["sh", "-c", agent])
os.execvp("python3", ["python3", "/opt/openclaw/gateway.py", "/home/openclaw", "18789"])
"""
GATEWAY = """\
[Unit]
Description=OpenClaw gateway
[Service]
User=openclaw
ExecStart=/opt/openclaw/gateway
Restart=always
[Install]
WantedBy=multi-user.target
"""
THIEF = f"import socket, time; s = socket.create_server(('127.0.0.1', {PORT})); time.sleep(600)"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_MAY_SAY = {"gatedog doctor": (0, 1, 2), "gatedog status": (0, 3, 151)}
"""Exit codes that speak of the host: here every way out ends on it, and a gateway may have just begun, or be held."""


def commands(section: str) -> list[str]:
    """Return the commands of one section of the quickstart."""
    text = QUICKSTART.read_text(encoding="utf-8").partition(f"\n## {section}")[2].partition("\n## ")[0]
    lines = "".join(_BLOCK.findall(text)).splitlines()
    found = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    assert found, f"no commands under {section!r}"
    return found


@dataclass(slots=True, kw_only=True)
class User:
    """The machine, and the person at a terminal of theirs."""

    machine: Machine
    terminal: Terminal
    unit_before: str = ""

    def types(self, line: str, allowed: tuple[int, ...] = (0,)) -> str:
        """Type a line; return what it said."""
        done = self.terminal.run(line, timeout=120)
        assert done.returncode in allowed, f"{line}: exit {done.returncode}\n{done.stdout}"
        return str(done.stdout)

    def follows(self, section: str, change: dict[str, str] | None = None) -> str:
        """Type all commands of a section; `change`: what the reader puts in the place of an example."""
        said = ""
        for command in commands(section):
            line = command
            for example, real in (change or {}).items():
                line = line.replace(example, real)
            said += self.types(line, _MAY_SAY.get(command, (0,)))
        return said

    def run(self, line: str) -> str:
        """Run a line as root, beside the story."""
        done = self.machine.run(["sh", "-c", line], check=False, timeout=60)
        return str(done.stdout + done.stderr)

    def pid(self) -> int:
        """Return the gateway's main process."""
        return int(self.machine.unit(UNIT)["MainPID"])

    def status(self) -> str:
        """Read the page that the person would read."""
        return str(self.terminal.run("gatedog status").stdout)

    def waits_for(self, word: str, timeout: float = 60) -> None:
        """Wait until status says so."""
        try:
            self.machine.wait_for(lambda: word in self.status(), f"status to say {word!r}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.status()}\n{self.run('gatedog events | tail -20')}") from error

    def pages(self) -> str:
        """Read the phone."""
        return self.run("cat /srv/pages.jsonl 2>/dev/null")

    def waits_for_page(self, words: str) -> None:
        """Wait until the phone rings."""
        self.machine.wait_for(lambda: words in self.pages(), f"a page with {words!r}", 60)

    def newest_incident(self) -> str:
        """Return the id of the newest open incident."""
        found = re.search(r"INC-\d+", str(self.terminal.run("gatedog incident list").stdout))
        assert found is not None
        return found.group()


@pytest.fixture(scope="module")
def user(machines_possible: None, packages: Packages, suite: str) -> Iterator[User]:
    """Give a bare machine on which an agent's gateway runs, and a person who has the package in their home."""
    with ExitStack() as ends:
        machine = ends.enter_context(Machine(suite)).boot()
        machine.add_user("alice", "sudo")
        machine.write("/etc/sudoers.d/alice", "alice ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
        machine.add_user("openclaw")
        machine.write("/home/openclaw/config.json", '{"gateway": {"mode": "local"}}', owner="openclaw")
        machine.write("/opt/openclaw/gateway", AGENT, mode=0o755)
        machine.write("/opt/openclaw/gateway.py", (ROOT / "tests/fake_openclaw.py").read_text(encoding="utf-8"))
        machine.write(f"/etc/systemd/system/{UNIT}", GATEWAY)
        machine.write("/srv/phone.py", PHONE)
        machine.write("/etc/systemd/system/phone.service", PHONE_UNIT)
        machine.run(["systemctl", "daemon-reload"])
        machine.run(["systemctl", "enable", "--now", UNIT, "phone.service"])
        shutil.copy(packages.of(suite), f"/proc/{machine.leader}/root/home/alice/gatedog.deb")
        terminal = ends.enter_context(RemoteHost(machine).terminal("alice"))
        yield User(machine=machine, terminal=terminal)


def test_the_package_starts_nothing(user: User) -> None:
    """Section 1: installed, and the gateway is the same process as before."""
    pid = user.pid()
    user.unit_before = user.run(f"systemctl cat {UNIT}; systemctl is-enabled {UNIT}")
    said = user.follows("1. Install")

    assert "gatedog" in said
    assert user.pid() == pid


def test_setup_shows_first_and_then_owns(user: User) -> None:
    """Section 2: the gateway runs on, status says so, and `systemctl restart` is refused."""
    pid = user.pid()
    said = user.follows("2. See what would happen", {"--profile openclaw": f"--profile openclaw --port {PORT}"})
    refused = user.terminal.run(f"sudo systemctl restart {UNIT}")

    assert "release codes" in said
    assert refused.returncode != 0
    assert user.pid() == pid
    user.waits_for("READY")


def test_whom_to_tell_is_committed_by_a_person(user: User) -> None:
    """Section 3: proposed, reviewed, committed, tried; the phone has the test page."""
    pid = user.pid()
    user.machine.write("/home/alice/pager.toml", PAGER, owner="alice")
    user.types("sudo cp pager.toml /etc/gatedog/pager.toml")
    said = user.follows("3. Say whom to tell")
    user.waits_for_page("TEST")

    assert "dead-man" in said
    assert user.pid() == pid


def test_a_night_in_which_it_is_killed_again_and_again(user: User) -> None:
    """Section 4: held and paged; each command of the quickstart works on the real thing; it serves again."""

    def held() -> bool:
        if user.pid():
            user.run(f"kill -9 {user.pid()}")
        return "HELD" in user.status()

    user.machine.wait_for(held, "it to be held", 120)
    user.waits_for_page("HELD")
    incident = user.newest_incident()
    said = user.follows("4. Break it", {"INC-1": incident})
    user.waits_for("READY")

    assert "gatedog release" in user.pages()
    assert "# " in said


def test_a_night_in_which_the_agent_wants_a_restart(user: User) -> None:
    """Refused where it stands; a person is told, and grants it once."""
    pid = user.pid()
    user.machine.write(
        "/home/openclaw/wish", 'gatedog ask restart --reason "update"; echo "exit $?"\n', owner="openclaw"
    )
    answer = user.machine.wait_for(lambda: user.run("cat /home/openclaw/answer 2>/dev/null"), "the agent's answer", 60)
    user.waits_for_page("its own agent asked for ask-restart")
    asked = re.search(r"REQ-\d+", user.types("gatedog requests list"))
    assert asked is not None
    user.types(f"gatedog grant {asked.group()}")
    user.machine.wait_for(lambda: user.pid() not in (0, pid), "another life", 60)
    user.waits_for("READY")

    assert "exit 77" in answer


def test_a_night_in_which_another_program_has_its_port(user: User) -> None:
    """It ends at once each time: held, paged, and the thief is named; with the port free again it is released."""
    user.types("gatedog stop openclaw")
    user.machine.wait_for(lambda: not user.pid(), "it to be down", 60)
    user.run(f'systemd-run --quiet --unit=thief python3 -c "{THIEF}"')
    user.types("gatedog start openclaw")
    user.waits_for("HELD", 120)
    user.machine.wait_for(lambda: str(PORT) in user.types("gatedog status", (0, 3, 150)), "the thief's name", 60)
    user.types(f"gatedog runbook show {user.newest_incident()}")
    user.run("systemctl stop thief")
    user.types('gatedog release openclaw -m "the port is free"')
    user.waits_for("READY")


def test_a_night_in_which_gatedog_is_killed(user: User) -> None:
    """The gateway does not notice, and the same one is taken up again."""
    pid = user.pid()
    user.run("systemctl kill -s KILL gatedog.service")
    user.machine.wait_for(lambda: "READY" in user.status(), "gatedog to be back", 60)

    assert user.pid() == pid


def test_it_is_given_back_as_it_was(user: User) -> None:
    """Section 6: the unit is byte for byte what it was, the gateway runs on, the evidence stays."""
    pid = user.pid()
    user.follows("6. Give it back")

    assert user.pid() == pid
    assert user.run(f"systemctl cat {UNIT}; systemctl is-enabled {UNIT}") == user.unit_before
    assert "journal" in user.run("ls /var/lib/gatedog")
    assert "not found" in user.run("gatedog version")
