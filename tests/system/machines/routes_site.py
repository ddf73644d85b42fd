"""A machine on which an agent that may do nearly everything asks by every route, and what gatedog wrote down of it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import Machine
from machine_install import install_gatedog
from machine_sessions import RemoteHost
from owned_site import GATEWAY, NAME, PATIENT, OwnedSite, own
from routes import TRICKS, Route

HERE = Path(__file__).parent
HOME = "/home/openclaw"
INBOX = f"{HOME}/inbox"
AT_ONCE = 8
"""How many routes the agent takes at a time."""
CRON = ("crontab", "cron-d", "cron-d-root")
"""Jobs of a boot: cron is made to believe that it is one, rather than waiting for the next minute."""
PATIENCE_S = 90.0
ECHO_PORT = 7
"""On the other host: something to be connected to."""

AGENT = f"""\
#!/usr/bin/python3
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("gateway up", flush=True)
inbox, running = pathlib.Path("{INBOX}"), []
while True:
    running = [each for each in running if each.poll() is None]
    for script in sorted(inbox.glob("*.sh"))[: {AT_ONCE} - len(running)]:
        order = script.rename(script.with_suffix(".run"))
        with open(script.with_suffix(".out"), "wb") as out:
            running.append(subprocess.Popen(
                ["sh", "-c", f'. {{order}}; touch {{script.with_suffix(".done")}}'],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd="{HOME}"))
    time.sleep(0.05)
"""
ASK = f"""\
#!/bin/sh
# The rate of requests is bounded for each uid, and many ask at a time: those are told to come again.
for again in 1 2 3 4 5 6 7 8 9 10; do
    gatedog restart {NAME} -m "$(cat /srv/phase) $1"
    code=$?
    [ $code = 75 ] || break
    sleep 1
done
touch "/srv/answers/$1"
exit $code
"""
SPOOLER = """\
import os, pathlib, subprocess, time
while True:
    for order in (pathlib.Path("/srv/daemon.order"), pathlib.Path("/srv/daemon.order2")):
        if order.exists():
            line = order.read_text().strip()
            order.unlink()
            subprocess.Popen(["script", "-qec", line, "/dev/null"], stdin=subprocess.DEVNULL)
    time.sleep(0.1)
"""
"""A daemon that was there before the gateway and runs what it is told, as udev's and many a spooler do."""
PUT = """\
import json, os, pathlib, sys
for name, text in json.load(sys.stdin).items():
    new = pathlib.Path(name + ".new")
    new.write_text(text)
    os.chown(new, 1001, 1001)
    new.rename(name)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one asker was taken for, and what became of the request."""

    origin: str
    rule: str
    outcome: str
    sure: str


class RoutesSite:
    """An owned machine with an agent that takes orders."""

    def __init__(self, site: OwnedSite) -> None:
        self.site = site
        self.machine = site.machine
        self._furnish()
        site.wait_for_new_life(site.kill())  # the first life that gatedog starts, so the first with the audit mark

    def take(self, routes: tuple[Route, ...], phase: str) -> dict[str, Verdict]:
        """Let the agent ask by all of these routes; return what each was taken for, without those that went unheard."""
        self.machine.run(["sh", "-c", f"rm -rf /srv/answers {INBOX}/*; install -d -m 1777 /srv/answers /srv"])
        self.machine.write("/srv/phase", phase)
        self.order({route.id: route.how for route in routes})
        names = [route.id for route in routes]
        self._wait(lambda: set(CRON) <= self._names(INBOX, ".done") | (set(CRON) - set(names)))
        self.machine.run(["sh", "-c", "rm -f /run/crond.reboot; systemctl restart cron.service"])
        self._wait(lambda: set(names) <= set(self.verdicts(phase)))
        found = self.verdicts(phase)
        return {name: found[name] for name in names if name in found}

    def order(self, scripts: dict[str, str]) -> None:
        """Give the agent scripts to run, by name."""
        self.machine.run(["install", "-d", "-o", "openclaw", INBOX])
        files = {f"{INBOX}/{name}.sh": f"PATH=$PATH:/usr/local/bin\n{script}\n" for name, script in scripts.items()}
        self.machine.run(["python3", "-c", PUT], input=json.dumps(files))

    def verdicts(self, phase: str) -> dict[str, Verdict]:
        """Read what the journal says of the requests of a phase, by the name of the route."""
        found: dict[str, Verdict] = {}
        for line in self.machine.run(["gatedog", "events", "--json", "-n", "2000"]).stdout.splitlines():
            record = json.loads(line)
            said, _, name = record["event"].get("reason", "").partition(" ")
            if record["kind"] == "ActionRequested" and said == phase:
                found[name] = _verdict(record)
        return found

    def said(self, name: str) -> str:
        """Return what the agent saw on a route: for a failing test."""
        return self.machine.run(["sh", "-c", f"cat {INBOX}/{name}.out 2>&1 || true"]).stdout

    def forget_newer_kernels(self) -> None:
        """Let gatedog do without what newer kernels tell."""
        self.machine.write(
            "/etc/systemd/system/gatedog.service.d/old.conf", "[Service]\nEnvironment=GATEDOG_KERNEL=old\n"
        )
        self.machine.run(["sh", "-c", "systemctl daemon-reload; systemctl restart gatedog.service"])
        self.site.wait_until(phase="up", ready=True)

    def _wait(self, condition: Any) -> None:
        """Wait, but not for ever: what is missing then is for the test to say."""
        try:
            self.machine.wait_for(condition, "every route to be answered", PATIENCE_S)
        except AssertionError:
            return

    def _names(self, folder: str, suffix: str) -> set[str]:
        listed = self.machine.run(["ls", folder]).stdout.split()
        return {name.removesuffix(suffix) for name in listed if name.endswith(suffix)}

    def _furnish(self) -> None:
        site, machine = self.site, self.machine
        machine.write("/opt/openclaw/gateway", AGENT, mode=0o755)
        machine.write("/usr/local/bin/ask", ASK, mode=0o755)
        tricks = (HERE / "route_tricks.py").read_text(encoding="utf-8")
        machine.write(TRICKS, f"#!/usr/bin/python3\n{tricks}", mode=0o755)
        machine.write(
            "/etc/sudoers.d/all", "openclaw ALL=(ALL) NOPASSWD: ALL\nalice ALL=(ALL) NOPASSWD: ALL\n", mode=0o440
        )
        dbus = "/etc/dbus-1/system.d/agent.conf"
        machine.write(dbus, '<busconfig><policy context="default"><allow send_destination="*"/></policy></busconfig>')
        machine.write(
            "/usr/share/dbus-1/system-services/io.agent.Ask.service",
            "[D-BUS Service]\nName=io.agent.Ask\nUser=root\nExec=/usr/local/bin/ask dbus-activation\n",
        )
        atd = "/etc/systemd/system/atd.service.d/busy.conf"  # batch waits for an idle machine else, and a minute
        machine.write(atd, "[Service]\nExecStart=\nExecStart=/usr/sbin/atd -f -l 1000 -b 1\n")
        site.run(
            "systemctl daemon-reload; systemctl restart atd; systemctl reload dbus; "
            "loginctl enable-linger openclaw alice; "
            f'runuser -u openclaw -- sh -c \'mkdir -p -m 700 {HOME}/.ssh; ssh-keygen -q -t ed25519 -N "" -f'
            f" {HOME}/.ssh/id_ed25519'; for home in {HOME} /home/alice; do mkdir -p $home/.ssh;"
            f" cat {HOME}/.ssh/id_ed25519.pub >>$home/.ssh/authorized_keys2; done; chown -R openclaw: {HOME}"
        )
        site.run(f"gatedog setup systemd --unit {GATEWAY} --name {NAME} --no-hardening 'routes are tried' --apply")
        site.human.run("echo /sys/fs/cgroup$(cut -d: -f3 /proc/$$/cgroup | tail -1) | sudo tee /srv/session")
        site.human.run("echo $$ | sudo tee /srv/shell")


@contextmanager
def agent_at_large(suite: str) -> Iterator[RoutesSite]:
    """Boot a machine with everything the routes need."""
    with Machine(suite) as machine:
        install_gatedog(machine.boot())
        machine.write("/srv/daemon.py", SPOOLER)
        machine.write("/etc/systemd/system/spooler.service", "[Service]\nExecStart=/usr/bin/python3 /srv/daemon.py\n")
        machine.run(["systemctl", "start", "spooler.service"])
        echo = RemoteHost(machine).entered(["socat", f"TCP-LISTEN:{ECHO_PORT},fork", "PIPE"])
        with own(machine, PATIENT) as site, subprocess.Popen(echo) as listener:
            yield RoutesSite(site)
            listener.terminate()


def _verdict(record: dict[str, Any]) -> Verdict:
    judged = next(each for each in record["decisions"] if each["kind"] == "OriginJudged")
    answer = next((each for each in record["decisions"] if each["kind"] == "AnswerRequest"), {"outcome": "none"})
    sure = record["event"]["peer"].get("sure", "")
    return Verdict(origin=judged["origin"], rule=judged["rule"], outcome=answer["outcome"], sure=sure)
