"""A machine on which gatedog really owns an agent's gateway and pages over HTTP, for the tests of the whole."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from machine import Machine
from machine_sessions import RemoteHost, Terminal

GATEWAY = "openclaw-gateway.service"
NAME = "openclaw"
COPY = "copy-gateway.service"
PAGES = "/srv/pages.jsonl"

PROGRAM = """\
#!/usr/bin/python3
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("gateway up", os.getpid(), flush=True)
fate = pathlib.Path("/home/openclaw/fate")
while True:
    text = fate.read_text().strip() if fate.exists() else ""
    if text:
        print("Error: connect ECONNREFUSED", flush=True)
        sys.exit(int(text))
    time.sleep(0.05)
"""
UNIT = """\
[Unit]
Description=OpenClaw gateway
[Service]
User=openclaw
ExecStart=/opt/openclaw/gateway
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""
PHONE = """\
import http.server
class Phone(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).replace(b"\\n", b" ")
        with open("/srv/pages.jsonl", "ab") as pages:
            pages.write(body + b"\\n")
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 9000), Phone).serve_forever()
"""
PHONE_UNIT = """\
[Service]
ExecStart=/usr/bin/python3 /srv/phone.py
[Install]
WantedBy=multi-user.target
"""
POLICY = """\
[gateway.openclaw]
unit = "openclaw-gateway.service"
[gateway.openclaw.ready]
kind = "delay"
delay = "100ms"
[gateway.openclaw.backoff]
first = "200ms"
max = "1s"
"""
PATIENT = f"""{POLICY}
[gateway.openclaw.spiral]
page_at = 90
identical_page_at = 90
hold_below = "1ms"
[gateway.openclaw.budget]
windows = ["90 per 1h"]
"""
"""Rules under which many deaths within a minute are nothing special: here they are asked for by the test."""
PAGER = """\
[channel.phone]
kind = "webhook"
template = "plain"
url = "http://127.0.0.1:9000/"
[escalation]
tiers = [["phone"]]
notices = ["phone"]
"""


@contextmanager
def own(machine: Machine, policy: str = POLICY) -> Iterator["OwnedSite"]:
    """Set gatedog up on a machine that has it installed."""
    machine.add_user("alice", "sudo")
    with RemoteHost(machine).terminal("alice") as human:
        yield OwnedSite(machine, human, policy)


class OwnedSite:
    """The machine, its gateway, and what people see of it."""

    def __init__(self, machine: Machine, human: Terminal, policy: str) -> None:
        self.machine = machine
        self.human = human
        """A person who logged in from elsewhere before any gateway ran."""
        machine.add_user("openclaw")
        machine.write("/opt/openclaw/gateway", PROGRAM, mode=0o755)
        machine.write(f"/etc/systemd/system/{GATEWAY}", UNIT)
        machine.write("/srv/phone.py", PHONE)
        machine.write("/etc/systemd/system/phone.service", PHONE_UNIT)
        machine.run(["install", "-d", "-m", "0750", "/etc/gatedog"])
        machine.write("/etc/gatedog/policy.toml", policy, mode=0o640)
        machine.write("/etc/gatedog/pager.toml", PAGER, mode=0o640)
        self.run("systemctl daemon-reload")
        self.run(f"systemctl enable --now {GATEWAY} phone.service")
        said = self.run(f"gatedog setup systemd --unit {GATEWAY} --name {NAME} --apply")
        assert said.rstrip().endswith("Next: gatedog status"), said
        self.wait_until(phase="up", ready=True)

    # -- doing -----------------------------------------------------------------------------------------------------

    def run(self, line: str, *, user: str | None = None) -> str:
        """Run a shell line outside of any session; return all it said, its exit code in front when it is not 0."""
        done = self.machine.run(["sh", "-c", line], check=False, user=user, timeout=90)
        return (f"[{done.returncode}] " if done.returncode else "") + done.stdout + done.stderr

    def kill(self) -> int:
        """End the gateway with SIGKILL, as root would; return the pid it had."""
        pid = self.pid()
        self.run(f"kill -9 {pid}")
        return pid

    def adopt(self, file: str) -> None:
        """Let the person propose and commit a file as it now lies in /etc/gatedog."""
        self.machine.write("/etc/sudoers.d/alice", "alice ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
        newest = "$(gatedog policy proposals | grep -om1 PROP-.)"
        for line in (f"propose /etc/gatedog/{file} --reason test", f"commit {newest}"):
            done = self.human.run(f"sudo gatedog policy {line}")
            assert done.returncode == 0, done.stdout
        self.run("rm /etc/sudoers.d/alice")

    def decree(self, code: int | None) -> None:
        """Let every life of the gateway end at once with a code; None: let it live."""
        self.machine.write("/home/openclaw/fate", "" if code is None else str(code), owner="openclaw")

    def forget_pages(self) -> None:
        """Begin a new page of the notebook."""
        self.run(f"rm -f {PAGES}")

    # -- seeing ----------------------------------------------------------------------------------------------------

    def pid(self, unit: str = GATEWAY) -> int:
        """Return the main process of a unit, 0 for none."""
        return int(self.machine.unit(unit)["MainPID"])

    def began(self) -> int:
        """Return when the gateway's main process began, in ticks since the boot."""
        return int(self.run(f"cat /proc/{self.pid()}/stat").rpartition(")")[2].split()[19])

    def daemon_version(self) -> str:
        """Return the version that runs, by its own word; "" while nobody answers."""
        done = self.machine.run(["gatedog", "status", "--json"], check=False)
        return str(json.loads(done.stdout)["version"]) if done.stdout.startswith("{") else ""

    def status(self) -> dict[str, Any]:
        """Return what `gatedog status` says of the gateway; {} while nobody answers."""
        done = self.machine.run(["gatedog", "status", "--json"], check=False)
        if done.returncode == 4 or not done.stdout.startswith("{"):
            return {}
        found: dict[str, Any] = json.loads(done.stdout)["gateways"][0]
        return found

    def remembered(self) -> list[object]:
        """Return what a daemon knows of the gateway that no restart of its own may change."""
        found = self.status()
        budget = [{key: each[key] for key in each if key != "next_free_in_usec"} for each in found["budget"]]
        return [found["life"], budget, found["chain"], found["why"]]

    def used(self) -> int:
        """Return how many starts the widest window of the budget holds."""
        return int(max(window["used"] for window in self.status()["budget"] if window["account"] == "restart"))

    def pages(self) -> list[dict[str, Any]]:
        """Return what the phone has received."""
        text = self.machine.run(["sh", "-c", f"cat {PAGES} 2>/dev/null || true"]).stdout
        return [json.loads(line) for line in text.splitlines()]

    def titles(self) -> list[str]:
        """Return the titles of what the phone has received."""
        return [page["title"] for page in self.pages()]

    def wait_until(self, timeout: float = 30, **fields: object) -> dict[str, Any]:
        """Wait until the gateway's status has these fields, and return it."""
        seen: dict[str, Any] = {}

        def reached() -> bool:
            seen.clear()
            seen.update(self.status())
            return bool(seen) and all(seen[name] == value for name, value in fields.items())

        try:
            self.machine.wait_for(reached, f"{fields}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\nlast seen: {seen}\n{self.run('gatedog events | tail -40')}") from error
        return dict(seen)

    def wait_for_new_life(self, before: int, timeout: float = 30) -> dict[str, Any]:
        """Wait until another process than `before` runs and serves."""
        self.machine.wait_for(lambda: self.pid() not in (0, before), f"another process than {before}", timeout)
        return self.wait_until(timeout, phase="up", ready=True)

    def wait_for_page(self, words: str, timeout: float = 30) -> dict[str, Any]:
        """Wait until a page with these words in its title has come, and return it."""

        def such() -> list[dict[str, Any]]:
            return [page for page in self.pages() if words in page["title"]]

        try:
            found: list[dict[str, Any]] = self.machine.wait_for(such, f"a page about {words!r}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.titles()}\n{self.run('gatedog events | tail -40')}") from error
        return found[0]
