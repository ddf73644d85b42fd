"""What a status says in words: for the page of a terminal, and for the one of a browser.

Invariant: as statuspage.py: whatever is bad has a command to type next, and nothing here loads the core's types.
"""

from collections.abc import Mapping
from typing import Any

from watchdog.core.timeline import duration_text
from watchdog.report.escape import visible
from watchdog.report.standing import WORST_FIRST, standing_of

Object = Mapping[str, Any]

_LOUDNESS = ("critical", "warning", "info")


def rank(gateway: Object, reply: Object) -> tuple[int, int, str]:
    """Order gateways worst first; to be sorted by."""
    open_ones = open_incidents(reply, gateway["name"])
    return WORST_FIRST.index(standing_of(gateway)), _loudness(open_ones[0]) if open_ones else 9, gateway["name"]


def open_incidents(reply: Object, name: str) -> list[Object]:
    """Return what is open about a gateway ("" for gatedog itself), loudest first."""
    mine = [each for each in reply["incidents"] if each["gateway"] == name and each["phase"] != "resolved"]
    return sorted(mine, key=_loudness)


def prospect(gateway: Object, reply: Object) -> str:
    """Say in a few words what its state means for its next start; "" when there is nothing to add, or to be told."""
    due_usec = gateway["next_start_in_usec"]
    if gateway["hold"] == "held":
        return "not restarting" if gateway["pid"] is None else "no start after it ends"
    match gateway["phase"]:
        case "backoff" | "slow" if not reply.get("due_told", True):
            said = ""
        case "backoff" | "slow":
            said = "no start is due" if due_usec is None else f"next start in {duration_text(due_usec)}"
        case "starting" | "up":
            said = "" if gateway["ready"] else "not ready yet"
        case _:
            said = ""
    return said or ("on probation since its release" if gateway["hold"] == "probation" else "")


def who_knows(incident: Object, reply: Object) -> str:
    """Say whether anybody was told of an incident, and whether somebody took it."""
    if incident["phase"] == "acknowledged":
        left = incident["acknowledged_until_in_usec"]
        rest = f", pages rest for {duration_text(left)}" if left is not None else ""
        return f"taken by {visible(incident['acknowledged_by'], 60)}{rest}"
    if not incident["paged"]:
        return "nobody was told"
    waiting = [channel for page in reply["outbox"] if page["incident"] == incident["id"] for channel in page["waiting"]]
    sent = f"page waits for {visible(', '.join(dict.fromkeys(waiting)), 60)}" if waiting else "paged"
    return f"{sent}, NOT ACKED"


def incident_commands(incident: Object) -> list[tuple[str, str]]:
    """Return what may be typed about an incident, each with what it does."""
    identity = visible(incident["id"])
    shown = (f"gatedog incident show {identity}", "")
    if incident["phase"] == "acknowledged":
        return [shown]
    return [(f"gatedog ack {identity}", "take it: pages rest"), shown]


def gateway_commands(gateway: Object) -> list[tuple[str, str]]:
    """Return what may be typed about a gateway, each with what it does."""
    name = visible(gateway["name"])
    if gateway["hold"] == "held":
        return [(f'gatedog release {name} -m "why"', "1 start, human only")]
    match gateway["phase"]:
        case "backoff":
            return [(f'gatedog hold {name} -m "why"', "no more restarts")]
        case "slow":
            return [(f"gatedog start {name}", "try now")]
        case "stopped":
            return [(f"gatedog start {name}", "start it")]
        case "starting" | "stopping":
            return [("gatedog events -f", "watch it")]
        case "up":
            return []
        case _:
            return [(f"gatedog explain {name}", "how it came to this")]


def _loudness(incident: Object) -> int:
    severity = incident["severity"]
    return _LOUDNESS.index(severity) if severity in _LOUDNESS else 0
