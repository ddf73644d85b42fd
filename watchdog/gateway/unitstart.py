"""One start of a unit on its way, and the words for one that made no process.

Invariant: nothing here asks or tells systemd anything; unit.py does, and these are its notes.
"""

import asyncio
from dataclasses import dataclass, field

from watchdog.core.decisions import StartGateway
from watchdog.gateway.unitlook import UnitLook

_RESULTS = {
    "assert": "an Assert...= of the unit does not hold",
    "dependency": "a unit that it needs could not be started",
    "timeout": "it did not come up in its TimeoutStartSec=",
    "canceled": "the start was called off by another job",
    "failed": "it failed while it was starting",
    "skipped": "a Condition...= of the unit does not hold",
    "invalid": "systemd cannot start a unit of this kind",
    "unsupported": "this host does not support it",
    "collected": "systemd forgot the unit meanwhile",
    "once": "systemd starts it once only and has",
}
_DENIED = ("access denied", "interactive authentication", "permission denied", "not authorized")


@dataclass(slots=True, kw_only=True, eq=False)
class UnitStart:
    """A start that was asked for."""

    order: StartGateway
    since_monotonic_usec: int
    """When it was asked for: a main process that is older is not of this start."""
    results: dict[str, str] = field(default_factory=dict)
    """How the jobs ended that belong to it, by unit."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its process was seen, or systemd is done with it."""

    def made(self, look: UnitLook) -> bool:
        """Tell whether the main process of the look, running or ended, is of this start."""
        return look.main_began_monotonic_usec >= self.since_monotonic_usec


def why_no_process(start: UnitStart, look: UnitLook) -> str:
    """Say for a person why a start made no process, and what to look at."""
    unit = look.unit
    result = start.results.get(unit, "")
    if look.load_state != "loaded":
        reason = f"systemd says the unit is {look.load_state}"
    elif not start.results:
        reason = f"systemd is not done with the start; the unit is {look.active_state} ({look.sub_state})"
    elif result in _RESULTS:
        reason = _RESULTS[result]
    elif look.active_state in ("active", "reloading"):
        reason = "it is active without a main process that systemd knows of (for Type=forking, PIDFile= helps)"
    elif not look.condition_result:
        reason = _RESULTS["skipped"]
    else:
        reason = f"the start is {result or start.results.popitem()[1]} and there is no process"
    verdict = f" (Result={look.result})" if result == "failed" and look.result != "success" else ""
    return f"{unit} was not started: {reason}{verdict}. Look at: systemctl status {unit}"


def why_refused(unit: str, verb: str, said: str) -> str:
    """Say for a person that systemd would not take an order, and what helps."""
    text = f"systemd would not {verb} {unit}: {said.rstrip('.')}"
    if any(word in said.lower() for word in _DENIED):
        return f"{text}. gatedog's polkit rule is missing or not in force; put back by: gatedog setup systemd --apply"
    return f"{text}. Look at: systemctl status {unit}"
