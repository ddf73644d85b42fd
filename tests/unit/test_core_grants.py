"""What a person lets others do: one refused request, or a few starts by one account."""

from typing import Any

import pytest

from watchdog.core.approval import Signed
from watchdog.core.decisions import (
    AnswerRequest,
    Charge,
    NothingDone,
    OriginJudged,
    OriginKind,
    Outcome,
    QueuePage,
    StartCharged,
    StopGateway,
)
from watchdog.core.grants import GRANT_WITHIN_USEC, PERMIT_STARTS_MAX, PERMITS_MAX
from watchdog.core.permission import REQUESTS_MAX
from watchdog.core.rules import RuleId
from watchdog.core.timeline import duration_text


def refused(play: Any, who: str, verb: str = "restart") -> str:
    """Let somebody ask in vain, and return their request."""
    play.asks(who, verb, "please")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    return str(play.state.requests[-1].request)


def restarted_as(play: Any) -> Charge:
    """Let the stop that was ordered happen, and return to what the start was charged."""
    play.decided(StopGateway)
    play.ends(code=0)
    play.gets_ready()
    charge = play.decided(StartCharged).charge
    assert isinstance(charge, Charge)
    return charge


@pytest.mark.parametrize(
    ("who", "verb", "charge"),
    [
        ("agent", "ask-restart", Charge.SELF_RESTART),
        ("agent", "restart", Charge.SELF_RESTART),
        ("backup", "restart", Charge.HUMAN),
        ("cron", "restart", Charge.HUMAN),
        ("stranger", "restart", Charge.HUMAN),
    ],
)
def test_a_human_grants_what_was_refused(who: str, verb: str, charge: Charge, play: Any) -> None:
    """It is carried out as if they had asked; what the agent asked for counts as its own doing."""
    play.given()
    request = refused(play, who, verb)
    play.asks("human", "grant", subject=request)
    play.decided(NothingDone, rule=RuleId.REQUEST_GRANTED_LATER)
    assert restarted_as(play) is charge


@pytest.mark.parametrize(("verb", "wanted"), [("restart", "restart"), ("ask-restart", "restart"), ("stop", "stop")])
def test_a_grant_is_signed_where_what_it_grants_must_be(verb: str, wanted: str, play: Any) -> None:
    """Else an agent could ask, and type the grant into a person's terminal; what is signed is the grant itself."""
    play.given(signature_for=(wanted,))
    request = refused(play, "agent", verb)
    play.asks("human", "grant", name="", subject=request, nonce="0f" * 16, signers=("alice",))
    answer = play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
    assert f"'{wanted}'" in answer.because
    assert answer.next_commands[0].startswith(f"gatedog grant {request} --signature ")
    play.decided_often(StopGateway, 0)
    signed = Signed(request=play.state.challenges[-1].request, principal="alice", key="SHA256:abc")
    play.asks("human", "grant", name="", signed=signed)
    play.decided(StopGateway)


def test_the_page_of_a_refusal_names_the_command_that_grants_it(play: Any) -> None:
    """The one next command is gatedog's own, apart from the agent's words."""
    play.given()
    play.asks("agent", "ask-restart", "gatedog release main")
    page = play.decided(QueuePage)
    assert page.next_command == f"gatedog grant {play.state.requests[-1].request}"
    assert page.agent_says == "gatedog release main"


def test_a_grant_counts_once(play: Any) -> None:
    """A second person, or the same one twice, restarts nothing a second time."""
    play.given()
    request = refused(play, "agent", "ask-restart")
    play.asks("human", "grant", subject=request)
    restarted_as(play)
    play.asks("human", "grant", subject=request)
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.REQUEST_NOT_GRANTABLE)
    play.decided_often(StopGateway, 0)


def test_a_grant_is_for_fresh_requests(play: Any) -> None:
    """Half an hour later, who asked may have gone on to something else."""
    play.given()
    request = refused(play, "agent", "ask-restart")
    play.after(duration_text(GRANT_WITHIN_USEC + 60_000_000)).asks("human", "grant", subject=request)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOT_GRANTABLE)
    play.decided_often(StopGateway, 0)


def test_only_refused_requests_for_a_life_are_granted(play: Any) -> None:
    """Not a release, not what was granted anyway, not what nobody asked for."""
    play.given()
    refused(play, "agent", "release")
    play.asks("human", "hold", "look")
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)
    asked = [str(each.request) for each in play.state.requests]
    for request in (*asked, "REQ-4711", ""):
        play.asks("human", "grant", subject=request)
        play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.REQUEST_NOT_GRANTABLE)


def test_nobody_but_a_human_grants(play: Any) -> None:
    """Least of all the one who asked."""
    play.given()
    request = refused(play, "agent", "ask-restart")
    for who in ("agent", "stranger", "cron", "deploy"):
        play.asks(who, "grant", subject=request)
        play.decided(AnswerRequest, outcome=Outcome.REFUSED)
        play.decided_often(StopGateway, 0)


def test_what_was_asked_is_remembered_within_bounds(play: Any) -> None:
    """The newest requests, with who asked and how it was answered."""
    play.given()
    for _ in range(REQUESTS_MAX + 3):
        refused(play, "agent")
    assert len(play.state.requests) == REQUESTS_MAX
    last = play.state.requests[-1]
    assert (last.origin, last.outcome, last.reason) == (OriginKind.SUPERVISED, Outcome.REFUSED, "please")
    assert "uid 1001, program node" in last.trail


# -- permits -------------------------------------------------------------------------------------------------------


def permits(play: Any, starts: int = 2, uid: int | None = 1000, lasting: str = "30m") -> None:
    """Let a human permit an account some starts."""
    play.asks("human", "permit", "deploy tonight", lasting=lasting, uid=uid, starts=starts)
    play.decided(NothingDone, rule=RuleId.PERMIT_GIVEN)
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)


def test_a_permit_lets_an_account_restart_a_few_times(play: Any) -> None:
    """Without a terminal, as often as was said, on the account of trusted units; who asked stays unknown on record."""
    play.given()
    permits(play)
    for _ in range(2):
        play.asks("ansible", "restart", "v2")
        play.decided(OriginJudged, origin=OriginKind.UNKNOWN)
        play.decided(AnswerRequest, outcome=Outcome.GRANTED, rule=RuleId.REQUEST_PERMITTED)
        assert restarted_as(play) is Charge.TRUSTED
    play.asks("ansible", "restart", "v3")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)


def test_a_permit_ends(play: Any) -> None:
    """By its time, and when a human takes it back."""
    play.given()
    permits(play)
    play.after("31m").asks("ansible", "restart")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    permits(play)
    play.asks("human", "permit-end")
    play.decided(NothingDone, rule=RuleId.PERMIT_ENDED)
    play.asks("ansible", "restart")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    play.asks("human", "permit-end")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)


@pytest.mark.parametrize("who", ["agent", "descendant", "stranger", "nobody-left", "passed-on", "container"])
def test_a_permit_is_for_its_account_and_no_way_round_the_rules(who: str, play: Any) -> None:
    """Another account, a dead peer, a handed-over socket, a container, the agent: refused as ever."""
    play.given()
    for uid in (1000, 1001, 0):
        permits(play, uid=uid)
    play.asks(who, "restart")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    play.decided_often(StopGateway, 0)


@pytest.mark.parametrize("verb", ["stop", "release", "reset-budget", "hold"])
def test_a_permit_is_for_starts_alone(verb: str, play: Any) -> None:
    """What else there is to ask for stays a person's."""
    play.given()
    permits(play)
    play.asks("ansible", verb, "x")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)


def test_a_permit_is_bounded(play: Any) -> None:
    """In starts, in time, and in number; a new one for the same account takes the old one's place."""
    play.given()
    permits(play, starts=10_000, lasting="40h")
    permits(play, starts=10_000, lasting="40h")
    assert [permit.starts_left for permit in play.state.permits] == [PERMIT_STARTS_MAX]
    assert duration_text(play.state.permits[0].until_usec - play.now_usec) == "12h"
    for uid in range(2000, 2000 + PERMITS_MAX):
        permits(play, uid=uid)
    assert len(play.state.permits) == PERMITS_MAX


def test_a_permit_starts_no_held_gateway(play: Any) -> None:
    """A hold is for a person to lift."""
    play.given()
    permits(play)
    play.asks("human", "hold", "look")
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)
    play.asks("ansible", "restart")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_HELD)
    play.decided_often(StopGateway, 0)
    assert play.state.permits[0].starts_left == 2
