"""One pending page as the words and keys that leave this machine.

Theory of operation. The reader was asleep and holds a telephone: the first line alone must say which gateway, what,
and since when. Then why, what gatedog did and will not do, and one next command. What the agent says comes last, by
itself, quoted: it is the claim of a suspect, never beside a command.

Invariants: the same pending page always becomes the same bytes, so a second delivery can be recognised; no line holds
a control, bidi or invisible character; the whole is bounded (MESSAGE_BYTES_MAX) whatever the page contains.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.rules import RuleId
from watchdog.core.state import PendingPage
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass
from watchdog.pager.escape import disarm, one_line, quote

MESSAGE_BYTES_MAX = 64 * 1024
"""Largest JSON form; test_pager_message.py shows that no page reaches it."""

FORMAT = 1
"""Version of the JSON form; fields are only ever added within one version."""

NEXT = "next: "
"""How the line with the command begins, and no other line ever does."""

RUNBOOK = "runbook: "
"""How the line with the runbook begins, and no other line ever does: a link of the human's own, or a command."""

_SENTENCE_MAX = 600
_COMMAND_MAX = 1000
_LINK_MAX = 500

_STANDING = {
    PageUpdate.OPENED: "",
    PageUpdate.UPDATED: "update: ",
    PageUpdate.REPEATED: "STILL: ",
    PageUpdate.RESOLVED: "over: ",
    PageUpdate.TEST: "TEST: ",
}


def no_link(rule: RuleId) -> str:
    """Return no link: nobody said where the runbooks are published."""
    del rule
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one channel is asked to deliver. `lines` begins with the title; an empty line sets the agent apart.

    `dedup_key` names the story (all pages of one incident share it), `idempotency_key` this page on this channel.
    """

    title: str
    lines: tuple[str, ...]
    dedup_key: str
    idempotency_key: str
    severity: Severity
    update: PageUpdate
    gateway: str
    incident: str
    """Empty when the page belongs to no incident."""
    page: str
    channel: str
    journal_id: str
    host: str
    queued_wall_usec: int
    rule: str = ""
    next_command: str = ""
    runbook: str = ""
    """A link of the human's own, "" for none. No other link is ever in a message."""

    @property
    def text(self) -> str:
        """The lines as one plain text."""
        return "\n".join(self.lines) + "\n"

    def to_json(self) -> bytes:
        """Return the message as one JSON object (UTF-8) for programs: exec and webhook channels."""
        fields = {
            "format": FORMAT,
            "title": self.title,
            "text": self.text,
            "severity": self.severity.value,
            "update": self.update.value,
            "gateway": self.gateway,
            "incident": self.incident or None,
            "page": self.page,
            "dedup_key": self.dedup_key,
            "idempotency_key": self.idempotency_key,
            "host": self.host,
            "rule": self.rule,
            "next_command": self.next_command,
            "runbook": self.runbook or None,
            "queued_at": instant_text(self.queued_wall_usec),
            "queued_wall_usec": self.queued_wall_usec,
        }
        return json.dumps(fields, ensure_ascii=False).encode()


def render(
    pending: PendingPage, *, channel: str, journal_id: str, host: str, runbook: Callable[[RuleId], str] = no_link
) -> Message:
    """Word the page for one channel. `runbook` returns the link to a rule's runbook, "" for none."""
    page = pending.page
    link = runbook(page.rule)[:_LINK_MAX]
    command = _command(page)
    gateway = one_line(page.gateway) or "gatedog"
    incident = page.incident or ""
    title = _title(pending, gateway)
    return Message(
        title=title,
        lines=(title, *_body(pending, host, link)),
        dedup_key=_key(f"gatedog:{journal_id}:{gateway}:{incident or f'page-{page.story or page.page}'}"),
        # With its time: after a death on a full disk the next daemon gives out the same page number for another page.
        idempotency_key=_key(f"{journal_id}:{page.page}:{pending.queued_wall_usec}:{channel}"),
        severity=page.severity,
        update=page.update,
        gateway=gateway,
        incident=incident,
        page=page.page,
        channel=channel,
        journal_id=journal_id,
        host=one_line(host),
        queued_wall_usec=pending.queued_wall_usec,
        rule=page.rule.value,
        next_command=command,
        runbook=link,
    )


def _title(pending: PendingPage, gateway: str) -> str:
    page = pending.page
    standing = _STANDING[page.update]
    what = one_line(disarm(page.title))
    what = what.removeprefix(f"{gateway}: ").removeprefix(f"{gateway} ")
    if page.update is PageUpdate.TEST and what.startswith("TEST"):
        standing = ""
    when = "since" if page.update is PageUpdate.OPENED else "at"
    return f"{gateway}: {standing}{what}, {when} {_wall_text(pending.queued_wall_usec, ' ', ' UTC')}"


def _body(pending: PendingPage, host: str, link: str) -> tuple[str, ...]:
    page = pending.page
    lines = [f"why: {one_line(disarm(page.because), _SENTENCE_MAX)} [{page.rule.value}]"]
    if page.did:
        lines.append(f"gatedog: {one_line(disarm(page.did), _SENTENCE_MAX)}")
    if command := _command(page):
        lines.append(f"{NEXT}{command}")
    if where := link or _runbook_command(page):
        lines.append(f"{RUNBOOK}{where}")
    story = f"{page.incident}, " if page.incident else ""
    joined = ""
    if pending.collapsed:
        joined = f"; the latest of {pending.collapsed + 1}, the first at {instant_text(pending.first_wall_usec)}"
    lines.append(f"({page.severity.value}, {story}page {page.page}, host {one_line(host)}{joined})")
    if page.agent_says:
        lines += ["", f"agent says: {quote(page.agent_says)}"]
    return tuple(lines)


def _command(page: QueuePage) -> str:
    """Return the one next command. What is over needs none: the one of its opening would be carried out again."""
    return "" if page.update is PageUpdate.RESOLVED else one_line(page.next_command, _COMMAND_MAX)


def _runbook_command(page: QueuePage) -> str:
    """Return the command that shows the runbook: what is over needs none, and what is told again its own, not ours."""
    if page.update is PageUpdate.RESOLVED:
        return ""
    told_again = page.update is PageUpdate.REPEATED and page.incident
    return f"gatedog runbook show {page.incident if told_again else page.rule.value}"


def _key(text: str) -> str:
    """Make a key that may stand in any header: ASCII, one line."""
    return one_line(text).encode("ascii", "backslashreplace").decode("ascii")


def instant_text(wall_usec: int) -> str:
    """Say an instant the way programs read it: 2026-03-26T03:04:11Z."""
    return _wall_text(wall_usec, "T", "Z")


def _wall_text(wall_usec: int, between: str, end: str) -> str:
    """Say an instant in UTC to the second; whole seconds keep float rounding out."""
    return datetime.fromtimestamp(wall_usec // SECOND, UTC).strftime(f"%Y-%m-%d{between}%H:%M:%S") + end
