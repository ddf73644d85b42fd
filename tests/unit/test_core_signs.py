"""Signs without probes: told when something that was always there is gone, and silent when people are."""

from typing import Any

import pytest
from sensing import probe_policy, usual
from stage import usec

from watchdog.core.decisions import HealthChanged, IncidentOpened, IncidentResolved, QueuePage, Severity
from watchdog.core.healthstate import Health, SignKind
from watchdog.core.rules import RuleId
from watchdog.core.timeline import HOUR

HOURS_2 = 24


def warmed(play: Any, reports: int = HOURS_2, **rules: Any) -> Any:
    """Give a gateway that was measured every five minutes for so long, and is well."""
    play.given(**rules)
    play.after("5m").counts(usual(), reports)
    return play


@pytest.mark.parametrize(
    ("reading", "rule"),
    [
        (usual(work=0), RuleId.WORK_STOPPED),
        (usual(log_lines=0), RuleId.LOG_SILENT),
        (usual(sockets=0), RuleId.SOCKETS_GONE),
        (usual(log_lines=5_000), RuleId.LOG_FLOOD),
    ],
)
def test_what_was_always_there_and_is_gone_is_told_after_half_an_hour(
    reading: dict[str, int], rule: RuleId, play: Any
) -> None:
    """Not after ten minutes, and once; it is over after two ordinary readings."""
    warmed(play)
    play.after("5m").counts(reading, 2)
    play.decided_often(QueuePage, 0)
    play.after("5m").counts(reading, 6)
    play.decided(IncidentOpened, rule=rule)
    play.decided_often(QueuePage, 1, rule=rule)
    play.after("5m").counts(usual())
    play.decided_often(IncidentResolved, 0)
    play.after("5m").counts(usual())
    play.decided(IncidentResolved, rule=RuleId.HEALTH_WELL)


def test_a_log_that_stops_and_one_that_floods_are_named(play: Any) -> None:
    """Each has its own rule; both are warnings, because the gateway may still do its work."""
    warmed(play)
    play.after("5m").counts(usual(log_lines=0), 8)
    play.decided(IncidentOpened, rule=RuleId.LOG_SILENT, severity=Severity.WARNING)
    play.after("5m").counts(usual(), 3)
    play.decided(IncidentResolved)
    play.after("5m").counts(usual(log_lines=5_000), 4)
    play.decided(QueuePage, rule=RuleId.LOG_FLOOD, severity=Severity.WARNING)


def test_two_signs_that_began_together_are_one_finding_that_names_both(play: Any) -> None:
    """A channel that died takes a connection and its share of the work; neither alone is enough."""
    warmed(play)
    play.after("5m").counts(usual(sockets=3), 12)
    play.decided_often(QueuePage, 0)
    play.decided(HealthChanged, health=Health.SUSPECT)
    play.after("5m").counts(usual(), 6)
    play.after("5m").counts(usual(sockets=3, work=1), 6)
    page = play.decided(QueuePage, rule=RuleId.SEVERAL_SIGNS, severity=Severity.CRITICAL)

    assert "3 connections" in page.because
    assert "were to be expected" in page.because


def test_an_outage_of_a_quarter_of_an_hour_is_no_finding(play: Any) -> None:
    """Connections and work gone for fifteen minutes come back without a page."""
    warmed(play)
    play.after("5m").counts(usual(sockets=0, work=0), 3)
    play.after("5m").counts(usual(), 3)
    play.decided_often(QueuePage, 0)


def test_a_remote_cause_explains_what_follows_from_it(play: Any) -> None:
    """While a provider is down, fewer connections and less work wait as long as its probe does."""
    warmed(play, probes=(probe_policy("channel:x"),))
    play.probes("channel:x", "ok")
    play.after("1m").probes("channel:x", "failed", 3, cause="remote")
    play.after("2m").counts(usual(sockets=3, work=0), 6)
    play.decided_often(QueuePage, 0)


def test_no_network_explains_it_as_well(play: Any) -> None:
    """A host without a network does not blame its gateways for half an hour."""
    warmed(play)
    play.network(there=False)
    play.after("5m").counts(usual(sockets=0, work=0), 7)
    play.decided_often(QueuePage, 0)


def test_work_that_a_probe_sees_possible_may_rest(play: Any) -> None:
    """A quiet weekend: nobody writes, and the channel is open."""
    warmed(play, probes=(probe_policy("channel:x"),))
    play.probes("channel:x", "ok")
    play.after("5m").counts(usual(work=0), 200)
    play.decided_often(QueuePage, 0)


def test_a_probe_of_liveness_contradicts_nothing(play: Any) -> None:
    """The health endpoint answered 200 in nearly every recorded degradation."""
    warmed(play, probes=(probe_policy("health", liveness_only=True),))
    play.probes("health", "ok")
    play.after("5m").counts(usual(work=0), 8)
    play.decided(IncidentOpened, rule=RuleId.WORK_STOPPED)


def test_an_evening_takes_the_normal_along(play: Any) -> None:
    """Work that fades over some hours leaves no sign that stands for long, and no page."""
    warmed(play)
    for work in (5, 4, 3, 3, 2, 2, 1, 1):
        play.after("5m").counts(usual(work=work), 12)
    for work in (0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0):
        play.after("5m").counts(usual(work=work), 2)
    play.decided_often(QueuePage, 0)


def test_lulls_that_ended_by_themselves_teach_to_wait(play: Any) -> None:
    """After an hour's pause that ended, an hour and a half of another is nothing new."""
    warmed(play)
    play.after("5m").counts(usual(work=0), 12)
    play.decided(IncidentOpened, rule=RuleId.WORK_STOPPED)
    play.after("5m").counts(usual(), HOURS_2)
    play.decided(IncidentResolved)
    play.after("5m").counts(usual(work=0), 12)
    play.decided_often(QueuePage, 0)


def test_sparse_readings_prove_nothing_about_work(play: Any) -> None:
    """One minute counted in fifteen: a run of zeros at night says little about the day before."""
    warmed(play)
    for _ in range(40):
        play.after("30m").counts(usual(work=0))
    play.decided_often(QueuePage, 0)


def test_the_morning_that_does_not_come(play: Any) -> None:
    """After two weeks gatedog knows the hours: work that was there every week and is not is told."""
    play.given()
    play.after("1h")
    for hour in range(24 * 16):
        busy = 8 <= hour % 24 < 20
        play.wait(usec("1h"))
        play.counts(usual(work=20 if busy else 0))
    play.decided_often(QueuePage, 0)
    for _ in range(12 * 24):
        play.wait(usec("5m"))
        play.counts(usual(work=0))
    play.decided(IncidentOpened, rule=RuleId.WORK_STOPPED)


@pytest.mark.parametrize(("measure", "start"), [("memory", 400_000), ("handles", 80), ("threads", 20)])
def test_a_straight_line_is_a_leak(measure: str, start: int, play: Any) -> None:
    """Tripled within hours and still rising: told as a warning, with the factor."""
    play.given()
    play.wait(usec("5m"))
    for step in range(100):
        play.wait(usec("5m"))
        play.counts({measure: start + start * step // 20})
    play.decided(IncidentOpened, rule=RuleId.GROWING, severity=Severity.WARNING)
    assert play.gateway().health.health is Health.DEGRADED


def test_a_warm_up_that_bends_is_no_leak(play: Any) -> None:
    """Caches fill quickly at first and then no more, however large they are in the end."""
    play.given()
    for step in range(200):
        play.wait(usec("5m"))
        play.counts({"memory": 200_000 + 900_000 * step // (step + 20)})
    play.decided_often(QueuePage, 0)


def test_a_level_that_lives_reached_before_is_no_leak(play: Any) -> None:
    """A gateway that is recycled at a limit every few hours grows in every life."""
    play.given()
    for step in range(50):
        play.wait(usec("5m"))
        play.counts({"memory": 300_000 + 12_000 * step})
    play.asks("human", "restart")
    play.ends(signal="SIGTERM")
    play.gets_ready()
    for step in range(50):
        play.wait(usec("5m"))
        play.counts({"memory": 300_000 + 12_000 * step})
    play.decided_often(QueuePage, 0)
    assert play.gateway().health.normals[0].peak == 300_000 + 12_000 * 49


def test_a_nearly_full_disk_is_told(play: Any) -> None:
    """Two readings above the limit; one may be a file that was just rotated."""
    play.given()
    play.after("5m").counts({"disk": 960})
    play.decided_often(QueuePage, 0)
    play.after("5m").counts({"disk": 960})
    play.decided(QueuePage, rule=RuleId.DISK_FULL, severity=Severity.CRITICAL)


def test_a_busy_processor_is_a_weak_sign(play: Any) -> None:
    """It makes a page only together with another eye."""
    play.given()
    play.after("5m").counts(usual(cpu=100), HOURS_2)
    play.after("5m").counts(usual(cpu=1000), 7)
    play.decided_often(QueuePage, 0)
    play.after("5m").counts(usual(cpu=1000, work=1), 6)
    play.decided(IncidentOpened, rule=RuleId.SEVERAL_SIGNS)


def test_a_weak_sign_that_nobody_minds_for_a_day_is_normal(play: Any) -> None:
    """A channel that was taken out of the configuration without a restart is not suspected for ever."""
    warmed(play)
    play.after("5m").counts(usual(sockets=3), 24 * 12 + 12)
    play.decided(HealthChanged, health=Health.SUSPECT)
    play.decided(HealthChanged, health=Health.HEALTHY)
    play.decided_often(QueuePage, 0)


def test_a_restart_by_a_human_makes_a_new_normal_and_another_one_does_not(play: Any) -> None:
    """A person may have changed the configuration; a crash has not."""
    warmed(play)
    play.after("1m").ends(code=1)
    play.gets_ready()
    play.after("10m").counts(usual(sockets=3, work=1), 6)
    play.decided(IncidentOpened, rule=RuleId.SEVERAL_SIGNS)
    play.asks("human", "restart")
    play.ends(signal="SIGTERM")
    play.gets_ready()
    play.after("10m").counts(usual(sockets=3, work=1), 12)
    play.decided(IncidentResolved, rule=RuleId.HEALTH_WELL)


def test_readings_of_another_life_and_of_a_young_one_are_passed_over(play: Any) -> None:
    """Connections and caches fill first; and a report may be late."""
    play.given()
    play.after("4m").counts(usual(sockets=0))
    play.decided_nothing()
    assert play.gateway().health.normals == ()


def test_a_measure_that_vanishes_is_no_zero(play: Any) -> None:
    """What could not be read is left out, and nothing is concluded from that."""
    warmed(play)
    play.after("5m").counts({"memory": 400_000}, 30)
    play.decided_often(QueuePage, 0)
    assert not any(sign.kind is SignKind.SOCKETS_FELL for sign in play.gateway().health.signs)


def test_what_is_remembered_of_a_normal_stays_small(play: Any) -> None:
    """A month of readings is a few dozen numbers and the hours of the week."""
    play.given()
    for _ in range(24 * 30):
        play.after("1h").counts(usual(work=3))
    play.decided_often(QueuePage, 0, gateway="main")
    for normal in play.gateway().health.normals:
        assert len(normal.slots) <= 24
        assert all(len(hour) <= 4 for hour in normal.week)
        assert len(normal.week) in (0, 168)
    assert play.now_usec > 700 * HOUR


def test_counts_that_vanish_are_unknown_and_not_well(play: Any) -> None:
    """Without a probe nothing else shows that it is well; when they come back, so does what they show."""
    warmed(play)
    assert play.gateway().health.health is Health.HEALTHY
    play.after("5m").counts({})
    play.decided(HealthChanged, health=Health.UNKNOWN)
    play.after("5m").counts({})
    play.decided_often(HealthChanged, 0)
    play.after("5m").counts(usual())
    play.decided(HealthChanged, health=Health.HEALTHY)


def test_a_sign_stands_while_nothing_can_be_counted(play: Any) -> None:
    """What was found is not taken back by losing sight of it, and a passing probe keeps its own word."""
    warmed(play)
    play.after("5m").counts(usual(sockets=0), 8)
    play.decided(IncidentOpened, rule=RuleId.SOCKETS_GONE)
    play.after("5m").counts({})
    play.decided_often(IncidentResolved, 0)
    assert play.gateway().health.health is Health.DEGRADED
