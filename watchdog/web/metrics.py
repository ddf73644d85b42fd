"""Everything gatedog says to Prometheus: replies in, one text out.

Theory of operation. States are one series of 0 or 1 for each state, so that they can be summed and averaged. Nothing
that grows without bound is a label: no incident, no process, no text of strangers. Each number is in its base unit.

Invariant: pure; no clock, no socket. What is not known is left out, and never 0 or the last that was known: a daemon
that does not answer leaves only `gatedog_up 0`, since when, and what was counted. Deliberately not here: asking.
"""

from collections.abc import Mapping
from typing import Any, Final

from watchdog.core.timeline import SECOND
from watchdog.report.standing import Standing, standing_of
from watchdog.web.asking import Reading
from watchdog.web.exposition import Family, Kind, Samples
from watchdog.web.tally import Tally

Object = Mapping[str, Any]

STATES: Final = ("ready", "starting", "maintenance", "degraded", "unknown", "down", "held")
"""As `gatedog status` tells them, but for those that are down because they are held."""
SEVERITIES: Final = ("critical", "warning", "info")


def _gauge(name: str, means: str) -> Family:
    return Family(name=f"gatedog_{name}", kind=Kind.GAUGE, means=means)


UP: Final = _gauge("up", "Whether the daemon answered.")
LOOP: Final = _gauge("loop_last_run_timestamp_seconds", "When the daemon last said how everything stands.")
BUILD: Final = _gauge("build_info", "Version of the daemon that answered.")
STARTED: Final = _gauge("daemon_start_time_seconds", "When the daemon started.")
POLICY: Final = _gauge("policy_version_info", "Digest of the policy in force.")
CLOCK: Final = _gauge("clock_uncertain", "Whether the time across the last boot is not known.")
EVIDENCE: Final = _gauge("evidence_bytes", "What all kept evidence takes up, as last measured.")
NETWORK: Final = _gauge("host_network", "Whether the host has a route and DNS.")
GATEWAY_UP: Final = _gauge("gateway_up", "Whether the gateway's process runs and is ready.")
STATE: Final = _gauge("gateway_state", "How the gateway stands; 1 for exactly one state.")
SINCE: Final = _gauge("gateway_phase_start_time_seconds", "Since when the gateway is in its present phase.")
BEGAN: Final = _gauge("gateway_start_time_seconds", "When the gateway's present life began; absent while it is down.")
CHAIN: Final = _gauge("gateway_unasked_endings", "Endings in a row that nobody asked for.")
ENFORCING: Final = _gauge(
    "gateway_rules_enforcing", "Whether the rules on who may restart bind, and do not only advise."
)
LIMIT: Final = _gauge("restart_budget_limit", "Starts that the window allows.")
LEFT: Final = _gauge("restart_budget_remaining", "Starts that the window still allows.")
SUCCESS: Final = _gauge("probe_success", "Whether the last look found the gateway well; absent when it could not look.")
TOOK: Final = Family(
    name="gatedog_probe_duration_seconds",
    kind=Kind.HISTOGRAM,
    means="How long looks took that found the gateway well or ill, since the daemon's start.",
)
LOOKED: Final = _gauge("probe_last_look_timestamp_seconds", "When the probe last looked.")
BLIND: Final = _gauge("probe_lost_sight", "Whether the probe cannot look any more.")
OPEN: Final = _gauge("incidents_open", "Incidents that are not over.")
UNTAKEN: Final = _gauge("incidents_unacknowledged", "Incidents that are not over and that nobody has taken.")
PENDING: Final = _gauge("pages_pending", "Pages that the channel has not taken yet.")
OLDEST: Final = _gauge(
    "page_oldest_pending_seconds", "Age of the oldest page that the channel has not taken; 0 for none."
)
GIVEN_UP: Final = _gauge("pages_given_up", "Pages that a channel gave up, and that are remembered.")
TAKEN: Final = _gauge("channel_last_success_timestamp_seconds", "When the channel last took a page, since the start.")
ALIVE: Final = _gauge("deadman_last_success_timestamp_seconds", "When the dead-man switch was last heard.")


def render_metrics(reading: Reading, tally: Tally | None) -> str:
    """Say everything; `tally` is None while nothing was counted."""
    samples, status = Samples(), reading.status
    samples.truth(UP, holds=not reading.stale)
    if status is not None:
        samples.seconds(LOOP, status["now_wall_usec"])
    if status is not None and not reading.stale:
        _add_daemon(samples, status)
        for gateway in status["gateways"]:
            _add_gateway(samples, gateway, status["now_wall_usec"])
        _add_incidents(samples, status)
    channels: list[str] = []
    if reading.pager is not None:
        channels = [channel["name"] for channel in reading.pager["channels"]]
        _add_pager(samples, reading.pager)
    for probe in reading.probes:
        _add_probe(samples, probe, reading.now_usec)
    if tally is not None:
        tally.add_to(samples, [] if status is None else [each["name"] for each in status["gateways"]], channels)
    return samples.text()


def _add_daemon(samples: Samples, status: Object) -> None:
    samples.number(BUILD, 1, version=status["version"])
    samples.seconds(STARTED, status["started_wall_usec"])
    if status["policy_digest"]:
        samples.number(POLICY, 1, digest=status["policy_digest"][:12])
    samples.truth(CLOCK, holds=status["clock_uncertain"])
    samples.truth(NETWORK, holds=status["has_network"])
    if (size_bytes := status.get("evidence_bytes")) is not None:
        samples.number(EVIDENCE, size_bytes)


def _add_gateway(samples: Samples, gateway: Object, now_usec: int) -> None:
    name, standing = gateway["name"], standing_of(gateway)
    samples.truth(GATEWAY_UP, holds=gateway["pid"] is not None and gateway["ready"], gateway=name)
    state = "held" if standing is Standing.DOWN and gateway["hold"] == "held" else standing.name.lower()
    for each in STATES:
        samples.truth(STATE, holds=each == state, gateway=name, state=each)
    samples.seconds(SINCE, gateway["since_wall_usec"], gateway=name)
    if (began_usec_ago := gateway.get("began_usec_ago")) is not None:
        samples.seconds(BEGAN, _instant(now_usec, began_usec_ago), gateway=name)
    samples.number(CHAIN, gateway["chain"], gateway=name)
    if gateway["enforcement"] != "unknown":
        samples.truth(ENFORCING, holds=gateway["enforcement"] == "enforcing", gateway=name)
    for window in gateway["budget"]:
        labels = {"gateway": name, "account": window["account"], "window": window["label"]}
        samples.number(LIMIT, window["limit"], **labels)
        samples.number(LEFT, max(window["limit"] - window["used"], 0), **labels)
    for probe in (gateway.get("health") or {"probes": ()})["probes"]:
        samples.truth(BLIND, holds=probe["lost_sight"], gateway=name, probe=probe["name"])


def _add_incidents(samples: Samples, status: Object) -> None:
    left = [each for each in status["incidents"] if each["phase"] != "resolved"]
    names = [gateway["name"] for gateway in status["gateways"]]
    for name in dict.fromkeys([*names, *(each["gateway"] for each in left), ""]):
        mine = [each for each in left if each["gateway"] == name]
        for severity in SEVERITIES:
            alike = [each for each in mine if each["severity"] == severity]
            labels = {"gateway": name or "gatedog", "severity": severity}
            samples.number(OPEN, len(alike), **labels)
            samples.number(UNTAKEN, sum(1 for each in alike if each["phase"] != "acknowledged"), **labels)


def _add_pager(samples: Samples, pager: Object) -> None:
    now_usec = pager["now_wall_usec"]
    for channel in pager["channels"]:
        name, oldest, taken = channel["name"], channel["oldest_wall_usec"], channel["last_ok_wall_usec"]
        samples.number(PENDING, channel["waiting"], channel=name)
        samples.seconds(OLDEST, 0 if oldest is None else max(now_usec - oldest, 0), channel=name)
        if taken is not None:
            samples.seconds(TAKEN, taken, channel=name)
    samples.number(GIVEN_UP, len(pager["given_up"]))
    for switch in pager["switches"]:
        if switch["last_ok_wall_usec"] is not None:
            samples.seconds(ALIVE, switch["last_ok_wall_usec"], switch=switch["name"])


def _add_probe(samples: Samples, probe: Object, now_usec: int) -> None:
    labels, last = {"gateway": probe["gateway"], "probe": probe["name"]}, probe["last"]
    if last is None:
        return
    if last["result"] in ("ok", "failed"):
        samples.truth(SUCCESS, holds=last["result"] == "ok", **labels)
    if (took := probe.get("took")) is not None:
        samples.durations(TOOK, took["bounds_usec"], took["counts"], took["sum_usec"], **labels)
    samples.seconds(LOOKED, _instant(now_usec, last["at_usec_ago"]), **labels)


def _instant(now_usec: int, usec_ago: int) -> int:
    """Return when something was, to the second: ages are told to the microsecond, and an instant must not tremble."""
    return (now_usec - usec_ago) // SECOND * SECOND
