"""What `gatedog status` says about health, maintenance and silences: rows of one gateway's block.

Invariant: what the supervised side said is quoted, and a gateway that nothing looks at is never called healthy.
"""

from collections.abc import Mapping
from typing import Any

from watchdog.core.timeline import duration_text
from watchdog.report.escape import agent_says, visible
from watchdog.report.moments import clock_time
from watchdog.report.rows import Hue, Page

Object = Mapping[str, Any]

ROWS_MAX = 8
"""Probes that are named one by one; a gateway in trouble must still fit onto a screen."""


def draw_health(page: Page, gateway: Object, *, well: bool) -> None:
    """Say what is known of a gateway's health: in a few words when it is well, probe by probe when it is not."""
    health = gateway.get("health")
    if health is not None and gateway["pid"] is not None:
        if health["probes"] or health["signs"] or health["word"] in ("suspect", "degraded"):
            page.pieces("health", _pieces(health))
        odd = [probe for probe in health["probes"] if probe["phase"] != "passing" or probe["flapping"]]
        for probe in [] if well else odd[:ROWS_MAX]:
            page.row("probe", _probe(probe), hue=Hue.WARN, lines_max=2)
        for sign in health["signs"][:ROWS_MAX]:
            page.row("sign", visible(sign), hue=Hue.WARN, lines_max=2)
        if health["stale_code"]:
            changed = visible(", ".join(health["stale_code"]))
            page.row("code", f"the next restart runs different code: {changed} is newer", hue=Hue.WARN, lines_max=2)
    _draw_quiets(page, gateway)


def _pieces(health: Object) -> list[str]:
    probes = health["probes"]
    passing = sum(1 for probe in probes if probe["phase"] == "passing")
    since = f" for {duration_text(health['since_usec_ago'])}" if health["since_wall_usec"] else ""
    pieces = [f"{visible(health['word'])}{since}"]
    pieces.append(f"{passing} of {len(probes)} probes pass" if probes else "no probe in the policy")
    if not health["measured"]:
        pieces.append("nothing measured yet")
    elif health["hours_known"] < 168:
        pieces.append(f"normal known for {health['hours_known']} of 168 hours of the week")
    return pieces


def _probe(probe: Object) -> str:
    said = f"{visible(probe['name'])} {'flapping' if probe['flapping'] else visible(probe['phase'])}"
    if probe["since_usec_ago"] is not None:
        said += f" for {duration_text(probe['since_usec_ago'])}"
    if probe["lost_sight"]:
        said += ", cannot be run"
    if probe["cause"] != "unknown":
        said += f", {visible(probe['cause'])} cause"
    return f"{said}; {agent_says(probe['detail'])}" if probe["detail"] else said


def _draw_quiets(page: Page, gateway: Object) -> None:
    maintenance = gateway.get("maintenance")
    if maintenance:
        page.row("maintenance", _quiet(maintenance), hue=Hue.WARN, lines_max=2)
    for silence in gateway.get("silences", []):
        page.row("silence", f"{visible(silence['subject']) or 'everything'}, {_quiet(silence)}", lines_max=2)


def _quiet(quiet: Object) -> str:
    until = f"until {clock_time(quiet['until_wall_usec'])} UTC, {duration_text(quiet['until_in_usec'])} left"
    return f"{until}; by {visible(quiet['who'], 60)}: {visible(quiet['because'])}"
