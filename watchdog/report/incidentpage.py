"""`gatedog incident list` and `gatedog incident show`.

Invariant: as statuspage.py: worst first, every open incident with a next command, nothing from outside unescaped.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from watchdog.core.timeline import duration_text
from watchdog.report.escape import visible
from watchdog.report.moments import ago, since
from watchdog.report.rows import Hue, Page

_ORDER = {"open": 0, "acknowledged": 1, "resolved": 2}
_LOUDNESS = {"critical": 0, "warning": 1, "info": 2}


def render_list(incidents: Iterable[Mapping[str, Any]], *, width: int, colour: bool) -> str:
    """Draw one block for each incident: open before acknowledged before resolved, loud before quiet."""
    page = Page(width=width, colour=colour)
    for incident in sorted(incidents, key=_rank):
        identity = visible(incident["id"])
        state = _state(incident)
        about = visible(incident["gateway"]) or "gatedog"
        sign, hue = _look(incident)
        page.headline(sign, hue, f"{identity}  {about}  {visible(incident['title'], 120)}", state)
        facts = f"{incident['facts']} fact{'s' if incident['facts'] != 1 else ''}"
        opened = f"opened {ago(incident['opened_usec_ago'])}, {facts}, rule {visible(incident['rule'])}"
        page.row("", f"{opened}{_cause(incident)}", lines_max=1, hue=Hue.DIM)
    return page.text() or "no incident\n"


def render_show(
    incident: Mapping[str, Any],
    *,
    width: int,
    colour: bool,
    story: str = "",
    seen: Sequence[str] = (),
    guesses: str = "",
    cause: str = "",
) -> str:
    """Draw one incident; `story` is the end of its walk through the journal, `seen` are others about the same.

    `guesses` says how many hypotheses there are, `cause` who put their name under one; empty: none, nobody.
    """
    page = Page(width=width, colour=colour)
    identity = visible(incident["id"])
    sign, hue = _look(incident)
    about = visible(incident["gateway"]) or "gatedog"
    page.headline(sign, hue, f"{identity}  {about}  {visible(incident['title'], 120)}", _state(incident))
    page.row("opened", since(incident["opened_wall_usec"], incident["opened_usec_ago"]))
    page.row("why", visible(incident["because"]) or "no reason is on record", lines_max=6)
    page.row("rule", f"{visible(incident['rule'])}, {incident['facts']} fact(s) so far")
    if seen:
        page.row("seen", f"{len(seen)} {'times' if len(seen) > 1 else 'time'} before: {visible(', '.join(seen))}")
    page.row("people", _people(incident))
    if guesses:
        page.row("hypotheses", guesses)
        page.command("", f"gatedog incident hypothesis {identity}")
    page.row("cause", visible(cause) or "UNKNOWN (no human has signed one)", lines_max=4)
    for number, command in enumerate(_commands(incident)):
        page.command("next" if number == 0 else "", command)
    if story:
        page.blank()
    return page.text() + (f"{story}\n" if story else "")


def _cause(incident: Mapping[str, Any]) -> str:
    word = incident.get("cause", "")  # an earlier daemon does not say it
    if word not in ("signed", "attested"):
        return ""
    stale = incident.get("facts_since_cause") or incident.get("cause_text_changed")
    return f", cause {word}{', and not up to date' if stale else ''}"


def _rank(incident: Mapping[str, Any]) -> tuple[int, int, int]:
    phase, severity = _ORDER.get(incident["phase"], 0), _LOUDNESS.get(incident["severity"], 0)
    return phase, severity, incident["opened_usec_ago"]


def _state(incident: Mapping[str, Any]) -> str:
    word = {"open": "NOT ACKED", "acknowledged": "ACKED", "resolved": "RESOLVED"}.get(incident["phase"], "UNKNOWN")
    return f"{visible(incident['severity']).upper()}  {word}"


def _look(incident: Mapping[str, Any]) -> tuple[str, Hue]:
    if incident["phase"] == "resolved":
        return "\u25cf", Hue.DIM
    if incident["severity"] == "critical":
        return "\u2716", Hue.BAD
    return "\u25b2", Hue.WARN


def _people(incident: Mapping[str, Any]) -> str:
    told = "paged" if incident["paged"] else "nobody was told"
    if incident["phase"] == "acknowledged":
        left = incident["acknowledged_until_in_usec"]
        rest = f"; pages rest for {duration_text(left)}" if left is not None else ""
        return f"{told}; taken by {visible(incident['acknowledged_by'], 100)}{rest}"
    return told if incident["phase"] == "resolved" else f"{told}; nobody has acknowledged"


def _commands(incident: Mapping[str, Any]) -> list[str]:
    identity = visible(incident["id"])
    commands = [f"gatedog explain {identity}"]
    if incident["phase"] == "open":
        commands.insert(0, f"gatedog ack {identity}")
    if incident["phase"] != "resolved":
        own = visible(incident["next_command"])
        commands += [own] if own and own not in commands else []
        commands.append(f'gatedog incident close {identity} -m "why"')
    return commands
