"""Pushover: emergencies that ring, receipts that say who took them, and how they are made to stop."""

from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from page_channels import USER, Address, Receiver, answer
from page_samples import CANARY, CRITICAL, PAGES, WALL, message_of, secret_file

from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.pager.channel import Acknowledged, ConfigurationFault, Standing, Told, TryLater
from watchdog.pager.channels.exchange import Request
from watchdog.pager.channels.pushover import POLLS_MAX, PushoverChannel, tag
from watchdog.policyfile.pagersettings_kinds import PushoverSettings

PENDING = b'{"status": 1, "acknowledged": 0, "acknowledged_by": ""}'
KEY = "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"
TAKEN = (
    f'{{"status": 1, "acknowledged": 1, "acknowledged_at": 1774494300, "acknowledged_by": "{KEY}",'
    ' "acknowledged_by_device": "alices\\u001b-phone"}'
).encode()


def channel(folder: Path, receiver: Receiver) -> PushoverChannel:
    """Make a channel that talks to the receiver."""
    settings = PushoverSettings(
        name="out",
        web=Address().web(credential_file=secret_file(folder)),
        user_file=secret_file(folder, "user", USER),
        retry_usec=MINUTE,
        expire_usec=HOUR,
    )
    return PushoverChannel(settings, ask=receiver.ask)


def path_of(request: Request) -> str:
    """Return where a request went, without its query."""
    return urlsplit(request.url).path


def fields_of(request: Request) -> dict[str, str]:
    """Return the parameters of a post."""
    return dict(parse_qsl(request.body.decode()))


def standing(*receipts: str, by: str = "", over: int | None = None) -> Standing:
    """Make an incident whose pages gave these receipts."""
    told = tuple(Told(page=f"{number}.0", reference=receipt) for number, receipt in enumerate(receipts))
    return Standing(incident="INC-7", message=message_of(CRITICAL), told=told, acknowledged_by=by, over_wall_usec=over)


def test_a_critical_page_rings_until_somebody_taps(tmp_path: Path) -> None:
    """Priority 2 with retry and expire, and the receipt comes back as the reference."""
    receiver = Receiver()

    receipt = channel(tmp_path, receiver).deliver(message_of(CRITICAL))

    fields = fields_of(receiver.requests[0])
    assert (fields["priority"], fields["retry"], fields["expire"]) == ("2", "60", "3600")
    assert (fields["token"], fields["user"]) == (CANARY, USER)
    assert receipt.reference == "r-1"


@pytest.mark.parametrize(("name", "priority"), [("notice", "-1"), ("test page", "2")])
def test_quiet_pages_do_not_ring(tmp_path: Path, name: str, priority: str) -> None:
    """A notice wakes nobody; a test page is as loud as it was asked to be."""
    receiver = Receiver()

    channel(tmp_path, receiver).deliver(message_of(PAGES[name]))

    assert fields_of(receiver.requests[0])["priority"] == priority


def test_the_end_stops_what_rings_and_is_told_quietly(tmp_path: Path) -> None:
    """All emergencies of the incident share a tag, so nothing has to be remembered to stop them."""
    receiver = Receiver()

    channel(tmp_path, receiver).deliver(message_of(PAGES["resolve"]))

    stop, told = receiver.requests
    assert path_of(stop) == f"/1/receipts/cancel_by_tag/{tag(message_of(CRITICAL))}.json"
    assert fields_of(told)["priority"] == "-1"


def test_half_an_answer_is_tried_again(tmp_path: Path) -> None:
    """Without its receipt an emergency could not be acknowledged; ringing twice is better than that."""
    with pytest.raises(TryLater, match="no whole JSON"):
        channel(tmp_path, Receiver(answers=[answer(body=b'{"status": 1, "rec')])).deliver(message_of(CRITICAL))


def test_o05_a_used_up_quota_is_a_fault_and_haste_is_not(tmp_path: Path) -> None:
    """A quota comes back next month, so the next tier must hear now; too many at once passes."""
    used_up = Receiver(answers=[answer(429, X_Limit_App_Remaining="0")])
    with pytest.raises(ConfigurationFault, match="used up"):
        channel(tmp_path, used_up).deliver(message_of(CRITICAL))

    hasty = Receiver(answers=[answer(429, X_Limit_App_Remaining="7000")])
    with pytest.raises(TryLater) as caught:
        channel(tmp_path, hasty).deliver(message_of(CRITICAL))
    assert caught.value.after_usec == 30 * SECOND


def test_a_tap_is_heard_with_who_and_when(tmp_path: Path) -> None:
    """The device is named, the user's key only hinted at: it is as good as a password."""
    receiver = Receiver(answers=[answer(body=PENDING), answer(body=TAKEN)])
    out = channel(tmp_path, receiver)

    assert out.keep_up((standing("r-1"),)) == ()
    (heard,) = out.keep_up((standing("r-1"),))

    assert heard == Acknowledged(
        channel="out",
        incident="INC-7",
        page="0.0",
        by="user ...RsG on alices\\x1b-phone".replace("...RsG", f"...{KEY[-4:]}"),
        wall_usec=1_774_494_300 * SECOND,
    )
    assert KEY not in repr(heard)
    assert path_of(receiver.requests[0]) == "/1/receipts/r-1.json"
    assert parse_qs(urlsplit(receiver.requests[0].url).query) == {"token": [CANARY]}


def test_what_stopped_ringing_is_not_asked_about_for_ever(tmp_path: Path) -> None:
    """After `expire` nobody can tap it any more."""
    receiver = Receiver(answers=[answer(body=b'{"status": 1, "acknowledged": 0, "expired": 1}')])
    out = channel(tmp_path, receiver)

    for _ in range(3):
        assert out.keep_up((standing("r-1"),)) == ()

    assert len(receiver.requests) == 1


def test_an_older_page_is_asked_once_more_and_then_stopped(tmp_path: Path) -> None:
    """Somebody may have tapped it while the newer one was on its way; two must not ring."""
    receiver = Receiver(answers=[answer(body=PENDING)])
    out = channel(tmp_path, receiver)

    out.keep_up((standing("r-1", "r-2"),))
    out.keep_up((standing("r-1", "r-2"),))

    assert [path_of(request) for request in receiver.requests] == [
        "/1/receipts/r-1.json",
        "/1/receipts/r-1/cancel.json",
        "/1/receipts/r-2.json",
        "/1/receipts/r-2.json",
    ]


@pytest.mark.parametrize("done", [{"by": "alice"}, {"over": WALL}])
def test_what_needs_nobody_any_more_stops_ringing_once(tmp_path: Path, done: dict[str, object]) -> None:
    """`gatedog ack` and the end both quieten the telephone; a receipt that is gone already is fine."""
    receiver = Receiver(answers=[answer(404)])
    out = channel(tmp_path, receiver)

    for _ in range(2):
        assert out.keep_up((standing("r-1", **done),)) == ()  # type: ignore[arg-type] # by name from the table above

    assert [path_of(request) for request in receiver.requests] == ["/1/receipts/r-1/cancel.json"]


def test_no_more_than_a_few_receipts_are_asked_in_one_round(tmp_path: Path) -> None:
    """A storm of incidents must not become one of requests."""
    receiver = Receiver(answers=[answer(body=PENDING)])

    channel(tmp_path, receiver).keep_up(tuple(standing(f"r-{number}") for number in range(100)))

    assert len(receiver.requests) == POLLS_MAX


def test_a_hostile_receipt_cannot_leave_its_path(tmp_path: Path) -> None:
    """What the server called it is a stranger's text, also in an address."""
    receiver = Receiver(answers=[answer(body=PENDING)])

    channel(tmp_path, receiver).keep_up((standing("../../evil?x=\n"),))

    assert path_of(receiver.requests[0]) == "/1/receipts/..%2F..%2Fevil%3Fx%3D%0A.json"
