"""What became of pages: the part of the events (core/events.py) that channels report.

Invariant: `detail`, `by` and `reference` are a stranger's text, made one line by the room that heard it, and none of
them is a secret. Passing trouble of one attempt is no event; trouble that stays is one, once a page and channel.
"""

from watchdog.core.identity import IncidentId, PageId
from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PageDelivered:
    """A channel took the page. For most channels that means queued elsewhere, not read by a person."""

    page: PageId
    channel: str
    detail: str = ""
    reference: str = ""
    """The receiver's own name for what it took. Nothing that gives access to anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFailed:
    """A channel gave up on the page: a configuration fault, or a page past its time."""

    page: PageId
    channel: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStuck:
    """A channel has failed for a while to take a page. It goes on trying, and says this once a page."""

    page: PageId
    channel: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAcknowledged:
    """A person took an incident on a channel that vouches for who it was. It may be reported more than once.

    `wall_usec` is when, by the receiver's clock; 0 where it does not say.
    """

    incident: IncidentId
    page: PageId
    channel: str
    by: str
    wall_usec: Usec = Usec(0)
