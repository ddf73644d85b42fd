"""A budget that is loosened or tightened, tried on recorded loops: how much longer or shorter would they have run?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from loosening import record_trace

from watchdog.core.policy import BudgetPolicy, CommandPolicy, GatewayPolicy, Policy, SpiralPolicy, Window
from watchdog.core.rules import RuleId
from watchdog.core.timeline import DAY, HOUR, MINUTE
from watchdog.replay.backtest import Backtest, backtest

NO_SPIRAL = SpiralPolicy(page_at=1000, identical_page_at=0, hold_below_usec=0)
"""So that little but the budget ends a loop."""
TIGHT = BudgetPolicy(windows=(Window(starts=1, per_usec=10 * MINUTE),))
STRICT = BudgetPolicy(windows=(Window(starts=5, per_usec=10 * MINUTE),))
LOOSE = BudgetPolicy(
    windows=(
        Window(starts=50, per_usec=10 * MINUTE),
        Window(starts=100, per_usec=HOUR),
        Window(starts=200, per_usec=DAY),
    )
)

Try = Callable[..., Backtest]


@pytest.fixture
def tried(tmp_path: Path) -> Try:
    """Return the way to record a trace under some rules, as gatedog would have, and to try others on that journal."""

    def try_out(trace: str, before: dict[str, object], after: dict[str, object]) -> Backtest:
        folder = tmp_path / "journal"
        gateway = GatewayPolicy(name="main", command=CommandPolicy(argv=("recorded",)), **before)
        played = record_trace(trace, Policy(gateways=(gateway,)), folder)
        return backtest(folder, replace(played, gateways=(replace(played.gateways[0], **after),)))

    return try_out


def test_the_spiral_of_26_march_would_have_run_one_more_cycle(tried: Try) -> None:
    """Fifty starts instead of one: the budget no longer stops it, and one cycle later the spiral's own rule does."""
    found = tried("moto-death-spiral", {"budget": TIGHT, "spiral": NO_SPIRAL}, {"budget": LOOSE})

    assert found.first is not None
    assert found.first.recorded[0].startswith("holds main: restart budget spent: 1 per 10m")
    assert found.first.other == ("starts main [restart.at-once]",)
    (loop,) = found.loops
    assert (loop.incident, loop.seq) == ("INC-1", found.first.seq)
    assert loop.more is not None
    assert loop.more.cycles == 1
    assert loop.more.stopped_by is RuleId.SPIRAL_ALTERNATING


def test_where_the_budget_stopped_nothing_loosening_it_changes_nothing(tried: Try) -> None:
    """Under the defaults it is the alternating instances that are held, at the third ending."""
    found = tried("moto-death-spiral", {}, {"budget": LOOSE})

    assert found.first is None
    assert found.loops == ()


@pytest.mark.parametrize("trace", ["clawx-818-sigkill", "oc-17125-orphan-holds-lock", "voss-47-restarts"])
def test_a_loosened_budget_lets_a_loop_go_on_until_the_next_window_is_full(tried: Try, trace: str) -> None:
    """Five starts in ten minutes were had; of fifty, forty-five are left."""
    found = tried(trace, {"budget": STRICT, "spiral": NO_SPIRAL}, {"budget": LOOSE})

    (loop,) = found.loops
    assert loop.more is not None
    assert loop.more.cycles == 45
    assert loop.more.stopped_by is RuleId.BUDGET_SPENT
    assert loop.more.span_usec >= 44 * loop.more.lived_usec


def test_a_tightened_budget_says_which_lives_would_not_have_begun(tried: Try) -> None:
    """Those are on record, so they are counted and not guessed."""
    found = tried("clawx-818-sigkill", {"budget": LOOSE, "spiral": NO_SPIRAL}, {"budget": STRICT})

    (loop,) = found.loops
    assert (loop.more, loop.fewer) == (None, 44)


def test_a_guess_is_bounded(tried: Try) -> None:
    """A policy that would never stop it does not keep the reviewer waiting."""
    endless = BudgetPolicy(windows=(Window(starts=100_000, per_usec=MINUTE),))
    found = tried("clawx-818-sigkill", {"budget": STRICT, "spiral": NO_SPIRAL}, {"budget": endless})

    (loop,) = found.loops
    assert loop.more is not None
    assert (loop.more.cycles, loop.more.stopped_by) == (200, None)
