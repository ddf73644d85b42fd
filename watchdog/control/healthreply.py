"""What is known of a gateway's health, as part of a Status reply: pure functions of the state.

Invariant as in control/reply.py: the reply says what the state says. A probe that was never heard of is shown as
unknown, and so is a gateway that nothing looks at.
"""

from watchdog.control.wire import HealthStatus, ProbeStatus, QuietStatus
from watchdog.core.events import TEXT_MAX
from watchdog.core.findings import sign_text
from watchdog.core.healthstate import ProbePhase, ProbeState
from watchdog.core.policy import GatewayPolicy
from watchdog.core.signs import stands
from watchdog.core.state import GatewayState, Quiet
from watchdog.core.timeline import Usec


def health_reply(gateway: GatewayState, policy: GatewayPolicy | None, now_usec: Usec) -> HealthStatus:
    """Say what is known of the gateway's health."""
    health = gateway.health
    known = {probe.name: probe for probe in health.probes}
    names = [] if policy is None else [rules.name for rules in policy.probes]
    return HealthStatus(
        word=health.health.value,
        since_wall_usec=health.since_wall_usec,
        since_usec_ago=max(now_usec - health.since_usec, 0) if health.since_wall_usec else 0,
        probes=[_probe(known.get(name) or ProbeState(name=name), now_usec) for name in names],
        signs=[sign_text(sign, now_usec) for sign in health.signs if stands(sign)],
        stale_code=list(health.stale_code),
        measured=health.measured,
        hours_known=max((sum(1 for hour in normal.week if hour) for normal in health.normals), default=0),
    )


def quiet_reply(quiet: Quiet, now_usec: Usec) -> QuietStatus:
    """Say what a maintenance or silence is about, whose it is, and when it ends."""
    return QuietStatus(
        subject=quiet.subject,
        who=quiet.who,
        because=quiet.because,
        until_wall_usec=quiet.until_wall_usec,
        until_in_usec=max(quiet.until_usec - now_usec, 0),
    )


def _probe(probe: ProbeState, now_usec: Usec) -> ProbeStatus:
    never = probe.phase is ProbePhase.UNKNOWN and not probe.since_usec
    return ProbeStatus(
        name=probe.name,
        phase=probe.phase.value,
        since_usec_ago=None if never else max(now_usec - probe.since_usec, 0),
        lost_sight=probe.phase is ProbePhase.UNKNOWN and probe.errors > 0,
        flapping=probe.flapping,
        cause=probe.cause.value,
        detail=probe.detail[:TEXT_MAX],
    )
