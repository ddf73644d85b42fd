"""A machine with a unit that gatedog owns, and a unit backend that runs in it as user gatedog, driven from here."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from machine import Machine
from machine_install import install_gatedog
from machine_tree import CHECKOUT

UNIT = "nest.service"
STARTER = "gatedog-start@nest.target"
STOPPER = "gatedog-stop@nest.target"
TICKET = "/run/gatedog/tickets/nest"
STATE = "/var/lib/unit-driver"
DRIVER = "/usr/local/lib/unit_driver.py"
PYTHON = "/usr/lib/gatedog/bin/python"
SLEEPS = "User=nest\nExecStart=/bin/sleep 100000"
WAIT_S = 30.0
DROP_IN = """\
[Unit]
RefuseManualStart=yes
RefuseManualStop=yes
AssertPathExists=/run/gatedog/tickets/%N
StartLimitIntervalSec=0
[Service]
Restart=no
TimeoutStopSec=40
"""
RULES = f"""\
polkit.addRule(function(action, subject) {{
    var unit = action.lookup("unit"), verb = action.lookup("verb");
    if (action.id != "org.freedesktop.systemd1.manage-units" || subject.user != "gatedog")
        return polkit.Result.NOT_HANDLED;
    if (verb == "start" && (unit == "{STARTER}" || unit == "{STOPPER}")) return polkit.Result.YES;
    if (unit == "{UNIT}" && (verb == "kill" || verb == "reset-failed")) return polkit.Result.YES;
    return polkit.Result.NOT_HANDLED;
}});
"""
Event = dict[str, Any]


class UnitSite:
    """The machine, its unit, and what a test does to them."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        install_gatedog(machine)
        machine.run(["useradd", "--system", "--groups=systemd-journal", "gatedog"])
        machine.run(["useradd", "--system", "nest"])
        for door in ("gatedog-start@.target", "gatedog-stop@.target"):
            machine.write(f"/etc/systemd/system/{door}", (CHECKOUT / "units" / door).read_text(encoding="utf-8"))
        machine.write("/etc/polkit-1/rules.d/40-unit-driver.rules", RULES)
        machine.write(DRIVER, (Path(__file__).parent / "unit_driver.py").read_text(encoding="utf-8"))
        self.become(SLEEPS)

    def become(self, service: str, *, unit: str = "", drop_in: str = DROP_IN) -> None:
        """Make the unit this, down, with an empty past."""
        self.sh(f"systemctl kill --signal=SIGKILL {UNIT} || true; systemctl stop '{STARTER}' '{STOPPER}' || true")
        self.machine.wait_for(lambda: self.state() in ("inactive", "failed"), "the unit to be down")
        records = "/run/gatedog-break-glass /var/lib/gatedog-break-glass"
        self.sh(f"rm -rf /etc/systemd/system/{UNIT}.d {STATE} /run/gatedog {records}")
        self.sh(f"install -d -o gatedog {STATE} /run/gatedog /run/gatedog/tickets")
        self.machine.write(f"/etc/systemd/system/{UNIT}", f"[Unit]\n{unit}\n[Service]\n{service}\n")
        self.machine.write(f"/etc/systemd/system/{UNIT}.d/50-gatedog.conf", drop_in)
        self.sh(f"systemctl daemon-reload; systemctl reset-failed {UNIT} || true")

    def sh(self, script: str) -> str:
        """Run a shell script as root."""
        return self.machine.run(["sh", "-ec", script]).stdout.strip()

    def state(self) -> str:
        """Return the unit's ActiveState."""
        return self.machine.unit(UNIT)["ActiveState"]

    def main_pid(self) -> int:
        """Return the number of the unit's main process inside."""
        return int(self.machine.unit(UNIT)["MainPID"])

    def kill_main(self) -> None:
        """End the main process as the kernel would."""
        pid = self.main_pid()
        assert pid > 0
        self.sh(f"kill -KILL {pid}")

    def write_ticket(self, life: int) -> None:
        """Leave a ticket as a daemon that died would have."""
        self.machine.write(TICKET, f"{life}\n", owner="gatedog")

    def drive(self, **environment: str) -> "Driver":
        """Run a backend on the unit."""
        return Driver(self.machine, environment)


class Driver:
    """A backend inside, and its events in the order it told them."""

    def __init__(self, machine: Machine, environment: dict[str, str]) -> None:
        argv = [PYTHON, DRIVER, UNIT, STATE]
        self._process = subprocess.Popen(
            machine.entered(argv, user="gatedog", env=environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._machine = machine
        self._arrived: queue.Queue[Event] = queue.Queue()
        self.events: list[Event] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._process.poll() is None:
                self.say("end")
            self._process.wait(WAIT_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            for end in (self._process.stdin, self._process.stdout):
                if end is not None:
                    end.close()

    def say(self, words: str) -> None:
        """Tell the driver to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")

    def wait(self, kind: str, where: Callable[[Event], bool] = lambda _: True) -> Event:
        """Wait for the next event of a kind; those that come before it are kept in `events`."""
        until = time.monotonic() + WAIT_S
        while True:
            try:
                event = self._arrived.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                self._machine.fail(f"no {kind} in {WAIT_S} s; there were {self.events}")
            self.events.append(event)
            if event["kind"] == kind and where(event["is"]):
                found: Event = event["is"]
                return found

    def start(self, life: int) -> Event:
        """Order a start and wait for the life."""
        self.say(f"start {life}")
        return self.wait("MainProcessStarted", lambda event: event["life"] == life)

    def kinds(self) -> list[str]:
        """Return the kinds of all events that were waited past."""
        return [event["kind"] for event in self.events]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._arrived.put(json.loads(line))
