"""The alertmanager channel against Debian's own Alertmanager: fire, forget nothing, silence, end."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from alertmanager import Alertmanager, until
from page_samples import PAGES, message_of
from stage import Stage, gateway_policy

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.policy import EscalationPolicy
from watchdog.core.state import IncidentPhase
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.pager.channel import Acknowledged, Receipt, Silenced, Standing, Told
from watchdog.pager.channels.alertmanager import AlertmanagerChannel
from watchdog.pager.clock import wall_clock
from watchdog.pager.courier import Courier
from watchdog.pager.following import acknowledged_event, followed_of
from watchdog.pager.message import Message
from watchdog.pager.route import Timing
from watchdog.policyfile.pagersettings_kinds import AlertmanagerSettings, Web

pytestmark = pytest.mark.system

BOUND_S = 30.0
TIERS = EscalationPolicy(tiers=(("alerts",), ("second",)), escalate_after_usec=5 * MINUTE)


def channel_to(alertmanager: Alertmanager) -> AlertmanagerChannel:
    """Make a channel that uses it."""
    return AlertmanagerChannel(AlertmanagerSettings(name="alerts", web=Web(url=alertmanager.url)))


def now(name: str = "critical trigger") -> Message:
    """Return a page that was queued just now."""
    return replace(message_of(PAGES[name]), queued_wall_usec=wall_clock())


def standing(message: Message, over: int | None = None) -> Standing:
    """Make an incident that this channel was told of."""
    return Standing(incident="INC-7", message=message, told=(Told(page="41.2"),), over_wall_usec=over)


def test_an_incident_fires_once_survives_a_restart_and_ends(alertmanager: Alertmanager) -> None:
    """People hear of it once, however often it is sent; a restart forgets it and the next round brings it back."""
    channel, page, told = channel_to(alertmanager), now(), alertmanager.told

    channel.deliver(page)
    until(lambda: told == [("firing", "critical", "INC-7")])
    channel.keep_up((standing(page),))
    alertmanager.stop()
    alertmanager.start()
    forgotten = alertmanager.alerts()
    channel.keep_up((standing(page),))
    back = alertmanager.alerts()
    channel.deliver(now("resolve"))
    until(lambda: len(told) > 1)

    assert forgotten == []
    assert back == [("INC-7", "critical")]
    assert told == [("firing", "critical", "INC-7"), ("resolved", "critical", "INC-7")]


def test_a_louder_page_takes_the_place_of_the_quieter(alertmanager: Alertmanager) -> None:
    """The warning ends in the same request in which the critical alert begins."""
    channel, page = channel_to(alertmanager), now()

    channel.deliver(replace(page, severity=Severity.WARNING))
    until(lambda: alertmanager.alerts() == [("INC-7", "warning")])
    channel.deliver(page)
    until(lambda: alertmanager.alerts() == [("INC-7", "critical")])
    until(lambda: len(alertmanager.told) == 3)

    assert sorted(alertmanager.told) == [
        ("firing", "critical", "INC-7"),
        ("firing", "warning", "INC-7"),
        ("resolved", "warning", "INC-7"),
    ]


def test_o07_a_silence_posted_by_the_agent_acknowledges_nothing(alertmanager: Alertmanager) -> None:
    """Whoever reaches an Alertmanager can silence it: it is shown with its author's word and counts for nothing."""
    channel, page = channel_to(alertmanager), now()
    channel.deliver(page)
    alertmanager.silence("INC-7", "openclaw")

    heard: list[object] = []
    until(lambda: bool(heard.extend(channel.keep_up((standing(page),))) or heard))

    assert heard[0] == Silenced(channel="alerts", incident="INC-7", by="openclaw")
    assert not any(isinstance(each, Acknowledged) for each in heard)


class Second:
    """The channel of the second tier."""

    name = "second"

    def deliver(self, message: Message) -> Receipt:
        """Take it."""
        return Receipt(detail=message.title)


async def eventually(condition: Callable[[], bool]) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(BOUND_S):
        while not condition():  # noqa: ASYNC110 - the conditions look at a server
            await asyncio.sleep(0.02)


def test_o07_what_the_agent_does_to_an_alert_delays_the_second_tier_by_nothing(alertmanager: Alertmanager) -> None:
    """It silences the alert and ends it; the next round brings it back, and nobody has taken it: 0 s of delay."""
    stage = held(Stage())
    heard: list[Acknowledged] = []

    def hear(acknowledged: Acknowledged) -> None:
        heard.append(acknowledged)
        stage.feed(acknowledged_event(acknowledged))

    async def story() -> None:
        courier = Courier(
            {"alerts": channel_to(alertmanager), "second": Second()},
            stage.feed,
            journal_id="j1",
            host="web1",
            hear=hear,
            timing=Timing(  # rounds without rest: what takes minutes elsewhere is seen at once
                sleep=lambda _: asyncio.sleep(0.02),
                wall_clock=wall_clock,
                uniform=max,
                attempt_usec=int(BOUND_S) * SECOND,
            ),
        )
        courier.offer(stage.state.outbox)
        await eventually(lambda: not stage.state.outbox)
        courier.follow(followed_of(stage.state))
        alertmanager.silence("INC-1", "openclaw")
        await eventually(lambda: courier.silences() != ())
        alertmanager.resolve()
        await eventually(lambda: alertmanager.alerts() == [("INC-1", "critical")])
        await courier.close()

    asyncio.run(story())
    (opened_usec,) = (at for at, each in queued(stage) if each.update is PageUpdate.OPENED)
    stage.wait(5 * MINUTE - 1)
    before = [each for _, each in queued(stage) if each.channels == ("second",)]
    stage.wait(1)

    assert heard == []
    assert stage.incident().phase is IncidentPhase.OPEN
    assert before == []
    assert [at for at, each in queued(stage) if each.channels == ("second",)] == [opened_usec + 5 * MINUTE]


def held(stage: Stage) -> Stage:
    """Let a gateway die three times, which holds it and tells the first tier."""
    stage.answers_starts = True
    stage.gatedog_starts()
    stage.policy_loads(gateway_policy(), escalation=TIERS)
    stage.looks()
    stage.gets_ready()
    for _ in range(3):
        stage.wait(31 * SECOND)
        stage.ends(code=1)
    return stage


def queued(stage: Stage) -> list[tuple[int, QueuePage]]:
    """Return every page queued so far, and when."""
    return [(at, each) for at, _, stepped in stage.steps for each in stepped.decisions if isinstance(each, QueuePage)]
