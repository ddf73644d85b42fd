"""Acknowledgements given on a channel: by a person whom the channel vouches for, far from this machine.

Theory of operation. Such a word arrives late and more than once: receipts are asked again after every start of
gatedog. So each page counts once, and a word that was given before the incident became news again (an acknowledgement
ended, a new fact came) is about something older. A silence at a receiver is not an acknowledgement and never gets here.

Invariant: what is heard here can only rest pages, and only for as long as any acknowledgement may.
"""

from watchdog.core import incident
from watchdog.core.decisions import NothingDone, OriginKind
from watchdog.core.deliveries import PageAcknowledged
from watchdog.core.identity import NOBODY
from watchdog.core.rules import RuleId
from watchdog.core.state import Incident, IncidentPhase
from watchdog.core.turn import Turn
from watchdog.core.values import replace

PAGES_MAX = 16
"""Acknowledged pages of one incident remembered."""


def on_acknowledged(turn: Turn, event: PageAcknowledged) -> None:
    """Let a person take an incident by a channel, once for each page."""
    story = incident.find(turn, event.incident)
    gateway = NOBODY if story is None else story.gateway
    why_not = _why_not(story, event)
    if why_not or story is None:
        because = f"{event.by} on {event.channel}: {why_not}"
        turn.decide(NothingDone(gateway=gateway, rule=RuleId.ACK_IGNORED, because=because))
        return
    pages = (*story.acknowledged_pages, event.page)[-PAGES_MAX:]
    story = replace(story, acknowledged_pages=pages)
    incident.put(turn, story)
    if story.phase is IncidentPhase.ACKNOWLEDGED:
        because = f"{event.by} on {event.channel}: {story.acknowledged_by} has it already"
        turn.decide(NothingDone(gateway=gateway, rule=RuleId.ACK_IGNORED, because=because))
        return
    who = f"{OriginKind.CONTACT.value} {event.by} on {event.channel}"
    for_usec = turn.escalation.acknowledge_for_usec
    incident.acknowledge(turn, story, who=who, for_usec=for_usec, rule=RuleId.ACK_BY_CONTACT)


def _why_not(story: Incident | None, event: PageAcknowledged) -> str:
    if story is None or story.phase is IncidentPhase.RESOLVED:
        return f"{event.incident} is over"
    if event.page in story.acknowledged_pages:
        return f"page {event.page} was acknowledged before"
    if 0 < event.wall_usec < story.unanswered_wall_usec:
        return "given before it became news again"
    return ""
