"""Runs of runbooks for machines: what begins one, what is taken, what waits for a person, and what ends it."""

from dataclasses import replace
from typing import Any

import pytest
from running import approves, ends_step, given, last_run, order_of, runbook, spirals, step, waiting

from watchdog.core.decisions import (
    NothingDone,
    QueuePage,
)
from watchdog.core.identity import ActionId, RunId
from watchdog.core.rules import RuleId
from watchdog.core.runbookpolicy import Condition, Sign
from watchdog.core.rundecisions import BreakerMoved, PerformStep, RunBegan, RunEnded
from watchdog.core.runstate import RUNS_KEPT, BreakerPhase, RunPhase, StepEnd, breaker_of

# -- beginning -----------------------------------------------------------------------------------------------------


def test_an_incident_begins_a_run_of_the_runbook_that_names_its_rule(play: Any) -> None:
    """What only looks is run at once, for this incident, after the page was decided."""
    given(play, runbook())
    spirals(play)
    began = play.decided(RunBegan, rule=RuleId.RUN_BEGAN)
    order = play.decided(PerformStep, rule=RuleId.RUN_STEP)
    assert (began.run, began.incident, order.argv, order.number) == ("RUN-1", "INC-1", ("/bin/observe",), 1)


def test_a_rule_that_joins_an_incident_begins_its_runbook_once(play: Any) -> None:
    """The first word of a rule in an incident counts like an incident that opens; its second does not."""
    given(play, runbook("look", step("observe"), on=("request.humans-only",)))
    play.asks("agent", "restart")
    play.decided(NothingDone, rule=RuleId.RUN_UNKNOWN)
    play.after("1m").asks("stranger", "restart")
    assert play.decided(RunBegan).incident == "INC-1"
    ends_step(play)
    play.decided(RunEnded, rule=RuleId.RUN_FINISHED, phase=RunPhase.FINISHED)
    play.after("1m").asks("stranger", "restart")
    play.decided_often(RunBegan, 0)


def test_no_runbook_at_all_changes_no_page(play: Any) -> None:
    """Who wrote none is told nothing about them."""
    given(play)
    spirals(play)
    assert "runbook" not in play.decided(QueuePage, rule=RuleId.SPIRAL_IDENTICAL).because


def test_an_incident_that_no_runbook_answers_is_paged_as_an_unknown(play: Any) -> None:
    """One more sentence on its own page and a rule of its own; not a second page."""
    given(play, runbook(on=("lifecycle.stop-failed",)))
    play.asks("agent", "restart")
    play.decided(NothingDone, rule=RuleId.RUN_UNKNOWN)
    assert play.decided(QueuePage).because.endswith("; no runbook for machines answers it")
    play.decided_often(QueuePage, 1)


def test_the_page_names_the_runbook_that_answers(play: Any) -> None:
    """Who is woken knows that something is being done, and by what."""
    given(play, runbook("look", step("observe"), on=("request.agent-never",)))
    play.asks("agent", "restart")
    assert play.decided(QueuePage).because.endswith("; runbook look answers it")


def test_there_is_one_run_at_a_time_for_a_gateway(play: Any) -> None:
    """Two runbooks at work on one gateway are two owners."""
    given(play, runbook(on=("request.agent-never", "clock.stepped")), runbook("other", on=("policy.enforcement-lost",)))
    play.asks("agent", "restart")
    play.decided(RunBegan)
    play.after("1s").enforcement(binds=True)
    play.enforcement(binds=False, reason="sudo")
    assert "RUN-1 of mend is under way" in play.decided(NothingDone, rule=RuleId.RUN_WITHHELD).because
    play.decided_often(RunBegan, 0)


def test_names_are_filled_in_word_by_word(play: Any) -> None:
    """Steps are written once, for every gateway; no word becomes two."""
    first = step(
        "observe", "/bin/x", "{gateway}", "--for={incident}", precondition=Condition(argv=("/bin/y", "{gateway}"))
    )
    given(play, runbook("look", first, on=("request.agent-never",)))
    play.asks("agent", "restart")
    order = play.decided(PerformStep)
    assert (order.argv, order.precondition) == (("/bin/x", "main", "--for=INC-1"), ("/bin/y", "main"))


# -- steps ---------------------------------------------------------------------------------------------------------


def test_steps_are_taken_one_after_the_other(play: Any) -> None:
    """Each when the one before it has ended well; the last one ends the run, and wakes nobody."""
    given(play, runbook("three", *(step("observe", f"/bin/{each}") for each in "abc"), on=("request.agent-never",)))
    play.asks("agent", "restart")
    for number, program in enumerate("abc", 1):
        order = order_of(play)
        assert (order.number, order.argv) == (number, (f"/bin/{program}",))
        play.after("1s")
        ends_step(play, order=order)
    play.decided(RunEnded, rule=RuleId.RUN_FINISHED)
    play.decided_often(QueuePage, 0)
    assert [each.number for each in last_run(play).taken] == [1, 2, 3]


@pytest.mark.parametrize(
    ("told", "phase", "rule"),
    [
        ({"code": 1}, RunPhase.FAILED, RuleId.RUN_FAILED),
        ({"code": None, "detail": "SIGSEGV"}, RunPhase.FAILED, RuleId.RUN_FAILED),
        ({"code": 0, "succeeded": False}, RunPhase.FAILED, RuleId.RUN_FAILED),
        ({"end": StepEnd.TIMEOUT}, RunPhase.FAILED, RuleId.RUN_FAILED),
        ({"end": StepEnd.NOT_RUN, "detail": "no such file"}, RunPhase.FAILED, RuleId.RUN_FAILED),
        ({"end": StepEnd.UNMET}, RunPhase.STOPPED, RuleId.RUN_STOPPED),
        ({"code": 7}, RunPhase.STOPPED, RuleId.RUN_STOPPED),
    ],
)
def test_what_is_no_success_ends_the_run_and_is_told(
    told: dict[str, Any], phase: RunPhase, rule: RuleId, play: Any
) -> None:
    """As an update of the incident, which goes on to be about what it is about; a failure opens the breaker."""
    looks = step("observe", stop_if=Sign(exits=(7,)), success=Sign(exits=(0,), output="ok"))
    given(play, runbook("mend", looks, step("observe"), on=("request.agent-never",)))
    play.asks("agent", "restart")
    before = play.incident()
    play.after("1s")
    ends_step(play, **told)
    assert play.decided(RunEnded).phase is phase
    page = play.decided(QueuePage)
    assert (page.incident, page.rule) == ("INC-1", rule)
    play.decided_often(PerformStep, 0)
    is_open = breaker_of(play.state.runs, "mend").phase is BreakerPhase.OPEN
    assert is_open is (phase is RunPhase.FAILED)
    now = play.incident()
    assert (now.title, now.because, now.next_command, now.rule) == (
        before.title, before.because, before.next_command, before.rule,
    )  # fmt: skip


def test_failing_and_stopping_are_told_by_their_rules(play: Any) -> None:
    """Each has its page, and its runbook for people."""
    given(play, runbook("mend", step("observe", stop_if=Sign(exits=(7,))), on=("request.agent-never",)))
    play.asks("agent", "restart")
    ends_step(play, 7)
    play.decided(QueuePage, rule=RuleId.RUN_STOPPED)
    play.after("5h").asks("agent", "restart")
    ends_step(play, 1)
    play.decided(QueuePage, rule=RuleId.RUN_FAILED)
    play.decided(BreakerMoved, rule=RuleId.BREAKER_OPENED, phase=BreakerPhase.OPEN)


def test_a_condition_on_the_gateway_is_judged_when_the_step_is_due(play: Any) -> None:
    """Phase and hold, without a program; what does not hold stops the run before anything is run."""
    held = step("reversible", precondition=Condition(phases=("up",), holds=("held",)))
    given(
        play,
        runbook("mend", step("observe", precondition=Condition(phases=("up",))), held, on=("request.agent-never",)),
    )
    play.asks("agent", "restart")
    play.decided(PerformStep)
    play.after("1s")
    ends_step(play)
    assert "the hold of main is free, not held" in play.decided(RunEnded, rule=RuleId.RUN_STOPPED).because


def test_a_step_without_an_answer_is_given_up(play: Any) -> None:
    """Its performer has the time twice and half a minute; then nobody knows."""
    given(play, runbook("mend", step("observe"), on=("request.agent-never",)))
    play.asks("agent", "restart")
    play.after("2m 31s")
    play.decided(RunEnded, rule=RuleId.RUN_LOST, phase=RunPhase.LOST)
    play.decided(QueuePage, rule=RuleId.RUN_LOST)
    play.decided(BreakerMoved, rule=RuleId.BREAKER_OPENED)


def test_a_late_answer_changes_nothing(play: Any) -> None:
    """Neither of a run that is over, nor of an order of before, nor of a run that nobody knows."""
    given(play, runbook("two", step("observe"), step("observe"), on=("request.agent-never",)))
    play.asks("agent", "restart")
    first = order_of(play)
    ends_step(play)
    play.after("1s")
    ends_step(play, order=first)
    ends_step(play, order=replace(first, action=ActionId("9.9")))
    ends_step(play, order=replace(first, run=RunId("RUN-9")))
    play.decided_often(PerformStep, 0)
    assert last_run(play).number == 2


# -- gatedog's own end ---------------------------------------------------------------------------------------------


def test_a_step_under_way_when_gatedog_died_is_never_taken_again(play: Any) -> None:
    """Its outcome is unknown: the run is over, people are told, the breaker is open."""
    given(play, runbook("mend", step("reversible"), on=("request.agent-never",)))
    play.asks("agent", "restart")
    play.decided(PerformStep)
    play.after("1s").gatedog_starts()
    play.decided(RunEnded, rule=RuleId.RUN_LOST, phase=RunPhase.LOST)
    play.decided(QueuePage, rule=RuleId.RUN_LOST)
    play.decided_often(PerformStep, 0)
    play.after("1h")
    play.decided_often(PerformStep, 0)


def test_what_waits_outlives_gatedog_but_not_the_boot(play: Any) -> None:
    """A restart of the watchdog is none of the person's business; a boot is another situation."""
    waiting(play)
    play.after("1m").gatedog_starts()
    play.decided_often(RunEnded, 0)
    assert last_run(play).phase is RunPhase.WAITING
    play.host_reboots(down="1m")
    play.decided(RunEnded, rule=RuleId.RUN_EXPIRED)


def test_a_new_policy_changes_nothing_of_a_run(play: Any) -> None:
    """What a person reads is what is run."""
    waiting(play)
    play.runbooks = (runbook("mend", step("observe"), step("destabilising", "/bin/rewritten")),)
    play.after("1m").policy_loads(*play.state.policy.gateways)
    approves(play, "RUN-1/2")
    assert play.decided(PerformStep).argv == ("/bin/destabilising",)


def test_runs_are_remembered_within_bounds(play: Any) -> None:
    """The newest, without their steps."""
    given(play, runbook("mend", step("observe"), at_most=100, per_usec=60_000_000))
    for _ in range(RUNS_KEPT + 3):
        play.after("2m").asks("human", "runbook-run", subject="mend")
        ends_step(play)
        play.decided(RunEnded)
    assert len(play.state.runs.runs) == RUNS_KEPT
    assert last_run(play).steps == ()
