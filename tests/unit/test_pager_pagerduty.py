"""PagerDuty: which event a page becomes, and what an answer means."""

import json
from pathlib import Path

import pytest
from page_channels import Address, Receiver, answer
from page_samples import CANARY, CRITICAL, PAGES, WALL, message_of, secret_file

from watchdog.core.timeline import SECOND
from watchdog.pager.channel import ConfigurationFault, Standing, Told, TryLater
from watchdog.pager.channels.exchange import Answer
from watchdog.pager.channels.pagerduty import PagerDutyChannel
from watchdog.policyfile.pagersettings_kinds import PagerDutySettings


def channel(folder: Path, receiver: Receiver) -> PagerDutyChannel:
    """Make a channel that talks to the receiver."""
    web = Address().web(credential_file=secret_file(folder))
    return PagerDutyChannel(PagerDutySettings(name="out", web=web), ask=receiver.ask)


def sent(receiver: Receiver) -> list[dict[str, object]]:
    """Return the bodies that arrived."""
    return [json.loads(request.body) for request in receiver.requests]


@pytest.mark.parametrize(
    ("name", "path", "action"),
    [
        ("critical trigger", "/v2/enqueue", "trigger"),
        ("update", "/v2/enqueue", "trigger"),
        ("resolve", "/v2/enqueue", "resolve"),
        ("notice", "/v2/change/enqueue", None),
        ("test page", "/v2/enqueue", "trigger"),
    ],
)
def test_a_page_becomes_its_event(tmp_path: Path, name: str, path: str, action: str | None) -> None:
    """Trigger and resolve under one key; a notice is a change event, which wakes nobody."""
    receiver = Receiver(answers=[answer(202)])

    receipt = channel(tmp_path, receiver).deliver(message_of(PAGES[name]))

    (body,) = sent(receiver)
    assert receiver.requests[0].url.endswith(path)
    assert body.get("event_action") == action
    assert body["routing_key"] == CANARY
    assert "202" in receipt.detail


def test_o02_a_second_delivery_is_the_same_event(tmp_path: Path) -> None:
    """A crash between 202 and the commit sends the very same bytes again: one alert, whatever happens."""
    receiver = Receiver(answers=[answer(202)])

    for _ in range(2):
        channel(tmp_path, receiver).deliver(message_of(CRITICAL))

    first, second = receiver.requests
    assert first.body == second.body


def test_the_key_is_that_of_the_journal_and_the_incident(tmp_path: Path) -> None:
    """Two histories never share an alert, and all pages of one incident do."""
    receiver = Receiver(answers=[answer(202)])

    for name in ("critical trigger", "update", "resolve"):
        channel(tmp_path, receiver).deliver(message_of(PAGES[name]))

    assert {str(body["dedup_key"]) for body in sent(receiver)} == {"gatedog:j1:openclaw:INC-7"}


@pytest.mark.parametrize(
    ("given", "error", "after_usec"),
    [
        (answer(400), ConfigurationFault, None),
        (answer(403), ConfigurationFault, None),
        (answer(302), ConfigurationFault, None),
        (answer(429), TryLater, 30 * SECOND),
        (answer(429, Retry_After="90"), TryLater, 90 * SECOND),
        (answer(500), TryLater, None),
        (answer(503, Retry_After="7"), TryLater, 7 * SECOND),
    ],
    ids=["400", "403", "302", "429", "429 after 90", "500", "503 after 7"],
)
def test_o05_an_answer_says_whether_to_come_again(
    tmp_path: Path, given: Answer, error: type[Exception], after_usec: int | None
) -> None:
    """A refusal is for a human to mend, everything else for another try, and 429 for at least 30 s of quiet."""
    with pytest.raises(error) as caught:
        channel(tmp_path, Receiver(answers=[given])).deliver(message_of(CRITICAL))

    assert getattr(caught.value, "after_usec", None) == after_usec


def standing(by: str = "", over: int | None = None) -> Standing:
    """Make an incident that this channel was told of."""
    told = (Told(page="41.2"),)
    return Standing(incident="INC-7", message=message_of(CRITICAL), told=told, acknowledged_by=by, over_wall_usec=over)


def test_an_acknowledgement_is_passed_on_once(tmp_path: Path) -> None:
    """`gatedog ack` also quietens PagerDuty; who takes it after that is passed on again."""
    receiver = Receiver(answers=[answer(202)])
    out = channel(tmp_path, receiver)

    for each in (standing(), standing("alice"), standing("alice"), standing(), standing("alice"), standing("bob")):
        assert out.keep_up((each,)) == ()

    assert [body["event_action"] for body in sent(receiver)] == ["acknowledge"] * 3
    assert {str(body["dedup_key"]) for body in sent(receiver)} == {"gatedog:j1:openclaw:INC-7"}


def test_an_acknowledgement_that_did_not_get_out_is_tried_again(tmp_path: Path) -> None:
    """What failed was not passed on."""
    receiver = Receiver(answers=[answer(500), answer(202)])
    out = channel(tmp_path, receiver)

    with pytest.raises(TryLater):
        out.keep_up((standing("alice"),))
    out.keep_up((standing("alice"),))

    assert len(receiver.requests) == 2


def test_what_is_over_is_not_acknowledged(tmp_path: Path) -> None:
    """After a resolve, PagerDuty would drop it silently; nothing is sent."""
    receiver = Receiver()

    channel(tmp_path, receiver).keep_up((standing("alice", over=WALL),))

    assert receiver.requests == []
