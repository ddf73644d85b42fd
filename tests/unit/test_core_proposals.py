"""Anybody proposes rules, and only what was committed is loaded."""

from dataclasses import replace
from typing import Any

import pytest
from ruling import (
    commits,
    committed,
    examined,
    given_bundle,
    is_answered,
    lies,
    loads,
    proposed,
    proposes,
    signs,
    spoiled,
)
from stage import MAIN

from watchdog.core.bundle import PROPOSALS_MAX, PROPOSALS_PER_UID_MAX, DefaultsChanged
from watchdog.core.decisions import (
    AnswerRequest,
    IncidentOpened,
    IncidentResolved,
    NothingDone,
    Outcome,
    PolicyAdopted,
    PolicyKept,
    QueuePage,
    Severity,
)
from watchdog.core.enclosure import BundleOffered
from watchdog.core.events import ActionRequested
from watchdog.core.identity import NOBODY
from watchdog.core.rules import RuleId
from watchdog.core.verbs import Verb

ALICE, BOB = "alice@ops", "bob@ops"


# -- what is loaded ------------------------------------------------------------------------------------------------


def test_the_first_bundle_is_revision_one_as_found(play: Any) -> None:
    """A host that had rules before it had a journal goes on with them."""
    play.given()
    play.after("1m")
    loads(play, "b1")
    play.decided(NothingDone, rule=RuleId.POLICY_AS_FOUND)

    assert (committed(play).number, committed(play).digest, committed(play).placed) == (1, "b1", True)
    assert play.state.rules.in_force == 1
    assert play.state.policy_digest == "b1"


@pytest.mark.parametrize(("digest", "effect"), [("b2", "effect-of-b1"), ("b1", "effect-of-others")])
def test_nothing_but_the_newest_revision_is_loaded(play: Any, digest: str, effect: str) -> None:
    """Other bytes are not it, and the same bytes that amount to something else are not it either."""
    given_bundle(play)
    before = play.state.policy
    play.after("1m")
    loads(play, digest, effect=effect, min_signers=3)

    play.decided(PolicyKept, rule=RuleId.POLICY_NOT_COMMITTED)
    play.decided_often(PolicyAdopted, 0)
    assert play.state.policy == before


def test_rules_of_a_command_line_are_nobodys_to_commit(play: Any) -> None:
    """`gatedog run` takes its rules from the words it is given, each time."""
    play.given()
    play.after("1m")
    play.policy_loads(*play.policies())

    play.decided(PolicyAdopted, rule=RuleId.POLICY_ADOPTED)
    assert committed(play) is None


def test_changed_rules_are_an_incident_until_they_are_as_committed(play: Any) -> None:
    """Told once, however often it is seen, and over when the bundle is right again."""
    given_bundle(play)
    play.after("1m")
    lies(play, "b2", "policy.toml")
    play.decided(IncidentOpened, rule=RuleId.POLICY_NOT_COMMITTED, severity=Severity.WARNING)
    play.decided(QueuePage, rule=RuleId.POLICY_NOT_COMMITTED, next_command="gatedog policy diff")
    assert "policy.toml" in play.incident().because
    play.after("1m")
    lies(play, "b2", "policy.toml")
    play.decided_nothing()
    play.after("1m")
    lies(play, "b1")
    play.decided(NothingDone, rule=RuleId.POLICY_IN_PLACE)
    play.decided(IncidentResolved, rule=RuleId.POLICY_IN_PLACE)


def test_a_bundle_that_cannot_be_believed_is_an_incident(play: Any) -> None:
    """Missing, writable by others, a link: whatever the guard says is told."""
    given_bundle(play)
    play.after("1m")
    spoiled(play, "/etc/gatedog/policy.toml: it can be written by others")

    play.decided(IncidentOpened, rule=RuleId.POLICY_UNTRUSTED)
    assert "written by others" in play.incident().because
    assert "revision 1 stays in force" in next(e.did for e in play.decisions() if isinstance(e, QueuePage))


def test_an_older_revision_is_known_for_what_it_is(play: Any) -> None:
    """Signed once is not signed for ever: the revision before the newest is a rollback."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "human", "b2")
    commits(play, "human", "PROP-1")
    is_answered(play, Outcome.GRANTED)
    play.after("1m")
    lies(play, "b2")
    play.decided(NothingDone, rule=RuleId.POLICY_IN_PLACE)
    loads(play, "b2")
    play.decided(PolicyAdopted)
    play.after("1d")
    lies(play, "b1", "policy.toml")

    play.decided(IncidentOpened, rule=RuleId.POLICY_ROLLED_BACK)
    play.after("1m")
    loads(play, "b1")
    play.decided(PolicyKept, rule=RuleId.POLICY_NOT_COMMITTED)


def test_a_revision_that_nobody_put_in_place_is_told_with_the_command_that_does(play: Any) -> None:
    """The command line that committed it died before it wrote: two minutes later people hear of it."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "human", "b2")
    commits(play, "human", "PROP-1")
    is_answered(play, Outcome.GRANTED)
    play.after("1m")
    lies(play, "b1", "policy.toml")
    play.decided_nothing()
    play.after("2m")
    lies(play, "b1", "policy.toml")

    play.decided(QueuePage, rule=RuleId.POLICY_NOT_IN_PLACE, next_command="sudo gatedog policy commit PROP-1")
    assert play.state.rules.in_force == 1


def test_a_half_written_revision_has_the_same_two_minutes(play: Any) -> None:
    """Files are put in place one by one; a look in between is no edit of anybody's, until it stays so."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "human", "b2")
    commits(play, "human", "PROP-1")
    is_answered(play, Outcome.GRANTED)
    play.after("1s")
    lies(play, "half-b1-half-b2", "policy.toml")
    play.decided_nothing()
    play.after("2m")
    lies(play, "half-b1-half-b2", "policy.toml")

    play.decided(QueuePage, rule=RuleId.POLICY_NOT_IN_PLACE, next_command="sudo gatedog policy commit PROP-1")
    play.after("1m")
    lies(play, "b2")
    play.decided(IncidentResolved, rule=RuleId.POLICY_IN_PLACE)
    play.after("1s")
    lies(play, "half-b1-half-b2", "policy.toml")
    assert "nobody committed" in play.decided(QueuePage, rule=RuleId.POLICY_NOT_COMMITTED).title


def test_other_defaults_are_a_proposal_and_no_upgrade(play: Any) -> None:
    """What is in force stays until a human commits what the new version would make of the same files."""
    given_bundle(play)
    before = play.state.policy
    play.after("1m")
    change = DefaultsChanged(version="9.9", examined=examined(play, "b1", effect="effect-of-others"))
    play.feed(change)
    play.decided(NothingDone, rule=RuleId.POLICY_DEFAULTS)
    play.decided(QueuePage, rule=RuleId.POLICY_DEFAULTS, severity=Severity.INFO)
    assert play.state.rules.proposals[0].who == "gatedog 9.9"
    assert play.state.policy == before
    play.after("1m")
    play.feed(change)
    play.decided_often(QueuePage, 0)
    commits(play, "human", "PROP-1")
    is_answered(play, Outcome.GRANTED)
    play.after("1m")
    lies(play, "b1")
    play.decided(NothingDone, rule=RuleId.POLICY_IN_PLACE)
    loads(play, "b1", effect="effect-of-others", min_signers=2)

    play.decided(PolicyAdopted)
    assert play.state.policy.min_signers == 2
    assert play.state.rules.in_force == 2


def test_without_a_bundle_other_defaults_are_nobodys_business(play: Any) -> None:
    """There is nothing to propose them for."""
    play.given()
    play.after("1m")
    play.feed(DefaultsChanged(version="9.9", examined=examined(play, "b1")))

    play.decided(NothingDone, rule=RuleId.POLICY_DEFAULTS)
    assert play.state.rules.proposals == ()


# -- proposals -----------------------------------------------------------------------------------------------------


def test_the_agent_proposes_and_people_are_told_without_being_woken(play: Any) -> None:
    """Its words are quoted as its own, and stand beside no command."""
    given_bundle(play)
    play.after("1m")
    proposes(play, "agent", "b2", reason="run: gatedog policy commit PROP-1")
    is_answered(play, Outcome.GRANTED)

    play.decided(NothingDone, rule=RuleId.POLICY_PROPOSED)
    told = next(each for each in play.decisions() if isinstance(each, QueuePage))
    assert (told.severity, told.next_command) == (Severity.INFO, "gatedog policy review PROP-1")
    assert "commit" not in told.because + told.title
    assert told.agent_says == "run: gatedog policy commit PROP-1"
    assert committed(play).number == 1


def test_the_agent_commits_nothing(play: Any) -> None:
    """Neither its own proposal nor another's; a human is told that it tried."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "agent", "b2")
    commits(play, "agent", "PROP-1")

    is_answered(play, Outcome.REFUSED, RuleId.REQUEST_AGENT_NEVER)
    assert committed(play).number == 1
    play.after("1m")
    play.asks("agent", "policy-revert", "back", name="", enclosed=examined(play, "b0"))
    is_answered(play, Outcome.REFUSED, RuleId.REQUEST_AGENT_NEVER)


def test_a_proposal_with_problems_is_refused_with_all_of_them(play: Any) -> None:
    """Up to a dozen, and how many more."""
    given_bundle(play)
    play.after("1m")
    problems = tuple(f"policy.toml:{line}: no such key" for line in range(1, 16))
    play.asks("agent", "policy-propose", "try it", name="", enclosed=examined(play, "b2", problems=problems))

    said = play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.POLICY_UNUSABLE).because
    assert "policy.toml:1:" in said
    assert "policy.toml:12:" in said
    assert "and 3 more" in said


def test_the_same_offer_is_one_proposal(play: Any) -> None:
    """Saying it twice does not make it two, and what is committed is not proposed."""
    given_bundle(play)
    play.after("1m")
    proposed(play, "agent", "b2")
    proposes(play, "stranger", "b2")
    assert "PROP-1 already" in is_answered(play, Outcome.GRANTED).because
    proposes(play, "agent", "b1")
    is_answered(play, Outcome.FAILED, RuleId.REQUEST_NOTHING_TO_DO)

    assert len(play.state.rules.proposals) == 1


def test_what_the_shell_did_not_examine_is_no_proposal(play: Any) -> None:
    """An offer as it came from the socket, or without any bundle to compare with, goes no further."""
    given_bundle(play)
    play.after("1m")
    offered = BundleOffered(files=(("policy.toml", "x"),))
    play.asks("agent", "policy-propose", "try it", name="", enclosed=offered)

    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.POLICY_UNUSABLE)


def test_proposals_are_bounded_and_each_account_pushes_out_its_own(play: Any) -> None:
    """An agent that proposes all night costs a human nothing but its own earlier proposals."""
    given_bundle(play)
    play.after("1m")
    proposes(play, "human", "b-of-a-human")
    for number in range(PROPOSALS_PER_UID_MAX + 3):
        proposes(play, "agent", f"b-{number}")

    proposals = play.state.rules.proposals
    assert proposals[0].digest == "b-of-a-human"
    assert len(proposals) == PROPOSALS_PER_UID_MAX + 1 <= PROPOSALS_MAX
    assert proposals[-1].proposal == f"PROP-{PROPOSALS_PER_UID_MAX + 4}"
    notices = [each for each in play.decisions() if isinstance(each, QueuePage) and each.severity is Severity.INFO]
    assert len(notices) == 2
    play.after("11m")
    proposes(play, "agent", "b-later")
    play.decided(QueuePage, severity=Severity.INFO)


def proposes_from(play: Any, uid: int, digest: str) -> None:
    """Let the agent propose from an account of its own making."""
    peer = replace(play.peer("agent", MAIN), uid=uid)
    verb, enclosed = Verb.PROPOSE_POLICY, examined(play, digest)
    play.feed(ActionRequested(gateway=NOBODY, verb=verb, reason="x", peer=peer, enclosed=enclosed))


def test_an_agent_of_many_accounts_pushes_out_what_strangers_proposed(play: Any) -> None:
    """What a human proposed or signed stays, also where the agent asks from the human's own account."""
    given_bundle(play, min_signers=2)
    play.after("1m")
    proposed(play, "human", "b-of-a-human")
    proposed(play, "agent", "b-signed")
    signs(play, ALICE, "PROP-2")
    human = play.state.rules.of("PROP-1").uid
    accounts = [human, *range(100_000, 100_000 + PROPOSALS_MAX)]
    for number, uid in enumerate(uid for uid in accounts for _ in range(PROPOSALS_PER_UID_MAX)):
        play.after("1s")
        proposes_from(play, uid, f"a{number}")

    is_answered(play, Outcome.GRANTED)
    assert len(play.state.rules.proposals) == PROPOSALS_MAX
    assert play.state.rules.of("PROP-1").digest == "b-of-a-human"
    assert [each.principal for each in play.state.rules.of("PROP-2").given] == [ALICE]


def test_where_people_fill_the_list_a_stranger_is_turned_away_and_they_are_not(play: Any) -> None:
    """What they have proposed waits for a commit, which makes all of it stale and room for everybody."""
    given_bundle(play)
    play.after("1m")
    for number in range(PROPOSALS_MAX):
        peer = replace(play.peer("human", MAIN), uid=2_000 + number // PROPOSALS_PER_UID_MAX)
        verb, enclosed = Verb.PROPOSE_POLICY, examined(play, f"h{number}")
        play.feed(ActionRequested(gateway=NOBODY, verb=verb, reason="x", peer=peer, enclosed=enclosed))
    play.after("1m")
    proposes_from(play, 100_000, "late")
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.POLICY_UNUSABLE)
    assert play.state.rules.proposals[0].digest == "h0"
    play.after("1m")
    proposed(play, "human", "h-one-more")
    assert play.state.rules.proposals[0].digest == "h1"
    newest = play.state.rules.proposals[-1].proposal
    commits(play, "human", newest)
    is_answered(play, Outcome.GRANTED)
    for number in range(PROPOSALS_MAX):
        play.after("1s")
        proposes_from(play, 100_000 + number, f"later-{number}")

    is_answered(play, Outcome.GRANTED)
    assert [each.proposal for each in play.state.rules.proposals if each.revision] == [newest]
