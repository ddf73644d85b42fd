"""A new user on a bare Debian: installs the package, follows docs/quickstart.md, has bad nights, and goes again.

Every command of the quickstart and of the README is typed as it is printed there, in its order, at the terminal of a
person who logged in from another host; what gatedog prints as the next command is typed, too. The tests are one story
and run in order. (What the README has before anything is installed is typed by tests/system/test_readme_tried.py.)
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from machine import Machine
from machine_sessions import RemoteHost, Terminal
from owned_site import PAGER, PHONE, PHONE_UNIT
from package_making import Packages
from printed_pages import command_of, commands

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[3]
QUICKSTART, README = ROOT / "docs/quickstart.md", ROOT / "README.md"
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
EDITOR = """\
#!/bin/sh
sed -i '/^## Cause/a The old unit was never disabled.' "$1"
"""
LOOSER = """
[gateway.openclaw.budget]
windows = ["6 per 10min", "8 per 1h", "20 per 24h", "30 per 7d"]
"""
_MAY_SAY = {
    "gatedog doctor": (0, 1, 2),
    "gatedog status": (0, 3, 150, 151, 152),
    "gatedog gate check": (77,),
}
"""Exit codes that speak of the host: every way out ends on this one, and a gateway may have just begun, or be held.
That a person is to be asked first is the answer of the gate."""


def may_say(line: str) -> tuple[int, ...]:
    """Return the exit codes of a command that did what it is for."""
    return next((codes for begin, codes in _MAY_SAY.items() if line.startswith(begin)), (0,))


@dataclass(slots=True, kw_only=True)
class User:
    """The machine, and the person at a terminal of theirs."""

    machine: Machine
    terminal: Terminal
    unit_before: str = ""
    typed: list[str] = field(default_factory=list)
    """What a page has, as it stands there."""

    def types(self, line: str, allowed: tuple[int, ...] = (0,)) -> str:
        """Type a line; return what it said."""
        done = self.terminal.run(line, timeout=120)
        assert done.returncode in allowed, f"{line}: exit {done.returncode}\n{done.stdout}"
        return str(done.stdout)

    def follows(self, page: Path, section: str, change: dict[str, str] | None = None) -> str:
        """Type all commands of a section; `change`: what the reader puts in the place of an example."""
        said = ""
        for command in commands(page, section):
            line = command
            for example, real in (change or {}).items():
                line = line.replace(example, real)
            said += self.types(line, may_say(line))
            self.typed.append(command)
        return said

    def looks(self, words: str) -> str:
        """Look where the runbook of the newest page with these words says; return what the page says to type next."""
        page = [line for line in self.pages().splitlines() if words in line][-1]
        told = re.search(r'next: (gatedog [^"]*"[^"]*")', page)
        incident = re.search(r"INC-\d+", page)
        assert told is not None, page
        assert incident is not None, page
        look = self.types(f"gatedog runbook show {incident.group()}").partition("## Look")[2].partition("\n## ")[0]
        lines = re.findall(r"^    (\S.*)$", look, re.MULTILINE)
        assert lines, look
        for line in lines:
            real = command_of(line).replace("NAME", "openclaw").replace("INC-n", incident.group())
            self.types(real, may_say(real))
        return told[1]

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

    def is_killed_until_held(self) -> None:
        """Kill what the person depends on, again and again."""

        def held() -> bool:
            if self.pid():
                self.run(f"kill -9 {self.pid()}")
            return "HELD" in self.status()

        self.machine.wait_for(held, "it to be held", 120)

    def asks_as_agent(self) -> str:
        """Let the agent ask for a restart; return what it was answered."""
        self.run("rm -f /home/openclaw/answer")
        wish = 'gatedog ask restart --reason "update"; echo "exit $?"\n'
        self.machine.write("/home/openclaw/wish", wish, owner="openclaw")
        return self.machine.wait_for(lambda: self.run("cat /home/openclaw/answer 2>/dev/null"), "its answer", 60)

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
    said = user.follows(QUICKSTART, "1. Install")

    assert "gatedog" in said
    assert user.pid() == pid


def test_setup_shows_first_and_then_owns(user: User) -> None:
    """Section 2: the gateway runs on, status says so, and `systemctl restart` is refused."""
    pid = user.pid()
    said = user.follows(
        QUICKSTART, "2. See what would happen", {"--profile openclaw": f"--profile openclaw --port {PORT}"}
    )
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
    said = user.follows(QUICKSTART, "3. Say whom to tell")
    user.waits_for_page("TEST")

    assert "dead-man" in said
    assert user.pid() == pid


def test_a_night_in_which_it_is_killed_again_and_again(user: User) -> None:
    """Section 4: held and paged; each command of the quickstart works on the real thing; it serves again."""
    user.is_killed_until_held()
    user.waits_for_page("HELD")
    told = user.looks("HELD")
    incident = user.newest_incident()
    said = user.follows(QUICKSTART, "4. Break it", {"INC-1": incident})
    user.waits_for("READY")

    assert told.startswith("gatedog release openclaw -m ")
    assert "# " in said


def test_a_night_in_which_the_agent_wants_a_restart(user: User) -> None:
    """Refused where it stands; a person is told, and grants it once."""
    pid = user.pid()
    answer = user.asks_as_agent()
    user.waits_for_page("its own agent asked for ask-restart")
    asked = re.search(r"REQ-\d+", user.types("gatedog requests list"))
    assert asked is not None
    user.types(f"gatedog grant {asked.group()}")
    user.machine.wait_for(lambda: user.pid() not in (0, pid), "another life", 60)
    user.waits_for("READY")

    assert "exit 77" in answer


def test_three_in_the_morning_as_the_readme_has_it(user: User) -> None:
    """Held, and its agent has asked again: each command of that section works (`top` is shown once here)."""
    user.asks_as_agent()
    asked = re.findall(r"REQ-\d+", user.types("gatedog requests list"))
    user.is_killed_until_held()
    incident = user.newest_incident()
    newest = max(asked, key=lambda each: int(each[4:]))
    said = user.follows(README, "At 3 AM", {"INC-1": incident, "NAME": "openclaw", "REQ-12": newest})
    user.waits_for("READY")

    assert "human" in said
    assert "<svg" in user.run("cat /home/alice/*.html")


def test_the_pen_as_the_readme_has_it(user: User) -> None:
    """Rules proposed, reviewed and committed; a guess, a cause with a name under it; a runbook, the gate, a drill."""
    pid = user.pid()
    user.machine.write("/srv/editor", EDITOR, mode=0o755)
    user.types("export EDITOR=/srv/editor")
    user.types("cp $(find /usr/lib/gatedog -name look-around.toml) .")
    user.types("gatedog policy propose look-around.toml --as runbooks/look-around.toml --reason 'look first'")
    user.types("sudo gatedog policy commit 2")
    user.types("sudo cat /etc/gatedog/policy.toml > my-policy.toml")
    user.machine.write("/srv/looser", LOOSER)
    user.types("cat /srv/looser >> my-policy.toml")
    incident = user.newest_incident()
    record = re.search(r'"seq": *(\d+)', user.types(f"gatedog explain {incident} --json"))
    assert record is not None
    change = {"INC-1": incident, "--cite 12": f"--cite {record[1]}"}
    user.follows(
        README,
        "A human holds the pen",
        {**change, "review 1": "review 3", "commit 1": "commit 3", f"sign {incident}": f"sign {incident} --yes"},
    )

    assert user.pid() == pid


def test_a_night_in_which_another_program_has_its_port(user: User) -> None:
    """It ends at once each time: held, paged, and the thief is named; with the port free again it is released."""
    user.types("gatedog stop openclaw")
    user.machine.wait_for(lambda: not user.pid(), "it to be down", 60)
    user.run(f'systemd-run --quiet --unit=thief python3 -c "{THIEF}"')
    user.types("gatedog start openclaw")
    user.waits_for("HELD", 120)
    user.machine.wait_for(lambda: str(PORT) in user.types("gatedog status", (0, 3, 150)), "the thief's name", 60)
    told = user.looks("HELD")
    user.run("systemctl stop thief")
    user.types(told)
    user.waits_for("READY")


def test_a_night_in_which_gatedog_is_killed(user: User) -> None:
    """The gateway does not notice, and the same one is taken up again."""
    pid = user.pid()
    user.run("systemctl kill -s KILL gatedog.service")
    user.machine.wait_for(lambda: "READY" in user.status(), "gatedog to be back", 60)

    assert user.pid() == pid


def test_it_is_given_back_as_it_was(user: User) -> None:
    """Section 6: the unit is byte for byte what it was, the gateway runs on, the evidence stays.

    Before that the README's way in and out again.
    """
    pid = user.pid()
    user.types("sudo gatedog setup remove openclaw --apply")
    user.follows(README, "Own a systemd unit")
    assert user.run(f"systemctl cat {UNIT}; systemctl is-enabled {UNIT}") == user.unit_before
    user.types(commands(QUICKSTART, "2. See what would happen")[1])
    user.follows(QUICKSTART, "6. Give it back")

    assert user.pid() == pid
    assert user.run(f"systemctl cat {UNIT}; systemctl is-enabled {UNIT}") == user.unit_before
    assert "journal" in user.run("ls /var/lib/gatedog")
    assert "not found" in user.run("gatedog version")


def test_every_command_of_readme_and_quickstart_was_typed(user: User) -> None:
    """A section that nobody follows would be a promise that nobody tried."""
    missing = {*commands(README), *commands(QUICKSTART)} - set(user.typed)

    assert {line for line in missing if not line.startswith("./gatedog ")} == set()
