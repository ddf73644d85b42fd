"""Health in a Status reply: its word, its exit code, and what is shown of probes, maintenance and silences."""

import json
from dataclasses import replace
from typing import Any

import pytest

from watchdog.control.reply import SupervisorFacts, status_object, status_reply
from watchdog.core.decisions import Charge
from watchdog.core.healthpolicy import ProbeKind, ProbePolicy
from watchdog.core.healthstate import Health, HealthState, ProbePhase, ProbeState, Sign, SignKind
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.observations import ProbeCause
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.core.state import GatewayState, Hold, Life, Phase, Quiet, State
from watchdog.core.timeline import HOUR, MINUTE, Usec
from watchdog.report.standing import exit_code, standing_of

NOW = Usec(100 * HOUR)
NAME = GatewayName("openclaw")
PROCESS = ProcessRef(pid=500, start_ticks=1, boot=BootId("b"))
LIFE = Life(life=LifeId(41), process=PROCESS, began_usec=Usec(0), charge=Charge.BOOT, ready_usec=Usec(1))
READY = GatewayState(name=NAME, phase=Phase.UP, life=LIFE, since_usec=Usec(NOW - MINUTE), since_wall_usec=Usec(99))
FACTS = SupervisorFacts(
    version="0.1.0",
    pid=7,
    started_wall_usec=1,
    journal_id="j1",
    now_wall_usec=2,
    now_usec=NOW,
    policy_source="/etc/gatedog/policy.toml",
)
PROBES = tuple(ProbePolicy(name=name, kind=ProbeKind.TCP, target="localhost:1") for name in ("channel", "health"))
PROBED = Policy(gateways=(GatewayPolicy(name=NAME, command=CommandPolicy(argv=("openclaw",)), probes=PROBES),))
PASSING = ProbeState(name="health", phase=ProbePhase.PASSING, since_usec=Usec(NOW - HOUR), in_sight=True, passed=True)
FAILING = ProbeState(
    name="channel", phase=ProbePhase.FAILING, since_usec=Usec(NOW - MINUTE), cause=ProbeCause.LOCAL, detail="closed"
)


def shown(gateway: GatewayState) -> dict[str, Any]:
    """Return the one gateway of the reply, as JSON."""
    reply = status_reply(State(policy=PROBED, gateways=(gateway,)), FACTS)
    found: dict[str, Any] = json.loads(json.dumps(status_object(reply)))["gateways"][0]
    return found


@pytest.mark.parametrize(
    ("health", "word", "code"),
    [
        (HealthState(health=Health.HEALTHY, probes=(PASSING,)), "READY", 0),
        (HealthState(health=Health.SUSPECT, probes=(PASSING,)), "SUSPECT", 0),
        (HealthState(health=Health.DEGRADED, probes=(FAILING,)), "DEGRADED", 150),
        (HealthState(), "READY", 151),
        (HealthState(probes=(ProbeState(name="health", errors=3),)), "READY", 4),
    ],
    ids=["healthy", "suspect", "degraded", "not yet known", "lost sight"],
)
def test_health_has_its_word_and_its_exit_code(health: HealthState, word: str, code: int) -> None:
    """Degraded is 150; a gateway whose probes have said nothing yet is starting, and unknown when they cannot look."""
    reply = status_object(status_reply(State(policy=PROBED, gateways=(replace(READY, health=health),)), FACTS))

    assert reply["gateways"][0]["word"] == word
    assert exit_code(reply["gateways"]) == standing_of(reply["gateways"][0]).value == code


def test_health_is_shown_probe_by_probe() -> None:
    """Each probe of the policy, heard of or not, with what it said and since when; signs in words."""
    sign = Sign(kind=SignKind.DISK_FULL, subject="disk", times=2, last=970)
    health = HealthState(
        health=Health.DEGRADED,
        since_usec=Usec(NOW - MINUTE),
        since_wall_usec=Usec(5),
        probes=(FAILING,),
        signs=(sign,),
        stale_code=("main.js",),
    )
    reply = status_object(status_reply(State(policy=PROBED, gateways=(replace(READY, health=health),)), FACTS))
    found = reply["gateways"][0]["health"]

    assert (found["word"], found["since_usec_ago"], found["stale_code"]) == ("degraded", MINUTE, ["main.js"])
    assert found["signs"] == ["the disk of its state folder is 97 % full"]
    assert [(each["name"], each["phase"], each["since_usec_ago"]) for each in found["probes"]] == [
        ("channel", "failing", MINUTE),
        ("health", "unknown", None),
    ]
    assert (found["probes"][0]["cause"], found["probes"][0]["detail"]) == ("local", "closed")


def test_maintenance_is_152_and_shown_with_its_end() -> None:
    """Whoever looks sees whose it is, why, and until when; a hold is worse than a maintenance."""
    quiet = Quiet(
        until_usec=Usec(NOW + HOUR),
        until_wall_usec=Usec(77),
        began_usec=NOW,
        who="human uid 1000 (bash)",
        because="new disk",
    )
    gateway = replace(READY, maintenance=quiet, silences=(replace(quiet, subject="degradation"),))
    one = shown(gateway)

    assert exit_code([one]) == standing_of(one).value == 152
    assert one["word"] == "MAINTENANCE (up)"
    assert (one["maintenance"]["until_in_usec"], one["maintenance"]["because"]) == (HOUR, "new disk")
    assert one["silences"][0]["subject"] == "degradation"
    assert exit_code([shown(replace(gateway, hold=Hold.HELD))]) == 3


def test_a_reply_without_health_is_read_as_before() -> None:
    """A status that an earlier version wrote holds no health."""
    one = shown(READY)
    del one["health"], one["maintenance"], one["silences"]

    assert exit_code([one]) == standing_of(one).value == 0
