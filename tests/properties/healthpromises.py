"""What the core promises about health, checked after every event."""

from watchdog.core.decisions import QueuePage, QuietGranted, Severity, StopGateway
from watchdog.core.engine import changes_nothing
from watchdog.core.events import ActionRequested, Event
from watchdog.core.healthpolicy import OnDegraded
from watchdog.core.healthstate import Health, ProbePhase
from watchdog.core.normal import LIFE_MAX, LULLS_MAX, RECENT_MAX, WEEKS
from watchdog.core.observations import ProbeObserved, ProbeResult
from watchdog.core.probes import DIPS_MAX, LIVES_LEARNED
from watchdog.core.quiet import SILENCE_MAX_USEC, SILENCES_MAX
from watchdog.core.rules import RuleId
from watchdog.core.signs import HELD_MAX
from watchdog.core.state import GatewayState, State
from watchdog.core.turn import Step

ABOUT_HEALTH = (
    RuleId.PROBE_FAILING,
    RuleId.PROBE_FLAPPING,
    RuleId.IMPOSTOR,
    RuleId.NOT_READY,
    RuleId.WORK_STOPPED,
    RuleId.SOCKETS_GONE,
    RuleId.LOG_SILENT,
    RuleId.LOG_FLOOD,
    RuleId.LOG_SAID,
    RuleId.GROWING,
    RuleId.DISK_FULL,
    RuleId.SEVERAL_SIGNS,
)


def check_health(before: State, event: Event, after: Step) -> None:
    """Check every promise about health on one step."""
    check_folding(before, event, after)
    check_quiet(event, after)
    for gateway in after.state.gateways:
        check_small(gateway)
        check_known(gateway)
        check_told(gateway, after)
        check_restart(gateway, after)


def check_folding(before: State, event: Event, after: Step) -> None:
    """A passing probe of a gateway that is well passes again: nothing is to be stored."""
    if not isinstance(event, ProbeObserved) or event.result is not ProbeResult.OK:
        return
    was = next((each for each in before.gateways if each.name == event.gateway), None)
    probe = next((each for each in was.health.probes if each.name == event.probe), None) if was is not None else None
    if was is None or probe is None or was.health.health is not Health.HEALTHY:
        return
    if probe.phase is ProbePhase.PASSING and not probe.errors and not probe.flapping:
        assert changes_nothing(before, after) or was.health.signs or was.health.told


def check_quiet(event: Event, after: Step) -> None:
    """Only a human grants quiet, and every quiet ends."""
    now = after.state.clock.now_usec
    for each in after.decisions:
        if isinstance(each, QuietGranted):
            assert isinstance(event, ActionRequested)
            assert event.peer.comm == "human"
            assert now < each.until_usec <= now + SILENCE_MAX_USEC


def check_small(gateway: GatewayState) -> None:
    """What is remembered is bounded, however long the history."""
    health = gateway.health
    assert len(health.probes) <= 3
    assert all(len(probe.dips) <= DIPS_MAX for probe in health.probes)
    assert len(health.settles) <= LIVES_LEARNED
    assert len(gateway.silences) <= SILENCES_MAX
    assert all(len(sign.held) <= HELD_MAX for sign in health.signs)
    for normal in health.normals:
        assert len(normal.slots) <= max(RECENT_MAX, LIFE_MAX)
        assert len(normal.lulls) <= LULLS_MAX
        assert all(len(hour) <= WEEKS for hour in normal.week)


def check_known(gateway: GatewayState) -> None:
    """A gateway that is not there is unknown, and one that is well has no finding left."""
    health = gateway.health
    assert gateway.life is not None or health.health is Health.UNKNOWN
    assert health.health is not Health.HEALTHY or not health.told


def check_told(gateway: GatewayState, after: Step) -> None:
    """Nobody is told of a degradation of a gateway that is not degraded."""
    for page in after.decisions:
        opened = isinstance(page, QueuePage) and page.severity is not Severity.INFO and page.update.value == "opened"
        if opened and page.gateway == gateway.name and page.rule in ABOUT_HEALTH:
            assert gateway.health.health is Health.DEGRADED


def check_restart(gateway: GatewayState, after: Step) -> None:
    """A degradation is restarted only where the policy says so, and is then marked as restarted."""
    policy = after.state.policy
    for each in after.decisions:
        if isinstance(each, StopGateway) and each.gateway == gateway.name and each.rule is RuleId.DEGRADED_RESTART:
            assert policy is not None
            rules = next(one for one in policy.gateways if one.name == gateway.name)
            assert rules.health.on_degraded is OnDegraded.RESTART
            assert gateway.health.mended
