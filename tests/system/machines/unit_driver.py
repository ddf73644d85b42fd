"""Run inside a machine: one unit backend, driven by words on stdin, that tells its events on stdout as JSON lines.

    python unit_driver.py UNIT STATE_FOLDER

Words: `start N`, `stop`, `kill`, `observe`, `rivals`, `marks`, `again on|off` (start the next life at each exit),
`collect N FOLDER`, `shutdown`, `die` (without a word to anybody), `end`.
"""

import asyncio
import dataclasses
import enum
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from watchdog.core.decisions import Charge, KillGateway, StartGateway, StopGateway
from watchdog.core.events import MainProcessExited
from watchdog.core.identity import ActionId, GatewayName, LifeId
from watchdog.core.policy import GatewayPolicy, Readiness, ReadyPolicy
from watchdog.core.rules import RuleId
from watchdog.gateway.bus import PystemdBus
from watchdog.gateway.systemdlink import SystemdLink
from watchdog.gateway.unit import UnitBackend, UnitPlaces

NAME = GatewayName("gw")
ORDER: dict[str, Any] = {"gateway": NAME, "rule": RuleId.START_FIRST, "because": "the test says so"}


def told(value: object) -> str:
    """Spell an event for the test to read."""

    def plain(each: object) -> object:
        return each.value if isinstance(each, enum.Enum) else str(each)

    fields = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps({"kind": type(value).__name__, "is": fields}, default=plain)


class Driver:
    """Takes words, gives events."""

    def __init__(self, unit: str, state: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.link = SystemdLink(PystemdBus(loop), self.hear, loop)
        ready = ReadyPolicy(kind=Readiness(os.environ.get("READY", "delay")), delay_usec=1_000)
        policy = GatewayPolicy(name=NAME, unit=unit, ready=ready)
        self.backend = UnitBackend(policy, UnitPlaces(state_folder=state), self.link, self.hear, loop)
        self.again = False
        self.newest = 0
        self.ended = asyncio.Event()

    def hear(self, event: object) -> None:
        """Tell an event, and start again where that was wished."""
        if isinstance(event, MainProcessExited) and self.again:
            self.start(self.newest + 1)
        print(told(event), flush=True)

    def start(self, number: int) -> None:
        """Order a start."""
        self.newest = number
        action = ActionId(f"{number}.0")
        self.backend.start(StartGateway(action=action, life=LifeId(number), charge=Charge.AUTOMATIC, **ORDER))

    def take(self, line: str) -> None:
        """Obey a word."""
        word, *rest = line.split()
        process = self.backend.observe().process
        match word:
            case "start":
                self.start(int(rest[0]))
            case "stop" if process is not None:
                self.backend.stop(StopGateway(action=ActionId("s.0"), process=process, **ORDER))
            case "kill" if process is not None:
                self.backend.kill(KillGateway(action=ActionId("k.0"), process=process, **ORDER))
            case "observe":
                print(told(self.backend.observe()), flush=True)
            case "rivals":
                print(told([rival.text() for rival in self.backend.rivals]), flush=True)
            case "marks":
                print(told([dataclasses.asdict(mark) for mark in self.backend.life_marks()]), flush=True)
            case "again":
                self.again = rest == ["on"]
            case "collect":
                self.backend.collect(LifeId(int(rest[0])), Path(rest[1]), 200_000)
                print(told(sorted(path.name for path in Path(rest[1]).iterdir())), flush=True)
            case "shutdown":
                print(told(self.link.shutdown_under_way()), flush=True)
            case "die":
                os._exit(9)
            case _:
                self.ended.set()


async def main() -> None:
    """Look, tell, and obey until the end."""
    loop = asyncio.get_running_loop()
    driver = Driver(sys.argv[1], Path(sys.argv[2]), loop)
    driver.link.begin()
    print(told(driver.backend.recover()), flush=True)

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(driver.take, line)
        loop.call_soon_threadsafe(driver.ended.set)

    threading.Thread(target=read, daemon=True).start()
    await driver.ended.wait()
    await driver.backend.close()
    await driver.link.close()


asyncio.run(main())
