"""Pages through Pushover, whose emergencies ring until somebody acknowledges, and which says who did.

A critical page is an emergency: Pushover rings it every `retry` for at most `expire`, and gives a receipt that is
asked every few seconds whether a person took it (`keep_up`). When somebody has the incident by another way, or it is
over, or a newer page of it rings, the older ones are made to stop. Everything else is sent once.

Invariants: an acknowledgement counts because Pushover knows who tapped it; the receipt gives access to nothing
without the application's token; text is never HTML. Neither the token nor a user's key is ever repeated.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote as quote_url
from urllib.parse import urlencode

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import SECOND
from watchdog.pager.channel import Acknowledged, ConfigurationFault, Heard, Receipt, Standing, Told
from watchdog.pager.channels.exchange import Answer, Ask, Request, exchange, judge, request_to
from watchdog.pager.credential import read_secret
from watchdog.pager.escape import one_line
from watchdog.pager.fit import fit
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import PushoverSettings

MESSAGE_MAX = 1024
TITLE_MAX = 250
URL_MAX = 512

POLLS_MAX = 10
"""Receipts asked in one round, the newest of the newest incidents."""

_PRIORITY = {Severity.CRITICAL: 2, Severity.WARNING: 1, Severity.INFO: -1}
_EMERGENCY = 2


class PushoverChannel:
    """One application and one user or group."""

    every_usec = 10 * SECOND

    def __init__(self, settings: PushoverSettings, *, credentials_directory: str = "", ask: Ask = exchange) -> None:
        self.name = settings.name
        self._settings = settings
        self._credentials_directory = credentials_directory
        self._ask = ask
        self._stopped: frozenset[str] = frozenset()

    def deliver(self, message: Message) -> Receipt:
        """Send the page; before the end of an incident is told, its emergencies are made to stop."""
        if message.update is PageUpdate.RESOLVED:
            self._post(f"receipts/cancel_by_tag/{tag(message)}.json", {}, may_be_gone=True)
        user = self._secret(self._settings.user_file)
        answer = self._post("messages.json", {"user": user, **notification(message, self._settings)})
        if _PRIORITY[message.severity] != _EMERGENCY:
            return Receipt(detail=answer.said)
        # Without its receipt an emergency could not be acknowledged: half an answer sends it again, and rings twice.
        reference = answer.fields().get("receipt")
        return Receipt(detail=f"{answer.said}; rings until it is acknowledged", reference=_checked(reference))

    def keep_up(self, standings: tuple[Standing, ...]) -> tuple[Heard, ...]:
        """Ask who took what rings; make stop what need not ring any more."""
        ringing = tuple((standing, told) for standing in standings for told in standing.told if told.reference)
        self._stopped &= {told.reference for _, told in ringing}
        heard: list[Heard] = []
        for standing, told in ringing[-POLLS_MAX:]:
            if told.reference in self._stopped:
                continue
            # Asked before it is stopped: somebody may have tapped the older page while the newer one was on its way.
            heard += self._ask_receipt(standing, told) if standing.is_open else ()
            if not standing.is_open or told is not standing.told[-1]:
                self._post(f"receipts/{_checked(told.reference)}/cancel.json", {}, may_be_gone=True)
                self._stopped |= {told.reference}
        return tuple(heard)

    def _ask_receipt(self, standing: Standing, told: Told) -> tuple[Heard, ...]:
        query = urlencode({"token": self._secret(self._settings.web.credential_file)})
        path = f"receipts/{_checked(told.reference)}.json?{query}"
        answer = self._ask(replace(self._request(path), method="GET", wants_body=True))
        judge(answer, self.name)
        fields = answer.fields()
        if fields.get("acknowledged") != 1:
            if fields.get("expired") == 1:  # nobody can take it any more; gatedog itself pages again
                self._stopped |= {told.reference}
            return ()
        by, at = (
            _who(fields.get("acknowledged_by"), fields.get("acknowledged_by_device")),
            fields.get("acknowledged_at"),
        )
        wall_usec = at * SECOND if isinstance(at, int) and at > 0 else None
        heard = Acknowledged(channel=self.name, incident=standing.incident, page=told.page, by=by, wall_usec=wall_usec)
        return (heard,)

    def _post(self, path: str, fields: Mapping[str, str], *, may_be_gone: bool = False) -> Answer:
        token = self._secret(self._settings.web.credential_file)
        body = urlencode({"token": token, **fields}).encode()
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        answer = self._ask(replace(self._request(path), headers=headers, body=body, wants_body=True))
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS and answer.header("X-Limit-App-Remaining") == "0":
            # Retrying would last until the first of next month.
            raise ConfigurationFault(f"{answer.said}: this month's messages are used up; buy more, or use another way")
        if not (may_be_gone and 400 <= answer.status < 500 and answer.status != HTTPStatus.TOO_MANY_REQUESTS):
            judge(answer, self.name)
        return answer

    def _request(self, path: str) -> Request:
        web = self._settings.web
        url = f"{web.url.rstrip('/')}/1/{path}"
        return replace(request_to(self.name, web, url, self._settings.timeout_usec), secret=True)

    def _secret(self, path: str) -> str:
        if not path:
            raise ConfigurationFault(f"channel {self.name}: credential_file and user_file are both needed")
        return read_secret(path, credentials_directory=self._credentials_directory)


def notification(message: Message, settings: PushoverSettings) -> Mapping[str, str]:
    """Word a page as Pushover's parameters, without token and user."""
    fields = {
        "title": fit(message, TITLE_MAX)[0],
        "message": "\n".join(fit(message, MESSAGE_MAX, measure=_bytes, titled=False)) or message.title[:MESSAGE_MAX],
        "priority": str(_PRIORITY[message.severity]),
        "timestamp": str(message.queued_wall_usec // SECOND),
    }
    if _PRIORITY[message.severity] == _EMERGENCY:
        fields |= {
            "retry": str(settings.retry_usec // SECOND),
            "expire": str(settings.expire_usec // SECOND),
            "tags": tag(message),
        }
    if message.runbook and len(message.runbook) <= URL_MAX:
        fields |= {"url": message.runbook, "url_title": "runbook"}
    return fields


def tag(message: Message) -> str:
    """Name the incident, by letters that may stand in a path and a list."""
    return f"gd-{hashlib.sha256(message.dedup_key.encode()).hexdigest()[:24]}"


def _who(user: object, device: object) -> str:
    """Say who tapped: the device is named by its owner, the user's key is as good as a password and only hinted at."""
    hint = f"user ...{user[-4:]}" if isinstance(user, str) and len(user) > 20 and user.isalnum() else "a user"
    return f"{hint} on {one_line(device, 40)}" if isinstance(device, str) and device else hint


def _checked(receipt: object) -> str:
    """Return a receipt that may stand in a path."""
    return quote_url(receipt, safe="")[:64] if isinstance(receipt, str) else ""


def _bytes(text: str) -> int:
    """Pushover counts letters; bytes are never fewer, so both ways of counting hold."""
    return len(text.encode())
