"""A systemd of one unit for tests: states, jobs, assertions and signals, with real processes and no bus.

It is as strict as the real one about the things that matter: a start without a ticket fails on its assertion, a start
of a unit that deactivates waits, a dead process is noticed only when somebody asks, and signals come before the answer
of the question that followed them.
"""

import asyncio
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from watchdog.gateway.bus import BusListener, BusLost, BusRefused, Call, Match, Signal

UNIT = "nest.service"
PATH = "/org/freedesktop/systemd1/unit/nest_2eservice"
STARTER, STOPPER = "gatedog-start@nest.target", "gatedog-stop@nest.target"
OF_UNIT = (
    "LoadState",
    "ActiveState",
    "DropInPaths",
    "InvocationID",
    "FragmentPath",
    "NeedDaemonReload",
    "AssertResult",
)
"""Properties of the interface Unit; all others are of Service."""
MANAGER = "org.freedesktop.systemd1.Manager"
SLEEPS = ("sleep", "1000")


class FakeSystemd:
    """Implements UnitBus, with systemd at the other end."""

    def __init__(self, ticket: Path) -> None:
        self.ticket = ticket
        self.program: tuple[str, ...] = SLEEPS
        self.properties: dict[str, Any] = {
            "LoadState": "loaded",
            "ActiveState": "inactive",
            "Type": "simple",
            "MainPID": 0,
            "ControlPID": 0,
            "DropInPaths": ["/etc/systemd/system/nest.service.d/50-gatedog.conf"],
            "KillMode": "control-group",
            "Result": "success",
            "User": "nest",
            "InvocationID": [],
        }
        self.system_state = "running"
        self.calls: list[str] = []
        self.refusals: dict[str, str] = {}
        """By method: what is answered instead."""
        self.silent = False
        self.reachable = True
        self.lingers = False
        """What the next main process leaves behind outlives it."""
        self.between_answers: dict[str, Any] = {}
        """What it signals between the answers to the two questions of a look."""
        self.opened = 0
        self._listener: BusListener | None = None
        self._matches: list[Match] = []
        self._jobs = 100
        self._job_types: dict[str, str] = {}
        self._waiting_start = False
        self._main: subprocess.Popen[bytes] | None = None
        self._unanswered: list[asyncio.Future[Any]] = []

    # -- the connection --------------------------------------------------------------------------------------------

    def open(self, listener: BusListener) -> None:
        """See `UnitBus.open`."""
        if not self.reachable:
            raise BusLost("no such socket")
        self.opened += 1
        self._listener = listener
        self._matches.clear()
        asyncio.get_running_loop().call_soon(self._greet, self.opened)

    def _greet(self, opened: int) -> None:
        if self._listener is not None and opened == self.opened and not self._matches:
            self._listener.bus_opened()

    def listen(self, match: Match) -> None:
        """See `UnitBus.listen`."""
        self._matches.append(match)

    def turn(self, seconds: float) -> None:
        """See `UnitBus.turn`."""
        self._greet(self.opened)
        time.sleep(min(seconds, 0.001))

    def close(self) -> None:
        """See `UnitBus.close`."""
        self._listener = None

    def lose(self) -> None:
        """End the connection from the other side."""
        listener, self._listener = self._listener, None
        for answer in self._unanswered:
            answer.set_exception(BusLost("gone"))
        self._unanswered.clear()
        assert listener is not None
        listener.bus_lost("the bus is gone")

    def end(self) -> None:
        """Leave no process behind."""
        self.forget_main()

    def forget_main(self) -> None:
        """End the process that was made as the main one, without a word to anybody."""
        main, self._main = self._main, None
        if main is not None:
            main.kill()
            main.wait()

    # -- what is asked ---------------------------------------------------------------------------------------------

    def ask(self, call: Call) -> "asyncio.Future[Any]":
        """See `UnitBus.ask`."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.calls.append(" ".join((call.method, *map(str, call.arguments))))
        if self._listener is None:
            answer.set_exception(BusLost("no connection"))
        elif self.silent:
            self._unanswered.append(answer)
        elif call.method in self.refusals:
            answer.set_exception(BusRefused(self.refusals[call.method]))
        else:
            self.notice_death()
            try:
                answer.set_result(self._obey(call))
            except BusRefused as refused:
                answer.set_exception(refused)
        return answer

    def _obey(self, call: Call) -> Any:
        match call.method, call.arguments:
            case "Get", (_, "SystemState"):
                return self.system_state
            case "Get", (_, "JobType"):
                return self._job_types[call.path]
            case "Get", (_, str(name)):
                return self.properties[name]
            case "GetAll", (str(interface),):
                of_unit = interface.endswith(".Unit")
                if not of_unit and self.between_answers:
                    changed, self.between_answers = self.between_answers, {}
                    self.tell(changed)
                return {name: value for name, value in self.properties.items() if (name in OF_UNIT) is of_unit}
            case "StartUnit", (str(target), _) if target == STARTER:
                self.start()
                return "/job"
            case "StartUnit", (str(target), _) if target == STOPPER:
                self.stop()
                return "/job"
            case "KillUnit", _:
                self.kill()
            case "ResetFailedUnit", _:
                self.tell({"Result": "success"})
            case "Subscribe", _:
                pass
            case _:
                raise BusRefused(f"{call.method} is not known here")
        return None

    # -- what systemd does -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Carry out a start job of the unit and of its target."""
        self.job("start")
        if self.properties["ActiveState"] == "deactivating":
            self._waiting_start = True
            return
        if not self.ticket.exists():
            self._end_jobs("assert", "dependency")
            return
        self._main = subprocess.Popen(self.program, start_new_session=True)
        began = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self.tell(
            {
                "ActiveState": "active",
                "InvocationID": list(uuid.uuid4().bytes),
                "MainPID": self._main.pid,
                "ExecMainPID": self._main.pid,
                "ExecMainCode": 0,
                "ExecMainStatus": 0,
                "ExecMainStartTimestampMonotonic": began,
                "ExecMainStartTimestamp": time.time_ns() // 1_000,
                "Result": "success",
            }
        )
        self._end_jobs("done", "done")

    def stop(self) -> None:
        """Carry out a stop job of the unit."""
        self.job("stop")
        if self._main is not None:
            self._main.send_signal(signal.SIGTERM)
            self._main.wait()
        self.notice_death()
        self.signal(Match(path="", interface=MANAGER, member="JobRemoved"), [1, "/job", UNIT, "done"])
        self.signal(Match(path="", interface=MANAGER, member="JobRemoved"), [2, "/job", STOPPER, "done"])

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal every process of the unit."""
        if self._main is not None:
            self._main.send_signal(number)
            self._main.wait()
        if self.lingers and self._main is None:
            self.lingers = False
            self.tell({"ActiveState": "failed"})
            if self._waiting_start:
                self._waiting_start = False
                self.start()

    def job(self, kind: str) -> None:
        """Announce a job of the unit, whoever asked for it."""
        self._jobs += 1
        path = f"/job/{self._jobs}"
        self._job_types[path] = kind
        self.signal(Match(path="", interface=MANAGER, member="JobNew"), [self._jobs, path, UNIT])

    def notice_death(self) -> None:
        """Do what SIGCHLD does to PID 1."""
        if self._main is None or self._main.poll() is None:
            return
        status, self._main = self._main.returncode, None
        left = "deactivating" if self.lingers else "failed"
        code = (
            {"ExecMainCode": 1, "ExecMainStatus": status}
            if status >= 0
            else {"ExecMainCode": 2, "ExecMainStatus": -status}
        )
        self.tell({"MainPID": 0, "ActiveState": left, **code})

    def tell(self, changed: dict[str, Any]) -> None:
        """Change properties and signal it, twice, as systemd does for its two interfaces."""
        self.properties |= changed
        for _ in range(2):
            self.signal(Match(path=PATH, interface="", member="PropertiesChanged"), ["", dict(changed), []])

    def signal(self, match: Match, body: list[Any]) -> None:
        """Send a signal to whoever is connected."""
        if self._listener is not None:
            self._listener.hear(Signal(match=match, body=body))

    def _end_jobs(self, unit: str, target: str) -> None:
        self.signal(Match(path="", interface=MANAGER, member="JobRemoved"), [1, "/job", UNIT, unit])
        self.signal(Match(path="", interface=MANAGER, member="JobRemoved"), [2, "/job", STARTER, target])
