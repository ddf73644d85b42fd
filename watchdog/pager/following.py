"""Between the core and the courier's upkeep: how incidents stand that people were told of, and what was heard of them.

Invariant: pure; what is followed is a projection of the state alone, so it is the same after a crash as before it.
"""

from watchdog.core.deliveries import PageAcknowledged
from watchdog.core.identity import IncidentId, PageId
from watchdog.core.state import Incident, State
from watchdog.core.timeline import Usec
from watchdog.pager.channel import Acknowledged
from watchdog.pager.escape import one_line
from watchdog.pager.upkeep import Delivered, Followed


def followed_of(state: State) -> tuple[Followed, ...]:
    """Return every incident of which a channel took a page, until ten minutes after its end."""
    return tuple(followed for story in state.incidents if (followed := _followed(story)) is not None)


def acknowledged_event(heard: Acknowledged) -> PageAcknowledged:
    """Make an event of what a channel heard; who it was is a stranger's text."""
    return PageAcknowledged(
        incident=IncidentId(heard.incident),
        page=PageId(heard.page),
        channel=heard.channel,
        by=one_line(heard.by, 40),
        wall_usec=Usec(heard.wall_usec or 0),
    )


def _followed(story: Incident) -> Followed | None:
    if story.latest is None or not story.deliveries:
        return None
    return Followed(
        latest=story.latest,
        delivered=tuple(
            Delivered(channel=each.channel, page=each.page, reference=each.reference) for each in story.deliveries
        ),
        acknowledged_by=story.acknowledged_by,
        over_wall_usec=story.over_wall_usec,
    )
