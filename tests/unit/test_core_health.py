"""Health: what is told of a gateway that is up, when it is over, and what is never told."""

from typing import Any

import pytest
from sensing import probe_policy, usual

from watchdog.core.decisions import (
    HealthChanged,
    IncidentExtended,
    IncidentOpened,
    IncidentResolved,
    QueuePage,
    Severity,
    StartGateway,
)
from watchdog.core.engine import changes_nothing
from watchdog.core.healthstate import Health
from watchdog.core.incident import Matter
from watchdog.core.rules import RuleId
from watchdog.core.state import Phase

CHANNEL = (probe_policy("channel:x"),)
BOTH = (probe_policy("channel:x"), probe_policy("health", liveness_only=True))


def test_a_gateway_is_unknown_until_everything_was_seen(play: Any) -> None:
    """One of two probes passing is not health."""
    play.given(probes=BOTH)
    play.probes("health", "ok")
    play.decided_nothing()
    assert play.gateway().health.health is Health.UNKNOWN
    play.probes("channel:x", "ok")
    play.decided(HealthChanged, rule=RuleId.HEALTH_WELL, health=Health.HEALTHY)


def test_a_probe_that_fails_for_long_is_told_and_over_when_it_passes(play: Any) -> None:
    """It opens one incident that names it, starts nothing, and ends when it passes twice."""
    play.given(probes=CHANNEL)
    play.probes("channel:x", "ok")
    play.after("1m").probes("channel:x", "failed", 15, saying='state is "closed"')
    play.decided(HealthChanged, rule=RuleId.HEALTH_DOUBT, health=Health.SUSPECT)
    play.decided_often(QueuePage, 0)
    play.after("1m").probes("channel:x", "failed", saying='state is "closed"')
    play.decided(IncidentOpened, rule=RuleId.PROBE_FAILING)
    page = play.decided(QueuePage, rule=RuleId.PROBE_FAILING, severity=Severity.CRITICAL)
    play.decided_often(StartGateway, 0)
    play.stands(Phase.UP)
    play.after("1m").probes("channel:x", "ok")
    play.decided_often(IncidentResolved, 0)
    play.after("1m").probes("channel:x", "ok")
    play.decided(IncidentResolved, rule=RuleId.HEALTH_WELL)

    assert "channel:x" in page.title
    assert page.agent_says == 'state is "closed"'
    assert "closed" not in page.title


def test_what_confirms_what_is_believed_changes_nothing(play: Any) -> None:
    """A year of passing probes is folded away, and so is a probe that goes on failing."""
    play.given(probes=CHANNEL)
    play.probes("channel:x", "ok")
    before = play.state
    play.after("1m").probes("channel:x", "ok")
    play.decided_nothing()
    assert changes_nothing(before, play.steps[-1][2])
    play.after("1m").probes("channel:x", "failed", 40)
    play.decided(IncidentOpened)
    before = play.state
    play.after("10s").probes("channel:x", "failed")
    play.decided_nothing()
    assert changes_nothing(before, play.steps[-1][2])


def test_a_probe_that_nobody_configured_is_passed_over(play: Any) -> None:
    """A late report of a probe that left the policy decides nothing."""
    play.given(probes=CHANNEL)
    play.probes("channel:gone", "failed", 5)
    play.decided_nothing()


def test_a_minute_of_failures_is_nobodys_page(play: Any) -> None:
    """A loop that stalls for a minute and a half comes back by itself."""
    play.given(probes=(probe_policy("health"), probe_policy("loop")))
    for probe in ("health", "loop"):
        play.probes(probe, "ok")
    play.after("1m").probes("health", "failed", 3, every=30_000_000, cause="local")
    play.probes("loop", "failed", 3, every=30_000_000, cause="local")
    play.after("30s").probes("health", "ok")
    play.probes("loop", "ok")
    play.decided_often(QueuePage, 0)

    assert play.gateway().health.health is Health.HEALTHY


def test_a_provider_that_fails_is_waited_for_longer(play: Any) -> None:
    """Half an hour of a cause elsewhere is no degradation of this gateway; three quarters are."""
    play.given(probes=CHANNEL)
    play.probes("channel:x", "ok")
    play.after("1m").probes("channel:x", "failed", 45, cause="remote", saying="503")
    play.decided_often(QueuePage, 0)
    play.after("1m").probes("channel:x", "failed", cause="remote", saying="503")
    play.decided(IncidentOpened, rule=RuleId.PROBE_FAILING)


def test_an_impostor_is_named_at_once(play: Any) -> None:
    """Three answers of a stranger on the gateway's port are enough, whatever they say."""
    play.given(probes=CHANNEL)
    play.probes("channel:x", "ok")
    play.after("1m").probes("channel:x", "failed", 3, cause="impostor", saying="pid 7 in cron.service")
    page = play.decided(QueuePage, rule=RuleId.IMPOSTOR, severity=Severity.CRITICAL)

    assert page.title.startswith("NOT ITSELF")


def test_an_impostor_needs_no_start_grace(play: Any) -> None:
    """A life that starts may be late; that somebody else answers in its place is told before it has passed once."""
    play.given(probes=CHANNEL)
    play.after("1m").probes("channel:x", "failed", 3, cause="impostor", saying="pid 7 in cron.service")
    play.decided(QueuePage, rule=RuleId.IMPOSTOR, severity=Severity.CRITICAL)


def test_a_channel_that_comes_and_goes_is_flapping(play: Any) -> None:
    """Five times down for some minutes each, none of them long: a finding of its own."""
    play.given(probes=CHANNEL)
    play.probes("channel:x", "ok")
    for _ in range(4):
        play.after("20m").probes("channel:x", "failed", 6)
        play.after("1m").probes("channel:x", "ok")
    play.decided_often(QueuePage, 0)
    play.after("20m").probes("channel:x", "failed", 6)
    play.decided(IncidentOpened, rule=RuleId.PROBE_FLAPPING)
    play.decided(QueuePage, rule=RuleId.PROBE_FLAPPING, severity=Severity.WARNING)
    play.after("1m").probes("channel:x", "ok")
    play.decided_often(IncidentResolved, 0)
    play.after("4h").probes("channel:x", "ok")
    play.decided(IncidentResolved, rule=RuleId.HEALTH_WELL)


def test_blips_are_not_flapping(play: Any) -> None:
    """One probe in fifty gets lost on a busy host, all day long."""
    play.given(probes=CHANNEL)
    for _ in range(20):
        play.after("49m").probes("channel:x", "ok")
        play.after("1m").probes("channel:x", "failed")
        play.after("1m").probes("channel:x", "ok")
    play.decided_often(QueuePage, 0)
    assert not play.gateway().health.probes[0].flapping


def test_a_probe_that_cannot_be_run_is_no_failure_and_no_health(play: Any) -> None:
    """No data is unknown; a finding stands through it."""
    play.given(probes=CHANNEL)
    play.probes("channel:x", "ok")
    play.after("1m").probes("channel:x", "error", 3)
    play.decided(HealthChanged, rule=RuleId.HEALTH_NO_DATA, health=Health.UNKNOWN)
    play.after("1m").probes("channel:x", "failed", 20)
    play.decided(IncidentOpened, rule=RuleId.PROBE_FAILING)
    play.after("1m").probes("channel:x", "error", 30)
    play.decided_often(IncidentResolved, 0)
    assert play.gateway().health.health is Health.DEGRADED


def test_nothing_is_judged_while_it_is_not_up(play: Any) -> None:
    """A gateway that is down or being started fails every probe, and that is no news."""
    play.given(probes=CHANNEL)
    play.asks("human", "stop")
    play.ends(signal="SIGTERM")
    play.after("1m").probes("channel:x", "failed", 60)
    play.decided_often(QueuePage, 0)
    assert play.gateway().health.health is Health.UNKNOWN


def test_the_start_grace_is_learned_from_the_lives_before(play: Any) -> None:
    """Without a life before there are thirty minutes; after one that needed ten, there are twenty."""
    play.given(probes=CHANNEL)
    play.after("10m").probes("channel:x", "ok")
    assert play.gateway().health.settles == (600_000_000,)
    play.after("1h").ends(code=1)
    play.gets_ready()
    play.probes("channel:x", "failed", 20)
    play.decided_often(HealthChanged, 0, health=Health.SUSPECT)
    play.after("1m").probes("channel:x", "failed", 3)
    play.decided(HealthChanged, health=Health.SUSPECT)


def test_a_finding_joins_the_story_of_the_restarts(play: Any) -> None:
    """While a spiral is open, a degradation of the same gateway is a fact of it; afterwards it has its own story."""
    play.given(probes=CHANNEL)
    for code in (1, 2, 3, 4):
        play.after("10m").ends(code=code)
    opened = play.decided(IncidentOpened, rule=RuleId.SPIRAL_CHAIN)
    play.gets_ready()
    play.probes("channel:x", "ok")
    play.after("1m").probes("channel:x", "failed", 17)
    extended = play.decided(IncidentExtended, rule=RuleId.PROBE_FAILING)
    play.after("4h").stands(Phase.UP)
    play.decided(IncidentResolved, rule=RuleId.INCIDENT_STABLE)
    own = play.decided(IncidentOpened, rule=RuleId.PROBE_FAILING)

    assert extended.incident == opened.incident != own.incident


def test_a_life_that_is_never_ready_is_told_and_over_when_it_is(play: Any) -> None:
    """Five minutes are a notice; half an hour is a page, whatever the log says."""
    play.given()
    play.ends(code=1)
    play.after("5m").decided(QueuePage, rule=RuleId.NEVER_READY, severity=Severity.INFO)
    play.after("25m").decided(QueuePage, rule=RuleId.NOT_READY, severity=Severity.CRITICAL)
    play.decided(HealthChanged, rule=RuleId.NOT_READY, health=Health.DEGRADED)
    play.after("1m").gets_ready()
    play.decided(IncidentResolved, rule=RuleId.INCIDENT_UP)


def test_new_code_on_disk_is_told_before_anybody_restarts(play: Any) -> None:
    """One notice, not a page; what else an update writes is no news, and a new life runs it."""
    play.given()
    play.code("dist/main.js")
    notice = play.decided(QueuePage, rule=RuleId.CODE_CHANGED, severity=Severity.INFO)
    play.after("1m").code("dist/main.js", "package.json")
    play.decided_often(QueuePage, 0)
    play.after("1m").code("dist/other.js", process=play.new_process())
    play.decided_nothing()
    play.after("1m").code()
    play.decided_nothing()

    assert notice.title == "the next restart will run different code"
    assert "dist/main.js" in notice.because


@pytest.mark.parametrize(("log_class", "pages"), [("gave-up", 1), ("auth-expired", 1), ("uncaught-exception", 0)])
def test_some_lines_of_the_log_are_findings(log_class: str, pages: int, play: Any) -> None:
    """What nothing but a human mends is told; what may have passed is a weak sign."""
    play.given()
    play.logs(log_class, "giving up after 10 tries")
    play.decided_often(QueuePage, pages, rule=RuleId.LOG_SAID, agent_says="giving up after 10 tries")
    play.after("5m").logs(log_class)
    play.decided_nothing()
    play.after("40m").counts(usual(), 6)
    play.decided(HealthChanged, rule=RuleId.HEALTH_WELL)


def test_a_passing_probe_outweighs_a_line_of_the_log(play: Any) -> None:
    """The supervised side writes its log; one line against an end-to-end probe is a doubt, not a page."""
    play.given(probes=CHANNEL)
    play.probes("channel:x", "ok")
    play.after("1m").logs("gave-up")
    play.decided(HealthChanged, rule=RuleId.HEALTH_DOUBT)
    play.decided_often(QueuePage, 0)


def test_a_human_who_closes_the_story_says_that_this_is_normal(play: Any) -> None:
    """The signs are forgotten, and what is usual is learned anew."""
    play.given()
    play.after("5m").counts(usual(), 30)
    play.after("5m").counts(usual(sockets=0), 10)
    play.decided(IncidentOpened, rule=RuleId.SOCKETS_GONE)
    play.asks("human", "incident-close", incident="INC-1")
    play.after("5m").counts(usual(sockets=0), 30)
    play.decided(HealthChanged, rule=RuleId.HEALTH_WELL)
    play.decided_often(IncidentOpened, 0)


def test_a_degradation_has_its_own_matter(play: Any) -> None:
    """It is silenced, and listed, under the name `degradation`."""
    play.given()
    play.logs("disk-full")
    play.decided(IncidentOpened, rule=RuleId.LOG_SAID)

    assert play.incident().fingerprint == f"main:{Matter.DEGRADATION.value}"
