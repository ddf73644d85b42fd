"""Alertmanager: what is sent again and for how long, and why a silence is no acknowledgement."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from page_channels import Address, Receiver, answer
from page_samples import CRITICAL, PAGES, WALL, message_of, secret_file

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.pager.channel import Silenced, Standing, Told, TryLater
from watchdog.pager.channels.alertmanager import OVER_FOR_USEC, AlertmanagerChannel, silenced
from watchdog.policyfile.pagersettings_kinds import AlertmanagerSettings

LISTED = b"[]"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_usec = int(WALL)

    def __call__(self) -> int:
        return self.now_usec


def channel(folder: Path, receiver: Receiver, clock: Clock | None = None, username: str = "") -> AlertmanagerChannel:
    """Make a channel that talks to the receiver."""
    web = Address().web(credential_file=secret_file(folder) if username else "")
    settings = AlertmanagerSettings(name="out", web=web, username=username)
    return AlertmanagerChannel(settings, ask=receiver.ask, clock=clock or Clock())


def posted(receiver: Receiver) -> list[list[dict[str, dict[str, str]]]]:
    """Return the alerts of every post."""
    return [json.loads(request.body) for request in receiver.requests if request.method == "POST"]


def standing(incident: str = "INC-7", page: QueuePage = CRITICAL, over: int | None = None) -> Standing:
    """Make an incident that this channel was told of."""
    message = replace(message_of(page), incident=incident)
    return Standing(incident=incident, message=message, told=(Told(page=page.page),), over_wall_usec=over)


def firing(alerts: list[dict[str, dict[str, str]]], now: str) -> list[tuple[str, str]]:
    """Return incident and severity of the alerts that have not ended at `now`."""
    return [(each["labels"]["incident"], each["labels"]["severity"]) for each in alerts if str(each["endsAt"]) > now]


def test_a_page_fires_for_four_minutes(tmp_path: Path) -> None:
    """The end is four missed rounds away, as Prometheus does it."""
    receiver = Receiver()

    channel(tmp_path, receiver).deliver(message_of(CRITICAL))

    ((alert, *others),) = posted(receiver)
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-03-26T03:04:11Z", "2026-03-26T03:08:11Z")
    assert alert["labels"]["incident"] == "INC-7"
    assert alert["labels"]["severity"] == "critical"
    assert [(each["labels"]["severity"], each["endsAt"]) for each in others] == [
        ("warning", "2026-03-26T03:04:11Z"),
        ("info", "2026-03-26T03:04:11Z"),
    ]


def test_labels_do_not_change_within_an_incident(tmp_path: Path) -> None:
    """An Alertmanager knows an alert by its labels: counts and rules belong into annotations."""
    receiver = Receiver()

    for name in ("critical trigger", "update"):
        channel(tmp_path, receiver).deliver(message_of(PAGES[name]))

    first, second = posted(receiver)
    assert first[0]["labels"] == second[0]["labels"]
    assert first[0]["annotations"] != second[0]["annotations"]


def test_the_end_ends_every_severity(tmp_path: Path) -> None:
    """The end of an incident is told quietly; the alert to end is the loud one."""
    receiver = Receiver()

    channel(tmp_path, receiver).deliver(message_of(PAGES["resolve"]))

    ((*alerts,),) = posted(receiver)
    assert firing(alerts, "2026-03-26T03:04:11Z") == []
    assert {each["labels"]["severity"] for each in alerts} == {"critical", "warning", "info"}


def test_what_is_open_is_sent_again_with_a_later_end(tmp_path: Path) -> None:
    """An Alertmanager that restarted has forgotten everything; all that is open goes in one request."""
    receiver, clock = Receiver(answers=[answer(body=LISTED)]), Clock()
    out = channel(tmp_path, receiver, clock)

    for _ in range(3):
        out.keep_up((standing("INC-7"), standing("INC-8")))
        clock.now_usec += out.every_usec

    assert [firing(alerts, "2026-03-26T03:04:12Z") for alerts in posted(receiver)] == [
        [("INC-7", "critical"), ("INC-8", "critical")]
    ] * 3
    assert [str(alerts[0]["endsAt"]) for alerts in posted(receiver)] == [
        f"2026-03-26T03:{minute}:11Z" for minute in ("08", "09", "10")
    ]


def test_an_end_is_sent_again_for_five_minutes(tmp_path: Path) -> None:
    """One lost request must not leave it open; after that there is nothing to say."""
    receiver, clock = Receiver(answers=[answer(body=LISTED)]), Clock()
    out = channel(tmp_path, receiver, clock)
    over = standing(page=PAGES["resolve"], over=WALL)

    while clock.now_usec <= WALL + OVER_FOR_USEC + MINUTE:
        out.keep_up((over,))
        clock.now_usec += MINUTE

    assert len(posted(receiver)) == 6
    assert all(firing(alerts, "2026-03-26T03:04:11Z") == [] for alerts in posted(receiver))


def test_a_louder_page_ends_the_quieter_alert(tmp_path: Path) -> None:
    """A warning that became critical must not go on for four minutes as a warning, too."""
    receiver = Receiver()
    out = channel(tmp_path, receiver)

    out.deliver(message_of(replace(CRITICAL, severity=Severity.WARNING)))
    out.deliver(message_of(replace(CRITICAL, update=PageUpdate.UPDATED)))

    first, second = posted(receiver)
    assert firing(first, "2026-03-26T03:04:11Z") == [("INC-7", "warning")]
    assert firing(second, "2026-03-26T03:04:11Z") == [("INC-7", "critical")]


SILENCED_ALERT = {"labels": {"incident": "INC-7"}, "status": {"state": "suppressed", "silencedBy": ["s-1"]}}


def test_o07_a_silence_is_shown_and_acknowledges_nothing(tmp_path: Path) -> None:
    """Whoever reaches the Alertmanager can silence it, the agent included: heard as a silence, nothing more."""
    listed = answer(body=json.dumps([SILENCED_ALERT, {"labels": {"incident": "INC-9"}}, 7]).encode())
    author = answer(body=b'{"createdBy": "agent\\u001b[1m"}')
    receiver = Receiver(answers=[answer(), listed, author])

    heard = channel(tmp_path, receiver).keep_up((standing(),))

    assert heard == (Silenced(channel="out", incident="INC-7", by="agent\\x1b[1m"),)
    assert 'filter=journal="j1"' in unquote(receiver.requests[1].url)
    assert receiver.requests[2].url.endswith("/api/v2/silence/s-1")


@pytest.mark.parametrize("body", [b"", b"{", b"7", b"[[[", b'[{"labels": 3}]', b'{"labels": {}}', b"[" * 100_000])
def test_nonsense_in_the_list_is_no_silence(body: bytes) -> None:
    """A stranger's bytes never break a round."""
    assert silenced(body) == ()


def test_nothing_is_asked_while_nothing_is_open(tmp_path: Path) -> None:
    """No request without an incident."""
    receiver = Receiver()

    assert channel(tmp_path, receiver).keep_up((standing(over=WALL - 10 * MINUTE),)) == ()
    assert receiver.requests == []


def test_a_round_that_fails_says_so(tmp_path: Path) -> None:
    """The upkeep tries again; the channel does not."""
    with pytest.raises(TryLater) as caught:
        channel(tmp_path, Receiver(answers=[answer(429)])).keep_up((standing(),))
    assert caught.value.after_usec == 30 * SECOND


def test_basic_auth_needs_a_name(tmp_path: Path) -> None:
    """With a username the credential is a password."""
    receiver = Receiver()

    channel(tmp_path, receiver, username="ops").deliver(message_of(CRITICAL))

    assert dict(receiver.requests[0].headers)["Authorization"] == "Basic b3BzOnMzY3JldC1jYW5hcnk="
    assert receiver.requests[0].secret
