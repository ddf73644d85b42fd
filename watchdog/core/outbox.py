"""The outbox: what waits for which channel, and what becomes of it.

Theory of operation. A page passes three gates. In quiet hours one that wakes nobody waits aside, joined by what comes
after it, until the morning. A channel that has had enough pages for now (core/rate.py) is left out, and told "+n more"
later. What remains is queued, and waits here, channel by channel, until each has taken it or given it up for good.

While nothing gets out, pages do not pile up: a page takes the place of older ones of its incident on channels that are
stuck with one of them, so that people are told once when it does. Only a critical page takes the place of a critical
one, so each still wakes somebody; the end of an incident goes to whoever was told of it, past every gate.

Invariant: the order of the outbox is the order in which pages were queued; what leaves it was taken, given up (and is
then kept for `gatedog page retry`), or told better by a later page of the same incident.
"""

from itertools import takewhile

from watchdog.core import hours, rate
from watchdog.core.decisions import NothingDone, PageDelayed, PageFolded, PageUpdate, QueuePage, Severity
from watchdog.core.identity import NOBODY, IncidentId, PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import ChannelMemory, Delivery, Incident, PendingPage
from watchdog.core.timeline import Usec, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

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
    page = _queue(turn, page, admitted)
    if not admitted:
        return
    pending = PendingPage(page=page, queued_wall_usec=turn.stamp.wall_usec, waiting=admitted, queued_usec=turn.now_usec)
    outbox, pending = _collapse(turn, pending)
    delayed = tuple(each for each in turn.state.delayed if page.incident is None or each.page.incident != page.incident)
    turn.state = replace(turn.state, outbox=(*_with_room(outbox), pending), delayed=delayed)
    _note_told(turn, pending)


def put_change(turn: Turn, page: QueuePage) -> None:
    """Queue what only tells of a change: at any hour, from a bucket of its own, and left out when that is empty."""
    paid = rate.admit(memory_of(turn, rate.CHANGES), turn.escalation, turn.now_usec, page.severity)
    if paid is None:
        because = "too many changes for now: this one is in the journal alone"
        turn.decide(NothingDone(gateway=page.gateway, rule=RuleId.PAGE_FOLDED, because=because))
        return
    put_memory(turn, paid)
    page = _queue(turn, page, page.channels)
    pending = PendingPage(
        page=page, queued_wall_usec=turn.stamp.wall_usec, waiting=page.channels, queued_usec=turn.now_usec
    )
    turn.state = replace(turn.state, outbox=(*_with_room(turn.state.outbox), pending))


def _queue(turn: Turn, page: QueuePage, channels: tuple[str, ...]) -> QueuePage:
    """Decide on a page, and give it its name."""
    named = replace(page, page=PageId(turn.next_action()), channels=channels)
    turn.decide(named)
    return named


def find(turn: Turn, page: PageId) -> PendingPage | None:
    """Return a page that waits for somebody."""
    return next((each for each in turn.state.outbox if each.page.page == page), None)


def change(turn: Turn, pending: PendingPage) -> None:
    """Put a changed page back; one that waits for nobody leaves, and is kept if somebody gave it up (but no change)."""
    kept = tuple(pending if each.page.page == pending.page.page else each for each in turn.state.outbox)
    given_up = turn.state.given_up
    if not pending.waiting and pending.failed and pending.page.rule is not RuleId.CHANGE_TOLD:
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
    turn.replace_story(replace(story, deliveries=(*others, *mine)))


def stop_following(turn: Turn, story: Incident) -> None:
    """Let go of what channels were told of an incident that has been over for a while."""
    if story.over_wall_usec is not None:
        turn.replace_story(replace(story, latest=None, deliveries=()))


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
        if _pays(turn, channel, page.severity, always=is_paired):
            admitted.append(channel)
            continue
        folded.append(channel)
        put_memory(turn, rate.fold(memory_of(turn, channel), turn.now_usec, page.severity, page.title))
    if folded:
        _say_folded(turn, page, tuple(folded))
    return tuple(admitted)


def _pays(turn: Turn, channel: str, severity: Severity, *, always: bool) -> bool:
    """Take a page from a channel's bucket and from that of all together, if both have it."""
    buckets = (memory_of(turn, channel), memory_of(turn, rate.ALL))
    paid = [rate.admit(each, turn.escalation, turn.now_usec, severity, always=always) for each in buckets]
    taken = [memory for memory in paid if memory is not None]
    if len(taken) < len(buckets):
        return False
    for memory in taken:
        put_memory(turn, memory)
    return True


def _say_folded(turn: Turn, page: QueuePage, channels: tuple[str, ...]) -> None:
    burst = turn.escalation.channel_burst
    because = f"more than {burst.starts} pages in {duration_text(burst.per_usec)}: counted, and told as one"
    rule = RuleId.PAGE_FOLDED
    turn.decide(PageFolded(gateway=page.gateway, rule=rule, because=because, incident=page.incident, channels=channels))
    for channel in channels:
        timer = TimerId(kind=TimerKind.MORE_PAGES, subject=channel)
        delay = _room_in_usec(turn, channel)
        due = turn.timer_due(timer)
        if due is None or due > turn.now_usec + delay:
            turn.set_timer(timer, delay, gateway=NOBODY, rule=rule, because="until it has room again")


def _room_in_usec(turn: Turn, channel: str) -> int:
    """Say how long until a channel can be told what it was not given."""
    severity = memory_of(turn, channel).folded_severity
    buckets = (memory_of(turn, channel), memory_of(turn, rate.ALL))
    return max(rate.room_in_usec(each, turn.escalation, turn.now_usec, severity) for each in buckets)


def on_more_pages_due(turn: Turn, channel: str) -> None:
    """Tell a channel, in one page, what it was not given."""
    memory = memory_of(turn, channel)
    if memory.folded == 0:
        return
    wait = _room_in_usec(turn, channel)
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


def join_stuck(turn: Turn, stuck: PendingPage, channel: str) -> PendingPage:
    """Let the last page behind one with which a channel is stuck stand for those before it; return which does now.

    Only one that no channel has been given so far, because it is worded anew: a page keeps its words with its key.
    """
    mine = [each for each in turn.state.outbox if _is_same_story(each, stuck)]
    lane = [each for each in mine if channel in each.waiting and each.page.update is not PageUpdate.RESOLVED]
    last = lane[-1] if lane else stuck
    others = tuple(takewhile(lambda each: each is not last, mine))
    is_behind = all(any(name in each.waiting for each in others) for name in last.page.channels)
    kept, told = _collapse(turn, last)
    if told == last or not is_behind:
        return stuck
    turn.state = replace(turn.state, outbox=tuple(told if each is last else each for each in kept))
    story = _story(turn, told.page.incident)
    if story is not None and story.latest is not None and story.latest.page.page == told.page.page:
        turn.replace_story(replace(story, latest=told))
    return told


def _collapse(turn: Turn, fresh: PendingPage) -> tuple[tuple[PendingPage, ...], PendingPage]:
    """Let a page take the place of older ones of its incident, on channels that are stuck with any of them."""
    if not any(each.stuck for each in turn.state.outbox):
        return turn.state.outbox, fresh
    older = takewhile(lambda each: each.page.page != fresh.page.page, turn.state.outbox)
    mine = tuple(each for each in older if _is_same_story(each, fresh))
    stuck = tuple(channel for each in mine for channel in each.stuck if channel in fresh.waiting)
    replaced = tuple(each for each in mine if _may_replace(fresh, each) and any(name in stuck for name in each.waiting))
    if not replaced:
        return turn.state.outbox, fresh
    left = (
        replace(each, waiting=tuple(name for name in each.waiting if name not in stuck)) if each in replaced else each
        for each in turn.state.outbox
    )
    return tuple(each for each in left if each.waiting), _joined(fresh, replaced, stuck)


def _joined(fresh: PendingPage, replaced: tuple[PendingPage, ...], stuck: tuple[str, ...]) -> PendingPage:
    """Return a page that stands for older ones; what people see first of an incident opens it, unless it is over."""
    unseen = any(each.page.update is PageUpdate.OPENED and not each.delivered for each in replaced)
    opens = unseen and fresh.page.update is PageUpdate.UPDATED and fresh.page.severity is not Severity.INFO
    counted = (sum(each.collapsed + 1 for each in replaced if name in each.waiting) for name in stuck)
    firsts = [_first(each) for each in replaced] + ([fresh.first_wall_usec] if fresh.collapsed else [])
    # The first page that wakes somebody has to get stuck itself: the core then tells others (core/stuck.py).
    heirs = [each for each in replaced if _wakes(each) == _wakes(fresh)]
    inherited = tuple(name for each in heirs for name in each.stuck)
    return replace(
        fresh,
        page=replace(fresh.page, update=PageUpdate.OPENED) if opens else fresh.page,
        collapsed=fresh.collapsed + max(counted),
        first_wall_usec=min(firsts),
        queued_usec=min(each.queued_usec for each in (fresh, *heirs)),
        stuck=tuple(name for name in fresh.waiting if name in (*fresh.stuck, *inherited)),
    )


def _is_same_story(one: PendingPage, other: PendingPage) -> bool:
    return one.page.incident is not None and one.page.incident == other.page.incident


def _may_replace(fresh: PendingPage, old: PendingPage) -> bool:
    """What wakes somebody makes room only for what wakes somebody."""
    return _wakes(fresh) or not _wakes(old)


def _wakes(pending: PendingPage) -> bool:
    return pending.page.severity is Severity.CRITICAL


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
    turn.replace_story(replace(story, told=told, latest=pending))


def _story(turn: Turn, incident: IncidentId | None) -> Incident | None:
    return next((each for each in turn.state.incidents if each.incident == incident), None) if incident else None
