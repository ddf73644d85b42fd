"""Which challenge a signature is tried against, and whether a key must have been touched for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from stage import MAIN, gateway_policy

from watchdog.approval.signature import Verdict
from watchdog.control.supervision import Offered
from watchdog.core.approval import CHALLENGES_PER_UID_MAX, Challenge, SignatureFault, Signed
from watchdog.core.decisions import AnswerRequest, Outcome
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName, RequestId
from watchdog.core.peer import Peer
from watchdog.core.policy import Policy
from watchdog.core.state import EMPTY, State
from watchdog.core.timeline import Usec
from watchdog.core.verbs import Verb
from watchdog.daemon.approvals import TRIED_MAX, Approvals, Place
from watchdog.daemon.signing import SignersInForce

CRON, PERSON = 0, 1000


@dataclass(frozen=True)
class Verifier(SignersInForce):
    """Finds a signature good for one request, and remembers what it was asked."""

    good: str = "REQ-1"
    tried: list[str] = field(default_factory=list)
    touches: list[bool] = field(default_factory=list)

    def check(self, signature: bytes, text: bytes, *, principal: str, namespace: str, touch_required: bool) -> Verdict:
        del signature, namespace
        self.tried.append(next(word for word in text.decode().split('"') if word.startswith("REQ-")))
        self.touches.append(touch_required)
        is_good = self.tried[-1] == self.good
        return Verdict(principal=principal, fault=None if is_good else SignatureFault.DOES_NOT_MATCH)


@pytest.fixture
def challenge(play: Any) -> Challenge:
    """Return a challenge that waits for an answer."""
    play.given()
    play.asks("ansible", "policy-commit", name="", subject="PROP-1", nonce="0f" * 16, signers=("alice",))
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    (given,) = play.state.challenges
    assert isinstance(given, Challenge)
    return given


def signed(state: State, verifier: Verifier, uid: int, verb: Verb, gateway: str = "") -> Signed:
    """Let a signature come with a request, and return what is found of it."""
    place = Place(journal="j", host="h")
    approvals = Approvals(Path("/nonexistent"), place, lambda: state, lambda: verifier)
    peer = Peer(process=None, uid=uid, gid=uid)
    event = ActionRequested(gateway=GatewayName(gateway), verb=verb, reason="", peer=peer)
    try:
        found = asyncio.run(approvals.complete(event, Offered(signature="armoured"))).signed
    finally:
        approvals.close()
    assert found is not None
    return found


Asked = Callable[[int, int], tuple[Challenge, ...]]


@pytest.fixture
def asked(challenge: Challenge) -> Asked:
    """Return challenges of accounts, one of them a second: `asked(uid, 2)` is two of that account."""
    numbers = iter(range(1, 1000))

    def make(uid: int, count: int) -> tuple[Challenge, ...]:
        return tuple(
            replace(challenge, request=RequestId(f"REQ-{number}"), asker_uid=uid, given_usec=Usec(number))
            for _, number in zip(range(count), numbers, strict=False)
        )

    return make


def test_nobody_asks_a_persons_challenge_out_of_reach(asked: Asked) -> None:
    """What came of their own account is tried first, however much others asked since."""
    others = (uid for uid in range(2000, 2010))
    state = replace(EMPTY, challenges=(*asked(PERSON, 1), *(each for uid in others for each in asked(uid, 4))))
    verifier = Verifier()

    assert signed(state, verifier, PERSON, Verb.COMMIT_POLICY).fault is None
    assert verifier.tried == ["REQ-1"]


def test_who_asks_as_one_account_and_answers_as_another_is_not_crowded_out(asked: Asked) -> None:
    """Of the others the newest of each comes before a second of any."""
    state = replace(EMPTY, challenges=(*asked(PERSON, 1), *asked(CRON, CHALLENGES_PER_UID_MAX)))
    verifier = Verifier()

    assert signed(state, verifier, 4711, Verb.COMMIT_POLICY).request == "REQ-1"
    assert verifier.tried == ["REQ-5", "REQ-1"]


def test_a_signature_is_tried_against_so_many_and_no_more(asked: Asked) -> None:
    """Each costs a run of a program; all that one account may have are among them."""
    state = replace(EMPTY, challenges=tuple(each for uid in range(2000, 2008) for each in asked(uid, 4)))
    verifier = Verifier(good="REQ-0")

    assert signed(state, verifier, 2000, Verb.COMMIT_POLICY).fault is SignatureFault.DOES_NOT_MATCH
    assert len(verifier.tried) == TRIED_MAX
    assert verifier.tried[:CHALLENGES_PER_UID_MAX] == ["REQ-4", "REQ-3", "REQ-2", "REQ-1"]


@pytest.mark.parametrize(
    ("verb", "gateway", "touched"),
    [
        (Verb.RELEASE, MAIN, False),
        (Verb.RELEASE, "strict", True),
        (Verb.RELEASE, "nosuch", True),
        (Verb.COMMIT_POLICY, "", True),
        (Verb.COMMIT_POLICY, MAIN, True),
        (Verb.COMMIT_POLICY, "nosuch", True),
        (Verb.GRANT, MAIN, True),
        (Verb.GRANT, "nosuch", True),
        (Verb.SIGN_CAUSE, "nosuch", True),
        (Verb.APPROVE_STEP, MAIN, True),
    ],
)
def test_no_name_that_an_asker_wrote_does_away_with_the_touch(
    verb: Verb, gateway: str, touched: bool, challenge: Challenge
) -> None:
    """A gateway's own rules decide where a request is about it; for all else the strictest of all."""
    policy = Policy(gateways=(gateway_policy(MAIN), gateway_policy("strict", signature_touched=True)))
    given = replace(challenge, verb=verb, gateway=GatewayName(gateway))
    verifier = Verifier(good="REQ-0")
    signed(replace(EMPTY, policy=policy, challenges=(given,)), verifier, PERSON, verb, gateway)

    assert verifier.touches == [touched]
