"""Which incidents are about the same: the same gateway, and the same matter.

Light imports: what uses this is typed at night.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from watchdog.cli import asking
from watchdog.cli.paths import Surroundings


def alike(incidents: Iterable[dict[str, Any]], identity: str) -> list[dict[str, Any]] | None:
    """Return the other incidents of the same fingerprint, newest first; None when that one is not among them."""
    known = list(incidents)
    mine = next((each for each in known if each["id"] == identity), None)
    if mine is None:
        return None
    alike_ones = [each for each in known if each is not mine and _mark(each) == _mark(mine)]
    return sorted(alike_ones, key=lambda each: -_number(str(each["id"])))


def seen_before(surroundings: Surroundings, shown: Mapping[str, Any]) -> list[str]:
    """Ask the daemon which incidents were about the same as this one; their names, newest first."""
    if not shown.get("fingerprint"):
        return []  # an earlier daemon does not say what an incident is about
    known = asking.call(surroundings, "Incidents", all=True)["incidents"]
    return [str(each["id"]) for each in alike(known, str(shown["id"])) or ()]


def _mark(incident: dict[str, Any]) -> str:
    # An earlier daemon tells no fingerprint: then only the incident itself is like itself.
    return str(incident.get("fingerprint") or incident["id"])


def _number(identity: str) -> int:
    digits = identity.removeprefix("INC-")
    return int(digits) if digits.isdecimal() else 0
