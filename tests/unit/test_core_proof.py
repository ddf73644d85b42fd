"""A person shows that it is them: by a signature over a challenge, or by a release code."""

from dataclasses import dataclass
from typing import Any

import pytest

from watchdog.core.approval import (
    CHALLENGE_FOR_USEC,
    CHALLENGES_MAX,
    CHALLENGES_PER_UID_MAX,
    CodeOffered,
    SignatureFault,
    Signed,
)
from watchdog.core.decisions import AnswerRequest, HoldReleased, OriginJudged, OriginKind, Outcome, QueuePage, Severity
from watchdog.core.proof import WRONG_CODES_MAX
from watchdog.core.rules import RuleId
from watchdog.core.timeline import duration_text
from watchdog.core.verbs import Verb

ALICE = "alice@ops"
NONCE = "0123456789abcdef0123456789abcdef"
CODES = {"code_set": "set-1"}


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """What can be wrong with a signature, and the rule that says so."""

    fault: SignatureFault
    rule: RuleId


FLAWS = (
    Flaw(fault=SignatureFault.UNREADABLE, rule=RuleId.SIGNATURE_UNREADABLE),
    Flaw(fault=SignatureFault.NO_CHALLENGE, rule=RuleId.SIGNATURE_NO_CHALLENGE),
    Flaw(fault=SignatureFault.NO_SIGNERS, rule=RuleId.SIGNATURE_NO_SIGNERS),
    Flaw(fault=SignatureFault.OTHER_NAMESPACE, rule=RuleId.SIGNATURE_OTHER_NAMESPACE),
    Flaw(fault=SignatureFault.UNKNOWN_SIGNER, rule=RuleId.SIGNATURE_UNKNOWN_SIGNER),
    Flaw(fault=SignatureFault.KEY_EXPIRED, rule=RuleId.SIGNATURE_KEY_EXPIRED),
    Flaw(fault=SignatureFault.KEY_REVOKED, rule=RuleId.SIGNATURE_KEY_REVOKED),
    Flaw(fault=SignatureFault.DOES_NOT_MATCH, rule=RuleId.SIGNATURE_DOES_NOT_MATCH),
    Flaw(fault=SignatureFault.NOT_TOUCHED, rule=RuleId.SIGNATURE_NOT_TOUCHED),
    Flaw(fault=SignatureFault.VERIFIER_FAILED, rule=RuleId.SIGNATURE_VERIFIER_FAILED),
)


def given_held(play: Any, **rules: Any) -> None:
    """A held gateway, so that only a person can go on."""
    play.given(**rules)
    play.asks("human", "hold", "look at it")
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)


def challenged(play: Any, who: str = "ansible", verb: str = "release") -> Any:
    """Let somebody ask without a proof, and return the challenge they are given."""
    play.asks(who, verb, "looked at it", nonce=NONCE, signers=(ALICE,))
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    return play.state.challenges[-1]


def signs(play: Any, challenge: Any, who: str = "ansible", verb: str = "", **found: Any) -> None:
    """Let somebody answer a challenge with a signature of which this was found."""
    signed = Signed(**{"request": challenge.request, "principal": ALICE, "key": "SHA256:abc", **found})
    play.asks(who, verb or challenge.verb.value, "as said", signed=signed)


@pytest.mark.parametrize("who", ["ansible", "stranger", "cron", "backup", "container", "logged-out", "ssh-from-here"])
def test_a_signature_is_a_person_on_any_route(who: str, play: Any) -> None:
    """Without a terminal, through a tunnel, by a schedule: who signed is who asks, and for what was signed."""
    given_held(play)
    challenge = challenged(play, who)
    signs(play, challenge, who)
    play.decided(OriginJudged, origin=OriginKind.HUMAN, rule=RuleId.ORIGIN_SIGNATURE)
    released = play.decided(HoldReleased)
    assert "alice@ops by signature: looked at it" in released.because
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)


def test_a_challenge_is_for_who_could_sign(play: Any) -> None:
    """Nobody listed, no challenge; the agent gets none; and what is remembered of them is bounded."""
    given_held(play)
    play.asks("stranger", "release", "x", nonce=NONCE)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    assert play.state.challenges == ()
    play.asks("agent", "release", "x", nonce=NONCE, signers=(ALICE,))
    play.decided(AnswerRequest, rule=RuleId.REQUEST_AGENT_NEVER)
    assert play.state.challenges == ()


def test_who_asks_and_asks_pushes_nobody_elses_challenge_out(play: Any) -> None:
    """Each account has a few, and all together are bounded."""
    given_held(play)
    first = challenged(play)
    for _ in range(2 * CHALLENGES_MAX):
        challenged(play, "stranger")
    assert first in play.state.challenges
    assert len(play.state.challenges) == 1 + CHALLENGES_PER_UID_MAX
    signs(play, first)
    play.decided(HoldReleased)


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.fault.value)
@pytest.mark.parametrize("who", ["ansible", "human"])
def test_a_flaw_is_answered_by_its_own_rule(who: str, flaw: Flaw, play: Any) -> None:
    """Also to a person at a terminal: a signature that does not hold is news. It spends no challenge."""
    given_held(play)
    challenge = challenged(play)
    signs(play, challenge, who, fault=flaw.fault)
    assert play.decided(AnswerRequest, outcome=Outcome.REFUSED).rule is flaw.rule
    play.decided_often(HoldReleased, 0)
    assert not play.state.challenges[-1].used
    signs(play, challenge)
    play.decided(HoldReleased)


def test_a_flaw_of_each_kind_has_its_rule() -> None:
    """Every fault that the shell can report stands in the table above, and no two lead to the same rule."""
    assert {flaw.fault for flaw in FLAWS} == set(SignatureFault)
    assert len({flaw.rule for flaw in FLAWS}) == len(FLAWS)


def test_a_signature_counts_once(play: Any) -> None:
    """Whoever recorded the message can send it again, and gets nothing for it."""
    given_held(play)
    challenge = challenged(play)
    signs(play, challenge)
    play.decided(HoldReleased)
    play.asks("human", "hold", "again")
    signs(play, challenge)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.SIGNATURE_REPLAYED)
    play.decided_often(HoldReleased, 0)


def test_a_signature_is_spent_by_whatever_it_was_used_for(play: Any) -> None:
    """A signature for a release does not stop the gateway, and is no good for the release afterwards."""
    given_held(play)
    challenge = challenged(play)
    signs(play, challenge, verb="stop")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.SIGNATURE_OTHER_REQUEST)
    signs(play, challenge)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.SIGNATURE_REPLAYED)


def test_another_signer_than_the_one_who_was_named_counts_for_nothing(play: Any) -> None:
    """The principal is fixed when the challenge is given."""
    given_held(play)
    signs(play, challenged(play), principal="mallory@ops")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.SIGNATURE_OTHER_REQUEST)


def test_a_challenge_ends(play: Any) -> None:
    """After its ten minutes it answers nothing any more."""
    given_held(play)
    challenge = challenged(play)
    signs(play.after(duration_text(CHALLENGE_FOR_USEC + 60_000_000)), challenge)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.SIGNATURE_TOO_LATE)


def test_a_challenge_is_of_one_boot(play: Any) -> None:
    """What was true before the host was booted need not be true now."""
    given_held(play)
    challenge = challenged(play)
    play.host_reboots(down="1m", synchronised=True)
    signs(play, challenge)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.SIGNATURE_OTHER_BOOT)


@pytest.mark.parametrize("who", ["agent", "descendant"])
def test_a_signature_from_inside_the_gateway_is_the_agents(who: str, play: Any) -> None:
    """However good it is: an agent that can sign holds a key, and a human must hear of that."""
    given_held(play)
    challenge = challenged(play)
    signs(play, challenge, who)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.SIGNATURE_AGENT_HELD)
    assert "holds what it should not" in play.decided(QueuePage, severity=Severity.WARNING).because
    signs(play, challenge)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.SIGNATURE_REPLAYED)


def test_the_policy_may_want_a_signature_also_at_a_terminal(play: Any) -> None:
    """A person at a terminal is asked to sign, nobody is told of it; a release code does as well; a hold needs none."""
    given_held(play, signature_for=("release",))
    play.asks("human", "release", "x", nonce=NONCE, signers=(ALICE,), **CODES)
    answer = play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
    assert [command.split(" --")[1].split(" ")[0] for command in answer.next_commands] == [
        "signature",
        "signature",
        "code",
    ]
    play.decided_often(QueuePage, 0)
    signs(play, play.state.challenges[-1], "human")
    play.decided(HoldReleased)
    play.asks("human", "hold", "once more")
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)
    play.asks("human", "release", "x", code=CodeOffered(number=1), **CODES)
    play.decided(HoldReleased)


# -- release codes -------------------------------------------------------------------------------------------------


def shows(play: Any, number: int | None, who: str = "stranger", code_set: str = "set-1") -> None:
    """Let somebody ask for the release with a code."""
    play.asks(who, "release", "phone call", code=CodeOffered(number=number), code_set=code_set)


def test_a_release_code_is_a_person_once_and_is_told(play: Any) -> None:
    """It lifts the hold, everybody hears of it, and it is void from then on."""
    given_held(play)
    shows(play, 3)
    play.decided(OriginJudged, origin=OriginKind.HUMAN, rule=RuleId.ORIGIN_CODE)
    play.decided(QueuePage, severity=Severity.WARNING, rule=RuleId.CODE_SPENT)
    play.decided(HoldReleased)
    play.asks("human", "hold", "again")
    shows(play, 3)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.CODE_USED_BEFORE)
    shows(play, 4)
    play.decided(HoldReleased)


def test_an_old_set_that_was_put_back_makes_no_used_code_good(play: Any) -> None:
    """What is void stays void, whichever file lies there meanwhile."""
    given_held(play)
    shows(play, 3)
    play.decided(HoldReleased)
    play.asks("human", "hold", "again")
    shows(play, 3, code_set="set-2")
    play.decided(HoldReleased)
    play.asks("human", "hold", "again")
    shows(play, 3)
    play.decided(AnswerRequest, rule=RuleId.CODE_USED_BEFORE)


def test_numbers_begin_anew_with_a_new_set(play: Any) -> None:
    """New codes were printed: the third of them is another than the third before."""
    given_held(play)
    shows(play, 3)
    play.decided(HoldReleased)
    play.asks("human", "hold", "again")
    shows(play, 3, code_set="set-2")
    play.decided(HoldReleased)


def test_guessing_is_ended(play: Any) -> None:
    """After five wrong codes not even a right one is looked at for an hour; another account is not locked out."""
    given_held(play)
    for _ in range(WRONG_CODES_MAX):
        shows(play, None)
        play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.CODE_WRONG)
    shows(play, 1)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.CODE_LOCKED)
    shows(play, 1, "ansible")
    play.decided(HoldReleased)
    play.asks("human", "hold", "again")
    shows(play.after("61m"), 2)
    play.decided(HoldReleased)


def test_an_agent_that_guesses_locks_nobody_out(play: Any) -> None:
    """Its guesses are refused, told, and not counted."""
    given_held(play)
    for _ in range(2 * WRONG_CODES_MAX):
        shows(play, None, "agent")
        play.decided(AnswerRequest, rule=RuleId.CODE_WRONG)
    shows(play, 1)
    play.decided(HoldReleased)


def test_a_code_from_inside_the_gateway_is_void(play: Any) -> None:
    """The agent has read it somewhere: it counts for nothing, and never will."""
    given_held(play)
    shows(play, 2, "agent")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.CODE_AGENT_HELD)
    shows(play, 2)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.CODE_USED_BEFORE)


def test_a_refusal_names_what_would_work(play: Any) -> None:
    """A terminal, a login from another host, a signature, a code: each as a command that can be pasted."""
    given_held(play)
    play.asks("ansible", "release", "x", nonce=NONCE, signers=(ALICE,), **CODES)
    answer = play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    request = play.state.requests[-1]
    assert answer.next_commands == (
        'gatedog release main -m "why"  # at a terminal of this host',
        "ssh -t HOST 'gatedog release main -m \"why\"'",
        f'gatedog release main -m "why" --signature {request.request}.sig',
        f"ssh -T HOST 'gatedog release main -m \"why\" --signature -' < {request.request}.sig",
        'gatedog release main -m "why" --code -  # then type a release code',
    )
    assert request.verb is Verb.RELEASE
    assert "login 3 by sshd from another host, no terminal" in request.trail


def test_each_use_of_a_code_is_told(play: Any) -> None:
    """Also of a second one within the hour: whoever has one of the ten may have the others."""
    given_held(play)
    shows(play, 3)
    play.decided(QueuePage, rule=RuleId.CODE_SPENT, title="release code 3 was used for release")
    play.asks("human", "hold", "again")
    shows(play.after("2m"), 4)
    play.decided(QueuePage, rule=RuleId.CODE_SPENT, title="release code 4 was used for release")


def test_what_an_agent_holds_is_news_among_refusals(play: Any) -> None:
    """A human who heard of the agent's request a minute ago hears of the code it holds, and how to void the others."""
    given_held(play)
    play.asks("agent", "restart", "please")
    play.decided(QueuePage, rule=RuleId.REQUEST_AGENT_NEVER)
    shows(play.after("1m"), 2, "agent")
    page = play.decided(QueuePage, rule=RuleId.CODE_AGENT_HELD, title="refused: its own agent holds a release code")
    assert page.next_command == "sudo gatedog setup codes --apply"
    assert "code 2 is void now; who: uid" in page.because
