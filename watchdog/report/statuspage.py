"""`gatedog status`: what a person who was woken at three must know, in the order in which they need it.

Theory of operation. The worst gateway comes first, and its first seven lines answer everything: what is it, since when,
was anybody told, why, what did it say last, and what can I type. A gateway that is well needs three lines, or one
among several. Every number carries its window, every instant is UTC with its age beside it.

Invariant: unknown and stale are never shown as well, and every bad block holds a next command. Deliberately not here:
anything that loads the core's types (see standing.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from watchdog.core.timeline import duration_text
from watchdog.report.escape import TEXT_MAX, agent_says, visible
from watchdog.report.healthrows import draw_health
from watchdog.report.moments import ago, clock_time, instant, since
from watchdog.report.rows import Hue, Page
from watchdog.report.standing import SIGNS, STALE_AFTER_USEC, Standing, standing_of
from watchdog.report.statuswords import gateway_commands, incident_commands, open_incidents, prospect, rank, who_knows
from watchdog.report.strip import strip_text

Object = Mapping[str, Any]

HUES: Mapping[Standing, Hue] = {
    Standing.DOWN: Hue.BAD,
    Standing.UNKNOWN: Hue.WARN,
    Standing.DEGRADED: Hue.WARN,
    Standing.STARTING: Hue.WARN,
    Standing.MAINTENANCE: Hue.WARN,
    Standing.READY: Hue.GOOD,
}


def render(
    reply: Object,
    *,
    width: int,
    colour: bool,
    now_usec: int,
    unreachable: str = "",
    next_: str = "",
    installed: str = "",
) -> str:
    """Draw the page.

    `now_usec` is the wall clock; `unreachable` says why nobody could be asked, "" if somebody was; `installed` is the
    version that asks.
    """
    page = Page(width=width, colour=colour)
    age_usec = max(now_usec - reply["now_wall_usec"], 0)
    stale = bool(unreachable) or age_usec > STALE_AFTER_USEC
    if stale:
        _draw_stale(page, age_usec, unreachable or "its status is not written any more", next_)
    gateways = sorted(reply["gateways"], key=lambda each: rank(each, reply))
    in_short = False
    for gateway in gateways:
        standing = Standing.UNKNOWN if stale else standing_of(gateway)
        was_short, in_short = in_short, len(gateways) > 1 and standing is Standing.READY
        in_short = in_short and not open_incidents(reply, gateway["name"])
        if not (was_short and in_short):
            page.blank()
        if in_short:
            _draw_well_in_one_line(page, gateway)
        else:
            _draw_gateway(page, gateway, reply, standing, age_usec if stale else 0)
    if not gateways:
        page.headline(SIGNS[Standing.UNKNOWN], HUES[Standing.UNKNOWN], "no gateway is watched")
        page.command("next", "gatedog policy check", "what is in force")
    if _draw_others(page, reply) or len(gateways) > 1:
        page.blank()
    _draw_gatedog(page, reply, stale=stale, installed=installed)
    return page.text()


def render_short(reply: Object, *, now_usec: int, unreachable: str = "") -> str:
    """Say each gateway in one line: name, word, since, what is open. For scripts and prompts."""
    age_usec = max(now_usec - reply["now_wall_usec"], 0)
    stale = bool(unreachable) or age_usec > STALE_AFTER_USEC
    lines = []
    for gateway in sorted(reply["gateways"], key=lambda each: rank(each, reply)):
        word = f"UNKNOWN (was {visible(gateway['word'])} {ago(age_usec)})" if stale else visible(gateway["word"])
        line = f"{visible(gateway['name'])}: {word} since {instant(gateway['since_wall_usec'])}"
        line += f", {ago(gateway['since_usec_ago'] + (age_usec if stale else 0))}"
        for incident in open_incidents(reply, gateway["name"]):
            line += f"; {visible(incident['id'])} {visible(incident['severity'])}, {visible(incident['phase'])}"
        lines.append(f"{line}\n")
    return "".join(lines) or "UNKNOWN: no gateway is watched\n"


# -- one gateway ---------------------------------------------------------------------------------------------------


def _draw_gateway(page: Page, gateway: Object, reply: Object, standing: Standing, stale_usec: int) -> None:
    incidents = open_incidents(reply, gateway["name"])
    name = visible(gateway["name"])
    said = visible(gateway["word"])
    if standing is Standing.UNKNOWN:
        said = f"UNKNOWN - was {said} {ago(stale_usec)}" if stale_usec else f"UNKNOWN - {said}"
    elif awaits := prospect(gateway, reply):
        said += f" - {awaits}"
    right = f"{visible(incidents[0]['id'])}  {visible(incidents[0]['severity']).upper()}" if incidents else ""
    well = standing is Standing.READY and not incidents
    hue = Hue.WARN if standing is Standing.READY and not well else HUES[standing]
    loud = Hue.BAD if incidents and incidents[0]["severity"] == "critical" else Hue.WARN
    page.headline(SIGNS[standing], hue, f"{name}  {said}", right, right_hue=loud)
    page.pieces("since", _since(gateway, reply, incidents, stale_usec, well=well))
    if not well:
        _draw_why(page, gateway, incidents)
        _draw_commands(page, gateway, incidents)
        _draw_process(page, gateway)
    draw_health(page, gateway, well=well)
    _draw_budget(page, gateway, bars=not well)
    if not well and (strip := strip_text(gateway)):
        page.row("last 2h", strip, lines_max=2)
    _draw_refused(page, gateway)
    if well and gateway["enforcement"].startswith("advisory"):
        page.row("rules", visible(gateway["enforcement"]), hue=Hue.WARN)
    for rival in gateway["rivals"]:
        page.row("rival", visible(rival), hue=Hue.WARN)


def _draw_well_in_one_line(page: Page, gateway: Object) -> None:
    said = f"{visible(gateway['name'])}  {visible(gateway['word'])} since "
    said += since(gateway["since_wall_usec"], gateway["since_usec_ago"])
    page.headline(SIGNS[Standing.READY], HUES[Standing.READY], said)


def _since(gateway: Object, reply: Object, incidents: Sequence[Object], stale_usec: int, *, well: bool) -> list[str]:
    pieces = [since(gateway["since_wall_usec"], gateway["since_usec_ago"] + stale_usec)]
    if well and gateway["pid"] is not None:
        pieces.append(f"pid {gateway['pid']}")
    if incidents:
        pieces.append(who_knows(incidents[0], reply))
    return pieces


def _draw_why(page: Page, gateway: Object, incidents: Sequence[Object]) -> None:
    why = incidents[0]["because"] if incidents else gateway["why"]
    if why or standing_of(gateway) is not Standing.STARTING:
        page.row("why", visible(why) or "no reason is on record")
    ending = gateway["last_exit"]
    if ending is not None:
        said = visible(ending["text"])
        if ending["wall_usec"] is not None:
            said += f" at {clock_time(ending['wall_usec'])} UTC"
        if ending["last_line"]:
            said += f"; {agent_says(ending['last_line'])}"
        page.row("last exit", said)


def _draw_commands(page: Page, gateway: Object, incidents: Sequence[Object]) -> None:
    commands = [command for incident in incidents[:1] for command in incident_commands(incident)]
    commands += gateway_commands(gateway)
    for number, (command, meaning) in enumerate(commands):
        page.command("next" if number == 0 else "", command, meaning)
    for incident in incidents[1:]:
        identity = visible(incident["id"])
        page.row(
            "also", f"{identity} {visible(incident['severity']).upper()}: {visible(incident['title'])}", lines_max=2
        )
        page.command("", f"gatedog incident show {identity}")


def _draw_process(page: Page, gateway: Object) -> None:
    pid = gateway["pid"]
    pieces = ["down" if pid is None else f"pid {pid}"]
    if gateway["what"]:
        pieces.append(f"{visible(gateway['kind'])}: {visible(gateway['what'], TEXT_MAX)}")
    if gateway["chain"]:
        pieces.append(f"{gateway['chain']} unasked ending{'s' if gateway['chain'] > 1 else ''} in a row")
    if gateway["enforcement"] != "unknown":
        pieces.append(f"origin rules: {visible(gateway['enforcement'])}")
    page.row("process", "   ".join(pieces))


def _draw_budget(page: Page, gateway: Object, *, bars: bool) -> None:
    """Draw the windows, each with when it frees; of a gateway that is well only the first that does, to be brief."""
    windows = gateway["budget"]
    own = [window for window in windows if window["account"] == "self_restart" and window["used"]]
    plain = [window for window in windows if window["account"] == "restart"]
    first = next((window for window in plain if window["used"]), None)
    page.pieces("budget", [_window(each, bars=bars, frees=bars or each is first) for each in plain])
    page.pieces("self", [_window(each, bars=bars, frees=True) for each in own])


def _window(window: Object, *, bars: bool, frees: bool) -> str:
    used, limit = window["used"], window["limit"]
    bar = ""
    if bars and 0 < limit <= 8:
        bar = "[" + "#" * min(used, limit) + "-" * max(limit - used, 0) + "] "
    freed = window["next_free_in_usec"]
    when = f" next frees in {duration_text(freed)}" if frees and freed > 0 else ""
    return f"{visible(window['label'])} {bar}{used}/{limit}{when}"


def _draw_refused(page: Page, gateway: Object) -> None:
    refused = gateway["refused"]
    if refused is None:
        return
    times = "1 request" if refused["count"] == 1 else f"{refused['count']} requests"
    last = (
        f"last at {clock_time(refused['wall_usec'])} UTC: {visible(refused['verb'])} by {visible(refused['who'], 80)}"
    )
    page.row("refused", f"{times}, {last} (rule {visible(refused['rule'])})", lines_max=2)


# -- gatedog itself ------------------------------------------------------------------------------------------------


def _draw_stale(page: Page, age_usec: int, why: str, next_command: str) -> None:
    what = f"gatedog  UNREACHABLE - what follows was written {ago(age_usec)}"
    page.headline(SIGNS[Standing.UNKNOWN], Hue.BAD, what, "STALE")
    page.row("why", visible(why))
    page.command("next", visible(next_command) or "systemctl status gatedog")


def _draw_others(page: Page, reply: Object) -> bool:
    drawn = False
    shown = {gateway["name"] for gateway in reply["gateways"]}
    for incident in reply["incidents"]:
        if incident["gateway"] in shown or incident["phase"] == "resolved":
            continue
        drawn = True
        page.blank()
        severity = visible(incident["severity"]).upper()
        about = visible(incident["gateway"]) or "gatedog"
        sign, identity = SIGNS[Standing.DEGRADED], visible(incident["id"])
        page.headline(sign, Hue.WARN, f"{about}  {visible(incident['title'], 120)}", f"{identity}  {severity}")
        page.row("why", visible(incident["because"]))
        for number, (command, meaning) in enumerate(incident_commands(incident)):
            page.command("next" if number == 0 else "", command, meaning)
    return drawn


def _draw_gatedog(page: Page, reply: Object, *, stale: bool, installed: str) -> None:
    critical = sum(1 for waiting in reply["outbox"] if waiting["severity"] == "critical")
    if reply["outbox"]:
        oldest = min(waiting["queued_wall_usec"] for waiting in reply["outbox"])
        channels = sorted({channel for waiting in reply["outbox"] for channel in waiting["waiting"]})
        waits = f"{len(reply['outbox'])} undelivered, oldest of {clock_time(oldest)} UTC, for {', '.join(channels)}"
        page.row("pages", visible(waits), hue=Hue.WARN if critical else None)
    notes = [
        note
        for note, holds in (
            ("clock uncertain since the last boot", reply["clock_uncertain"]),
            ("the host has no network", not reply["has_network"]),
            ("the host is going down", reply["host_going_down"]),
            (f"installed is {installed}: sudo systemctl restart gatedog", installed not in ("", reply["version"])),
        )
        if holds
    ]
    running = reply["now_wall_usec"] - reply["started_wall_usec"]
    said = "last seen" if stale else "ok"
    pieces = [f"{said}: pid {reply['pid']} for {duration_text(running)}", f"outbox {len(reply['outbox'])}"]
    pieces += [f"policy {visible(reply['policy_digest'], 13)[:12] or 'none'}", visible(reply["version"], 20)]
    page.pieces("gatedog", pieces)
    if notes:
        page.row("", "; ".join(notes), hue=Hue.WARN)
