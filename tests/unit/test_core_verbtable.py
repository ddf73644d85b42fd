"""The table of verbs: one row each, and what follows from a row."""

from typing import Any

import pytest
from stage import MAIN

from watchdog.core.decisions import AnswerRequest, OriginKind, Outcome
from watchdog.core.enclosure import ActionOffered
from watchdog.core.rules import RuleId
from watchdog.core.verbs import Verb
from watchdog.core.verbtable import ROWS, VERBS, About, Mark, Signing, is_marked
from watchdog.report import askedpage

LISTED = [row.verb for row in ROWS if row.signing is Signing.IF_LISTED and row.about is About.NAMED]
NEVER = [row.verb for row in ROWS if row.signing is Signing.NEVER]


def test_every_verb_has_exactly_one_row() -> None:
    """In the order in which the verbs stand, so that both can be read side by side."""
    assert [row.verb for row in ROWS] == list(Verb)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.verb.value)
def test_a_command_names_what_its_verb_is_about(row: Any) -> None:
    """A gateway where the request has to name one; and where something may be left unnamed, the place for it."""
    assert row.command.startswith("gatedog ")
    assert ("{gateway}" in row.command) == (row.about is About.NAMED)
    assert not row.unnamed or "{subject}" in row.command


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.verb.value)
def test_the_agent_is_let_in_by_no_row_but_those_for_anybody(row: Any) -> None:
    """Whoever is let in beside people is a listed unit, a contact, or everybody there is."""
    assert OriginKind.HUMAN in row.who
    assert OriginKind.SUPERVISED not in row.who or set(row.who) == set(OriginKind)


@pytest.mark.parametrize("verb", LISTED)
def test_what_a_policy_lists_is_signed(verb: Verb, play: Any) -> None:
    """A person at a terminal is asked for a signature by the row alone; runs and actions have tests of their own."""
    play.given(signature_for=(verb.value,))
    play.asks("human", verb.value)
    answer = play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
    assert answer.because == f"the policy wants '{verb.value}' signed, also by a person at a terminal"


@pytest.mark.parametrize("verb", NEVER)
def test_some_verbs_never_wait_for_a_key(verb: Verb, play: Any) -> None:
    """To hold, to acknowledge, to ask: even where the rules would want it, and signers are listed."""
    play.given(signature_for=(verb.value,))
    play.asks("human", verb.value, enclosed=ActionOffered(action="exec", argv=("ls",)), signable=True)
    assert play.decided(AnswerRequest).rule is not RuleId.REQUEST_NEEDS_SIGNATURE


@pytest.mark.parametrize("verb", [row.verb for row in ROWS if row.signing is Signing.IF_SIGNERS])
def test_what_a_list_of_signers_binds_says_so(verb: Verb, play: Any) -> None:
    """It is the list that wants it signed, and no policy; without one, nobody has to."""
    play.given()
    play.asks("human", verb.value, name="", signable=True)
    answer = play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
    assert answer.because.startswith(f"there is a list of signers, so '{verb.value}' has to be signed")
    play.asks("human", verb.value, name="")
    assert play.decided(AnswerRequest).rule is not RuleId.REQUEST_NEEDS_SIGNATURE


@pytest.mark.parametrize("verb", [row.verb for row in ROWS if Mark.NEEDS_REASON in row.marks])
def test_what_is_kept_with_a_reason_needs_one(verb: Verb, play: Any) -> None:
    """And the answer is the command to type it with."""
    play.given()
    play.asks("human", verb.value, " ")
    answer = play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.REQUEST_NEEDS_REASON)
    assert answer.next_commands == (VERBS[verb].command.format(gateway=MAIN, subject=""),)


def test_the_list_of_requests_offers_what_can_be_granted() -> None:
    """The page, which is drawn without the core, knows the same verbs."""
    assert set(askedpage._GRANTABLE) == {verb.value for verb in Verb if is_marked(verb, Mark.GRANTABLE)}
