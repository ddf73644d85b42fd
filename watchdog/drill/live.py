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
_HELD = "held"
KILLS_MAX = 12
"""More than any default budget lets live."""
_HELD_SECONDS = 180.0


class Live:
    """A gateway in service, seen from outside."""

    def __init__(self, socket: Path, gateway: str) -> None:
        self._socket = socket
        self._gateway = gateway
        self._killed: set[int] = set()

    @property
    def kills(self) -> int:
        """How many of its lives were ended."""
        return len(self._killed)

    def standing(self) -> dict[str, Any]:
        """Say how it stands; nothing while gatedog does not answer."""
        gateways: list[dict[str, Any]] = self._ask("Status").get("status", {}).get("gateways", [])
        return next((each for each in gateways if each["name"] == self._gateway), {})

    def kill_once(self) -> str:
        """Kill a life of it that serves, each once; say why it is held once it is. Raises PermissionError."""
        standing = self.standing()
        if standing.get("hold") == "held":
            return str(standing["why"]) or "held"
        life, pid = standing.get("life"), int(standing.get("pid") or 0)
        if life is not None and life not in self._killed and standing["ready"] and self.kills < KILLS_MAX:
            # Asked again with the process in hand: between word and deed another could have got its number.
            killed = signal_process(pid, signal.SIGKILL, still=lambda: self.standing().get("life") == life)
            self._killed |= {life} if killed else set()
        return ""

    def told(self) -> str:
        """Name the open incident about it, once somebody got every page of it."""
        pager = self._ask("Pager").get("pager")
        if pager is None:
            return ""
        unread = {each["incident"] for each in (*pager["waiting"], *pager["given_up"]) if not each["delivered"]}
        known = self._ask("Incidents").get("incidents", [])
        mine = (str(each["id"]) for each in known if each["gateway"] == self._gateway and each["paged"])
        return next((name for name in mine if name not in unread), "")

    def _ask(self, method: str) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = call(self._socket, method, timeout=5.0)
        except (Unreachable, Refused):
            return {}
        return reply


def play(socket: Path, gateway: str, hear: Callable[[Step], None]) -> DrillReport:
    """Kill a gateway until it is held, and report. It stays held: releasing it is part of the drill, and a person's."""
    wall_usec = time.time_ns() // 1000
    record = Record(hear)
    live = Live(socket, gateway)
    trouble = ""
    try:
        record.check("it serves", holds=bool(live.standing().get("ready")))
        record.wait(_HELD, live.kill_once, _HELD_SECONDS)
        record.note("killed", f"{live.kills} times")
        record.wait("people were told", live.told, 30.0)
    except NotSeen:
        pass  # it stands in the record
    except PermissionError:
        trouble = f"{gateway} runs as another account, whose processes only that account and root may kill"
    return DrillReport(drill=NAME, live=True, wall_usec=wall_usec, steps=tuple(record.steps), trouble=trouble)


def is_held_after(report: DrillReport) -> bool:
    """Tell whether the gateway was left held, for a person to release."""
    return any(step.what == _HELD and step.passed for step in report.steps)
