"""One channel of every kind over HTTP, with a receiver that only notes what it was sent."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from page_samples import CANARY, later, secret_file

from watchdog.core.timeline import SECOND
from watchdog.pager.channel import Channel
from watchdog.pager.channels.alertmanager import AlertmanagerChannel
from watchdog.pager.channels.exchange import Answer, Ask, Request
from watchdog.pager.channels.ntfy import NtfyChannel
from watchdog.pager.channels.pagerduty import PagerDutyChannel
from watchdog.pager.channels.pushover import PushoverChannel
from watchdog.pager.channels.telegram import TelegramChannel
from watchdog.pager.channels.webhook import WebhookChannel
from watchdog.policyfile.pagersettings_kinds import (
    AlertmanagerSettings,
    NtfySettings,
    PagerDutySettings,
    PushoverSettings,
    TelegramSettings,
    Template,
    Web,
    WebhookSettings,
)

BOT = f"123456789:{CANARY}-aaaaaaaaaaaaaaaaaaaaaaaa"
USER = f"user-{CANARY}"

GOOD = b'{"ok": true, "status": 1, "receipt": "r-1", "result": {"message_id": 7}}'


@dataclass(slots=True, kw_only=True)
class Receiver:
    """Answers from a list, the last answer for ever; notes every request."""

    answers: list[Answer] = field(default_factory=lambda: [Answer(host="receiver", status=200, body=GOOD)])
    requests: list[Request] = field(default_factory=list)

    def ask(self, request: Request) -> Answer:
        """Take a request."""
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def answer(status: int = 200, body: bytes = GOOD, **headers: str) -> Answer:
    """Make an answer; underscores in the names of headers become dashes."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(host="receiver", status=status, headers=named, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a channel is to send, and what it may wait."""

    url: str = "https://receiver.example"
    ca_file: str = ""
    timeout_usec: int = 10 * SECOND

    def web(self, *, credential_file: str = "", path: str = "") -> Web:
        """Make the settings that lead there."""
        return Web(url=self.url + path, ca_file=self.ca_file, credential_file=credential_file)


Make = Callable[[Path, Ask, Address], Channel]


def _pagerduty(folder: Path, ask: Ask, to: Address) -> Channel:
    web = to.web(credential_file=secret_file(folder))
    return PagerDutyChannel(PagerDutySettings(name="out", web=web, timeout_usec=to.timeout_usec), ask=ask)


def _alertmanager(folder: Path, ask: Ask, to: Address) -> Channel:
    web = to.web(credential_file=secret_file(folder))
    settings = AlertmanagerSettings(name="out", web=web, timeout_usec=to.timeout_usec)
    return AlertmanagerChannel(settings, ask=ask, clock=later)


def _ntfy(folder: Path, ask: Ask, to: Address) -> Channel:
    web = to.web(credential_file=secret_file(folder))
    return NtfyChannel(NtfySettings(name="out", web=web, topic="pages", timeout_usec=to.timeout_usec), ask=ask)


def _pushover(folder: Path, ask: Ask, to: Address) -> Channel:
    web, user_file = to.web(credential_file=secret_file(folder)), secret_file(folder, "user", USER)
    settings = PushoverSettings(name="out", web=web, user_file=user_file, timeout_usec=to.timeout_usec)
    return PushoverChannel(settings, ask=ask)


def _telegram(folder: Path, ask: Ask, to: Address) -> Channel:
    settings = TelegramSettings(
        name="out",
        web=to.web(credential_file=secret_file(folder, "bot", BOT)),
        chat="-1001",
        contacts=(("alice", 11),),
        timeout_usec=to.timeout_usec,
    )
    return TelegramChannel(settings, ask=ask)


def _webhook(template: Template) -> Make:
    def make(folder: Path, ask: Ask, to: Address) -> Channel:
        web = to.web(credential_file=secret_file(folder), path="/in")
        if template in (Template.SLACK, Template.DISCORD, Template.GRAFANA_IRM):
            address = secret_file(folder, "url", f"{to.url}/in/{CANARY}")
            web = Web(url_file=address, ca_file=to.ca_file)
        settings = WebhookSettings(
            name="out",
            web=web,
            template=template,
            signing_file=secret_file(folder, "key", f"key-{CANARY}"),
            timeout_usec=to.timeout_usec,
        )
        return WebhookChannel(settings, ask=ask, clock=later)

    return make


MAKERS: dict[str, Make] = {
    "alertmanager": _alertmanager,
    "ntfy": _ntfy,
    "pagerduty": _pagerduty,
    "pushover": _pushover,
    "telegram": _telegram,
    **{f"webhook-{template.value}": _webhook(template) for template in Template},
}
"""Every channel over HTTP, by the name of its golden file."""
