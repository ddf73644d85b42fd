"""Pages through PagerDuty's Events API v2.

What opens an incident triggers an alert under the incident's key, what ends it resolves that key. A notice, or a
restart where `changes` names the channel, becomes a change event, which PagerDuty shows beside the alerts and wakes
nobody with. 202 means that PagerDuty has queued the event, not that a person was told; and an acknowledgement given in
PagerDuty cannot be read back with an integration key, so it does not rest gatedog's own escalation: `gatedog ack` does,
and is passed on to PagerDuty (`keep_up`).

Invariants: the key holds the journal's id, so two histories never share an alert; trigger, acknowledge and resolve
of one incident carry the same key; a body stays within PagerDuty's limits.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import MINUTE
from watchdog.pager.channel import ConfigurationFault, Heard, Receipt, Standing
from watchdog.pager.channels.exchange import Answer, Ask, exchange, judge, request_to
from watchdog.pager.channels.templates import neutral_lines
from watchdog.pager.credential import read_secret
from watchdog.pager.message import NEXT, RUNBOOK, Message, instant_text
from watchdog.policyfile.pagersettings_kinds import PagerDutySettings

BODY_BYTES_MAX = 512 * 1024
SUMMARY_MAX = 1024
KEY_MAX = 255

_EVENTS = "/v2/enqueue"
_CHANGES = "/v2/change/enqueue"


class PagerDutyChannel:
    """One integration of one PagerDuty account."""

    every_usec = 10 * MINUTE

    def __init__(self, settings: PagerDutySettings, *, credentials_directory: str = "", ask: Ask = exchange) -> None:
        self.name = settings.name
        self._settings = settings
        self._credentials_directory = credentials_directory
        self._ask = ask
        self._passed_on: frozenset[tuple[str, str]] = frozenset()

    def deliver(self, message: Message) -> Receipt:
        """Send the event that the page stands for."""
        if _is_notice(message):
            answer = self._send(_CHANGES, change(message), message.idempotency_key)
        else:
            answer = self._send(_EVENTS, event(message), message.idempotency_key)
        return Receipt(detail=f"{answer.said}; queued there, not read by a person yet")

    def keep_up(self, standings: tuple[Standing, ...]) -> tuple[Heard, ...]:
        """Pass acknowledgements on, once each; doing so again would change nothing there."""
        taken = {
            (standing.incident, standing.acknowledged_by): standing
            for standing in standings
            if standing.acknowledged_by and standing.over_wall_usec is None
        }
        self._passed_on &= taken.keys()
        for key, standing in taken.items():
            if key in self._passed_on:
                continue
            body = {"event_action": "acknowledge", "dedup_key": standing.message.dedup_key[:KEY_MAX]}
            self._send(_EVENTS, body, standing.message.idempotency_key)
            self._passed_on |= {key}
        return ()

    def _send(self, path: str, fields: Mapping[str, object], key: str) -> Answer:
        settings = self._settings
        routing_key = read_secret(settings.web.credential_file, credentials_directory=self._credentials_directory)
        body = json.dumps({"routing_key": routing_key, **fields}, ensure_ascii=False).encode()
        if len(body) > BODY_BYTES_MAX:
            raise ConfigurationFault(f"the event has {len(body)} bytes; PagerDuty takes {BODY_BYTES_MAX}")
        url = settings.web.url.rstrip("/") + path
        answer = self._ask(
            replace(
                request_to(self.name, settings.web, url, settings.timeout_usec),
                headers=(("Content-Type", "application/json"), ("Idempotency-Key", key)),
                body=body,
                secret=True,
            )
        )
        judge(answer, self.name)
        return answer


def event(message: Message) -> Mapping[str, object]:
    """Word a page as an event, without the routing key."""
    key = message.dedup_key[:KEY_MAX]
    if message.update is PageUpdate.RESOLVED:
        return {"event_action": "resolve", "dedup_key": key}
    fields: dict[str, object] = {
        "event_action": "trigger",
        "dedup_key": key,
        "client": "gatedog",
        "payload": {
            "summary": _summary(message),
            "source": message.host or "gatedog",
            "severity": message.severity.value,
            "timestamp": instant_text(message.queued_wall_usec),
            "component": message.gateway,
            "group": "gatedog",
            "class": message.rule,
            "custom_details": _details(message),
        },
    }
    return fields | _links(message)


def change(message: Message) -> Mapping[str, object]:
    """Word a notice as a change event, without the routing key."""
    fields: dict[str, object] = {
        "payload": {
            "summary": _summary(message),
            "source": message.host or "gatedog",
            "timestamp": instant_text(message.queued_wall_usec),
            "custom_details": _details(message),
        },
    }
    return fields | _links(message)


def _is_notice(message: Message) -> bool:
    """Whether the page must wake nobody. The end of an incident resolves it, however quietly it is told."""
    return message.severity is Severity.INFO and message.update is not PageUpdate.RESOLVED


def _summary(message: Message) -> str:
    first = neutral_lines(message)[0]
    return first if len(first) <= SUMMARY_MAX else f"{first[: SUMMARY_MAX - 1]}\u2026"


def _details(message: Message) -> Mapping[str, str]:
    """Take the lines apart again: PagerDuty shows a table, sorted by name."""
    details = {"page": message.page, "update": message.update.value, "key": message.idempotency_key}
    for line in neutral_lines(message)[1:]:
        if line.startswith(NEXT):
            details["next"] = line.removeprefix(NEXT)
        if line.startswith(RUNBOOK) and not message.runbook:  # a link has its own place
            details["runbook"] = line.removeprefix(RUNBOOK)
        name, colon, rest = line.partition(": ")
        if colon and name in ("why", "gatedog", "agent says"):
            details[name] = rest
    return details


def _links(message: Message) -> dict[str, object]:
    return {"links": [{"href": message.runbook, "text": "runbook"}]} if message.runbook else {}
