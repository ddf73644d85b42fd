"""What people do about runs: approve of a step, or not, run a runbook, give a run up, close a breaker."""

from typing import Any

import pytest
from running import approves, ends_step, given, last_run, runbook, spirals, step, waiting
from stage import MAIN, gateway_policy

from watchdog.core.decisions import (
    AnswerRequest,
    IncidentOpened,
    NothingDone,
    Outcome,
    QueuePage,
    Severity,
)
from watchdog.core.rules import RuleId
from watchdog.core.runbookpolicy import APPROVAL_FOR_USEC, Condition
from watchdog.core.rundecisions import BreakerMoved, EndStep, PerformStep, RunBegan, RunEnded, RunWaits
from watchdog.core.runstate import BreakerPhase, RunPhase, StepEnd, breaker_of
from watchdog.core.timeline import duration_text
from watchdog.core.verbs import Verb


def test_a_destabilising_step_waits_and_pages_what_it_would_do(play: Any) -> None:
    """With the command, its preview, its reach, its cost, and the command that approves of it."""
    waiting(play, preview="it goes down for 5 s", blast_radius="all chats", costs_starts=1)
    page = play.decided(QueuePage, rule=RuleId.RUN_NEEDS_APPROVAL)
    for words in ("/bin/destabilising", "it goes down for 5 s", "all chats", "costs 1 start", "of 5 per 10m"):
        assert words in page.because
    assert (page.next_command, page.incident) == ("gatedog runbook approve RUN-1/2", "INC-1")
    assert play.incident().next_command == page.next_command
    play.decided_often(PerformStep, 0, rule=RuleId.RUN_APPROVED)


def test_a_preview_is_run_and_shown_before_anybody_is_asked(play: Any) -> None:
    """What it printed is quoted, at the end."""
    given(play, runbook("mend", step("destabilising", preview_argv=("/bin/preview",)), on=("request.agent-never",)))
    play.asks("agent", "restart")
    assert play.decided(PerformStep).argv == ("/bin/preview",)
    play.after("1s")
    ends_step(play, said='would stop "main"')
    assert play.decided(QueuePage, rule=RuleId.RUN_NEEDS_APPROVAL).because.endswith("preview: \"would stop 'main'\"")


def test_a_preview_that_fails_ends_the_run(play: Any) -> None:
    """Nobody is asked to approve of what could not be shown."""
    given(play, runbook("mend", step("destabilising", preview_argv=("/bin/preview",)), on=("request.agent-never",)))
    play.asks("agent", "restart")
    ends_step(play, 3)
    play.decided(RunEnded, rule=RuleId.RUN_FAILED)
    play.decided_often(RunWaits, 0)


def test_an_approved_step_is_run_once(play: Any) -> None:
    """By a person, and what they approved of; a second word finds nothing that waits."""
    waiting(play)
    play.after("1m")
    approves(play, "RUN-1/2")
    order = play.decided(PerformStep, rule=RuleId.RUN_APPROVED)
    assert order.argv == ("/bin/destabilising",)
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)
    assert play.incident().next_command != "gatedog runbook approve RUN-1/2"
    play.after("1s")
    approves(play, "RUN-1/2")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)
    play.decided_often(PerformStep, 0)
    ends_step(play)
    play.decided(RunEnded, rule=RuleId.RUN_FINISHED)


@pytest.mark.parametrize(
    ("what", "more"),
    [
        ("RUN-1/1", {}),
        ("RUN-1", {}),
        ("RUN-1/2", {"argv": ("/bin/other",)}),
        ("RUN-1/2", {"argv": ("/bin/destabilising", "--more")}),
        ("RUN-1/2", {"argv": ()}),
        ("RUN-1/2", {"host": "another-host"}),
        ("RUN-1/2", {"enclosed": None}),
    ],
)
def test_an_approval_of_something_else_is_none(what: str, more: dict[str, Any], play: Any) -> None:
    """Another step, an older or another argv, another host, or nothing at all."""
    waiting(play)
    play.after("1m")
    approves(play, what, **more)
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.RUN_NOT_APPROVED)
    play.decided_often(PerformStep, 0)
    assert last_run(play).phase is RunPhase.WAITING


@pytest.mark.parametrize("who", ["agent", "descendant", "stranger", "cron", "deploy", "nobody-left"])
@pytest.mark.parametrize("verb", ["runbook-run", "runbook-approve", "runbook-abort", "runbook-close"])
def test_nobody_but_a_person_asks_about_runs(who: str, verb: str, play: Any) -> None:
    """Least of all the agent, and no step of a run either: that has no terminal."""
    waiting(play)
    play.after("1m")
    if verb == "runbook-approve":
        approves(play, "RUN-1/2", who=who)
    else:
        play.asks(who, verb, subject="mend" if verb in ("runbook-run", "runbook-close") else "RUN-1")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED)
    play.decided_often(PerformStep, 0)
    assert last_run(play).phase is RunPhase.WAITING


def test_nobody_approves_in_time(play: Any) -> None:
    """It is given up after a quarter of an hour, told, and cannot be approved of any more."""
    waiting(play)
    play.after(duration_text(APPROVAL_FOR_USEC))
    play.decided(RunEnded, rule=RuleId.RUN_EXPIRED, phase=RunPhase.ABORTED)
    play.decided(QueuePage, rule=RuleId.RUN_EXPIRED)
    play.after("1s")
    approves(play, "RUN-1/2", argv=("/bin/destabilising",))
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)
    play.decided_often(PerformStep, 0)
    assert breaker_of(play.state.runs, "mend").phase is BreakerPhase.CLOSED


def test_a_condition_that_holds_no_more_stops_an_approved_step(play: Any) -> None:
    """Between the page and the approval the world goes on."""
    given(
        play,
        runbook("mend", step("destabilising", precondition=Condition(phases=("up",))), on=("request.agent-never",)),
    )
    play.asks("agent", "restart")
    play.decided(RunWaits)
    play.after("1m").asks("human", "stop")
    approves(play, "RUN-1/1")
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.RUN_STOPPED)
    play.decided_often(PerformStep, 0)


def test_the_policy_may_want_approvals_signed(play: Any) -> None:
    """Also from a person at a terminal, and also where the request names no gateway."""
    given(
        play,
        runbook("mend", step("destabilising"), on=("request.agent-never",)),
        signature_for=(Verb.APPROVE_STEP.value,),
    )
    play.asks("agent", "restart")
    play.decided(RunWaits)
    for name in (MAIN, ""):
        play.after("1s")
        approves(play, "RUN-1/1", name=name)
        play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
        play.decided_often(PerformStep, 0)


def about_nobody(play: Any, *, signed: Verb) -> None:
    """Open an incident that is no gateway's, where the second of two gateways wants a verb signed."""
    play.runbooks = (runbook("mend", step("destabilising"), on=("request.agent-never",)), runbook("look"))
    play.gatedog_starts()
    play.policy_loads(gateway_policy(MAIN), gateway_policy("second", signature_for=(signed.value,)))
    play.asks("agent", "restart", name="ghost")
    play.decided(IncidentOpened, gateway="")


@pytest.mark.parametrize("name", [MAIN, "second", "ghost", ""])
def test_a_run_of_no_gateway_is_not_approved_unsigned(name: str, play: Any) -> None:
    """Where any gateway's rules want approvals signed, however the request names its gateway."""
    about_nobody(play, signed=Verb.APPROVE_STEP)
    play.decided(RunWaits, gateway="")
    play.after("1s")
    approves(play, "RUN-1/1", name=name)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
    play.decided_often(PerformStep, 0)
    assert last_run(play).phase is RunPhase.WAITING


@pytest.mark.parametrize("incident", ["", "INC-1"])
def test_a_runbook_is_not_run_unsigned_on_no_gateway(incident: str, play: Any) -> None:
    """Neither where there are several gateways and none is named, nor for an incident that is no gateway's."""
    about_nobody(play, signed=Verb.RUN_RUNBOOK)
    play.after("1s").asks("human", "runbook-abort", subject="RUN-1")
    play.decided(RunEnded)
    play.after("1s").asks("human", "runbook-run", name="", subject="look", incident=incident)
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
    play.decided_often(RunBegan, 0)


def test_one_gateways_rules_bind_no_run_of_another(play: Any) -> None:
    """Whose run it is decides; a signature is asked for where it is wanted, and nowhere else."""
    about_nobody(play, signed=Verb.RUN_RUNBOOK)
    play.after("1s").asks("human", "runbook-run", name=MAIN, subject="look")
    play.decided(RunBegan, gateway=MAIN)


def test_a_run_of_a_gateway_that_is_gone_is_not_approved_unsigned(play: Any) -> None:
    """Where its own rules are gone, those of all others hold."""
    waiting(play)
    play.policy_loads(gateway_policy("second", signature_for=(Verb.APPROVE_STEP.value,)))
    approves(play, "RUN-1/2")
    play.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
    play.decided_often(PerformStep, 0)


def test_the_end_of_its_incident_gives_up_what_waits(play: Any) -> None:
    """There is nothing left to mend."""
    waiting(play)
    play.after("1m").asks("human", "incident-close", incident="INC-1")
    play.decided(RunEnded, rule=RuleId.RUN_ABORTED, phase=RunPhase.ABORTED)


# -- people --------------------------------------------------------------------------------------------------------


def test_a_person_runs_a_runbook(play: Any) -> None:
    """Without an incident; what is destabilising waits and pages all the same, in an incident of its own."""
    given(play, runbook("mend", step("destabilising")))
    play.asks("human", "runbook-run", subject="mend")
    play.decided(RunBegan)
    play.decided(IncidentOpened, rule=RuleId.RUN_NEEDS_APPROVAL, severity=Severity.WARNING)
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)
    play.after("1s")
    approves(play, "RUN-1/1")
    ends_step(play)
    play.decided(RunEnded, rule=RuleId.RUN_FINISHED)
    assert play.incident().resolved_usec is not None


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"subject": "none"}, RuleId.REQUEST_NOTHING_TO_DO),
        ({"subject": ""}, RuleId.REQUEST_NOTHING_TO_DO),
        ({"subject": "mend", "incident": "INC-9"}, RuleId.REQUEST_UNKNOWN_INCIDENT),
        ({"subject": "mend", "name": "nobody"}, RuleId.REQUEST_UNKNOWN_GATEWAY),
        ({"subject": "about"}, RuleId.RUN_WITHHELD),
    ],
)
def test_what_cannot_be_run_is_said(more: dict[str, str], rule: RuleId, play: Any) -> None:
    """An unknown runbook, incident or gateway, and a step that names an incident where none was given."""
    given(play, runbook("about", step("observe", "/bin/x", "{incident}")), runbook("mend"))
    play.asks("human", "runbook-run", **more)
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=rule)
    play.decided_often(RunBegan, 0)


def test_a_person_gives_a_run_up(play: Any) -> None:
    """The program that is under way is ended, nothing more is run, and its end is still on record."""
    given(play, runbook("two", step("observe"), step("observe"), on=("request.agent-never",)))
    play.asks("agent", "restart")
    play.after("1s").asks("human", "runbook-abort", subject="RUN-1")
    play.decided(EndStep, run="RUN-1")
    play.decided(RunEnded, rule=RuleId.RUN_ABORTED)
    ends_step(play, end=StepEnd.TIMEOUT)
    play.decided_often(PerformStep, 0)
    assert len(last_run(play).taken) == 1
    play.after("1s").asks("human", "runbook-abort", subject="RUN-1")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)


def test_a_breaker_is_closed_by_a_person(play: Any) -> None:
    """Until then the page says that the runbook does not answer, and a person cannot run it either."""
    given(play, runbook("mend", step("observe"), on=("request.agent-never",)))
    play.asks("agent", "restart")
    ends_step(play, 1)
    play.decided(BreakerMoved, rule=RuleId.BREAKER_OPENED)
    play.after("5h").asks("agent", "restart")
    play.decided(NothingDone, rule=RuleId.RUN_WITHHELD)
    play.asks("human", "runbook-run", subject="mend")
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.RUN_WITHHELD)
    play.asks("human", "runbook-close", subject="mend")
    play.decided(BreakerMoved, rule=RuleId.BREAKER_CLOSED, phase=BreakerPhase.CLOSED)
    play.asks("human", "runbook-close", subject="mend")
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NOTHING_TO_DO)
    play.after("30h").asks("agent", "restart")
    play.decided(RunBegan)


def test_one_run_more_than_its_window_allows_opens_the_breaker(play: Any) -> None:
    """A runbook that runs again and again is part of what it was to mend; time alone does not close it."""
    given(play, runbook("mend", step("observe"), at_most=2, per_usec=3_600_000_000))
    for _ in range(2):
        play.after("1m").asks("human", "runbook-run", subject="mend")
        ends_step(play)
        play.decided(RunEnded, rule=RuleId.RUN_FINISHED)
    play.asks("human", "runbook-run", subject="mend")
    play.decided(AnswerRequest, rule=RuleId.RUN_WITHHELD)
    spirals(play)
    play.decided(NothingDone, rule=RuleId.RUN_WITHHELD)
    play.decided(BreakerMoved, rule=RuleId.BREAKER_OPENED)
    play.after("9h").asks("human", "runbook-run", subject="mend")
    play.decided(AnswerRequest, rule=RuleId.RUN_WITHHELD)
