"""From the state to the channels that keep something up, and back from what they heard."""

from dataclasses import replace

from page_samples import CRITICAL, WALL

from watchdog.core.decisions import Severity
from watchdog.core.deliveries import PageAcknowledged
from watchdog.core.identity import GatewayName, IncidentId, PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import Delivery, Incident, IncidentPhase, PendingPage, State
from watchdog.core.timeline import Usec
from watchdog.pager.channel import Acknowledged
from watchdog.pager.following import acknowledged_event, followed_of
from watchdog.pager.upkeep import Delivered, Followed

LATEST = PendingPage(page=CRITICAL, queued_wall_usec=WALL, waiting=())
STORY = Incident(
    incident=IncidentId("INC-7"),
    gateway=GatewayName("openclaw"),
    fingerprint="openclaw:restarts",
    phase=IncidentPhase.ACKNOWLEDGED,
    severity=Severity.CRITICAL,
    rule=RuleId.SPIRAL_IDENTICAL,
    title="held",
    because="3 identical endings",
    opened_usec=Usec(0),
    opened_wall_usec=WALL,
    changed_usec=Usec(0),
    acknowledged_by="human uid 1000 (bash)",
    latest=LATEST,
    deliveries=(Delivery(channel="phone", page=PageId("41.2"), reference="r-1"),),
)


def test_what_a_channel_took_is_followed_with_its_reference() -> None:
    """Who has it, and whether it is over, goes with it."""
    expected = Followed(
        latest=LATEST,
        delivered=(Delivered(channel="phone", page="41.2", reference="r-1"),),
        acknowledged_by="human uid 1000 (bash)",
        over_wall_usec=None,
    )

    assert followed_of(State(incidents=(STORY,))) == (expected,)


def test_an_end_is_followed_until_it_is_let_go() -> None:
    """The core lets go of it ten minutes after."""
    over = replace(STORY, over_wall_usec=WALL)

    assert [each.over_wall_usec for each in followed_of(State(incidents=(over,)))] == [WALL]
    assert followed_of(State(incidents=(replace(over, latest=None, deliveries=()),))) == ()
    assert followed_of(State(incidents=(replace(STORY, deliveries=()),))) == ()


def test_what_was_heard_becomes_an_event_of_one_line() -> None:
    """A name from a telephone is a stranger's text."""
    heard = Acknowledged(channel="phone", incident="INC-7", page="41.2", by="al\nice\x1b" + "x" * 99, wall_usec=None)
    event = acknowledged_event(heard)

    assert isinstance(event, PageAcknowledged)
    assert (event.incident, event.page, event.wall_usec) == ("INC-7", "41.2", 0)
    assert event.by.startswith("al\\nice\\x1b")
    assert len(event.by) <= 40
    assert acknowledged_event(replace(heard, wall_usec=9)).wall_usec == 9
