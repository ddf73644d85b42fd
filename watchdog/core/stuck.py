"""Answers of channels, and what follows when pages do not get out.

Theory of operation. A channel takes a page, gives it up for good, or is stuck: it fails for a while and goes on trying.
When no channel of a critical page can take it, the next tier is told at once; the minutes of the escalation are for a
person who might answer. When there is no further tier, or nothing got out for five minutes, that itself is an incident:
told to the last resort (channels of this very machine), shown in the status, and passed on by the dead-man switch,
which says that all is not well as long as the incident is open. It is over when a page gets out again.

Invariant: nothing here withdraws a page. Passing trouble of one attempt never gets here (pager/route.py).
"""

from watchdog.core import escalation, incident, outbox
from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.deliveries import PageDelivered, PageFailed, PageStuck
from watchdog.core.identity import NOBODY
from watchdog.core.incident import Finding, Matter
from watchdog.core.rules import RuleId
from watchdog.core.state import PendingPage
from watchdog.core.timeline import MINUTE, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

TELL_AFTER_USEC = 5 * MINUTE
"""A critical page that nobody took for so long is news of its own."""

_TIMER = TimerId(kind=TimerKind.STUCK, subject="")


def on_delivered(turn: Turn, event: PageDelivered) -> None:
    """Take a channel off a waiting page; the page is done when no channel waits."""
    pending = outbox.settle(turn, event.page, event.channel, delivered=True)
    if pending is None:
        return
    outbox.note_delivery(turn, pending, event.channel, event.reference)
    if pending.page.update is PageUpdate.TEST:
        _note_test(turn, pending, event.channel)
    trouble = incident.open_matter(turn, NOBODY, Matter.PAGES)
    if trouble is not None and pending.page.incident != trouble.incident:
        because = f"{event.channel} took a page again"
        incident.resolve(turn, trouble, rule=RuleId.PAGES_UNDELIVERED, because=because)


def on_failed(turn: Turn, event: PageFailed) -> None:
    """A channel gave up for good: if it was the last hope of a critical page, tell the next tier now."""
    pending = outbox.settle(turn, event.page, event.channel, delivered=False)
    if pending is None or pending.waiting or pending.delivered or pending.page.severity is not Severity.CRITICAL:
        return
    did = f"channel {event.channel} could not deliver: {event.detail}"
    if not escalation.next_tier(turn, pending.page, did, RuleId.PAGE_CHANNEL_FAILED):
        _report(turn, pending, f"{event.channel}: {event.detail}")


def on_stuck(turn: Turn, event: PageStuck) -> None:
    """A channel fails and goes on trying: when all of them do, do not wait for a person who cannot know."""
    pending = outbox.find(turn, event.page)
    if pending is None or event.channel not in pending.waiting or event.channel in pending.stuck:
        return
    pending = replace(pending, stuck=(*pending.stuck, event.channel))
    outbox.change(turn, pending)
    pending = outbox.join_stuck(turn, pending, event.channel)
    if not _is_lost(turn, pending):
        return
    if turn.timer_due(_TIMER) is None:
        delay = TELL_AFTER_USEC - (turn.now_usec - pending.queued_usec)
        because = f"{event.channel}: {event.detail}"
        turn.set_timer(_TIMER, delay, gateway=NOBODY, rule=RuleId.PAGES_UNDELIVERED, because=because)
    story = incident.find(turn, pending.page.incident) if pending.page.incident is not None else None
    if story is not None and story.latest is not None and story.latest.page.page == pending.page.page:
        did = f"channel {event.channel} has not taken it so far: {event.detail}"
        escalation.next_tier(turn, pending.page, did, RuleId.PAGE_STUCK)


def on_stuck_due(turn: Turn) -> None:
    """Five minutes: say by other means that pages do not get out."""
    lost = [pending for pending in turn.state.outbox if _is_lost(turn, pending)]
    if not lost:
        return
    rest = TELL_AFTER_USEC - (turn.now_usec - lost[0].queued_usec)
    if rest > 0:
        because = "the oldest page that does not get out"
        turn.set_timer(_TIMER, rest, gateway=NOBODY, rule=RuleId.PAGES_UNDELIVERED, because=because)
        return
    _report(turn, lost[0], f"{', '.join(lost[0].stuck)}: still trying")


def _is_lost(turn: Turn, pending: PendingPage) -> bool:
    """Say whether a critical page waits, nobody took it or another one of its incident, and every channel is stuck."""
    if pending.page.severity is not Severity.CRITICAL or pending.delivered:
        return False
    story = incident.find(turn, pending.page.incident) if pending.page.incident is not None else None
    return outbox.is_stuck_everywhere(pending) and (story is None or not story.deliveries)


def _report(turn: Turn, pending: PendingPage, detail: str) -> None:
    page = pending.page
    about = f"{page.incident} ({page.title})" if page.incident is not None else f'"{page.title}"'
    trouble = incident.open_matter(turn, NOBODY, Matter.PAGES)
    if trouble is not None and trouble.incident == page.incident:
        return  # the last resort cannot take it either; nothing is left to tell that with
    waited = duration_text(turn.now_usec - pending.queued_usec)
    incident.report(
        turn,
        Finding(
            gateway=NOBODY,
            matter=Matter.PAGES,
            severity=Severity.CRITICAL,
            rule=RuleId.PAGES_UNDELIVERED,
            title="PAGES DO NOT GET OUT - nobody was told",
            because=f"no channel took the page about {about} for {waited}; {detail}",
            did="goes on trying; tells this machine, and the dead-man switch that all is not well",
            next_command="gatedog page channels",
            only=turn.escalation.last_resort,
        ),
    )


def _note_test(turn: Turn, pending: PendingPage, channel: str) -> None:
    """Remember a test that got through; and when all channels have answered, end what the test opened there."""
    outbox.put_memory(turn, replace(outbox.memory_of(turn, channel), tested_wall_usec=turn.stamp.wall_usec))
    if pending.waiting:
        return
    over = replace(
        pending.page,
        rule=RuleId.PAGE_TEST_OVER,
        because=f"taken by {', '.join(pending.delivered)}",
        severity=Severity.INFO,
        update=PageUpdate.RESOLVED,
        channels=pending.delivered,
        did="",
        story=pending.page.page,
    )
    outbox.put(turn, over)
