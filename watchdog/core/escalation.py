"""Who is told, when again, and until whose acknowledgement.

Theory of operation. A critical page goes to the first tier; unacknowledged after `escalate_after` it goes to the
next, and at the last tier it repeats. A warning is told once per new fact. A notice goes to the notice channels and
is never called a page. One fact may wake people six times in eight hours and then hourly: a phone that rings all
night for something unchanged is switched off, and with it the next, different page.

What waits for which channel, and how much of it, is core/outbox.py. When every channel of a critical page gives it up,
or has failed for a while, the next tier is told at once (core/stuck.py tells when there is none).

Invariant: no critical page leaves the outbox undelivered while any channel has not been tried.
"""

from watchdog.core import breaker, outbox
from watchdog.core.decisions import NothingDone, PageUpdate, PageWithheld, QueuePage, Severity
from watchdog.core.identity import NOBODY, GatewayName, IncidentId, PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import Hold, Incident, IncidentPhase, PageMark, Quiet
from watchdog.core.timeline import HOUR, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace

NO_PAGE = PageId("")
"""The outbox names a page when it is queued."""

SEEN_MAX = 3
"""Earlier incidents that a page names: who reads it at night needs to know that there were some, and one to look at."""


def tell(turn: Turn, incident: Incident, did: str, update: PageUpdate, rule: RuleId, *, agent_says: str = "") -> None:
    """Queue a page of an incident for its present tier, and arm the escalation if it is critical."""
    critical = incident.severity is Severity.CRITICAL
    quiet = _quiet_over(turn, incident)
    if quiet is not None:
        because = f"{quiet.who} wants quiet: {quiet.because}"
        withheld = PageWithheld(
            gateway=incident.gateway,
            rule=RuleId.PAGE_WITHHELD,
            because=because,
            incident=incident.incident,
            until_usec=quiet.until_usec,
        )
        turn.decide(withheld)
        return
    told = replace(incident, paged_usec=turn.now_usec)
    turn.replace_story(told)
    _queue(turn, told, update, rule, channels=_channels(turn, told), did=did, agent_says=agent_says)
    if critical and incident.phase is IncidentPhase.OPEN and not incident.only:
        _mark(turn, told)
        _arm(turn, told)


def _quiet_over(turn: Turn, incident: Incident) -> Quiet | None:
    """Return the quiet that an incident's pages wait for; nothing hides that a gateway is held."""
    gateway = next((each for each in turn.state.gateways if each.name == incident.gateway), None)
    if gateway is None or (gateway.hold is Hold.HELD and incident.severity is Severity.CRITICAL):
        return None
    if gateway.maintenance is not None:
        return gateway.maintenance
    matter = incident.fingerprint.partition(":")[2]
    return next((silence for silence in gateway.silences if silence.subject in ("", matter)), None)


def tell_over(turn: Turn, incident: Incident, because: str) -> None:
    """Tell everybody who was told of an incident that it is over. It wakes nobody: severity info.

    An incident of which nobody has taken a word yet is told once, as what it is by now.
    """
    if incident.paged_usec is None:
        return
    over = replace(incident, severity=Severity.INFO, because=because)
    unheard = outbox.unheard(turn, incident)
    if unheard:
        late = replace(over, title=f"happened and ended: {incident.title}")
        _queue(turn, late, PageUpdate.UPDATED, RuleId.PAGE_OVER, channels=unheard, did="", agent_says="")
    elif incident.told:
        _queue(turn, over, PageUpdate.RESOLVED, RuleId.PAGE_OVER, channels=incident.told, did="", agent_says="")


def notice(
    turn: Turn,
    gateway: GatewayName,
    rule: RuleId,
    *,
    title: str,
    because: str,
    next_command: str,
    agent_says: str = "",
) -> None:
    """Tell without waking and without an incident."""
    word = _word(gateway, rule, turn.escalation.notices, title, because, next_command)
    outbox.put(turn, replace(word, agent_says=agent_says))


def tell_change(turn: Turn, gateway: GatewayName, what: str) -> None:
    """Tell whoever wants to know that something changed; it wakes nobody, and costs no page its room."""
    if turn.escalation.changes:
        because = "so that what else is seen can be set beside it"
        command = f"gatedog status {gateway}"
        word = _word(gateway, RuleId.CHANGE_TOLD, turn.escalation.changes, what, because, command)
        outbox.put_change(turn, word)


def _word(
    gateway: GatewayName, rule: RuleId, channels: tuple[str, ...], title: str, because: str, next_command: str
) -> QueuePage:
    """Say something that belongs to no incident."""
    return QueuePage(
        gateway=gateway,
        rule=rule,
        because=because,
        page=NO_PAGE,
        incident=None,
        severity=Severity.INFO,
        update=PageUpdate.OPENED,
        channels=channels,
        title=title,
        did="",
        next_command=next_command,
    )


def test_page(turn: Turn, *, severity: Severity, who: str, channel: str) -> None:
    """Send a page marked TEST through the real path to every channel of every tier, or to one channel."""
    every = tuple(dict.fromkeys(channel for tier in turn.escalation.tiers for channel in tier))
    outbox.put(
        turn,
        QueuePage(
            gateway=NOBODY,
            rule=RuleId.PAGE_TEST,
            because=f"asked for by {who}",
            page=NO_PAGE,
            incident=None,
            severity=severity,
            update=PageUpdate.TEST,
            channels=(channel,) if channel else every,
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
    elif outbox.is_stuck(turn, incident):
        because = "not told again: the page before has not got out yet, and is tried all the time"
        rule = RuleId.PAGE_STILL_WAITS
        turn.decide(NothingDone(gateway=incident.gateway, rule=rule, because=because))
        _arm(turn, incident)
    else:
        tell(turn, incident, did, PageUpdate.REPEATED, RuleId.PAGE_REPEAT)


def rearm(turn: Turn, incident: IncidentId) -> None:
    """Let a critical incident without an acknowledgement escalate again."""
    for each in turn.state.incidents:
        is_loud = each.severity is Severity.CRITICAL and each.phase is IncidentPhase.OPEN and not each.only
        if each.incident == incident and is_loud:
            _arm(turn, each)


def next_tier(turn: Turn, page: QueuePage, did: str, rule: RuleId) -> bool:
    """Tell the tier behind the one whose page did not get out; False when there is none, or no need of one."""
    incident = next((each for each in turn.state.incidents if each.incident == page.incident), None)
    if incident is None or incident.phase is not IncidentPhase.OPEN or incident.only:
        return False  # a person has it, or it is over
    if incident.tier + 1 >= len(turn.escalation.tiers):
        return False  # there is nobody further to tell
    tell(turn, replace(incident, tier=incident.tier + 1), did, PageUpdate.REPEATED, rule)
    return True


def _channels(turn: Turn, incident: Incident) -> tuple[str, ...]:
    if incident.only:
        return incident.only
    return turn.escalation.notices if incident.severity is Severity.INFO else _tier(turn, incident.tier)


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
        because=incident.because + _standing(turn, incident, update),
        page=NO_PAGE,
        incident=incident.incident,
        severity=incident.severity,
        update=update,
        channels=channels,
        title=incident.title,
        did=did,
        next_command=incident.next_command,
        agent_says=agent_says,
    )
    outbox.put(turn, page)


def _standing(turn: Turn, incident: Incident, update: PageUpdate) -> str:
    """Say what else there is to know when people are told of an incident first, or first again."""
    before = _seen(turn, incident) if update is PageUpdate.OPENED else ""
    return before if incident.told else before + breaker.sentence(turn, incident)


def _seen(turn: Turn, incident: Incident) -> str:
    """Say which incidents before were about the same; newest first, empty when none is remembered."""
    others = [each for each in turn.state.incidents if each.fingerprint == incident.fingerprint]
    names = [str(each.incident) for each in reversed(others) if each.incident != incident.incident]
    if not names:
        return ""
    more = ", ..." if len(names) > SEEN_MAX else ""
    times = "once" if len(names) == 1 else f"{len(names)} times"
    return f"; seen {times} before: {', '.join(names[:SEEN_MAX])}{more}"
