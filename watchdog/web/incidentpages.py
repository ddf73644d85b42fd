"""The list of incidents, and one of them: its picture, its timeline, its numbers, as an export would show them.

Invariant: an incident is told by the daemon, and read nowhere else; every record has been through a Redactor. What
could not be had is said. Deliberately not here: evidence files and the check of the journal, which need the state
folder (`gatedog incident export`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from watchdog.control.recordreply import record_of
from watchdog.core.identity import IncidentId
from watchdog.core.timeline import HOUR
from watchdog.report.dossier import Dossier, heading, is_of_gateway
from watchdog.report.incidenthtml import render_article
from watchdog.report.moments import instant
from watchdog.report.redaction import Redactor
from watchdog.web.asking import BATCH, Daemon, NoAnswer, Reading
from watchdog.web.frame import next_line, render_page
from watchdog.web.gatewaypage import incident_link
from watchdog.web.html import Html, element, joined

Object = Mapping[str, Any]

HERE: Final = "/incidents"
BEFORE: Final = 200
"""Records before the incident's first that are looked at for what led to it."""
AFTER: Final = 100
NEAR_USEC: Final = 2 * HOUR


def render_incidents(reading: Reading, incidents: list[Object]) -> str:
    """Write the list: what is open first, then what is remembered."""
    left = [each for each in incidents if each["phase"] != "resolved"]
    over = [each for each in incidents if each["phase"] == "resolved"]
    content = [element("h1", "Incidents"), *_table("Open", left, "open"), *_table("Over, and remembered", over, "over")]
    return render_page("Incidents", HERE, reading, *content)


def render_incident(reading: Reading, dossier: Dossier) -> str:
    """Write one."""
    commands = [next_line(f"gatedog ack {dossier.incident}", "take it: pages rest")]
    commands.append(next_line(f"gatedog runbook show {dossier.incident}", "what to do about it"))
    commands.append(next_line(f"sudo gatedog incident export {dossier.incident} --html FILE", "with evidence, checked"))
    content = joined(
        Html(render_article(dossier)), element("h2", "Next, on the host"), element("ul", *commands, class_="next")
    )
    return render_page(str(dossier.incident), HERE, reading, element("div", content, class_="incident"))


def render_trouble(reading: Reading, title: str, trouble: NoAnswer, here: str = HERE) -> str:
    """Write what there is to say about something that could not be had."""
    content = [element("h1", title), element("p", trouble.why), element("ul", next_line(trouble.next_command))]
    return render_page(title, here, reading, *content)


def gather(daemon: Daemon, identity: str, journal_id: str) -> Dossier:
    """Ask for an incident and for what happened around it. Raises NoAnswer."""
    reply = daemon.ask("Explain", incident=identity)
    filed = [found for each in reply["records"] if (found := record_of(each)) is not None]
    left_out = ["the evidence and its check: they are read on the host, with sudo gatedog incident export"]
    if len(filed) < len(reply["records"]):
        left_out.append(f"{len(reply['records']) - len(filed)} records that a newer gatedog wrote")
    if len(reply["records"]) >= BATCH:
        left_out.append(f"the incident's records before its newest {len(reply['records'])}: the daemon tells no more")
    if not filed:
        raise NoAnswer(f"no record of {identity} can be read", f"gatedog incident show {identity}")
    seqs = frozenset(record.stamped.stamp.seq for record in filed)
    bare = Dossier(incident=IncidentId(identity), journal_id=journal_id, records=tuple(filed), filed=seqs)
    gateway = heading(bare).gateway
    first, last = filed[0].stamped.stamp, filed[-1].stamped.stamp
    told = daemon.records(max(first.seq - 1 - BEFORE, 0), limit=BATCH)
    beside = [found for each in told if each["seq"] <= last.seq + AFTER and (found := record_of(each)) is not None]
    near = [each for each in beside if _is_near(each.stamped.stamp.wall_usec, first.wall_usec, last.wall_usec)]
    others = [each for each in near if each.stamped.stamp.seq not in seqs and is_of_gateway(each, gateway)]
    redactor = Redactor()
    whole = tuple(sorted((*filed, *others), key=lambda record: record.stamped.stamp.seq))
    dossier = replace(bare, records=redactor.records(whole), left_out=tuple(left_out), seen=_seen(daemon, identity))
    return replace(dossier, redacted=redactor.log())


def _is_near(wall_usec: int, first_usec: int, last_usec: int) -> bool:
    return first_usec - NEAR_USEC <= wall_usec <= last_usec + NEAR_USEC


def _seen(daemon: Daemon, identity: str) -> tuple[str, ...]:
    known = daemon.ask("Incidents", all=True)["incidents"]
    mark = next((each.get("fingerprint") for each in known if each["id"] == identity), "")
    return tuple(each["id"] for each in known if mark and each.get("fingerprint") == mark and each["id"] != identity)


def _table(title: str, incidents: list[Object], place: str) -> list[Html]:
    head = element("h2", title, id=place)
    if not incidents:
        return [element("section", head, element("p", "None."), aria_labelledby=place)]
    names = ("incident", "gateway", "severity", "phase", "opened", "what")
    top = element("thead", element("tr", *(element("th", name, scope="col") for name in names)))
    rows = [_row(each, place) for each in incidents]
    table = element("table", top, element("tbody", *rows), class_="incidents", aria_labelledby=place)
    return [element("section", head, table, aria_labelledby=place)]


def _row(incident: Object, place: str) -> Html:
    phase = incident["phase"]
    if phase == "acknowledged":
        phase = f"acknowledged by {incident['acknowledged_by']}"
    cells = (
        ("gateway", incident["gateway"] or "gatedog"),
        ("severity", incident["severity"]),
        ("phase", phase),
        ("opened", instant(incident["opened_wall_usec"])),
        ("what", joined(incident["title"] or incident["rule"], ": ", incident["because"])),
    )
    said = [element("td", text, data_name=name) for name, text in cells]
    first = element("th", incident_link(incident, place), scope="row")
    return element("tr", first, *said, class_=incident["severity"])
