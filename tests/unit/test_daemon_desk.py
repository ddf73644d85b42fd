"""Who is told what by a status: the daemon's own answer, on the wire, for each kind of asker."""

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from asyncvarlink import VarlinkInterfaceRegistry

from watchdog.control import dispatch
from watchdog.control.interface import NAME, SupervisorInterface
from watchdog.control.reply import SupervisorFacts, status_object
from watchdog.core.decisions import Charge
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.peer import Peer
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.core.state import Clock, GatewayState, LedgerEntry, Phase, State, Timer
from watchdog.core.timeline import MINUTE, SECOND, Usec
from watchdog.core.timer import TimerId, TimerKind
from watchdog.daemon.desk import Desk
from watchdog.sensors.clocks import Reading

BOOT = BootId("b")
NOW = Usec(100 * MINUTE)
MAIN = GatewayName("main")
ME = ProcessRef(pid=700, start_ticks=9, boot=BOOT)
STRANGER = Peer(process=ME, uid=1000, gid=1000, alive=True)
INSIDE = replace(STRANGER, in_life=((MAIN, LifeId(3)),))
STATE = State(
    policy=Policy(gateways=(GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("agent",))),)),
    gateways=(
        GatewayState(
            name=MAIN,
            phase=Phase.BACKOFF,
            enforcing=True,
            uid=990,
            ledger=(LedgerEntry(at_usec=Usec(NOW - MINUTE), charge=Charge.SELF_RESTART, life=LifeId(3)),),
        ),
    ),
    timers=(Timer(timer=TimerId(kind=TimerKind.START_DUE, subject=MAIN), due_usec=Usec(NOW + 7 * SECOND)),),
)


def desk() -> Desk:
    """Make a desk that can be asked how everything stands, and nothing else."""
    state = replace(STATE, clock=Clock(boot=BOOT, now_usec=NOW, uptime_usec=NOW))
    reading = Reading(wall_usec=Usec(5), boot=BOOT, uptime_usec=NOW, synchronised=True)
    nothing: Any = None
    supervisor: Any = SimpleNamespace(state=state, foresee=nothing)

    def facts(seen: Reading, now_usec: Usec) -> SupervisorFacts:
        return SupervisorFacts(
            version="0",
            pid=1,
            started_wall_usec=1,
            journal_id="j",
            now_wall_usec=seen.wall_usec,
            now_usec=now_usec,
            policy_source="p",
        )

    return Desk(
        supervisor, nothing, {}, facts, lambda: reading, nothing,
        pager=nothing, eyes=nothing, completion=nothing, records=nothing, rules=nothing,
    )  # fmt: skip


def answer_to(peer: Peer) -> dict[str, Any]:
    """Send a Status call through parsing and dispatch, as this peer, and return what goes back over the socket."""
    asked = desk()
    registry = VarlinkInterfaceRegistry()
    registry.register_interface(SupervisorInterface(asked, lambda: peer))

    async def run() -> bytes:
        call = dispatch.parse(json.dumps({"method": f"{NAME}.Status"}).encode())
        (reply,) = [dispatch.encode(reply) async for reply in dispatch.replies(call, registry, asked)]
        return reply

    found: dict[str, Any] = json.loads(asyncio.run(run())[:-1])["parameters"]["status"]
    return found


def times(status: dict[str, Any]) -> set[int | None]:
    """Return every time that a status says a start to be due or a window to free in."""
    (gateway,) = status["gateways"]
    return {gateway["next_start_in_usec"], *(window["next_free_in_usec"] for window in gateway["budget"])}


INSIDERS = {
    "in a life": INSIDE,
    "of the gateway's own account": replace(STRANGER, uid=990),
    "dead before it was looked at": replace(STRANGER, alive=False),
    "unreadable": replace(STRANGER, process=None),
    "on another's connection": replace(STRANGER, same_writer=False),
    "in another pid namespace": replace(STRANGER, same_pid_namespace=False),
}


@pytest.mark.parametrize("peer", INSIDERS.values(), ids=INSIDERS)
def test_inside_is_not_told_when_a_start_is_due(peer: Peer) -> None:
    """The supervised side, and whoever could be it, reads how everything stands, without a time to wait for."""
    status = answer_to(peer)

    assert status["due_told"] is False
    assert times(status) == {None, 0}
    assert {window["used"] for window in status["gateways"][0]["budget"]} == {1}


def test_others_are_told() -> None:
    """A script without a terminal is nobody's agent for that: who stands outside reads when the next start is due."""
    status = answer_to(STRANGER)

    assert status["due_told"] is True
    assert {7 * SECOND, 9 * MINUTE} <= times(status)
    assert not {None, 0} & times(status)


def test_what_lies_in_the_open_tells_nobody() -> None:
    """A file has no asker who could be looked at."""
    assert times(status_object(desk().status(None))) == {None, 0}
