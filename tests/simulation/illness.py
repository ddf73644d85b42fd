"""Whether the gateways do their work, and what probes see of it.

A gateway can be up and ill: hung, so that every probe of the process fails; with a dead channel that only its own probe
shows; or blinking, well and ill by turns. A new life is well, but for a channel whose cause lies elsewhere.

Invariant: a probe reports what is so at that moment, or that it could not look.
"""

from collections.abc import Iterator
from enum import Enum
from random import Random

from watchdog.core.events import Event
from watchdog.core.healthpolicy import HealthPolicy, OnDegraded, ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName
from watchdog.core.observations import ProbeCause, ProbeObserved, ProbeResult
from watchdog.core.timeline import MINUTE


class Illness(Enum):
    """What a gateway that is up may suffer from."""

    HUNG = "hung"
    DEAD_CHANNEL = "dead-channel"
    BLINKING = "blinking"


PROBES = tuple(
    ProbePolicy(name=name, kind=ProbeKind.TCP, target="localhost:1", period_usec=MINUTE, fakeable=name != "rpc")
    for name in ("channel", "health", "rpc")
)
_SHOWN_BY = {
    Illness.HUNG: ("channel", "health", "rpc"),
    Illness.DEAD_CHANNEL: ("channel",),
    Illness.BLINKING: ("channel",),
}


def health_rules(chance: Random) -> HealthPolicy:
    """Return what follows a degradation, in one policy or another."""
    return HealthPolicy(on_degraded=chance.choice(tuple(OnDegraded)))


def outcomes(name: GatewayName, illness: Illness | None, chance: Random, *, unsteady: bool) -> Iterator[Event]:
    """Yield what each probe sees of a gateway now. `unsteady`: a probe may get lost, or not be able to look."""
    blinks = illness is Illness.BLINKING and chance.random() < 0.5
    for probe in PROBES:
        fails = illness is not None and not blinks and probe.name in _SHOWN_BY[illness]
        result = ProbeResult.FAILED if fails else ProbeResult.OK
        if unsteady and chance.random() < 0.03:
            result = chance.choice((ProbeResult.ERROR, ProbeResult.FAILED))
        cause = ProbeCause.LOCAL if illness is Illness.HUNG else ProbeCause.UNKNOWN
        detail = "timeout" if result is ProbeResult.FAILED else ""
        yield ProbeObserved(gateway=name, probe=probe.name, result=result, cause=cause, detail=detail)
