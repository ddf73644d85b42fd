"""The courier: order, urgency, retries, giving up, and never twice without need."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.deliveries import PageDelivered, PageFailed, PageStuck
from watchdog.core.events import Event
from watchdog.core.identity import GatewayName, IncidentId, PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import PendingPage
from watchdog.core.timeline import HOUR, SECOND, Usec
from watchdog.pager.attempt import ABANDONED_MAX
from watchdog.pager.channel import Channel, Receipt, TryLater
from watchdog.pager.courier import Courier
from watchdog.pager.message import Message
from watchdog.pager.route import Timing

WALL = Usec(1_774_494_251_000_000)
BOUND_USEC = 20 * SECOND
"""No test waits this long: it only turns a hang into a failure."""


class Scripted:
    """A channel that answers from a list, the last answer for ever; notes every message it was given."""

    def __init__(self, *answers: Exception | str, name: str = "mail") -> None:
        self.name = name
        self.answers = list(answers) or ["ok"]
        self.seen: list[Message] = []

    def deliver(self, message: Message) -> Receipt:
        self.seen.append(message)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Receipt(detail=answer)


class Gated:
    """A channel that hangs until it is let go, or, with `only`, hangs on one page."""

    def __init__(self, name: str = "mail", only: str = "") -> None:
        self.name = name
        self.only = only
        self.gate = threading.Event()
        self.seen: list[str] = []

    def deliver(self, message: Message) -> Receipt:
        self.seen.append(message.page)
        if not self.only or message.page == self.only:
            self.gate.wait(BOUND_USEC / SECOND)
        return Receipt(detail="ok")


class World:
    """A clock that stands still unless somebody sleeps, chance that always draws the longest, and the reports."""

    def __init__(self) -> None:
        self.now_usec = int(WALL)
        self.events: list[Event] = []

    async def sleep(self, seconds: float) -> None:
        self.now_usec += round(seconds * SECOND)
        await asyncio.sleep(0)

    def courier(self, *channels: Channel, attempt_usec: int = BOUND_USEC) -> Courier:
        return Courier(
            {channel.name: channel for channel in channels},
            self.events.append,
            journal_id="j1",
            host="web1",
            timing=Timing(sleep=self.sleep, wall_clock=lambda: self.now_usec, uniform=max, attempt_usec=attempt_usec),
        )


def page(
    name: str, *channels: str, incident: str | None = "INC-1", severity: Severity = Severity.CRITICAL
) -> PendingPage:
    """A page that waits for the channels, `mail` if none is named."""
    queued = QueuePage(
        gateway=GatewayName("openclaw"),
        rule=RuleId.PAGE_TEST,
        because="4 unasked endings",
        page=PageId(name),
        incident=None if incident is None else IncidentId(incident),
        severity=severity,
        update=PageUpdate.OPENED,
        channels=channels or ("mail",),
        title="held",
        did="",
        next_command="gatedog status",
    )
    return PendingPage(page=queued, queued_wall_usec=WALL, waiting=queued.channels)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until the condition holds; fail at the bound."""
    async with asyncio.timeout(BOUND_USEC / SECOND):
        while not condition():  # noqa: ASYNC110 - the conditions look at what worker threads do
            await asyncio.sleep(0.001)


def carried(world: World, courier_of: Callable[[], Courier], *outbox: PendingPage) -> list[Event]:
    """Offer the outbox, wait for its end, return the reports."""

    async def story() -> list[Event]:
        courier = courier_of()
        courier.offer(outbox)
        assert await courier.drain(BOUND_USEC)
        await courier.close()
        return world.events

    return asyncio.run(story())


def test_a_delivered_page_is_reported_with_its_receipt() -> None:
    """The receipt comes back as an event, escaped, because it is a stranger's text."""
    world, channel = World(), Scripted("queued as\x1b[1m 250")

    events = carried(world, lambda: world.courier(channel), page("9.0"))

    assert events == [PageDelivered(page=PageId("9.0"), channel="mail", detail="queued as\\x1b[1m 250")]
    assert channel.seen[0].idempotency_key == f"j1:9.0:{WALL}:mail"


def test_o03_pages_of_one_incident_keep_their_order_through_failures() -> None:
    """The page "over" must never overtake the page "held", however often that has to be tried."""
    world = World()
    channel = Scripted(TryLater("away"), TryLater("away"), "ok")
    over = page("12.0", severity=Severity.INFO)

    carried(world, lambda: world.courier(channel), page("9.0"), page("11.0"), over)

    assert [message.page for message in channel.seen] == ["9.0", "9.0", "9.0", "11.0", "12.0"]


def test_a_critical_page_passes_what_waits() -> None:
    """Behind a slow channel the next turn goes to the most severe page, not to the oldest."""
    world, channel = World(), Gated()

    async def story() -> None:
        courier = world.courier(channel)
        first = page("1.0", incident="INC-1", severity=Severity.INFO)
        second = page("2.0", incident="INC-2", severity=Severity.INFO)
        warning = page("3.0", incident="INC-3", severity=Severity.WARNING)
        critical = page("4.0", incident="INC-4")
        courier.offer((first,))
        await until(lambda: channel.seen == ["1.0"])
        courier.offer((first, second, warning, critical))
        await asyncio.sleep(0)
        channel.gate.set()
        assert await courier.drain(BOUND_USEC)

    asyncio.run(story())

    assert channel.seen == ["1.0", "4.0", "3.0", "2.0"]


def test_a_lane_is_as_urgent_as_its_most_urgent_page() -> None:
    """A notice that stands before a critical page of its incident is let through first."""
    world, channel = World(), Scripted()
    outbox = (
        page("1.0", incident="INC-1", severity=Severity.WARNING),
        page("2.0", incident="INC-2", severity=Severity.INFO),
        page("3.0", incident="INC-2"),
    )

    carried(world, lambda: world.courier(channel), *outbox)

    assert channel.seen[0].page == "2.0"


def test_an_incident_that_cannot_be_told_does_not_stop_another() -> None:
    """Head-of-line order holds within an incident only."""

    class Poisoned(Scripted):
        def deliver(self, message: Message) -> Receipt:
            if message.incident == "INC-1":
                raise TryLater("this one never")
            return super().deliver(message)

    world, channel = World(), Poisoned()

    async def story() -> None:
        courier = world.courier(channel)
        courier.offer((page("1.0", incident="INC-1"), page("2.0", incident="INC-2")))
        await until(lambda: any(isinstance(each, PageDelivered) for each in world.events))
        await courier.close()

    asyncio.run(story())

    delivered = [event for event in world.events if not isinstance(event, PageStuck)]
    assert delivered == [PageDelivered(page=PageId("2.0"), channel="mail", detail="ok")]


def test_a_page_already_reported_is_not_sent_again() -> None:
    """Until the core has taken the report, the page is still in the outbox; offering that must not send it twice."""
    world, channel = World(), Scripted()

    async def story() -> None:
        courier = world.courier(channel)
        for _ in range(3):
            courier.offer((page("9.0"),))
            assert await courier.drain(BOUND_USEC)

    asyncio.run(story())

    assert len(channel.seen) == 1
    assert len(world.events) == 1


def test_a_withdrawn_page_is_not_tried_again() -> None:
    """What the core took out of the outbox stops, without a report."""
    world = World()

    class Withdrawn(Scripted):
        withdraw: Callable[[], object]

        def deliver(self, message: Message) -> Receipt:
            self.withdraw()
            return super().deliver(message)

    async def story() -> Scripted:
        courier = world.courier(channel := Withdrawn(TryLater("away")))
        channel.withdraw = partial(asyncio.get_running_loop().call_soon_threadsafe, courier.offer, ())
        courier.offer((page("9.0"),))
        assert await courier.drain(BOUND_USEC)
        return channel

    channel = asyncio.run(story())

    assert len(channel.seen) == 1
    assert world.events == []


def test_only_the_waiting_channels_are_used() -> None:
    """After a restart, a channel that had already taken the page is left alone."""
    world, mail, hook = World(), Scripted(name="mail"), Scripted(name="hook")
    half = replace(page("9.0", "mail", "hook"), waiting=("hook",), delivered=("mail",))

    carried(world, lambda: world.courier(mail, hook), half)

    assert (len(mail.seen), len(hook.seen)) == (0, 1)


def test_a_channel_that_is_not_configured_fails_loudly() -> None:
    """A name missing from pager.toml becomes a failed page with the way to mend it, not a page that waits for ever."""
    world = World()

    (event,) = carried(world, world.courier, page("9.0", "pigeon"))

    assert isinstance(event, PageFailed)
    assert event.channel == "pigeon"
    assert "gatedog policy check" in event.detail


def test_a_hung_channel_holds_up_nobody_but_itself() -> None:
    """The other channel delivers, the hung attempt counts as failed, and the number of hanging threads is bounded."""
    world, hung, mail = World(), Gated("hook"), Scripted()

    async def story() -> str:
        courier = world.courier(hung, mail, attempt_usec=SECOND // 100)
        courier.offer((page("9.0", "hook", "mail"),))
        await until(lambda: "still hang" in courier.health()[0].last_error)
        error = courier.health()[0].last_error
        await courier.close()
        hung.gate.set()
        return error

    error = asyncio.run(story())

    assert error == f"{ABANDONED_MAX} earlier attempts still hang"
    assert len(hung.seen) == ABANDONED_MAX
    assert [event for event in world.events if not isinstance(event, PageStuck)] == [
        PageDelivered(page=PageId("9.0"), channel="mail", detail="ok")
    ]


def test_o02_a_crash_between_delivery_and_commit_repeats_the_same_key() -> None:
    """A second gatedog with the same outbox sends the page again, recognisable as the same."""
    channel = Scripted()

    for world in (World(), World()):
        carried(world, partial(world.courier, channel), page("9.0"))

    first, second = channel.seen
    assert first == second
    assert first.idempotency_key == second.idempotency_key == f"j1:9.0:{WALL}:mail"


def test_o13_health_tells_what_waits_and_what_went_wrong() -> None:
    """Status can show how long the oldest page waits, and why."""
    world = World()

    async def story() -> None:
        courier = world.courier(Scripted(TryLater("no\nroute")))
        idle = courier.health()
        courier.offer((page("9.0"), replace(page("8.0", incident="INC-2"), queued_wall_usec=Usec(WALL - HOUR))))
        await until(lambda: courier.health()[0].last_error_wall_usec is not None)
        (health,) = courier.health()
        await courier.close()

        assert (idle[0].waiting, idle[0].oldest_wall_usec, idle[0].last_error) == (0, None, "")
        assert (health.channel, health.waiting, health.oldest_wall_usec) == ("mail", 2, WALL - HOUR)
        assert (health.last_error, health.last_ok_wall_usec) == ("no\\nroute", None)

    asyncio.run(story())


def test_drain_gives_up_at_its_time_and_close_leaves_the_page_in_the_outbox() -> None:
    """Going down is bounded; what was not delivered is not reported, so the next gatedog carries it."""
    world, hung = World(), Gated()

    async def story() -> bool:
        courier = world.courier(hung)
        courier.offer((page("9.0"),))
        drained = await courier.drain(SECOND // 100)
        await courier.close()
        courier.offer((page("10.0"),))
        hung.gate.set()
        return drained

    assert asyncio.run(story()) is False
    assert world.events == []
    assert "10.0" not in hung.seen


def test_a_pager_that_lost_a_lane_does_not_look_alive() -> None:
    """An error outside the channels, here in the report, comes out of the next offer instead of vanishing."""
    channel = Scripted()

    def report(event: Event) -> None:
        raise ValueError("inbox is broken")

    async def story() -> None:
        courier = Courier({"mail": channel}, report, journal_id="j1", host="web1")
        courier.offer((page("9.0"),))
        await courier.drain(BOUND_USEC)
        with pytest.raises(ValueError, match="inbox is broken"):
            courier.offer(())

    asyncio.run(story())
