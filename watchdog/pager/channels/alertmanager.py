"""Pages as alerts in a Prometheus Alertmanager, by its API v2.

An Alertmanager keeps alerts in memory alone and ends what is not sent again. So an open incident is sent every
minute, each time for four more, and its end for five minutes after it (`keep_up`). The price: when gatedog dies, the
Alertmanager ends its alerts and tells people so. The annotation `gatedog` says what that means, and only a dead-man
switch outside of both can tell it from a real end.

Invariants: labels never change within one incident but for the severity, and the alert of a severity that was left
is ended in the same request; what changes goes into annotations. A silence is shown and never counted as
acknowledgement: an Alertmanager asks nobody who they are, so the supervised agent can silence, too.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote as quote_url

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import MINUTE
from watchdog.pager.channel import Heard, Receipt, Silenced, Standing
from watchdog.pager.channels.exchange import Answer, Ask, Request, exchange, judge, request_to
from watchdog.pager.channels.templates import neutral_lines
from watchdog.pager.clock import wall_clock
from watchdog.pager.credential import read_secret
from watchdog.pager.escape import one_line
from watchdog.pager.message import Message, instant_text
from watchdog.policyfile.pagersettings_kinds import AlertmanagerSettings

ENDS_AFTER_USEC = 4 * MINUTE
"""As Prometheus does: four missed rounds."""

OVER_FOR_USEC = 5 * MINUTE
"""How long the end of an incident is sent again: one lost request must not leave it open."""

ALERTS_MAX = 500
"""Incidents in one request, the newest; an Alertmanager with more is no help to anybody."""

SILENCES_MAX = 8
"""Silences looked up in one round, for the names of their authors."""

_SILENT = "If this ended by itself, gatedog went silent: look at the host."
_ALERTS = "/api/v2/alerts"
_SILENCE = "/api/v2/silence"

Alert = Mapping[str, object]


class AlertmanagerChannel:
    """One Alertmanager."""

    every_usec = MINUTE

    def __init__(
        self,
        settings: AlertmanagerSettings,
        *,
        credentials_directory: str = "",
        ask: Ask = exchange,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._credentials_directory = credentials_directory
        self._ask = ask
        self._clock = clock

    def deliver(self, message: Message) -> Receipt:
        """Post the alert as it is now."""
        over = message.queued_wall_usec if message.update is PageUpdate.RESOLVED else None
        answer = self._post(alerts(message, self._clock(), over))
        return Receipt(detail=f"{answer.said}; its routes decide who is told")

    def keep_up(self, standings: tuple[Standing, ...]) -> tuple[Heard, ...]:
        """Send what is open, and what has just ended, again; see who silenced it."""
        now_usec = self._clock()
        due = [
            standing
            for standing in standings
            if standing.over_wall_usec is None or now_usec - standing.over_wall_usec <= OVER_FOR_USEC
        ][-ALERTS_MAX:]
        if not due:
            return ()
        self._post(
            tuple(alert for standing in due for alert in alerts(standing.message, now_usec, standing.over_wall_usec))
        )
        still_open = {standing.incident for standing in due if standing.over_wall_usec is None}
        return self._silences(due[-1].message.journal_id, still_open) if still_open else ()

    def _silences(self, journal_id: str, still_open: set[str]) -> tuple[Heard, ...]:
        matcher = quote_url(f'journal="{journal_id}"', safe="")
        answer = self._get(f"{_ALERTS}?active=false&inhibited=false&unprocessed=false&filter={matcher}")
        judge(answer, self.name)
        heard: list[Heard] = []
        authors: dict[str, str] = {}
        for incident, silence in silenced(answer.body):
            if incident in still_open:
                if silence not in authors and len(authors) < SILENCES_MAX:
                    authors[silence] = self._author(silence)
                heard.append(Silenced(channel=self.name, incident=incident, by=authors.get(silence, "somebody")))
        return tuple(heard)

    def _author(self, silence: str) -> str:
        answer = self._get(f"{_SILENCE}/{quote_url(silence, safe='')}")
        author = answer.fields().get("createdBy") if answer.is_good else None
        return one_line(author, 40) if isinstance(author, str) and author else "somebody"

    def _post(self, posted: tuple[Alert, ...]) -> Answer:
        body = json.dumps(posted, ensure_ascii=False).encode()
        answer = self._ask(replace(self._request(_ALERTS), body=body))
        judge(answer, self.name)
        return answer

    def _get(self, path: str) -> Answer:
        return self._ask(replace(self._request(path), method="GET", wants_body=True))

    def _request(self, path: str) -> Request:
        web = self._settings.web
        headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
        if web.credential_file:
            secret = read_secret(web.credential_file, credentials_directory=self._credentials_directory)
            headers = (*headers, ("Authorization", self._authorization(secret)))
        request = request_to(self.name, web, web.url.rstrip("/") + path, self._settings.timeout_usec)
        return replace(request, headers=headers, secret=bool(web.credential_file))

    def _authorization(self, secret: str) -> str:
        if not self._settings.username:
            return f"Bearer {secret}"
        return "Basic " + base64.b64encode(f"{self._settings.username}:{secret}".encode()).decode()


def alerts(message: Message, now_usec: int, over_wall_usec: int | None) -> tuple[Alert, ...]:
    """Word a page as the alert of its severity, and the end of those of the others.

    The end of an incident is told with severity info, and a story may grow louder: labels are all an Alertmanager
    knows an alert by, so those it may have under another severity are ended by name. Ending what was never there
    tells nobody.
    """
    firing = None if over_wall_usec is not None else message.severity
    others = tuple(severity for severity in Severity if severity is not firing)
    ended = over_wall_usec if over_wall_usec is not None else min(message.queued_wall_usec, now_usec)
    ends = tuple(_alert(message, severity, min(ended, now_usec)) for severity in others if message.incident)
    return ends if firing is None else (_alert(message, firing, now_usec + ENDS_AFTER_USEC), *ends)


def silenced(body: bytes) -> tuple[tuple[str, str], ...]:
    """Return incident and id of a silence for each silenced alert in an answer, whatever else is in it."""
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    return tuple(pair for each in listed if (pair := _silence_of(each)) is not None) if isinstance(listed, list) else ()


def _silence_of(alert: object) -> tuple[str, str] | None:
    match alert:
        case {"labels": {"incident": str(incident)}, "status": {"silencedBy": [str(silence), *_]}}:
            return incident, silence
        case _:
            return None


def _alert(message: Message, severity: Severity, ends_usec: int) -> Alert:
    first, *rest = neutral_lines(message)
    annotations = {"summary": first, "description": "\n".join(rest), "gatedog": _SILENT, "page": message.page}
    if message.runbook:
        annotations["runbook_url"] = message.runbook
    return {
        "labels": _labels(message, severity),
        "annotations": annotations,
        "startsAt": instant_text(min(message.queued_wall_usec, ends_usec)),
        "endsAt": instant_text(ends_usec),
    } | ({"generatorURL": message.runbook} if message.runbook else {})


def _labels(message: Message, severity: Severity) -> Mapping[str, str]:
    labels = {
        "alertname": "Gatedog",
        "severity": severity.value,
        "gateway": message.gateway,
        "instance": message.host,
        "journal": message.journal_id,
    }
    story = {"incident": message.incident} if message.incident else {"page": message.page}
    return labels | story | ({"test": "true"} if message.update is PageUpdate.TEST else {})
