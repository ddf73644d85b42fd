"""What follows an unasked ending: again, later, slowly, or not at all."""

from typing import Any

import pytest

from watchdog.core.decisions import (
    Charge,
    HoldPlaced,
    IncidentExtended,
    IncidentOpened,
    QueuePage,
    SetTimer,
    SlowEntered,
    StartGateway,
    StartWithheld,
)
from watchdog.core.events import Failure
from watchdog.core.policy import BackoffPolicy, BudgetPolicy, OnExhausted, SpiralPolicy, Window
from watchdog.core.restart import backoff_usec
from watchdog.core.rules import RuleId
from watchdog.core.state import Hold, Phase
from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.core.timer import TimerKind

ONE_AN_HOUR = BudgetPolicy(windows=(Window(starts=1, per_usec=HOUR),))
SLOW = BudgetPolicy(windows=ONE_AN_HOUR.windows, on_exhausted=OnExhausted.SLOW)
BLIND = SpiralPolicy(page_at=99, identical_page_at=99)


def test_the_first_unasked_ending_is_answered_at_once(play: Any) -> None:
    """One death is no pattern, and nobody is told."""
    play.given()
    play.after("1m").ends(code=1)
    play.decided(StartGateway, rule=RuleId.RESTART_AT_ONCE, charge=Charge.AUTOMATIC)
    play.decided_often(QueuePage, 0)


def test_the_second_waits(play: Any) -> None:
    """A second, then two, then four: what fails at once should not be asked at once."""
    play.given(spiral=BLIND)
    play.after("1m").ends(code=1)
    play.after("1m").ends(code=1)
    play.decided(SetTimer, rule=RuleId.RESTART_BACKOFF)
    play.decided_often(StartGateway, 0)
    play.stands(Phase.BACKOFF)
    play.after("1s")
    play.decided(StartGateway, rule=RuleId.RESTART_DUE)


@pytest.mark.parametrize(
    ("failures", "delay"),
    [(0, 0), (1, 0), (2, SECOND), (3, 2 * SECOND), (10, 256 * SECOND), (11, 5 * MINUTE), (10_000, 5 * MINUTE)],
)
def test_the_delay_doubles_up_to_its_end(failures: int, delay: int) -> None:
    """None, a second, doubling, and never more than five minutes."""
    assert backoff_usec(failures, BackoffPolicy()) == delay


def test_a_spent_budget_holds(play: Any) -> None:
    """As many automatic starts as a window allows, and then none: hold and page in one step."""
    play.given(budget=ONE_AN_HOUR)
    play.after("1m").ends(code=1)
    play.after("10m").ends(code=2)
    play.decided(HoldPlaced, rule=RuleId.BUDGET_SPENT)
    play.decided(IncidentOpened, rule=RuleId.BUDGET_SPENT)
    play.decided(QueuePage, title="HELD - not restarting", next_command='gatedog release main -m "why"')
    play.decided_often(StartGateway, 0)
    play.stands(Phase.HELD, Hold.HELD)


def test_a_fast_spiral_holds_before_any_budget_is_spent(play: Any) -> None:
    """The night of 26 March: the third clean exit within seconds is not answered with a start."""
    play.given()
    for _ in range(3):
        play.after("31s")
        play.ends(code=0)
    play.decided(HoldPlaced, rule=RuleId.SPIRAL_FAST)
    play.decided(IncidentOpened, rule=RuleId.SPIRAL_IDENTICAL)


def test_fourth_unasked_ending_pages(play: Any) -> None:
    """Slow as it may be, the fourth in a row is told, and the gateway is restarted within its budget."""
    play.given()
    for code in (1, 2, 3):
        play.after("80m").ends(code=code)
    play.decided_often(IncidentOpened, 0)
    play.after("80m").ends(code=4)
    play.decided(QueuePage, rule=RuleId.SPIRAL_CHAIN, did="restarts within its budget")
    play.decided(StartGateway)
    play.stands(Phase.STARTING)


def test_a_fight_of_instances_holds_at_any_pace(play: Any) -> None:
    """Its own rule, on the hold and on the page."""
    play.given()
    for _ in range(3):
        play.after("1h").ends(code=1, by="peer-instance")
    play.decided(HoldPlaced, rule=RuleId.SPIRAL_ALTERNATING)


def test_a_second_manager_is_told(play: Any) -> None:
    """Its own rule on the page; a slow one is not held, because gatedog's starts are not the trouble."""
    play.given()
    for _ in range(3):
        play.after("1h").ends(signal="SIGTERM", by="second-manager")
    play.decided(IncidentOpened, rule=RuleId.SPIRAL_SECOND_MANAGER)
    play.decided(StartGateway)


def test_lives_that_never_serve_are_told(play: Any) -> None:
    """Three different deaths before any of them was ready."""
    play.given()
    for code in (1, 2, 3, 4):
        play.after("6m").ends(code=code)
    play.decided(IncidentOpened, rule=RuleId.SPIRAL_NEVER_READY)


@pytest.mark.parametrize(
    "how",
    [
        {"code": 0},
        {"code": 0, "by": "self"},
        {"signal": "SIGKILL", "by": "supervised"},
        {"signal": "SIGTERM", "by": "self"},
    ],
    ids=str,
)
def test_ways_to_restart_oneself_share_a_small_account(how: dict[str, Any], play: Any) -> None:
    """Leaving by exit 0, or being killed from inside, is a restart by the supervised side."""
    play.given()
    play.after("1h").ends(**how)
    play.decided(StartGateway, charge=Charge.SELF_RESTART)


def test_a_refused_configuration_is_held_at_once(play: Any) -> None:
    """Exit status 78 before it served: another start would read the same, so nobody waits for two more."""
    play.answers_starts = False
    play.given_nothing()
    play.gatedog_starts()
    play.policy_loads(*play.policies())
    play.looks()
    play.begins()
    play.ends(code=78, saying="Gateway start blocked: existing config is missing gateway.mode")
    play.decided(HoldPlaced, rule=RuleId.CONFIGURATION_REFUSED)
    play.decided(QueuePage, title="HELD - not restarting")
    play.stands(Phase.HELD, Hold.HELD)


@pytest.mark.parametrize("saying", ["", "another process owns gateway-lifecycle"])
def test_status_78_is_tried_again_where_it_may_mean_something_else(saying: str, play: Any) -> None:
    """Of a life that has served, and of one that says that its place is taken."""
    play.given()
    play.after("1h")
    if saying:
        play.ends(code=1)
    play.ends(code=78, saying=saying)
    play.decided_often(HoldPlaced, 0)


@pytest.mark.parametrize(
    "how", [{"code": 1}, {"code": 1, "by": "self"}, {"signal": "SIGKILL"}, {"code": 0, "by": "human"}]
)
def test_failing_is_not_restarting_oneself(how: dict[str, Any], play: Any) -> None:
    """A crash is charged to the plain budget."""
    play.given()
    play.after("1h").ends(**how)
    play.decided(StartGateway, charge=Charge.AUTOMATIC)


def test_a_spent_self_restart_account_holds(play: Any) -> None:
    """Two in an hour; the third clean exit is the last."""
    play.given(spiral=BLIND)
    for _ in range(2):
        play.after("15m").ends(code=0)
    play.decided(StartGateway, charge=Charge.SELF_RESTART)
    play.after("15m").ends(code=0)
    play.decided(HoldPlaced, rule=RuleId.SELF_RESTART_SPENT)


@pytest.mark.parametrize(
    ("who", "waits", "charge"),
    [
        ("agent", "30m", Charge.SELF_RESTART),
        ("stranger", "30m", Charge.SELF_RESTART),
        ("agent", "31m", Charge.AUTOMATIC),
        ("cron", "1m", Charge.AUTOMATIC),
    ],
)
def test_an_ending_soon_after_a_refused_ask_is_its_own(who: str, waits: str, charge: Charge, play: Any) -> None:
    """Who was refused and then dies has found another way; half an hour later it is a coincidence."""
    play.given()
    play.asks(who, "restart")
    play.after(waits).ends(code=1)
    play.decided(StartGateway, charge=charge)


def test_without_network_it_is_tried_slowly(play: Any) -> None:
    """It fails by itself and the host reaches nothing: a hold would outlast the outage."""
    play.given(budget=ONE_AN_HOUR)
    play.network(there=False)
    play.after("1m").ends(code=1)
    play.after("10m").ends(code=1)
    play.decided(SlowEntered, rule=RuleId.ENVIRONMENT_SLOW)
    play.decided(QueuePage, title="DOWN - trying once every 30m")
    play.stands(Phase.SLOW)


def test_without_network_a_fight_is_still_held(play: Any) -> None:
    """What somebody else ends does not fail for want of a network."""
    play.given(budget=ONE_AN_HOUR)
    play.network(there=False)
    play.after("1m").ends(code=1)
    play.after("10m").ends(signal="SIGTERM", by="second-manager")
    play.decided(HoldPlaced, rule=RuleId.BUDGET_SPENT)


def test_the_policy_may_ask_for_slow(play: Any) -> None:
    """One start per half hour, told when it begins and not with every try."""
    play.given(budget=SLOW, spiral=BLIND)
    play.after("1m").ends(code=1)
    play.after("10m").ends(code=1)
    play.decided(SlowEntered, rule=RuleId.POLICY_SLOW)
    play.after("30m")
    play.decided(StartGateway, rule=RuleId.SLOW_TRY, charge=Charge.SLOW)
    play.after("9m").ends(code=1)
    play.after("30m")
    play.after("9m").ends(code=1)
    play.decided(SlowEntered, rule=RuleId.SLOW_TRY)
    play.decided_often(IncidentExtended, 0)


def test_slow_is_never_the_answer_to_self_restarts(play: Any) -> None:
    """The policy's slow is for a plain budget; who restarts himself is held."""
    own = BudgetPolicy(self_restart=(Window(starts=1, per_usec=HOUR),), on_exhausted=OnExhausted.SLOW)
    play.given(budget=own, spiral=BLIND)
    play.after("1m").ends(code=0)
    play.after("10m").ends(code=0)
    play.decided(HoldPlaced, rule=RuleId.SELF_RESTART_SPENT)


def test_a_slow_try_that_lasts_ends_the_slow_row(play: Any) -> None:
    """What was up for hours and dies once is answered at once, like anything else."""
    play.given(budget=SLOW)
    play.after("1m").ends(code=1)
    play.after("10m").ends(code=1)
    play.stands(Phase.SLOW)
    play.after("4h").ends(code=1)
    play.decided(StartGateway, rule=RuleId.RESTART_AT_ONCE)


def test_what_a_human_stopped_is_not_restarted(play: Any) -> None:
    """Somebody else started it, it ended: it is still stopped."""
    play.given()
    play.asks("human", "stop")
    play.ends(code=0)
    play.after("1h").begins(foreign=True)
    play.after("1h").ends(code=1)
    play.decided(StartWithheld, rule=RuleId.RESTART_WHILE_DOWN)
    play.stands(Phase.STOPPED)


def test_an_unwanted_row_of_foreign_lives_is_told(play: Any) -> None:
    """Gatedog starts nothing, and says that something else does."""
    play.given()
    play.asks("human", "stop")
    play.ends(code=0)
    for code in (1, 2, 3, 4):
        play.after("1h").begins(foreign=True)
        play.after("1h").ends(code=code)
    play.decided(QueuePage, title="DOWN - ended again, and stays down")


def test_a_start_that_the_journal_could_not_take_is_postponed(play: Any) -> None:
    """No life, no charge, another try in ten minutes: what cannot be remembered must not be spent."""
    play.given()
    play.answers_starts = False
    play.after("1m").ends(code=1)
    play.start_fails("disk full", Failure.JOURNAL)
    play.decided(SetTimer, rule=RuleId.JOURNAL_UNWRITABLE)
    assert [entry.charge for entry in play.gateway().ledger] == [Charge.BOOT]
    play.after("9m").decided_nothing()
    play.after("1m")
    play.decided(StartGateway, charge=Charge.AUTOMATIC)


def test_a_postponed_start_does_not_get_past_a_hold(play: Any) -> None:
    """A human held it while the start was on its way."""
    play.given()
    play.answers_starts = False
    play.after("1m").ends(code=1)
    play.asks("human", "hold")
    play.start_fails("disk full", Failure.JOURNAL)
    play.stands(Phase.HELD, Hold.HELD)
    play.after("1h").decided_nothing()


def test_a_due_alarm_without_a_waiting_gateway_starts_nothing(play: Any) -> None:
    """The alarm is a reminder, not an order."""
    play.given()
    play.alarm(TimerKind.START_DUE, sets=True)
    play.decided_often(StartGateway, 0)
    play.stands(Phase.UP)
