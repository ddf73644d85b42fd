"""The one drill that may be done to a gateway in service: it is killed until gatedog holds it.

Invariant: it kills only what gatedog calls the gateway's main process, through a pidfd, and only so often. That a
person wants this, and typed the gateway's name, is for the command line to see to (cli/drill.py).
"""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchdog.control.client import Refused, Unreachable, call
from watchdog.drill.record import DrillReport, NotSeen, Record, Step
from watchdog.drill.site import signal_process

NAME = "kill-loop"
KILLS_MAX = 12
"""More than any default budget lets live."""
_HELD_SECONDS = 180.0


class Live:
    """A gateway in service, seen from outside."""

    def __init__(self, socket: Path, gateway: str) -> None:
        self._socket = socket
        self._gateway = gateway
        self.kills = 0

    def standing(self) -> dict[str, Any]:
        """Say how it stands; nothing while gatedog does not answer."""
        try:
            reply: dict[str, Any] = call(self._socket, "Status", timeout=5.0)
        except (Unreachable, Refused):
            return {}
        return next((each for each in reply["status"]["gateways"] if each["name"] == self._gateway), {})

    def kill_once(self) -> str:
        """Kill it if it serves and is not held; say why it is held once it is."""
        standing = self.standing()
        if standing.get("hold") == "held":
            return str(standing["why"]) or "held"
        if standing.get("ready") and self.kills < KILLS_MAX:
            self.kills += signal_process(int(standing["pid"] or 0), signal.SIGKILL)
        return ""

    def told(self) -> str:
        """Name the incident that is open about it."""
        try:
            reply: dict[str, Any] = call(self._socket, "Incidents", timeout=5.0)
        except (Unreachable, Refused):
            return ""
        mine = (each for each in reply["incidents"] if each["gateway"] == self._gateway and each["paged"])
        return next((str(each["id"]) for each in mine), "")


def play(socket: Path, gateway: str, hear: Callable[[Step], None]) -> DrillReport:
    """Kill a gateway until it is held, and report. It stays held: releasing it is part of the drill, and a person's."""
    wall_usec = time.time_ns() // 1000
    record = Record(hear)
    live = Live(socket, gateway)
    try:
        record.check("it serves", holds=bool(live.standing().get("ready")))
        record.wait("held", live.kill_once, _HELD_SECONDS)
        record.note("killed", f"{live.kills} times")
        record.wait("people were told", live.told, 30.0)
    except NotSeen:
        pass  # it stands in the record
    return DrillReport(drill=NAME, live=True, wall_usec=wall_usec, steps=tuple(record.steps))
