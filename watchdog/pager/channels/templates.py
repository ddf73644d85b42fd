"""What the receivers of webhooks read: one function from a message to a body for each.

Invariant: every text is escaped for the markup of its receiver, and where that is not known, or depends on a human's
templates, all that could be markup is replaced by something visible (escape.inert). Nothing in a body mentions,
links or formats, but the runbook's link, which is the human's own.

Slack and Discord are places to read notices, not pagers: an incoming webhook there can neither be acknowledged nor
resolved. Opsgenie and its API end on 5 April 2027; its template goes then.
"""

import json
from collections.abc import Callable, Mapping
from typing import assert_never
from urllib.parse import quote as quote_url

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.values import dataclass
from watchdog.pager.escape import inert
from watchdog.pager.fit import fit
from watchdog.pager.message import NEXT, RUNBOOK, Message, instant_text
from watchdog.policyfile.pagersettings_kinds import Template

SLACK_TEXT_MAX = 4000
DISCORD_TEXT_MAX = 2000
OPSGENIE_MESSAGE_MAX = 130
GENERAL_TEXT_MAX = 8000

_DISCORD_SUPPRESS_EMBEDS = 4
_DISCORD_MARKS = frozenset("\\*_~`|>#[]()<@")
_PRIORITY = {Severity.CRITICAL: "P1", Severity.WARNING: "P3", Severity.INFO: "P5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What to post; `path` is what the address is continued with."""

    body: bytes
    path: str = ""


def word(template: Template, message: Message) -> Post:
    """Word a message for its receiver."""
    match template:
        case Template.PLAIN:
            return Post(body=message.to_json())
        case Template.SLACK:
            return _post(_slack(message))
        case Template.DISCORD:
            return _post(_discord(message))
        case Template.INCIDENT_IO:
            return _post(_incident_io(message))
        case Template.GRAFANA_IRM:
            return _post(_grafana_irm(message))
        case Template.OPSGENIE:
            return _opsgenie(message)
        case _ as never:
            assert_never(never)


def neutral_lines(message: Message) -> tuple[str, ...]:
    """Return the message for a receiver of unknown markup: the commands and the human's own link are left as they are.

    A command is only ever made by gatedog, from names that hold no markup.
    """
    return tuple(_neutral(line) for line in fit(message, GENERAL_TEXT_MAX))


def _neutral(line: str) -> str:
    return line if line.startswith((NEXT, RUNBOOK)) else inert(line)


def _slack(message: Message) -> Mapping[str, object]:
    lines = fit(message, SLACK_TEXT_MAX, measure=_measured(_slack_text))
    return {
        "text": _slack_text("\n".join(lines)),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _slack_text(text: str) -> str:
    """Slack reads three characters even in plain text: <!channel> and <https://x|y> are made of them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _discord(message: Message) -> Mapping[str, object]:
    first, *rest = fit(message, DISCORD_TEXT_MAX, measure=_measured(_discord_text))
    return {
        "content": _discord_text("\n".join((first, *rest))),
        "allowed_mentions": {"parse": []},
        "flags": _DISCORD_SUPPRESS_EMBEDS,
    }


def _discord_text(text: str) -> str:
    """Put the first line in front, escaped, and the rest into a block in which Discord reads nothing as markup."""
    first, _, rest = text.partition("\n")
    escaped = "".join(f"\\{letter}" if letter in _DISCORD_MARKS else letter for letter in first)
    fenced = rest.replace("`", "'")
    return f"{escaped}\n```text\n{fenced}\n```" if rest else escaped


def _incident_io(message: Message) -> Mapping[str, object]:
    first, *rest = neutral_lines(message)
    return {
        "title": first,
        "status": "resolved" if message.update is PageUpdate.RESOLVED else "firing",
        "deduplication_key": message.dedup_key,
        "description": "\n\n".join(line for line in rest if line),
        "metadata": _facts(message),
    } | ({"source_url": message.runbook} if message.runbook else {})


def _grafana_irm(message: Message) -> Mapping[str, object]:
    first, *rest = neutral_lines(message)
    return {
        "alert_uid": message.dedup_key,
        "title": first,
        "state": "ok" if message.update is PageUpdate.RESOLVED else "alerting",
        "message": "\n".join(rest),
    } | ({"link_to_upstream_details": message.runbook} if message.runbook else {})


def _opsgenie(message: Message) -> Post:
    first, *rest = neutral_lines(message)
    ours = {"source": message.host, "user": "gatedog"}
    if message.update is PageUpdate.RESOLVED:
        path = f"/{quote_url(message.dedup_key, safe='')}/close?identifierType=alias"
        return _post({**ours, "note": first}, path)
    return _post(
        {
            **ours,
            "message": first if len(first) <= OPSGENIE_MESSAGE_MAX else f"{first[: OPSGENIE_MESSAGE_MAX - 1]}\u2026",
            "alias": message.dedup_key,
            "description": "\n".join((first, *rest)),
            "priority": _PRIORITY[message.severity],
            "entity": message.gateway,
            "details": _facts(message),
        }
    )


def _facts(message: Message) -> Mapping[str, str]:
    return {
        "gateway": message.gateway,
        "severity": message.severity.value,
        "update": message.update.value,
        "incident": message.incident,
        "page": message.page,
        "rule": message.rule,
        "host": message.host,
        "queued_at": instant_text(message.queued_wall_usec),
    }


def _measured(escape: Callable[[str], str]) -> Callable[[str], int]:
    return lambda text: len(escape(text))


def _post(fields: Mapping[str, object], path: str = "") -> Post:
    return Post(body=json.dumps(fields, ensure_ascii=False).encode(), path=path)
