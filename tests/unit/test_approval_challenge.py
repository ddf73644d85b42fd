"""The words that a person signs."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from watchdog.approval.challenge import challenge_text, make_nonce, namespace_of
from watchdog.core.approval import Challenge
from watchdog.core.enclosure import PostmortemOffered
from watchdog.core.identity import BootId, GatewayName, IncidentId, RequestId
from watchdog.core.timeline import HOUR, Usec
from watchdog.core.verbs import Verb
from watchdog.journal.codec import enclosed_to_json

CHALLENGE = Challenge(
    request=RequestId("REQ-7"),
    verb=Verb.RELEASE,
    gateway=GatewayName("main"),
    incident=IncidentId("INC-2"),
    subject="probe",
    for_usec=HOUR,
    starts=2,
    uid=1000,
    reason="fixed the config",
    nonce="0123456789abcdef0123456789abcdef",
    asker_uid=1000,
    signer="alice@ops",
    boot=BootId("b00t"),
    given_usec=Usec(5),
    expires_wall_usec=Usec(1_774_494_251_000_000),
)
OTHERWISE = {
    "request": RequestId("REQ-8"),
    "verb": Verb.START,
    "gateway": GatewayName("other"),
    "incident": None,
    "subject": "",
    "for_usec": None,
    "starts": None,
    "uid": None,
    "reason": "",
    "nonce": "f" * 32,
    "signer": "bob@ops",
    "boot": BootId("other"),
    "expires_wall_usec": Usec(1),
    "enclosed": PostmortemOffered(cause="a disk was full"),
}
NOT_SIGNED = {"asker_uid", "given_usec", "used"}
"""What the memory keeps beside a challenge, and nobody approves."""


def text(challenge: Challenge = CHALLENGE, journal: str = "j1", host: str = "web1") -> bytes:
    """Write the challenge on the usual machine."""
    enclosed = None if challenge.enclosed is None else enclosed_to_json(challenge.enclosed)
    return challenge_text(challenge, journal=journal, host=host, enclosed=enclosed)


def test_text_is_pinned() -> None:
    """A text that changed by a byte would make every signature over the old one worthless, so it is written here."""
    assert text() == (
        b'{"boot":"b00t","expires_wall_usec":1774494251000000,"for_usec":3600000000,"gateway":"main","host":"web1",'
        b'"incident":"INC-2","journal":"j1","kind":"gatedog-approve","nonce":"0123456789abcdef0123456789abcdef",'
        b'"reason":"fixed the config","request":"REQ-7","signer":"alice@ops","starts":2,"subject":"probe","uid":1000,'
        b'"verb":"release","version":1}\n'
    )


def test_every_field_is_either_signed_or_known_not_to_be() -> None:
    """A field that is added to a challenge is signed, too, or somebody says here why not."""
    assert {field.name for field in fields(Challenge)} == set(OTHERWISE) | NOT_SIGNED


@pytest.mark.parametrize("name", sorted(OTHERWISE))
def test_every_signed_field_is_in_the_text(name: str) -> None:
    """Two challenges that differ in anything that is approved have different texts."""
    other: dict[str, Any] = {name: OTHERWISE[name]}

    assert text(replace(CHALLENGE, **other)) != text()


def test_what_a_request_brought_along_cannot_be_left_out_of_the_text() -> None:
    """A person signs the very words that are carried out, or there is nothing to sign."""
    with_words = replace(CHALLENGE, enclosed=PostmortemOffered(cause="a disk was full"))

    assert b'"enclosed":{"cause":"a disk was full","kind":"PostmortemOffered"}' in text(with_words)
    with pytest.raises(ValueError, match="REQ-7"):
        challenge_text(with_words, journal="j1", host="web1")


def test_a_cause_is_signed_for_a_purpose_of_its_own() -> None:
    """Who may say why it happened need not be who may say what happens next."""
    cause = replace(CHALLENGE, verb=Verb.SIGN_CAUSE)

    assert (namespace_of(CHALLENGE), namespace_of(cause)) == ("gatedog-approve", "gatedog-cause")
    assert b'"kind":"gatedog-cause"' in text(cause)


def test_text_is_of_one_machine_and_memory() -> None:
    """An approval for another host, or for another journal of this one, is over another text."""
    assert len({text(), text(journal="j2"), text(host="web2")}) == 3


def test_memory_beside_it_does_not_change_the_text() -> None:
    """The text is the same when it is asked for and when the answer comes."""
    assert text(replace(CHALLENGE, used=True, given_usec=Usec(9))) == text()


@pytest.mark.parametrize("reason", ["\u202eevil", "line\nbreak", '","verb":"start', "\x1b[2J", "\ud800", "ä"])
def test_nothing_in_a_reason_can_hide(reason: str) -> None:
    """The text is one line of printable ASCII, whatever the reason says, and reads back as it was."""
    written = text(replace(CHALLENGE, reason=reason))

    assert written.endswith(b"\n")
    assert written[:-1].decode("ascii").isprintable()
    assert json.loads(written) == json.loads(text()) | {"reason": reason}


def test_nonces_differ() -> None:
    """A nonce is 32 hexadecimal digits, and no two are the same."""
    one, other = make_nonce(), make_nonce()

    assert len(bytes.fromhex(one)) == len(bytes.fromhex(other)) == 16
    assert one != other
