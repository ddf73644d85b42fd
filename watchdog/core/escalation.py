"""Who is told, when again, and until whose acknowledgement.

Theory of operation. A critical page goes to the first tier; unacknowledged after `escalate_after` it goes to the
next, and at the last tier it repeats. A warning is told once per new fact. A notice goes to the notice channels and
is never called a page. One fact may wake people six times in eight hours and then hourly: a phone that rings all
night for something unchanged is switched off, and with it the next, different page.

The outbox is part of the state: a page waits there, channel by channel, until each has taken it or given it up for
good. When every channel of a critical page gives up, the next tier is told at once.

Invariant: no critical page leaves the outbox undelivered while any channel has not been tried.
"""

from dataclasses import replace

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.events import PageDelivered, PageFailed
from watchdog.core.identity import NOBODY, GatewayName, IncidentId, PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import Incident, IncidentPhase, PageMark, PendingPage
from watchdog.core.timeline import HOUR, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn

OUTBOX_MAX = 256
"""Pages waiting at once; when full the quietest, oldest one makes room, never a critical page."""


def tell(turn: Turn, incident: Incident, did: str, update: PageUpdate, rule: RuleId, *, agent_says: str = "") -> None:
    """Queue a page of an incident for its present tier, and arm the escalation if it is critical."""
    critical = incident.severity is Severity.CRITICAL
    channels = turn.escalation.notices if incident.severity is Severity.INFO else _tier(turn, incident.tier)
    _queue(turn, incident, update, rule, channels=channels, did=did, agent_says=agent_says)
    told = replace(incident, paged_usec=turn.now_usec)
    _put(turn, told)
    if critical and incident.phase is IncidentPhase.OPEN:
        _mark(turn, told)
        _arm(turn, told)


def tell_over(turn: Turn, incident: Incident, because: str) -> None:
    """Tell everybody who was told of an incident that it is over. It wakes nobody: severity info."""
    if incident.paged_usec is None:
        return
    told = tuple(dict.fromkeys(channel for tier in turn.escalation.tiers[: incident.tier + 1] for channel in tier))
    over = replace(incident, severity=Severity.INFO, because=because)
    _queue(turn, over, PageUpdate.RESOLVED, RuleId.PAGE_OVER, channels=told, did="", agent_says="")


def notice(turn: Turn, gateway: GatewayName, rule: RuleId, *, title: str, because: str, next_command: str) -> None:
    """Tell without waking and without an incident."""
    _put_in_outbox(
        turn,
        QueuePage(
            gateway=gateway,
            rule=rule,
            because=because,
            page=PageId(turn.next_action()),
            incident=None,
            severity=Severity.INFO,
            update=PageUpdate.OPENED,
            channels=turn.escalation.notices,
            title=title,
            did="",
            next_command=next_command,
        ),
    )


def test_page(turn: Turn, *, severity: Severity, who: str) -> None:
    """Send a page marked TEST through the real path to every channel of every tier."""
    every = tuple(dict.fromkeys(channel for tier in turn.escalation.tiers for channel in tier))
    _put_in_outbox(
        turn,
        QueuePage(
            gateway=NOBODY,
            rule=RuleId.PAGE_TEST,
            because=f"asked for by {who}",
            page=PageId(turn.next_action()),
            incident=None,
            severity=severity,
            update=PageUpdate.TEST,
            channels=every,
            title="TEST - this is only a test of gatedog's pages",
            did="nothing is wrong",
            next_command="gatedog status",
        ),
    )


def on_escalation_due(turn: Turn, incident: Incident) -> None:
    """Nobody took it in time: the next tier, or the last one again."""
    if incident.phase is not IncidentPhase.OPEN or incident.severity is not Severity.CRITICAL:
        return
    open_for = duration_text(turn.now_usec - incident.opened_usec)
    did = f"not acknowledged for {open_for}"
    if incident.tier + 1 < len(turn.escalation.tiers):
        tell(turn, replace(incident, tier=incident.tier + 1), did, PageUpdate.REPEATED, RuleId.PAGE_NEXT_TIER)
    else:
        tell(turn, incident, did, PageUpdate.REPEATED, RuleId.PAGE_REPEAT)


def rearm(turn: Turn, incident: IncidentId) -> None:
    """Let a critical incident without an acknowledgement escalate again."""
    for each in turn.state.incidents:
        if each.incident == incident and each.severity is Severity.CRITICAL and each.phase is IncidentPhase.OPEN:
            _arm(turn, each)


def on_delivered(turn: Turn, event: PageDelivered) -> None:
    """Take a channel off a waiting page; the page is done when no channel waits."""
    _settle(turn, event.page, event.channel, delivered=True)


def on_failed(turn: Turn, event: PageFailed) -> None:
    """A channel gave up for good: if it was the last hope of a critical page, tell the next tier now."""
    pending = _settle(turn, event.page, event.channel, delivered=False)
    if pending is None or pending.waiting or pending.delivered or pending.page.severity is not Severity.CRITICAL:
        return
    incident = next((each for each in turn.state.incidents if each.incident == pending.page.incident), None)
    if incident is None or incident.phase is not IncidentPhase.OPEN or incident.tier + 1 >= len(turn.escalation.tiers):
        return  # a person has it, or it is over, or there is nobody further to tell
    raised = replace(incident, tier=incident.tier + 1)
    did = f"channel {event.channel} could not deliver: {event.detail}"
    tell(turn, raised, did, PageUpdate.REPEATED, RuleId.PAGE_CHANNEL_FAILED)


def _settle(turn: Turn, page: PageId, channel: str, *, delivered: bool) -> PendingPage | None:
    pending = next((each for each in turn.state.outbox if each.page.page == page), None)
    if pending is None or channel not in pending.waiting:
        return None
    settled = replace(
        pending,
        waiting=tuple(name for name in pending.waiting if name != channel),
        delivered=(*pending.delivered, channel) if delivered else pending.delivered,
    )
    kept = tuple(settled if each.page.page == page else each for each in turn.state.outbox)
    turn.state = replace(turn.state, outbox=tuple(each for each in kept if each.waiting))
    return settled


def _tier(turn: Turn, tier: int) -> tuple[str, ...]:
    tiers = turn.escalation.tiers
    return tiers[min(tier, len(tiers) - 1)] if tiers else ()


def _arm(turn: Turn, incident: Incident) -> None:
    rules = turn.escalation
    last = incident.tier + 1 >= len(rules.tiers)
    delay = rules.repeat_after_usec if last else rules.escalate_after_usec
    because = "until somebody acknowledges"
    rule = RuleId.PAGE_REPEAT if last else RuleId.PAGE_NEXT_TIER
    recent = sum(1 for mark in turn.state.page_marks if mark.incident == incident.incident)
    if recent >= rules.critical_burst.starts:
        delay, rule = max(delay, HOUR), RuleId.PAGE_NIGHT_LIMIT
        because = f"told {recent} times in {duration_text(rules.critical_burst.per_usec)}: hourly from here"
    timer = TimerId(kind=TimerKind.ESCALATE, subject=incident.incident)
    turn.set_timer(timer, delay, gateway=incident.gateway, rule=rule, because=because)


def _mark(turn: Turn, incident: Incident) -> None:
    span = turn.escalation.critical_burst.per_usec
    kept = tuple(mark for mark in turn.state.page_marks if turn.now_usec - mark.at_usec < span)
    mark = PageMark(at_usec=turn.now_usec, incident=incident.incident)
    turn.state = replace(turn.state, page_marks=(*kept, mark))


def _queue(
    turn: Turn,
    incident: Incident,
    update: PageUpdate,
    rule: RuleId,
    *,
    channels: tuple[str, ...],
    did: str,
    agent_says: str,
) -> None:
    page = QueuePage(
        gateway=incident.gateway,
        rule=rule,
        because=incident.because,
        page=PageId(turn.next_action()),
        incident=incident.incident,
        severity=incident.severity,
        update=update,
        channels=channels,
        title=incident.title,
        did=did,
        next_command=incident.next_command,
        agent_says=agent_says,
    )
    _put_in_outbox(turn, page)


def _put_in_outbox(turn: Turn, page: QueuePage) -> None:
    turn.decide(page)
    if not page.channels:
        return
    outbox = _with_room(turn.state.outbox)
    pending = PendingPage(page=page, queued_wall_usec=turn.stamp.wall_usec, waiting=page.channels)
    turn.state = replace(turn.state, outbox=(*outbox, pending))


def _with_room(outbox: tuple[PendingPage, ...]) -> tuple[PendingPage, ...]:
    """Make room for one more page by the oldest notice, else the oldest warning; a critical page never makes room."""
    if len(outbox) < OUTBOX_MAX:
        return outbox
    for severity in (Severity.INFO, Severity.WARNING):
        for pending in outbox:
            if pending.page.severity is severity:
                return tuple(each for each in outbox if each is not pending)
    return outbox  # all critical: their number is bounded by the night limit, not by this


def _put(turn: Turn, changed: Incident) -> None:
    incidents = tuple(changed if each.incident == changed.incident else each for each in turn.state.incidents)
    turn.state = replace(turn.state, incidents=incidents)
