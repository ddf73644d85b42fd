"""The care that follows a delivery: rounds, what brings one forward, and what becomes of what is heard."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from page_samples import CRITICAL, WALL

from watchdog.core.events import Event
from watchdog.core.identity import IncidentId
from watchdog.core.state import PendingPage
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.pager.channel import (
    Acknowledged,
    ConfigurationFault,
    Heard,
    Receipt,
    Silenced,
    Standing,
    Told,
    TryLater,
)
from watchdog.pager.courier import Courier
from watchdog.pager.message import Message
from watchdog.pager.route import Timing
from watchdog.pager.upkeep import FAULT_USEC, SETTLE_USEC, Delivered, Followed

ROUNDS_MAX = 200
"""No test needs more; it only turns an endless loop into a failure."""

TAP = Acknowledged(channel="phone", incident="INC-7", page="41.2", by="alice")
SILENCE = Silenced(channel="phone", incident="INC-7", by="eve")


class Living:
    """A channel that answers from a list, the last answer for ever; notes how things stood in every round."""

    def __init__(self, *answers: Exception | tuple[Heard, ...], name: str = "phone") -> None:
        self.name = name
        self.every_usec = MINUTE
        self.answers = list(answers) or [()]
        self.seen: list[tuple[Standing, ...]] = []

    def deliver(self, message: Message) -> Receipt:
        return Receipt(detail="ok")

    def keep_up(self, standings: tuple[Standing, ...]) -> tuple[Heard, ...]:
        self.seen.append(standings)
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(given, Exception):
            raise given
        return given


class World:
    """A clock that moves when somebody sleeps, at most until `until_usec`; there sleepers stay asleep."""

    def __init__(self) -> None:
        self.now_usec = 0
        self.until_usec = 0
        self.slept: list[float] = []
        self.heard: list[Acknowledged] = []
        self.events: list[Event] = []

    async def sleep(self, seconds: float) -> None:
        if self.now_usec + round(seconds * SECOND) > self.until_usec or len(self.slept) >= ROUNDS_MAX:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.now_usec += round(seconds * SECOND)
        await asyncio.sleep(0)

    def courier(self, channel: Living) -> Courier:
        timing = Timing(sleep=self.sleep, wall_clock=lambda: self.now_usec, uniform=max, attempt_usec=20 * SECOND)
        return Courier(
            {channel.name: channel},
            self.events.append,
            journal_id="j1",
            host="web1",
            hear=self.heard.append,
            timing=timing,
        )

    def play(self, channel: Living, script: Callable[[Courier], Awaitable[None]]) -> None:
        """Let the script talk to a courier of the channel."""

        async def story() -> None:
            courier = self.courier(channel)
            try:
                async with asyncio.timeout(20):
                    await script(courier)
            finally:
                await courier.close()

        asyncio.run(story())


def followed(incident: str = "INC-7", channel: str = "phone", by: str = "", over: int | None = None) -> Followed:
    """Make an incident that was told."""
    page = replace(CRITICAL, incident=IncidentId(incident))
    return Followed(
        latest=PendingPage(page=page, queued_wall_usec=WALL, waiting=()),
        delivered=(Delivered(channel=channel, page="41.2", reference="r-1"),),
        acknowledged_by=by,
        over_wall_usec=over,
    )


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until the condition holds; the story's own bound ends it otherwise."""
    while not condition():  # noqa: ASYNC110 - the conditions look at what worker threads do
        await asyncio.sleep(0.001)


def test_a_channel_is_told_how_its_incidents_stand() -> None:
    """The latest page in the channel's words, its own pages with their references, and nothing of other channels."""
    world, phone = World(), Living()

    async def script(courier: Courier) -> None:
        courier.follow((followed(), followed("INC-8", channel="mail")))
        await until(lambda: bool(phone.seen))

    world.play(phone, script)

    ((standing,),) = phone.seen[:1]
    assert (standing.incident, standing.told) == ("INC-7", (Told(page="41.2", reference="r-1"),))
    assert standing.message.title.startswith("openclaw: held")
    assert standing.message.channel == "phone"
    assert standing.is_open


def test_rounds_come_as_often_as_the_channel_says() -> None:
    """An Alertmanager's alert is sent again every minute, for as long as the incident is open."""
    world, phone = World(), Living()
    world.until_usec = 10 * MINUTE

    async def script(courier: Courier) -> None:
        courier.follow((followed(),))
        await until(lambda: len(phone.seen) == 11)

    world.play(phone, script)

    assert world.now_usec == 10 * MINUTE


def test_a_change_brings_the_next_round_forward() -> None:
    """`gatedog ack` reaches the channel now, not in a minute; but never two rounds within a second."""
    world, phone = World(), Living()
    world.until_usec = SETTLE_USEC

    async def script(courier: Courier) -> None:
        courier.follow((followed(),))
        await until(lambda: len(phone.seen) == 1)
        courier.follow((followed(by="alice"),))
        await until(lambda: len(phone.seen) == 2)

    world.play(phone, script)

    assert [standings[0].acknowledged_by for standings in phone.seen] == ["", "alice"]
    assert world.slept == [1.0]


def test_the_same_again_is_no_change() -> None:
    """The daemon says how things stand after every step; only what is different costs a round."""
    world, phone = World(), Living()
    world.until_usec = SETTLE_USEC

    async def script(courier: Courier) -> None:
        for _ in range(5):
            courier.follow((followed(),))
        await until(lambda: world.slept == [1.0])
        await asyncio.sleep(0.01)

    world.play(phone, script)

    assert len(phone.seen) == 1


def test_rounds_end_with_the_last_incident_and_begin_again_with_the_next() -> None:
    """Nothing runs while there is nothing to keep up."""
    world, phone = World(), Living()
    world.until_usec = 10 * SECOND

    async def script(courier: Courier) -> None:
        courier.follow((followed(),))
        await until(lambda: len(phone.seen) == 1)
        courier.follow(())
        upkeep = courier._upkeep["phone"]
        await until(lambda: not upkeep.tasks)
        courier.follow((followed("INC-8"),))
        await until(lambda: len(phone.seen) == 2)

    world.play(phone, script)

    assert [standings[0].incident for standings in phone.seen] == ["INC-7", "INC-8"]


def test_an_acknowledgement_is_passed_on_once_and_a_silence_is_only_shown() -> None:
    """A receipt says "acknowledged" in every round; a silence is never counted."""
    world, phone = World(), Living((TAP, SILENCE))
    world.until_usec = 5 * MINUTE
    shown: list[tuple[Silenced, ...]] = []

    async def script(courier: Courier) -> None:
        courier.follow((followed(),))
        await until(lambda: len(phone.seen) == 6)
        shown.append(courier.silences())

    world.play(phone, script)

    assert world.heard == [TAP]
    assert shown == [(SILENCE,)]
    assert world.events == []


def test_trouble_is_shown_without_a_page() -> None:
    """A failed round loses nothing that was delivered; status says why it failed."""
    world, phone = World(), Living(TryLater("no\nroute"))
    errors: list[str] = []

    async def script(courier: Courier) -> None:
        courier.follow((followed(),))
        await until(lambda: bool(courier.health()[0].upkeep_error))
        errors.append(courier.health()[0].upkeep_error)

    world.play(phone, script)

    assert errors == ["no\\nroute"]
    assert world.events == []


def test_trouble_is_tried_again_after_the_quiet_that_was_asked_for() -> None:
    """A failing channel is asked at its own pace, or slower if it says so."""
    world, phone = World(), Living(TryLater("away"), TryLater("429", 2 * MINUTE), ())
    world.until_usec = 3 * MINUTE

    async def script(courier: Courier) -> None:
        courier.follow((followed(),))
        await until(lambda: courier.health()[0].kept_up_wall_usec is not None)

    world.play(phone, script)

    assert world.slept[:4] == [1.0, 59.0, 1.0, 119.0]


def test_a_quick_channel_in_trouble_slows_down_to_a_minute() -> None:
    """Presses are fetched every few seconds, but not from a server that is away."""
    world, phone = World(), Living(TryLater("away"))
    phone.every_usec = 3 * SECOND
    world.until_usec = 5 * MINUTE

    async def script(courier: Courier) -> None:
        courier.follow((followed(),))
        await until(lambda: len(phone.seen) >= 8)

    world.play(phone, script)

    pauses = [one + rest for one, rest in zip(world.slept[::2], world.slept[1::2], strict=False)]
    assert pauses[:6] == [6, 12, 24, 48, 60, 60]


def test_a_fault_is_asked_about_again_only_slowly() -> None:
    """Only a human mends it, and may do so without telling gatedog."""
    world, phone = World(), Living(ConfigurationFault("401"), ())
    world.until_usec = FAULT_USEC

    async def script(courier: Courier) -> None:
        courier.follow((followed(),))
        await until(lambda: len(phone.seen) == 2)

    world.play(phone, script)

    assert sum(world.slept) == FAULT_USEC / SECOND


def test_upkeep_that_broke_does_not_look_alive() -> None:
    """An error in what takes the acknowledgement comes out of the next `follow` instead of vanishing."""
    world, phone = World(), Living((TAP,))

    def hear(heard: Acknowledged) -> None:
        raise ValueError("inbox is broken")

    async def story() -> None:
        timing = Timing(sleep=world.sleep, wall_clock=lambda: 0, uniform=max, attempt_usec=20 * SECOND)
        courier = Courier({"phone": phone}, world.events.append, journal_id="j1", host="h", hear=hear, timing=timing)
        courier.follow((followed(),))
        async with asyncio.timeout(20):
            await until(lambda: courier._upkeep["phone"]._crashes._first is not None)
        with pytest.raises(ValueError, match="inbox is broken"):
            courier.follow(())
        await courier.close()

    asyncio.run(story())


def test_a_closed_courier_follows_nothing() -> None:
    """What gatedog's end interrupts, the next start does."""
    world, phone = World(), Living()

    async def script(courier: Courier) -> None:
        await courier.close()
        courier.follow((followed(),))
        await asyncio.sleep(0.01)

    world.play(phone, script)

    assert phone.seen == []
