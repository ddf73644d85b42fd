"""Trying again, and giving up: by whose pace, for how long, and what is never given up."""

import asyncio

import pytest

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.deliveries import PageDelivered, PageFailed, PageStuck
from watchdog.core.events import Event
from watchdog.core.identity import GatewayName, IncidentId, PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import PendingPage
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND, Usec
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.courier import ATTEMPT_USEC, Courier
from watchdog.pager.message import Message
from watchdog.pager.route import Timing

WALL = Usec(1_774_494_251_000_000)


class Scripted:
    """A channel that answers from a list, the last answer for ever."""

    name = "mail"

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.count = 0

    def deliver(self, message: Message) -> Receipt:
        self.count += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer
        return Receipt(detail="ok")


class World:
    """A clock that stands still unless somebody sleeps, and chance that always draws the longest."""

    def __init__(self) -> None:
        self.now_usec = int(WALL)
        self.slept_s: list[float] = []
        self.draws: list[tuple[float, float]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_usec += round(seconds * SECOND)
        await asyncio.sleep(0)

    def uniform(self, low: float, high: float) -> float:
        self.draws.append((low, high))
        return high

    def carry(self, channel: Scripted, severity: Severity = Severity.CRITICAL) -> list[Event]:
        """Carry one page to its end and return the reports."""
        return asyncio.run(self._carry(channel, severity))

    async def _carry(self, channel: Scripted, severity: Severity) -> list[Event]:
        events: list[Event] = []
        courier = Courier(
            {"mail": channel},
            events.append,
            journal_id="j1",
            host="web1",
            timing=Timing(
                sleep=self.sleep,
                wall_clock=lambda: self.now_usec,
                uniform=self.uniform,
                attempt_usec=ATTEMPT_USEC,
            ),
        )
        courier.offer((page(severity),))
        assert await courier.drain(60 * SECOND)
        return events


def without_stuck(events: list[Event]) -> list[Event]:
    """Leave out that it took a while."""
    return [each for each in events if not isinstance(each, PageStuck)]


def page(severity: Severity) -> PendingPage:
    """A page queued at WALL."""
    queued = QueuePage(
        gateway=GatewayName("openclaw"),
        rule=RuleId.PAGE_TEST,
        because="4 unasked endings",
        page=PageId("9.0"),
        incident=IncidentId("INC-1"),
        severity=severity,
        update=PageUpdate.OPENED,
        channels=("mail",),
        title="held",
        did="",
        next_command="gatedog status",
    )
    return PendingPage(page=queued, queued_wall_usec=WALL, waiting=queued.channels)


def test_o05_retries_back_off_with_full_jitter_up_to_five_minutes() -> None:
    """The n-th pause is drawn from 0 to min(300, 2 * 2^n) seconds."""
    world = World()
    channel = Scripted(*[TryLater("away")] * 10, None)

    world.carry(channel)

    assert [high for _, high in world.draws] == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert all(low == 0 for low, _ in world.draws)
    assert world.slept_s == [high for _, high in world.draws]


def test_the_quiet_a_server_asks_for_is_kept() -> None:
    """Retry-After takes the place of the drawn pause."""
    world = World()
    channel = Scripted(TryLater("429", 30 * SECOND), None)

    world.carry(channel)

    assert [pause for pause in world.slept_s if pause] == [30]
    assert world.draws == []


def test_no_server_can_silence_a_critical_page_for_longer_than_five_minutes() -> None:
    """A Retry-After of a week is kept for five minutes."""
    world = World()
    channel = Scripted(TryLater("429", 7 * DAY), None)

    world.carry(channel)

    assert max(world.slept_s) == 300


def test_o05_a_configuration_fault_is_reported_at_once() -> None:
    """Only a human can mend it, so the core must be able to tell the next tier now."""
    world, channel = World(), Scripted(ConfigurationFault("401; mend\nit"))

    events = world.carry(channel)

    assert events == [PageFailed(page=PageId("9.0"), channel="mail", detail="401; mend\\nit")]
    assert channel.count == 1
    assert world.slept_s == []


@pytest.mark.parametrize(("severity", "lifetime"), [(Severity.INFO, HOUR), (Severity.WARNING, DAY)])
def test_o06_what_is_no_longer_news_expires(severity: Severity, lifetime: int) -> None:
    """A notice is given up after an hour, a warning after a day, with the last error in the report."""
    world, channel = World(), Scripted(TryLater("no route"))

    (event,) = without_stuck(world.carry(channel, severity))

    assert isinstance(event, PageFailed)
    assert event.detail.startswith("expired after ")
    assert event.detail.endswith(": no route")
    assert lifetime <= world.now_usec - WALL <= lifetime + 5 * MINUTE


def test_a_page_that_expired_while_gatedog_was_down_is_not_sent() -> None:
    """An old notice found in the outbox at start is reported, not delivered."""
    world, channel = World(), Scripted(None)
    world.now_usec += 2 * HOUR

    (event,) = world.carry(channel, Severity.INFO)

    assert isinstance(event, PageFailed)
    assert channel.count == 0


def test_o06_a_critical_page_is_never_given_up() -> None:
    """After a day of failures the page still goes out when the network is back."""
    world = World()
    channel = Scripted(*[TryLater("away")] * 300, None)

    events = world.carry(channel)

    assert without_stuck(events) == [PageDelivered(page=PageId("9.0"), channel="mail", detail="ok")]
    assert world.now_usec - WALL > DAY
    assert max(world.slept_s) <= 300


@pytest.mark.parametrize("severity", list(Severity))
def test_o06_a_page_that_does_not_get_out_is_reported_once(severity: Severity) -> None:
    """After three failures, whatever the page: the core may know somebody else to tell."""
    world, channel = World(), Scripted(*[TryLater("away\x1b")] * 8, None)

    stuck, *rest = world.carry(channel, severity)

    assert stuck == PageStuck(page=PageId("9.0"), channel="mail", detail="away\\x1b")
    assert [type(each) for each in rest] == [PageDelivered]


def test_o06_a_page_that_is_a_minute_old_is_stuck_at_its_first_failure() -> None:
    """An attempt may take long by itself, and what waited for a daemon that was down is late already."""
    world, channel = World(), Scripted(TryLater("away"), None)
    world.now_usec += MINUTE

    assert [type(each) for each in world.carry(channel)] == [PageStuck, PageDelivered]


def test_two_failures_are_no_news() -> None:
    """Passing trouble is no event."""
    world, channel = World(), Scripted(TryLater("away"), TryLater("away"), None)

    assert [type(each) for each in world.carry(channel)] == [PageDelivered]
