"""The one restart of a degradation: only where policy says so, for what two eyes see, and once."""

from typing import Any

import pytest
from sensing import probe_policy

from watchdog.core.decisions import Charge, EndingJudged, IncidentResolved, NothingDone, StartGateway, StopGateway
from watchdog.core.healthpolicy import HealthPolicy, OnDegraded
from watchdog.core.policy import BudgetPolicy, Window
from watchdog.core.rules import RuleId
from watchdog.core.state import Phase
from watchdog.core.timeline import HOUR

RESTART = HealthPolicy(on_degraded=OnDegraded.RESTART)
TWO = (probe_policy("health"), probe_policy("rpc"))
SOLID = (probe_policy("health", fakeable=False), probe_policy("rpc", fakeable=False))
ONE_EYE = (probe_policy("health", source="loop"), probe_policy("rpc", source="loop"))


def well(play: Any, times: int = 1) -> None:
    """Let both probes pass."""
    for probe in ("health", "rpc"):
        play.probes(probe, "ok", times)


def hung(play: Any, cause: str = "local", minutes: int = 8) -> None:
    """Let both probes fail side by side for some minutes."""
    well(play)
    hangs_on(play, cause, minutes)


def hangs_on(play: Any, cause: str = "local", minutes: int = 8) -> None:
    """Let both go on failing."""
    for _ in range(minutes):
        play.wait(60_000_000)
        for probe in ("health", "rpc"):
            play.probes(probe, "failed", cause=cause)


@pytest.mark.parametrize(
    ("probes", "charge"), [(TWO, Charge.SELF_RESTART), (SOLID, Charge.AUTOMATIC)], ids=["fakeable", "solid"]
)
def test_a_hang_that_two_probes_see_is_restarted_once(probes: Any, charge: Charge, play: Any) -> None:
    """It is charged to self_restart, if the gateway could have faked it; and not restarted again until it was well."""
    play.given(probes=probes, health=RESTART)
    hung(play)
    play.decided(StopGateway, rule=RuleId.DEGRADED_RESTART)
    play.after("1s").ends(signal="SIGTERM")
    judged = play.decided(EndingJudged)
    play.decided(StartGateway, charge=charge)
    play.gets_ready()
    well(play)
    play.decided(IncidentResolved, rule=RuleId.HEALTH_WELL)
    hangs_on(play)
    play.decided_often(StopGateway, 0)
    play.after("1m")
    well(play, 2)
    play.after("20m")
    hangs_on(play)
    play.decided(StopGateway, rule=RuleId.DEGRADED_RESTART)

    assert not judged.asked


def test_the_default_is_to_page(play: Any) -> None:
    """A policy that does not say restart restarts nothing."""
    play.given(probes=TWO)
    hung(play, minutes=30)
    play.decided_often(StopGateway, 0)
    play.stands(Phase.UP)


@pytest.mark.parametrize(
    ("probes", "cause"),
    [(ONE_EYE, "local"), (TWO, "unknown"), (TWO, "remote")],
    ids=["one source", "unknown cause", "remote cause"],
)
def test_less_than_two_local_causes_is_told_and_left(probes: Any, cause: str, play: Any) -> None:
    """A restart that is not likely to help is not made, and the record says why."""
    play.given(probes=probes, health=RESTART)
    hung(play, cause, minutes=47)
    play.decided_often(StopGateway, 0)
    assert any(isinstance(each, NothingDone) and each.rule is RuleId.DEGRADED_LEFT for each in play.decisions())


def test_an_agent_that_was_refused_gets_no_restart_by_breaking_its_health(play: Any) -> None:
    """Within half an hour of a refused ask a degradation is left alone; after it, it is not."""
    play.given(probes=TWO, health=RESTART)
    play.asks("agent", "ask-restart")
    hung(play, minutes=10)
    play.decided_often(StopGateway, 0)
    play.decided(NothingDone, rule=RuleId.DEGRADED_LEFT)
    play.after("1m")
    hangs_on(play, minutes=30)
    play.decided(StopGateway, rule=RuleId.DEGRADED_RESTART)


def test_a_spent_budget_leaves_it_alone(play: Any) -> None:
    """The account that the restart would go to has nothing left."""
    none = BudgetPolicy(self_restart=(Window(starts=1, per_usec=HOUR),))
    play.given(probes=TWO, health=RESTART, budget=none)
    play.ends(code=0)
    play.gets_ready()
    hung(play, minutes=10)
    play.decided_often(StopGateway, 0)
    left = play.decided(NothingDone, rule=RuleId.DEGRADED_LEFT)

    assert "budget spent" in left.because


def test_a_gateway_on_probation_and_a_host_that_goes_down_are_left_alone(play: Any) -> None:
    """Neither wants another restart now."""
    play.given(probes=TWO, health=RESTART)
    play.asks("human", "hold")
    play.asks("human", "release")
    play.after("1m").stands(Phase.UP, play.gateway().hold)
    hung(play)
    play.decided(NothingDone, rule=RuleId.DEGRADED_LEFT)
    play.decided_often(StopGateway, 0)


def test_a_host_that_goes_down_gets_no_restart(play: Any) -> None:
    """It ends in a moment anyway."""
    play.given(probes=TWO, health=RESTART)
    play.host_shuts_down()
    hung(play)
    play.decided(NothingDone, rule=RuleId.DEGRADED_LEFT)
    play.decided_often(StopGateway, 0)


def test_a_restart_that_is_not_carried_out_is_not_tried_again(play: Any) -> None:
    """It stays up, degraded and told; once is once."""
    play.given(probes=TWO, health=RESTART)
    hung(play)
    play.decided(StopGateway, rule=RuleId.DEGRADED_RESTART)
    play.after("1s").stop_fails("no permission")
    hangs_on(play, minutes=20)
    play.decided_often(StopGateway, 0)
    play.stands(Phase.UP)
