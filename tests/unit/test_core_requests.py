"""Who may ask for what."""

from typing import Any

import pytest

from watchdog.core.decisions import (
    AnswerRequest,
    Charge,
    Decision,
    HoldPlaced,
    IncidentExtended,
    IncidentOpened,
    OriginJudged,
    OriginKind,
    Outcome,
    QueuePage,
    Severity,
    StartGateway,
    StopGateway,
)
from watchdog.core.policy import BudgetPolicy, Window
from watchdog.core.rules import RuleId
from watchdog.core.state import Hold, Phase
from watchdog.core.timeline import HOUR
from watchdog.core.verbs import Verb

FOR_ANYBODY = (Verb.HYPOTHESISE, Verb.PROPOSE_POLICY, Verb.CHECK_ACTION)
EVERY_VERB = pytest.mark.parametrize("verb", [verb.value for verb in Verb if verb not in FOR_ANYBODY])
TRUSTED_TWICE = BudgetPolicy(trusted=(Window(starts=2, per_usec=HOUR),))


@EVERY_VERB
@pytest.mark.parametrize("who", ["agent", "descendant", "stranger", "nobody-left", "container", "cron", "backup"])
def test_nobody_without_positive_evidence_is_obeyed(who: str, verb: str, play: Any) -> None:
    """Deny by default: refused, with a reason and the ways that would work, and nothing is done."""
    play.given()
    play.after("1m").asks(who, verb, incident="INC-1")
    answer = play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    play.decided_often(StopGateway, 0)
    play.decided_often(HoldPlaced, 0)
    play.stands(Phase.UP)

    assert answer.because
    assert answer.next_commands


@EVERY_VERB
def test_a_refused_agent_is_told_of_once(verb: str, play: Any) -> None:
    """A warning when it begins, merged afterwards, in its own words but not in the title."""
    play.given()
    play.asks("agent", verb, "restart me")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_AGENT_NEVER)
    page = play.decided(QueuePage, severity=Severity.WARNING, agent_says="restart me")
    assert "restart me" not in page.title + page.because
    play.after("1m").asks("agent", verb, "restart me")
    play.decided(IncidentExtended)
    play.decided_often(QueuePage, 0)


def test_a_refused_schedule_wakes_nobody(play: Any) -> None:
    """Somebody wrote it in daylight: a notice."""
    play.given()
    play.asks("cron", "restart")
    play.decided(OriginJudged, origin=OriginKind.SCHEDULED)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_HUMANS_ONLY)
    play.decided(QueuePage, severity=Severity.INFO)
    play.decided_often(IncidentOpened, 0)


def test_a_refusal_is_remembered(play: Any) -> None:
    """Status shows the last one and how many there were."""
    play.given()
    play.asks("agent", "restart")
    play.asks("agent", "stop")
    play.decided_often(AnswerRequest, 2)

    assert play.gateway().refused_count == 2
    assert play.gateway().refused.verb is Verb.STOP


def test_a_refusal_about_nobody_is_told_all_the_same(play: Any) -> None:
    """An agent that probes for names is news, too."""
    play.given()
    play.asks("agent", "restart", name="ghost")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    play.decided(IncidentOpened, gateway="")


def test_the_answer_to_a_stranger_names_a_way_for_a_human(play: Any) -> None:
    """A human without a terminal must learn how to get one."""
    play.given()
    play.asks("stranger", "restart")
    answer = play.decided(AnswerRequest)

    assert any("terminal" in way for way in answer.next_commands)
    assert "gatedog restart main  # at a terminal of this host" in answer.next_commands
    assert "ssh -t HOST 'gatedog restart main'" in answer.next_commands


def test_a_listed_unit_has_a_budget_of_its_own(play: Any) -> None:
    """It restarts without a human, twice here, and is then told that a human can."""
    play.given(budget=TRUSTED_TWICE)
    for _ in range(2):
        play.after("1m").asks("deploy", "restart")
        play.decided(AnswerRequest, rule=RuleId.REQUEST_TRUSTED)
        play.ends(code=0)
        play.decided(StartGateway, charge=Charge.TRUSTED)
    play.after("1m").asks("deploy", "restart")
    play.decided(AnswerRequest, rule=RuleId.TRUSTED_SPENT, outcome=Outcome.FAILED)
    play.decided_often(StopGateway, 0)
    play.after("1m").asks("human", "restart")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_GRANTED)


@pytest.mark.parametrize("verb", ["release", "reset-budget", "ack", "incident-close", "ask-restart", "page-test"])
def test_a_listed_unit_may_not_do_what_is_for_humans(verb: str, play: Any) -> None:
    """No automation releases a hold."""
    play.given()
    play.asks("deploy", verb, incident="INC-1")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_HUMANS_ONLY)


@pytest.mark.parametrize("verb", ["hold", "release", "reset-budget", "ask-restart"])
def test_what_will_be_asked_about_later_needs_a_reason(verb: str, play: Any) -> None:
    """The next person on call reads it."""
    play.given()
    play.asks("human", verb, "  ")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NEEDS_REASON, outcome=Outcome.FAILED)


def test_a_name_nobody_knows_is_answered_with_those_known(play: Any) -> None:
    """A typo is not a refusal."""
    play.given("other")
    play.asks("human", "restart", name="mian")
    answer = play.decided(AnswerRequest, rule=RuleId.REQUEST_UNKNOWN_GATEWAY, outcome=Outcome.FAILED)

    assert "main, other" in answer.because


def test_before_any_policy_nobody_is_known(play: Any) -> None:
    """There is nothing to ask about yet."""
    play.given_nothing()
    play.asks("human", "restart")
    answer = play.decided(AnswerRequest, rule=RuleId.REQUEST_UNKNOWN_GATEWAY)

    assert "none" in answer.because


@pytest.mark.parametrize("incident", ["", "INC-7"])
@pytest.mark.parametrize("verb", ["ack", "unack", "incident-close"])
def test_an_incident_nobody_knows_is_said_to_be_unknown(verb: str, incident: str, play: Any) -> None:
    """With the command that lists those there are."""
    play.given()
    play.asks("human", verb, incident=incident)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_UNKNOWN_INCIDENT, next_commands=("gatedog incident list",))


@pytest.mark.parametrize(
    ("verb", "command"), [("start", "gatedog restart main"), ("ask-restart", "gatedog restart main")]
)
def test_there_may_be_nothing_to_do(verb: str, command: str, play: Any) -> None:
    """It runs; whoever wants something else learns its name."""
    play.given()
    play.asks("human", verb)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO, next_commands=(command,))


def test_nothing_to_release_or_to_give_back(play: Any) -> None:
    """Neither held nor acknowledged."""
    play.given()
    play.asks("human", "release")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)
    play.after("1h").ends(code=4711)
    play.asks("human", "unack", incident="INC-1")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)


@pytest.mark.parametrize("verb", ["start", "restart", "stop"])
def test_what_is_under_way_is_not_done_twice(verb: str, play: Any) -> None:
    """While it stops, and while a start was ordered and no life has come."""
    play.given()
    play.answers_starts = False
    play.asks("human", "restart")
    play.after("1s").asks("human", verb)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_ALREADY)
    play.after("1s").ends(code=0)
    play.after("1s").asks("human", verb)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_ALREADY)


@pytest.mark.parametrize("verb", ["start", "restart"])
@pytest.mark.parametrize("waits", [True, False])
def test_what_is_down_is_started(verb: str, *, waits: bool, play: Any) -> None:
    """At once, whether it was stopped or was waiting for its next try."""
    play.given()
    if waits:
        play.after("1m").ends(code=1)
        play.after("5s").ends(code=2)
        play.stands(Phase.BACKOFF)
    else:
        play.asks("human", "stop")
        play.ends(code=0)
    play.after("100ms").asks("human", verb)
    play.decided(StartGateway, charge=Charge.HUMAN)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_GRANTED, because="main is being started")


def test_a_stop_between_two_tries_is_a_stop(play: Any) -> None:
    """The start that was due is forgotten."""
    play.given()
    play.after("1m").ends(code=1)
    play.after("5s").ends(code=2)
    play.asks("human", "stop")
    play.stands(Phase.STOPPED)
    play.after("1h").decided_nothing()


def test_stopping_a_held_gateway_leaves_it_held(play: Any) -> None:
    """A stop lifts no hold."""
    play.given()
    play.asks("human", "hold")
    play.ends(code=1)
    play.asks("human", "stop")
    play.stands(Phase.HELD, Hold.HELD)


@pytest.mark.parametrize(
    ("who", "rule"),
    [
        ("human", RuleId.ORIGIN_TTY),
        ("agent", RuleId.ORIGIN_IN_LIFE),
        ("descendant", RuleId.ORIGIN_ANCESTOR),
        ("cron", RuleId.ORIGIN_SCHEDULER),
        ("deploy", RuleId.ORIGIN_UNIT),
        ("nobody-left", RuleId.ORIGIN_DEAD_PEER),
    ],
)
def test_the_judgement_is_recorded_with_its_rule(who: str, rule: RuleId, play: Any) -> None:
    """Who a requester was found to be can be read, and argued with, years later."""
    play.given()
    play.asks(who, "stop")
    judged: Decision = play.decided(OriginJudged)

    assert judged.rule is rule


def test_a_neighbours_untraceable_life_makes_nobody_human(play: Any) -> None:
    """What an adopted life left behind looks like anybody's terminal, whichever gateway it asks for."""
    play.given("other")
    play.looks("other", process=play.process("other"), traceable=False)
    play.asks("human", "stop")
    play.decided(OriginJudged, rule=RuleId.ORIGIN_NO_LIFE_EVIDENCE)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
