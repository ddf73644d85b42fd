"""A human commits rules: what was reviewed, signed by as many people as the rules in force want."""

from dataclasses import replace
from typing import Any

from ruling import (
    NONCE,
    commits,
    committed,
    examined,
    given_bundle,
    is_answered,
    proposed,
    proposes,
    reviewed,
    signature,
    signs,
)

from watchdog.core.bundle import REVISIONS_MAX
from watchdog.core.decisions import (
    AnswerRequest,
    NothingDone,
    Outcome,
)
from watchdog.core.enclosure import BundleReviewed
from watchdog.core.rules import RuleId

ALICE, BOB = "alice@ops", "bob@ops"


def test_a_human_at_a_terminal_commits_where_nobody_could_sign(play: Any) -> None:
    """The revision rises by one and waits for its files; the policy in force stays until they are there."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "agent", "b2")
    commits(play, "human", "PROP-1")

    play.decided(NothingDone, rule=RuleId.POLICY_COMMITTED)
    assert (committed(play).number, committed(play).digest, committed(play).placed) == (2, "b2", False)
    assert play.state.policy_digest == "b1"
    assert play.state.rules.of("PROP-1").revision == 2
    commits(play, "human", "PROP-1")
    is_answered(play, Outcome.FAILED, RuleId.REQUEST_NOTHING_TO_DO)


def test_a_terminal_is_not_enough_where_somebody_could_sign(play: Any) -> None:
    """Rules hold for long: where signers are listed they sign."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "human", "b2")
    commits(play, "human", "PROP-1", nonce=NONCE, signers=(ALICE,), signable=True)

    is_answered(play, Outcome.REFUSED, RuleId.REQUEST_NEEDS_SIGNATURE)
    assert committed(play).number == 1
    assert play.state.challenges[-1].enclosed == reviewed(play, "PROP-1")


def test_one_signature_commits_by_default(play: Any) -> None:
    """And the revision says whose it is."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "agent", "b2")
    signs(play, ALICE, "PROP-1")

    is_answered(play, Outcome.GRANTED)
    assert (committed(play).number, committed(play).who) == (2, ALICE)


def test_loosening_takes_as_many_people_as_the_rules_in_force_say(play: Any) -> None:
    """Two different people with two different keys; one of them twice is one, and so is one key under two names."""
    given_bundle(play, min_signers=2)
    play.after("1m")
    proposed(play, "agent", "b2", "loosening")
    signs(play, ALICE, "PROP-1")
    play.decided(NothingDone, rule=RuleId.POLICY_SIGNED)
    assert committed(play).number == 1
    play.after("1m")
    signs(play, ALICE, "PROP-1")
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.POLICY_SIGNED_TWICE)
    play.after("1m")
    signs(play, BOB, "PROP-1", key=f"SHA256:{ALICE}")
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.POLICY_SIGNED_TWICE)
    assert committed(play).number == 1
    play.after("1m")
    signs(play, BOB, "PROP-1")

    is_answered(play, Outcome.GRANTED)
    assert (committed(play).number, committed(play).who) == (2, f"{ALICE}, {BOB}")


def test_tightening_takes_one_person(play: Any) -> None:
    """Whoever wants less allowed shall not have to find a second one at night."""
    given_bundle(play, min_signers=2)
    play.after("1m")
    proposed(play, "agent", "b2", "tightening")
    signs(play, ALICE, "PROP-1")

    is_answered(play, Outcome.GRANTED)
    assert committed(play).number == 2


def test_a_signer_who_was_struck_off_has_not_signed(play: Any) -> None:
    """A signature that was given counts only as long as its key does."""
    given_bundle(play, min_signers=2)
    play.after("1m")
    proposed(play, "agent", "b2", "loosening")
    signs(play, ALICE, "PROP-1")
    play.decided(NothingDone, rule=RuleId.POLICY_SIGNED)
    play.after("1m")
    signs(play, BOB, "PROP-1", counting=(f"SHA256:{BOB}",))

    play.decided(NothingDone, rule=RuleId.POLICY_SIGNED)
    assert committed(play).number == 1
    assert [each.principal for each in play.state.rules.of("PROP-1").given] == [BOB]


def test_what_was_reviewed_is_what_is_committed(play: Any) -> None:
    """A proposal of another digest, another effect, or one that nobody says they have read is not committed."""
    given_bundle(play)
    play.after("1m")
    proposes(play, "agent", "b2")
    for enclosed in (
        BundleReviewed(digest="b3", effect="effect-of-b2"),
        BundleReviewed(digest="b2", effect="effect-of-b3"),
        None,
    ):
        commits(play, "human", "PROP-1", enclosed=enclosed)
        play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.POLICY_NOT_REVIEWED)

    assert committed(play).number == 1


def test_a_signed_commit_carries_out_what_was_signed(play: Any) -> None:
    """What comes beside the signature, another proposal say, is not looked at."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "agent", "b2")
    proposed(play, "human", "b3")
    commits(play, "human", "PROP-1", nonce=NONCE, signers=(ALICE,), signable=True)
    signed = signature(play, ALICE)
    commits(play, "ansible", "PROP-2", signed=signed, signable=True)

    is_answered(play, Outcome.GRANTED)
    assert committed(play).digest == "b2"


def test_a_proposal_on_an_older_revision_is_reviewed_again(play: Any) -> None:
    """What it leaves alone may have changed meanwhile."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "agent", "b2")
    proposed(play, "human", "b3")
    commits(play, "human", "PROP-2")
    is_answered(play, Outcome.GRANTED)
    play.after("1m")
    commits(play, "human", "PROP-1")

    answer = play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.POLICY_STALE)
    assert answer.next_commands == ('gatedog policy propose --again PROP-1 --reason "why"',)
    play.after("1m")
    stale = replace(examined(play, "b4"), base=1)
    play.asks("agent", "policy-propose", "late", name="", enclosed=stale)
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.POLICY_STALE)


def test_an_unknown_proposal_is_said_to_be_unknown(play: Any) -> None:
    """With the command that lists those there are."""
    given_bundle(play)
    play.after("1m")
    commits(play, "human", "PROP-7")

    answer = is_answered(play, Outcome.FAILED, RuleId.REQUEST_NOTHING_TO_DO)
    assert answer.next_commands == ("gatedog policy proposals",)


def test_a_revert_is_a_new_revision(play: Any) -> None:
    """The number rises; the old one stays old."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "human", "b2")
    commits(play, "human", "PROP-1")
    is_answered(play, Outcome.GRANTED)
    play.after("1m")
    play.asks("human", "policy-revert", "it was better", name="", enclosed=examined(play, "b1"))

    is_answered(play, Outcome.GRANTED)
    assert (committed(play).number, committed(play).digest) == (3, "b1")
    assert committed(play).proposal == "PROP-2"


def test_a_revert_that_loosens_takes_as_many_people_as_any_commit(play: Any) -> None:
    """The first signature makes it a proposal, which the second commits."""
    given_bundle(play, min_signers=2)
    play.after("1m")
    enclosed = examined(play, "b0")
    play.asks(
        "human", "policy-revert", "back", name="", enclosed=enclosed, nonce=NONCE, signers=(ALICE,), signable=True
    )
    is_answered(play, Outcome.REFUSED, RuleId.REQUEST_NEEDS_SIGNATURE)
    signed = signature(play, ALICE)
    play.asks("ansible", "policy-revert", "x", name="", signed=signed, signable=True)
    play.decided(NothingDone, rule=RuleId.POLICY_SIGNED)
    play.after("1m")
    signs(play, BOB, "PROP-1")

    is_answered(play, Outcome.GRANTED)
    assert committed(play).digest == "b0"


def test_revisions_are_remembered_up_to_a_bound(play: Any) -> None:
    """The number goes on rising."""
    given_bundle(play)
    play.after("1m")
    for number in range(2, REVISIONS_MAX + 4):
        proposed(play, "human", f"b{number}")
        commits(play, "human", f"PROP-{number - 1}")
        is_answered(play, Outcome.GRANTED)

    assert len(play.state.rules.revisions) == REVISIONS_MAX
    assert committed(play).number == REVISIONS_MAX + 3


def test_an_emergency_stop_waits_for_nobody(play: Any) -> None:
    """Holding and stopping need no signature, whatever the rules say about changing them."""
    given_bundle(play, min_signers=2)
    play.after("1m")
    play.asks("human", "hold", "something is wrong", signable=True)
    is_answered(play, Outcome.GRANTED)
    play.asks("human", "stop", "now", signable=True)
    is_answered(play, Outcome.GRANTED)
