"""What is remembered of drills, and the word that none was held for long."""

from typing import Any

from watchdog.core.decisions import AnswerRequest, NothingDone, Outcome, QueuePage, Severity
from watchdog.core.enclosure import DrillReported
from watchdog.core.policy import EscalationPolicy
from watchdog.core.rules import RuleId

PEOPLE = EscalationPolicy(tiers=(("phone",),), notices=("mail",))
PASSED = DrillReported(drill="kill-loop", passed=True, live=False, report="passed: 8 steps in 3.0 s")
FAILED = DrillReported(drill="kill-loop", passed=False, live=False, report="FAILED: paged")


def test_a_report_is_kept_and_the_newest_of_each_drill_counts(play: Any) -> None:
    """What was filed last is what the drill is worth; live and on a copy are two things."""
    play.given()
    play.asks("human", "drill-report", enclosed=PASSED)
    play.decided(NothingDone, rule=RuleId.DRILL_REPORTED)
    play.asks("human", "drill-report", enclosed=DrillReported(drill="kill-loop", passed=True, live=True, report="ok"))
    play.after("1h").asks("human", "drill-report", enclosed=FAILED)
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)

    kept = play.state.drills
    assert [(each.drill, each.live, each.passed) for each in kept] == [
        ("kill-loop", False, False),
        ("kill-loop", True, True),
    ]
    assert kept[0].who.startswith("human")


def test_a_report_without_a_report_is_none(play: Any) -> None:
    """Words alone put nothing on record."""
    play.given()
    play.asks("human", "drill-report", "it went well")
    play.decided(AnswerRequest, outcome=Outcome.FAILED)

    assert play.state.drills == ()


def test_an_agent_holds_no_drill(play: Any) -> None:
    """What an agent says of its own rescue is no evidence."""
    play.given()
    play.asks("agent", "drill-report", enclosed=PASSED)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_AGENT_NEVER)

    assert play.state.drills == ()


def test_ninety_days_without_a_drill_are_a_notice(play: Any) -> None:
    """It wakes nobody, and it comes again."""
    play.given(escalation=PEOPLE)
    play.after("89d")
    play.after("1d")
    page = play.decided(QueuePage, rule=RuleId.DRILL_DUE, severity=Severity.INFO, channels=("mail",))
    play.after("90d").decided(QueuePage, rule=RuleId.DRILL_DUE)

    assert page.next_command == "gatedog drill kill-loop"


def test_a_drill_that_passed_puts_the_word_off_and_one_that_failed_does_not(play: Any) -> None:
    """Ninety days from the one that passed."""
    play.given(escalation=PEOPLE)
    play.after("60d").asks("human", "drill-report", enclosed=PASSED)
    play.after("40d").asks(
        "human", "drill-report", enclosed=DrillReported(drill="hang", passed=False, live=False, report="x")
    )
    play.after("49d")
    told = [each.rule for each in play.decisions() if isinstance(each, QueuePage)]
    assert RuleId.DRILL_DUE not in told
    play.after("1d").decided(QueuePage, rule=RuleId.DRILL_DUE)
