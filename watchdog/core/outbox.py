"""The outbox: what waits for which channel, and what becomes of it.

Theory of operation. A page passes three gates. In quiet hours one that wakes nobody waits aside, joined by what comes
after it, until the morning. A channel that has had enough pages for now (core/rate.py) is left out, and told "+n more"
later. What remains is queued, and waits here, channel by channel, until each has taken it or given it up for good.

While nothing gets out, warnings and notices do not pile up: a page takes the place of older ones of its incident on
channels that are stuck with them. Critical pages are neither merged nor dropped; the end of an incident goes to
whoever was told of it, past every gate.

Invariant: the order of the outbox is the order in which pages were queued; what leaves it was taken, given up (and is
then kept for `gatedog page retry`), or told better by a later page of the same incident.
"""

from dataclasses import replace

from watchdog.core import hours, rate
from watchdog.core.decisions import PageDelayed, PageFolded, PageUpdate, QueuePage, Severity
from watchdog.core.identity import NOBODY, IncidentId, PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import ChannelMemory, Delivery, Incident, PendingPage
from watchdog.core.timeline import Usec, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn

OUTBOX_MAX = 256
"""Pages waiting at once; when full the quietest, oldest one makes room, never a critical page."""

GIVEN_UP_MAX = 32
DELIVERIES_MAX = 8
"""Deliveries of one incident remembered for one channel."""


def put(turn: Turn, page: QueuePage) -> None:
    """Queue a page for its channels, past the gates; its id is given here."""
    until = _waits_until(turn, page)
    if until is not None:
        _delay(turn, page, until)
        return
    admitted = _admitted(turn, page)
    if page.channels and not admitted:
        return
    page = replace(page, page=PageId(turn.next_action()), channels=admitted)
    turn.decide(page)
    if not admitted:
        return
    pending = PendingPage(page=page, queued_wall_usec=turn.stamp.wall_usec, waiting=admitted, queued_usec=turn.now_usec)
    outbox, pending = _collapse(turn, pending)
    delayed = tuple(each for each in turn.state.delayed if page.incident is None or each.page.incident != page.incident)
    turn.state = replace(turn.state, outbox=(*_with_room(outbox), pending), delayed=delayed)
    _note_told(turn, pending)


def find(turn: Turn, page: PageId) -> PendingPage | None:
    """Return a page that waits for somebody."""
    return next((each for each in turn.state.outbox if each.page.page == page), None)


def change(turn: Turn, pending: PendingPage) -> None:
    """Put a changed page back; one that waits for nobody leaves, and is kept if somebody gave it up."""
    kept = tuple(pending if each.page.page == pending.page.page else each for each in turn.state.outbox)
    given_up = turn.state.given_up
    if not pending.waiting and pending.failed:
        given_up = (*given_up, pending)[-GIVEN_UP_MAX:]
    turn.state = replace(turn.state, outbox=tuple(each for each in kept if each.waiting), given_up=given_up)


def settle(turn: Turn, page: PageId, channel: str, *, delivered: bool) -> PendingPage | None:
    """Take a channel off a waiting page; return the page, None if it does not wait for that channel."""
    pending = find(turn, page)
    if pending is None or channel not in pending.waiting:
        return None
    settled = replace(
        pending,
        waiting=tuple(name for name in pending.waiting if name != channel),
        stuck=tuple(name for name in pending.stuck if name != channel),
        delivered=(*pending.delivered, channel) if delivered else pending.delivered,
        failed=pending.failed if delivered else (*pending.failed, channel),
    )
    change(turn, settled)
    return settled


def note_delivery(turn: Turn, pending: PendingPage, channel: str, reference: str) -> None:
    """Remember who took a page of an incident, and what they call it."""
    story = _story(turn, pending.page.incident)
    if story is None:
        return
    fresh = Delivery(channel=channel, page=pending.page.page, reference=reference)
    mine = (*(each for each in story.deliveries if each.channel == channel), fresh)[-DELIVERIES_MAX:]
    others = tuple(each for each in story.deliveries if each.channel != channel)
    _put_story(turn, replace(story, deliveries=(*others, *mine)))


def stop_following(turn: Turn, story: Incident) -> None:
    """Let go of what channels were told of an incident that has been over for a while."""
    if story.over_wall_usec is not None:
        _put_story(turn, replace(story, latest=None, deliveries=()))


def memory_of(turn: Turn, channel: str) -> ChannelMemory:
    """Return what is remembered of a channel, a blank page if nothing."""
    known = next((each for each in turn.state.channels if each.channel == channel), None)
    return known if known is not None else ChannelMemory(channel=channel)


def put_memory(turn: Turn, memory: ChannelMemory) -> None:
    """Remember something of a channel."""
    others = (each for each in turn.state.channels if each.channel != memory.channel)
    channels = tuple(sorted((*others, memory), key=lambda each: each.channel))
    turn.state = replace(turn.state, channels=channels)


def unheard(turn: Turn, story: Incident) -> tuple[str, ...]:
    """Return whom the pages of an incident wait for, if nobody can take one so far and none is critical."""
    pages = [each for each in (*turn.state.delayed, *turn.state.outbox) if each.page.incident == story.incident]
    aside = any(each.page.incident == story.incident for each in turn.state.delayed) and not story.told
    if not pages or story.deliveries or not (aside or all(is_stuck_everywhere(each) for each in pages)):
        return ()
    if any(each.page.severity is Severity.CRITICAL for each in pages):
        return ()
    return tuple(dict.fromkeys(channel for each in pages for channel in each.waiting))


def is_stuck(turn: Turn, story: Incident) -> bool:
    """Say whether the last page of an incident has failed for a while on each of its channels."""
    pending = find(turn, story.latest.page.page) if story.latest is not None else None
    return pending is not None and not pending.delivered and is_stuck_everywhere(pending)


def is_stuck_everywhere(pending: PendingPage) -> bool:
    """Say whether every channel that a page waits for has tried for a while."""
    return all(channel in pending.stuck for channel in pending.waiting)


# -- quiet hours ---------------------------------------------------------------------------------------------------


def _waits_until(turn: Turn, page: QueuePage) -> Usec | None:
    rules = turn.escalation.quiet_hours
    if rules is None or page.severity is Severity.CRITICAL or page.update in (PageUpdate.TEST, PageUpdate.RESOLVED):
        return None
    return hours.quiet_until(rules, turn.stamp.wall_usec)


def _delay(turn: Turn, page: QueuePage, until_wall_usec: Usec) -> None:
    same = [each for each in turn.state.delayed if page.incident and each.page.incident == page.incident]
    others = tuple(each for each in turn.state.delayed if each not in same)
    first = same[0] if same else None
    opens = first is not None and first.page.update is PageUpdate.OPENED and page.severity is not Severity.INFO
    waits = PendingPage(
        page=replace(page, update=PageUpdate.OPENED) if opens else page,
        queued_wall_usec=turn.stamp.wall_usec,
        waiting=page.channels,
        queued_usec=turn.now_usec,
        collapsed=first.collapsed + 1 if first else 0,
        first_wall_usec=_first(first) if first else Usec(0),
    )
    turn.state = replace(turn.state, delayed=(*_with_room(others), waits))
    because = "quiet hours: what wakes nobody waits until the morning"
    turn.decide(
        PageDelayed(
            gateway=page.gateway,
            rule=RuleId.PAGE_DELAYED,
            because=because,
            incident=page.incident,
            until_wall_usec=until_wall_usec,
        )
    )
    timer = TimerId(kind=TimerKind.QUIET_HOURS_END, subject="")
    if turn.timer_due(timer) is None:
        delay = until_wall_usec - turn.stamp.wall_usec
        turn.set_timer(timer, delay, gateway=NOBODY, rule=RuleId.PAGE_DELAYED, because="until the quiet hours end")


def on_quiet_hours_end(turn: Turn) -> None:
    """Queue what waited, oldest first. If it is quiet still (the clock was set), it waits again."""
    waited, turn.state = turn.state.delayed, replace(turn.state, delayed=())
    for each in waited:
        put(turn, each.page)
        queued = turn.state.outbox[-1] if turn.state.outbox else None
        if queued is not None and each.collapsed and queued.page.incident == each.page.incident:
            told = replace(queued, collapsed=queued.collapsed + each.collapsed, first_wall_usec=each.first_wall_usec)
            change(turn, told)
            _note_told(turn, told)


# -- how many pages a channel is given -----------------------------------------------------------------------------


def _admitted(turn: Turn, page: QueuePage) -> tuple[str, ...]:
    """Return the channels that have room, count the page for the others, and say so."""
    admitted, folded = [], []
    is_paired = page.update is PageUpdate.RESOLVED  # its opening was admitted: an end that is missing costs more
    for channel in page.channels:
        memory = memory_of(turn, channel)
        paid = rate.admit(memory, turn.escalation, turn.now_usec, page.severity, always=is_paired)
        if paid is not None:
            put_memory(turn, paid)
            admitted.append(channel)
            continue
        folded.append(channel)
        put_memory(turn, rate.fold(memory, turn.now_usec, page.severity, page.title))
    if folded:
        _say_folded(turn, page, tuple(folded))
    return tuple(admitted)


def _say_folded(turn: Turn, page: QueuePage, channels: tuple[str, ...]) -> None:
    burst = turn.escalation.channel_burst
    because = f"more than {burst.starts} pages in {duration_text(burst.per_usec)}: counted, and told as one"
    rule = RuleId.PAGE_FOLDED
    turn.decide(PageFolded(gateway=page.gateway, rule=rule, because=because, incident=page.incident, channels=channels))
    for channel in channels:
        timer = TimerId(kind=TimerKind.MORE_PAGES, subject=channel)
        memory = memory_of(turn, channel)
        delay = rate.room_in_usec(memory, turn.escalation, turn.now_usec, memory.folded_severity)
        due = turn.timer_due(timer)
        if due is None or due > turn.now_usec + delay:
            turn.set_timer(timer, delay, gateway=NOBODY, rule=rule, because="until it has room again")


def on_more_pages_due(turn: Turn, channel: str) -> None:
    """Tell a channel, in one page, what it was not given."""
    memory = memory_of(turn, channel)
    if memory.folded == 0:
        return
    wait = rate.room_in_usec(memory, turn.escalation, turn.now_usec, memory.folded_severity)
    if wait > 0:
        timer = TimerId(kind=TimerKind.MORE_PAGES, subject=channel)
        turn.set_timer(timer, wait, gateway=NOBODY, rule=RuleId.PAGE_FOLDED, because="until it has room again")
        return
    put_memory(turn, rate.unfold(memory))
    span = duration_text(turn.now_usec - memory.folded_since_usec)
    put(
        turn,
        QueuePage(
            gateway=NOBODY,
            rule=RuleId.PAGE_MORE,
            because=f"{memory.folded} page(s) of the last {span} were too many for {channel}; the first: "
            f"{memory.folded_title}",
            page=PageId(""),
            incident=None,
            severity=memory.folded_severity,
            update=PageUpdate.OPENED,
            channels=(channel,),
            title=f"+{memory.folded} more",
            did="told them as one; each is an incident, or a notice in the journal",
            next_command="gatedog incident list",
        ),
    )


# -- what waits ----------------------------------------------------------------------------------------------------


def _collapse(turn: Turn, fresh: PendingPage) -> tuple[tuple[PendingPage, ...], PendingPage]:
    """Let a page take the place of older ones of its incident that wake nobody, where channels are stuck with them."""
    story, kept = fresh.page.incident, []
    for old in turn.state.outbox:
        is_same = story is not None and old.page.incident == story
        if not is_same or old.page.severity is Severity.CRITICAL:
            kept.append(old)
            continue
        left = tuple(each for each in old.waiting if each not in fresh.waiting or each not in old.stuck)
        if left != old.waiting:
            # What people see first of an incident should open it, unless it is over by now.
            opens = old.page.update is PageUpdate.OPENED and not old.delivered
            opens = opens and fresh.page.update is PageUpdate.UPDATED and fresh.page.severity is not Severity.INFO
            fresh = replace(
                fresh,
                page=replace(fresh.page, update=PageUpdate.OPENED) if opens else fresh.page,
                collapsed=max(fresh.collapsed, old.collapsed + 1),
                first_wall_usec=_first(old) if fresh.collapsed == 0 else min(fresh.first_wall_usec, _first(old)),
            )
        if left:
            kept.append(replace(old, waiting=left))
    return tuple(kept), fresh


def _first(pending: PendingPage) -> Usec:
    return pending.first_wall_usec if pending.collapsed else pending.queued_wall_usec


def _with_room(outbox: tuple[PendingPage, ...]) -> tuple[PendingPage, ...]:
    """Make room for one more page by the oldest notice, else the oldest warning; a critical page never makes room."""
    if len(outbox) < OUTBOX_MAX:
        return outbox
    for severity in (Severity.INFO, Severity.WARNING):
        for pending in outbox:
            if pending.page.severity is severity:
                return tuple(each for each in outbox if each is not pending)
    return outbox  # all critical: their number is bounded by the night limit and the buckets, not by this


def _note_told(turn: Turn, pending: PendingPage) -> None:
    story = _story(turn, pending.page.incident)
    if story is None:
        return
    is_over = pending.page.update is PageUpdate.RESOLVED
    told = story.told if is_over else tuple(dict.fromkeys((*story.told, *pending.waiting)))
    _put_story(turn, replace(story, told=told, latest=pending))


def _story(turn: Turn, incident: IncidentId | None) -> Incident | None:
    return next((each for each in turn.state.incidents if each.incident == incident), None) if incident else None


def _put_story(turn: Turn, changed: Incident) -> None:
    incidents = tuple(changed if each.incident == changed.incident else each for each in turn.state.incidents)
    turn.state = replace(turn.state, incidents=incidents)
