"""Pages as notifications of an ntfy server.

The first page of an incident carries the incident's sequence id, so its end takes the place of that notification on
the telephone. Every page in between has an id of its own: one that only replaces another may not ring. They are
cleared away when somebody has the incident or it is over (`keep_up`); servers before 2.16 know no sequences, show
everything and clear nothing.

Invariants: text is never Markdown; a token is required, because who knows the name of an open topic can read pages
and write false ones.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import MINUTE
from watchdog.pager.channel import ConfigurationFault, Heard, Receipt, Standing
from watchdog.pager.channels.exchange import Ask, Request, exchange, judge, request_to
from watchdog.pager.credential import read_secret
from watchdog.pager.fit import fit
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import NtfySettings

MESSAGE_BYTES_MAX = 4000
"""ntfy turns more than 4096 bytes into a file to download."""

TITLE_BYTES_MAX = 500

CLEARED_MAX = 16
"""Notifications cleared for one incident, the newest."""

_PRIORITY = {Severity.CRITICAL: 5, Severity.WARNING: 4, Severity.INFO: 2}
_TAGS = {Severity.CRITICAL: "rotating_light", Severity.WARNING: "warning", Severity.INFO: "information_source"}


class NtfyChannel:
    """One topic."""

    every_usec = MINUTE

    def __init__(self, settings: NtfySettings, *, credentials_directory: str = "", ask: Ask = exchange) -> None:
        self.name = settings.name
        self._settings = settings
        self._credentials_directory = credentials_directory
        self._ask = ask
        self._cleared: frozenset[tuple[str, str]] = frozenset()

    def deliver(self, message: Message) -> Receipt:
        """Publish the page."""
        fields = {"topic": self._settings.topic, **notification(message)}
        body = json.dumps(fields, ensure_ascii=False).encode()
        answer = self._ask(replace(self._request(""), body=body))
        judge(answer, self.name)
        return Receipt(detail=answer.said, reference=sequence(message))

    def keep_up(self, standings: tuple[Standing, ...]) -> tuple[Heard, ...]:
        """Clear the notifications of what needs nobody any more, once each, but for the one that says it is over."""
        done = {
            (standing.incident, told.reference)
            for standing in standings
            if not standing.is_open
            for told in standing.told[-CLEARED_MAX:]
            if told.reference and (standing.over_wall_usec is None or told.reference != _story(standing))
        }
        self._cleared &= done
        for incident, reference in sorted(done - self._cleared):
            self._clear(reference)
            self._cleared |= {(incident, reference)}
        return ()

    def _clear(self, reference: str) -> None:
        path = f"/{self._settings.topic}/{reference}/clear"
        answer = self._ask(replace(self._request(path), method="PUT"))
        try:
            judge(answer, self.name)
        except ConfigurationFault:
            return  # an older server: the notification stays, and nothing is lost by that

    def _request(self, path: str) -> Request:
        web = self._settings.web
        if not web.credential_file:
            raise ConfigurationFault(f"channel {self.name}: an ntfy topic without a token is open to everybody")
        token = read_secret(web.credential_file, credentials_directory=self._credentials_directory)
        headers = (("Content-Type", "application/json"), ("Authorization", f"Bearer {token}"))
        request = request_to(self.name, web, (web.url.rstrip("/") + path) or "/", self._settings.timeout_usec)
        return replace(request, headers=headers, secret=True)


def notification(message: Message) -> Mapping[str, object]:
    """Word a page as a notification, without its topic."""
    lines = fit(message, MESSAGE_BYTES_MAX, measure=_bytes, titled=False)
    tags = [_TAGS[message.severity], f"gatedog-{message.update.value}"]
    return {
        "title": fit(message, TITLE_BYTES_MAX, measure=_bytes)[0],
        "message": "\n".join(lines),
        "priority": _PRIORITY[message.severity],
        "tags": tags,
        "markdown": False,
        "sequence_id": sequence(message),
    } | ({"click": message.runbook} if message.runbook else {})


def sequence(message: Message) -> str:
    """Name the notification: the first and the last of a story share a name, all others have their own."""
    if message.update in (PageUpdate.OPENED, PageUpdate.RESOLVED):
        return _name(message.dedup_key)
    return _name(f"{message.dedup_key}:{message.page}")


def _story(standing: Standing) -> str:
    return _name(standing.message.dedup_key)


def _name(key: str) -> str:
    """Return a name ntfy takes, [-_A-Za-z0-9], that says nothing about what it names."""
    return f"gd-{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def _bytes(text: str) -> int:
    return len(text.encode())
