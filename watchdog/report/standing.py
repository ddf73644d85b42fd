"""How a gateway stands, in one of six words, each with its sign, its colour and its exit code.

Invariant: the exit codes are frozen. A gateway that was stopped on purpose is down, too: the number says how it is, not
whose wish it was. What is not known, a word of a later version included, is UNKNOWN, never READY. Strings and not the
core's types are compared, because `gatedog status` must answer in a tenth of a second, and loading those would take
most of that; a test sends every state of the core through.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

STALE_AFTER_USEC = 30_000_000
"""A status older than this says nothing about now: it is written anew every 20 seconds."""


class Standing(Enum):
    """Worst first; the value is the exit code of `gatedog status`."""

    DOWN = 3
    UNKNOWN = 4
    DEGRADED = 150
    STARTING = 151
    MAINTENANCE = 152
    READY = 0


WORST_FIRST = tuple(Standing)

SIGNS: Mapping[Standing, str] = {
    Standing.DOWN: "\u2716",
    Standing.UNKNOWN: "?",
    Standing.DEGRADED: "\u25b2",
    Standing.STARTING: "\u25d0",
    Standing.MAINTENANCE: "\u25a0",
    Standing.READY: "\u25cf",
}
"""Told apart by shape: colour only adds."""

_BY_PHASE: Mapping[str, Standing] = {
    "stopped": Standing.DOWN,
    "stopping": Standing.DOWN,
    "backoff": Standing.DOWN,
    "held": Standing.DOWN,
    "slow": Standing.DOWN,
    "starting": Standing.STARTING,
}


def standing_of(gateway: Mapping[str, Any]) -> Standing:
    """Judge one gateway of a Status reply."""
    if gateway["hold"] == "held":
        return Standing.DOWN
    if gateway.get("maintenance"):
        return Standing.MAINTENANCE
    health = gateway.get("health") or {"word": "healthy"}  # written by a version before health was known
    if health["word"] == "degraded" and gateway["phase"] in ("up", "starting"):
        return Standing.DEGRADED
    if gateway["phase"] == "up" and gateway["ready"]:
        # Without a probe nothing but readiness is asked; with one, no data is no health.
        if health["word"] != "unknown" or not health["probes"]:
            return Standing.READY
        return Standing.UNKNOWN if any(probe["lost_sight"] for probe in health["probes"]) else Standing.STARTING
    if gateway["phase"] == "up":
        return Standing.STARTING
    return _BY_PHASE.get(gateway["phase"], Standing.UNKNOWN)


def exit_code(gateways: Iterable[Mapping[str, Any]]) -> int:
    """Say several gateways in one number: the worst. None at all is unknown."""
    found = [standing_of(gateway) for gateway in gateways]
    return min(found or [Standing.UNKNOWN], key=WORST_FIRST.index).value
