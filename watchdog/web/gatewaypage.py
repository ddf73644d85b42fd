"""The first page: every gateway, worst first, then what else is open, and how gatedog itself is.

Invariant: as report/statuspage.py, whose words it uses: unknown and stale are never shown as well, every bad block
holds a command, each number has its window, each instant its age.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from watchdog.core.timeline import duration_text
from watchdog.report.moments import ago, clock_time, since
from watchdog.report.redaction import Redactor
from watchdog.report.standing import SIGNS, Standing, standing_of
from watchdog.report.statuswords import (
    gateway_commands,
    incident_commands,
    open_incidents,
    prospect,
    rank,
    who_knows,
)
from watchdog.report.strip import strip_text
from watchdog.web.asking import Reading
from watchdog.web.frame import next_line, render_page
from watchdog.web.html import Html, agent_words, element, joined

Object = Mapping[str, Any]

HERE: Final = "/"
_SELF: Final = "self_restart"


def render_gateways(reading: Reading) -> str:
    """Write the page."""
    content = [element("h1", "Gateways")]
    if (status := reading.status) is not None:
        content += [
            _gateway(each, status, reading) for each in sorted(status["gateways"], key=lambda one: rank(one, status))
        ]
        if not status["gateways"]:
            content.append(element("p", "No gateway is watched: ", element("code", "gatedog policy check")))
        content += _others(status)
        content += _itself(status, reading)
    return render_page("Gateways", HERE, reading, *content)


def facts(pairs: Iterable[tuple[str, Html | str]]) -> Html:
    """List names and what is to be said of them; what is empty is left out."""
    rows = [joined(element("dt", name), element("dd", said)) for name, said in pairs if said]
    return element("dl", *rows)


def incident_link(incident: Object, place: str) -> Html:
    """Link an incident; `place` makes the link's id unique in its page."""
    identity = incident["id"]
    return element("a", identity, href=f"/incidents/{identity}", id=f"{place}-{identity}")


def _gateway(gateway: Object, status: Object, reading: Reading) -> Html:
    name = gateway["name"]
    standing = Standing.UNKNOWN if reading.stale else standing_of(gateway)
    incidents = open_incidents(status, name)
    said = gateway["word"]
    if reading.stale:
        said = f"UNKNOWN - was {said} {ago(reading.age_usec)}"
    elif awaits := prospect(gateway, status):
        said = f"{said} - {awaits}"
    title = element(
        "h2",
        element("span", SIGNS[standing], class_="sign", aria_hidden="true"),
        " ",
        element("span", name, class_="name"),
        " ",
        element("span", said, class_="word"),
        id=f"gateway-{name}",
    )
    parts = [title, facts(_told(gateway, status, incidents, reading))]
    commands = [each for incident in incidents[:1] for each in incident_commands(incident)] + gateway_commands(gateway)
    if commands and (incidents or standing is not Standing.READY):
        parts.append(element("h3", "Next, on the host"))
        parts.append(element("ul", *(next_line(*each) for each in commands), class_="next"))
    parts += [_budget(gateway), _probes(gateway), _strip(gateway)]
    return element(
        "article", *parts, class_=f"gateway {standing.name.lower()}", aria_labelledby=f"gateway-{name}", data_name=name
    )


def _told(
    gateway: Object, status: Object, incidents: list[Object], reading: Reading
) -> Iterable[tuple[str, Html | str]]:
    age_usec = reading.age_usec if reading.stale else 0
    yield "since", since(gateway["since_wall_usec"], gateway["since_usec_ago"] + age_usec)
    for incident in incidents:
        told = f" {incident['severity'].upper()}: {incident['title']}. {who_knows(incident, status)}"
        yield "incident", joined(incident_link(incident, "open"), told)
    yield "why", incidents[0]["because"] if incidents else gateway["why"]
    if (ending := gateway["last_exit"]) is not None and (incidents or gateway["pid"] is None):
        when = "" if ending["wall_usec"] is None else f" at {clock_time(ending['wall_usec'])}"
        words = joined("; ", agent_words(ending["last_line"])) if ending["last_line"] else Html()
        yield "last exit", joined(f"{ending['text']}{when}", words)
    process = "down" if gateway["pid"] is None else f"pid {gateway['pid']}"
    what = Redactor().text(gateway["what"])  # a command line, in which people put keys
    yield "process", f"{process}, {gateway['kind']}: {what}" if what else process
    if gateway["chain"]:
        yield "in a row", f"{gateway['chain']} unasked ending{'s' if gateway['chain'] > 1 else ''}"
    yield "health", _health(gateway)
    if (refused := gateway["refused"]) is not None:
        times = "1 request" if refused["count"] == 1 else f"{refused['count']} requests"
        last = f"{refused['verb']} by {refused['who']} at {clock_time(refused['wall_usec'])} (rule {refused['rule']})"
        yield "refused", f"{times}, the last: {last}"
    if gateway["enforcement"] != "unknown":
        yield "origin rules", gateway["enforcement"]
    for rival in gateway["rivals"]:
        yield "rival", rival
    if (quiet := gateway.get("maintenance")) is not None:
        yield "maintenance", _quiet(quiet)
    for quiet in gateway.get("silences") or ():
        yield "silence", f"{quiet['subject'] or 'everything'}: {_quiet(quiet)}"


def _quiet(quiet: Object) -> str:
    return f"by {quiet['who']} for {duration_text(quiet['until_in_usec'])} more: {quiet['because']}"


def _health(gateway: Object) -> str:
    health = gateway.get("health")
    if health is None or gateway["pid"] is None:
        return ""
    words = [health["word"] if health["probes"] else "not looked at: the policy has no probe", *health["signs"]]
    if health["stale_code"]:
        words.append(f"the next restart runs different code: {', '.join(health['stale_code'])} is newer")
    return "; ".join(words)


def _budget(gateway: Object) -> Html:
    shown = [each for each in gateway["budget"] if each["account"] != _SELF or each["used"]]
    if not shown:
        return Html()
    rows = [_window(gateway, window, number) for number, window in enumerate(shown)]
    return joined(element("h3", "Restart budget"), element("ul", *rows, class_="budget"))


def _window(gateway: Object, window: Object, number: int) -> Html:
    used, limit = window["used"], window["limit"]
    name = f"{'its own, ' if window['account'] == _SELF else ''}{window['label']}"
    mark = f"budget-{gateway['name']}-{number}"
    gauge = element(
        "meter",
        f"{used} of {limit}",
        min=0,
        max=max(limit, 1),
        value=min(used, limit),
        low=max(limit - 1, 0),
        optimum=0,
        aria_labelledby=mark,
    )
    said = element("span", element("b", name), f" {used} of {limit} used", id=mark)
    return element("li", gauge, " ", said, class_="spent" if used >= limit else None)


def _probes(gateway: Object) -> Html:
    probes = (gateway.get("health") or {"probes": ()})["probes"]
    if not probes:
        return Html()
    return joined(element("h3", "Probes"), element("ul", *(_probe(each) for each in probes), class_="probes"))


def _probe(probe: Object) -> Html:
    word = "flapping" if probe["flapping"] else probe["phase"]
    sign = {"passing": "\u25cf", "failing": "\u2716"}.get(word, "\u25d0")
    since_ = f" for {duration_text(probe['since_usec_ago'])}" if probe["since_usec_ago"] is not None else ""
    lost = ", cannot be run" if probe["lost_sight"] else ""
    words = joined("; ", agent_words(probe["detail"])) if probe["detail"] and word != "passing" else Html()
    said = joined(element("b", probe["name"]), f" {word}{since_}{lost}", words)
    return element("li", element("span", sign, class_="sign", aria_hidden="true"), " ", said, class_=f"probe-{word}")


def _strip(gateway: Object) -> Html:
    drawn, _, legend = strip_text(gateway).partition("  ")
    if not drawn:
        return Html()
    said = ", ".join(f"{count} {what}" for what in ("start", "exit") if (count := _marks(gateway, what)))
    return joined(
        element("h3", "Last 2 hours"),
        element("p", element("code", drawn, role="img", aria_label=f"{said} in the last 2 hours", class_="strip")),
        element("p", legend, class_="dim", aria_hidden="true"),
    )


def _marks(gateway: Object, what: str) -> int:
    return sum(1 for mark in gateway["strip"] if mark["what"] == what)


def _others(status: Object) -> list[Html]:
    shown = {gateway["name"] for gateway in status["gateways"]}
    left = [each for each in status["incidents"] if each["gateway"] not in shown and each["phase"] != "resolved"]
    if not left:
        return []
    rows = [
        element("li", incident_link(each, "other"), f" {each['severity'].upper()}: {each['title']}. {each['because']}")
        for each in left
    ]
    return [
        element("section", element("h2", "Open besides", id="others"), element("ul", *rows), aria_labelledby="others")
    ]


def _itself(status: Object, reading: Reading) -> list[Html]:
    running = duration_text(max(status["now_wall_usec"] - status["started_wall_usec"], 0))
    rows: list[tuple[str, Html | str]] = [
        ("daemon", f"{'last seen' if reading.stale else 'answers'}; pid {status['pid']} for {running}"),
        ("policy", f"{status['policy_source']}, digest {status['policy_digest'][:12] or 'none'}"),
        ("pages", _outbox(status)),
        ("clock", "uncertain since the last boot" if status["clock_uncertain"] else ""),
        ("network", "" if status["has_network"] else "the host has none"),
        ("host", "going down" if status["host_going_down"] else ""),
    ]
    if reading.pager is not None:
        rows += [(f"channel {each['name']}", _channel(each, reading.now_usec)) for each in reading.pager["channels"]]
        rows += [(f"switch {each['name']}", _switch(each, reading.now_usec)) for each in reading.pager["switches"]]
        if not reading.pager["switches"]:
            rows.append(("dead-man switch", "none: when gatedog is gone, nobody notices"))
    return [element("section", element("h2", "gatedog", id="itself"), facts(rows), aria_labelledby="itself")]


def _outbox(status: Object) -> str:
    if not status["outbox"]:
        return "none waits"
    channels = sorted({channel for waiting in status["outbox"] for channel in waiting["waiting"]})
    oldest = min(waiting["queued_wall_usec"] for waiting in status["outbox"])
    return f"{len(status['outbox'])} undelivered, the oldest of {clock_time(oldest)}, for {', '.join(channels)}"


def _channel(channel: Object, now_usec: int) -> str:
    ok, error = channel["last_ok_wall_usec"], channel["last_error_wall_usec"]
    said = f"{channel['kind']}, last took a page {_ago(ok, now_usec)}"
    if channel["waiting"]:
        said += f", {channel['waiting']} wait"
    if error is not None and (ok is None or error > ok):
        said += f"; FAILS since {clock_time(error)}: {channel['last_error']}"
    return said


def _switch(switch: Object, now_usec: int) -> str:
    said = f"{switch['kind']}, last heard {_ago(switch['last_ok_wall_usec'], now_usec)}"
    return f"{said}; FAILS: {switch['last_error']}" if switch["last_error"] else said


def _ago(wall_usec: int | None, now_usec: int) -> str:
    return "never since its start" if wall_usec is None else ago(max(now_usec - wall_usec, 0))
