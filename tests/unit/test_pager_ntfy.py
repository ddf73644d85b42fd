"""ntfy: which notification takes the place of which, and what is cleared away."""

from pathlib import Path

import pytest
from page_channels import Address, Receiver, answer
from page_samples import CANARY, CRITICAL, PAGES, WALL, message_of, secret_file

from watchdog.pager.channel import ConfigurationFault, Standing, Told, TryLater
from watchdog.pager.channels.ntfy import NtfyChannel, sequence
from watchdog.policyfile.pagersettings_kinds import NtfySettings, Web


def channel(folder: Path, receiver: Receiver) -> NtfyChannel:
    """Make a channel that talks to the receiver."""
    web = Address().web(credential_file=secret_file(folder))
    return NtfyChannel(NtfySettings(name="out", web=web, topic="pages"), ask=receiver.ask)


SEQUENCES = {name: sequence(message_of(page)) for name, page in PAGES.items()}


def test_the_end_takes_the_place_of_the_beginning_and_news_rings_by_itself() -> None:
    """An update under an old name may not ring; the end must not."""
    assert SEQUENCES["critical trigger"] == SEQUENCES["resolve"]
    assert len({SEQUENCES[name] for name in ("critical trigger", "update", "notice", "test page")}) == 4


def test_o02_a_second_delivery_replaces_the_first(tmp_path: Path) -> None:
    """The same page has the same sequence id, so a repetition is one notification on the telephone."""
    receiver = Receiver()

    receipts = [channel(tmp_path, receiver).deliver(message_of(CRITICAL)) for _ in range(2)]

    assert receiver.requests[0].body == receiver.requests[1].body
    assert {receipt.reference for receipt in receipts} == {SEQUENCES["critical trigger"]}


def standing(by: str = "", over: int | None = None) -> Standing:
    """Make an incident that was told twice."""
    told = tuple(Told(page=name, reference=SEQUENCES[name]) for name in ("critical trigger", "update"))
    return Standing(incident="INC-7", message=message_of(CRITICAL), told=told, acknowledged_by=by, over_wall_usec=over)


def cleared(receiver: Receiver) -> list[str]:
    """Return what was cleared, by its name."""
    assert all(request.method == "PUT" for request in receiver.requests)
    return sorted(request.url.split("/")[-2] for request in receiver.requests)


def test_what_somebody_has_is_cleared_away_once(tmp_path: Path) -> None:
    """All notifications of it, and not again in the next round."""
    receiver = Receiver()
    out = channel(tmp_path, receiver)

    for each in (standing(), standing("alice"), standing("alice")):
        out.keep_up((each,))

    assert cleared(receiver) == sorted((SEQUENCES["critical trigger"], SEQUENCES["update"]))


def test_what_says_that_it_is_over_stays(tmp_path: Path) -> None:
    """The end has the name of the beginning; only what came between is cleared."""
    receiver = Receiver()

    channel(tmp_path, receiver).keep_up((standing(over=WALL),))

    assert cleared(receiver) == [SEQUENCES["update"]]


def test_an_older_server_that_cannot_clear_is_no_fault(tmp_path: Path) -> None:
    """Before 2.16 the path is unknown; the page was delivered, and that is what counts."""
    receiver = Receiver(answers=[answer(404)])
    out = channel(tmp_path, receiver)

    out.keep_up((standing("alice"),))
    out.keep_up((standing("alice"),))

    assert len(receiver.requests) == 2


def test_a_clearing_that_did_not_get_out_is_tried_again(tmp_path: Path) -> None:
    """A server in trouble is asked again in the next round."""
    receiver = Receiver(answers=[answer(502), answer()])
    out = channel(tmp_path, receiver)

    with pytest.raises(TryLater):
        out.keep_up((standing("alice"),))
    out.keep_up((standing("alice"),))

    assert len(receiver.requests) == 3


def test_a_topic_without_a_token_is_refused() -> None:
    """Who knows its name could read the pages and send false ones."""
    receiver = Receiver()
    out = NtfyChannel(NtfySettings(name="out", topic="pages", web=Web(url="https://ntfy.sh")), ask=receiver.ask)

    with pytest.raises(ConfigurationFault, match="open to everybody"):
        out.deliver(message_of(CRITICAL))
    assert receiver.requests == []


def test_the_token_is_a_bearer(tmp_path: Path) -> None:
    """Self-hosted or not, the same header."""
    receiver = Receiver()

    channel(tmp_path, receiver).deliver(message_of(CRITICAL))

    assert dict(receiver.requests[0].headers)["Authorization"] == f"Bearer {CANARY}"
    assert receiver.requests[0].secret
