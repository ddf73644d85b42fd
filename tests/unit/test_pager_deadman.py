"""The dead-man switch: told from real progress only, told `fail` in time, and never in the way."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_channels import Receiver, answer
from page_samples import CANARY, secret_file

from watchdog.core.decisions import Severity
from watchdog.core.identity import GatewayName, IncidentId
from watchdog.core.rules import RuleId
from watchdog.core.state import Incident, IncidentPhase, State
from watchdog.core.timeline import MINUTE, SECOND, Usec
from watchdog.pager.channel import TryLater
from watchdog.pager.channels.exchange import Answer, Request
from watchdog.pager.deadman import Beat, DeadMan, Words, fault_of
from watchdog.pager.switch import requests_of
from watchdog.policyfile.pagersettings_deadman import SwitchKind, SwitchSettings
from watchdog.policyfile.pagersettings_kinds import Web

BOUND_S = 20.0


def switch(folder: Path, kind: SwitchKind = SwitchKind.HEALTHCHECKS) -> SwitchSettings:
    """Make one switch."""
    address = secret_file(folder, "url", f"https://hc.example/ping/{CANARY}")
    web = Web(url_file=address)
    if kind is SwitchKind.NTFY:
        web = Web(url="https://ntfy.example", credential_file=secret_file(folder))
    return SwitchSettings(name="hc", kind=kind, web=web, topic="ops", every_usec=MINUTE, timeout_usec=SECOND)


class Story:
    """Switches, a clock that is set, and what was sent."""

    def __init__(self, folder: Path, ask: Callable[[Request], Answer]) -> None:
        self.now_s = 100.0
        self.deadman = DeadMan([switch(folder)], host="web1", ask=ask, clock=lambda: 7, now_s=lambda: self.now_s)

    async def turn(self, progress: int, fault: str = "", *, seconds: float = 0.0) -> None:
        """Let time pass, take a turn, and let what was begun come to its end."""
        self.now_s += seconds
        self.deadman.turn(progress, fault)
        async with asyncio.timeout(BOUND_S):
            for task in [each.task for each in self.deadman._switches if each.task is not None]:
                await asyncio.wait([task])
        await asyncio.sleep(0)  # the callback that notes its end runs one step behind it


def paths(receiver: Receiver) -> list[str]:
    """Return what was asked for, behind the secret."""
    return [request.url.partition(CANARY)[2] for request in receiver.requests]


def test_it_is_told_of_the_start_and_then_every_minute(tmp_path: Path) -> None:
    """From the turns of a loop that moves on, and not more often."""
    receiver = Receiver()

    async def story() -> None:
        turns = Story(tmp_path, receiver.ask)
        for progress in range(1, 14):
            await turns.turn(progress, seconds=10)

    asyncio.run(story())

    assert paths(receiver) == ["/start", "", ""]


def test_a_loop_that_stands_still_is_not_vouched_for(tmp_path: Path) -> None:
    """Turns go on, and the loop has taken nothing: no sign of life."""
    receiver = Receiver()

    async def story() -> None:
        turns = Story(tmp_path, receiver.ask)
        await turns.turn(5)
        for _ in range(100):
            await turns.turn(5, seconds=60)

    asyncio.run(story())

    assert paths(receiver) == ["/start"]


def test_o13_when_pages_do_not_get_out_it_is_told_so_at_once(tmp_path: Path) -> None:
    """Not a minute later; as long as it lasts; and when it is over, at once, too."""
    receiver = Receiver()

    async def story() -> None:
        turns = Story(tmp_path, receiver.ask)
        await turns.turn(1)
        await turns.turn(2, "PAGES DO NOT GET OUT", seconds=10)
        await turns.turn(3, "PAGES DO NOT GET OUT", seconds=10)
        await turns.turn(4, "PAGES DO NOT GET OUT", seconds=60)
        await turns.turn(5, seconds=10)

    asyncio.run(story())

    assert paths(receiver) == ["/start", "/fail", "/fail", ""]
    assert receiver.requests[1].body == b"gatedog on web1: PAGES DO NOT GET OUT"


def test_trouble_is_tried_again_soon_and_says_nothing_secret(tmp_path: Path) -> None:
    """A switch that rings because one request was lost rings for nothing."""
    receiver = Receiver(answers=[answer(503), answer()])

    async def story() -> list[Any]:
        turns = Story(tmp_path, receiver.ask)
        await turns.turn(1)
        first = turns.deadman.health()[0]
        await turns.turn(2, seconds=20)
        await turns.turn(3, seconds=10)
        return [first, turns.deadman.health()[0]]

    first, second = asyncio.run(story())

    assert len(receiver.requests) == 2
    assert "503" in first.last_error
    assert CANARY not in repr(first)
    assert first.last_ok_wall_usec is None
    assert (second.last_ok_wall_usec, second.last_error) == (7, "")


def test_a_receiver_that_hangs_delays_nobody(tmp_path: Path) -> None:
    """The turn returns at once, and while it hangs nothing more is begun."""
    gate, begun = threading.Event(), threading.Event()

    def hang(request: Request) -> Answer:
        begun.set()
        gate.wait(BOUND_S)
        raise TryLater("too late")

    async def story() -> int:
        turns = Story(tmp_path, hang)
        turns.deadman.turn(1, "")
        turns.now_s += 600
        turns.deadman.turn(2, "")
        assert await asyncio.to_thread(begun.wait, BOUND_S)
        await turns.deadman.close()
        gate.set()
        return sum(each.task is not None for each in turns.deadman._switches)

    assert asyncio.run(story()) == 0


def test_a_bug_does_not_go_unnoticed(tmp_path: Path) -> None:
    """What is no trouble of a network ends the next turn."""

    async def story() -> None:
        turns = Story(tmp_path, Receiver().ask)
        turns.deadman._switches[0]._clock = lambda: 1 // 0
        await turns.turn(1)
        with pytest.raises(ZeroDivisionError):
            await turns.turn(2, seconds=60)

    asyncio.run(story())


@pytest.mark.parametrize(("beat", "query"), [(Beat.START, "?s=0"), (Beat.OK, "?s=0"), (Beat.FAIL, "?s=1")])
def test_a_snitch_is_told_a_number(beat: Beat, query: str, tmp_path: Path) -> None:
    """Everything but 0 is a failure."""
    (request,) = requests_of(switch(tmp_path, SwitchKind.SNITCH), beat, Words(host="web1"))

    assert (request.method, request.url.partition(CANARY)[2], request.secret) == ("GET", query, True)


def test_ntfy_is_given_a_message_for_later_and_puts_it_off(tmp_path: Path) -> None:
    """One sequence for one host and switch, so that the next takes its place; a fault is told by itself, once."""
    settings = switch(tmp_path, SwitchKind.NTFY)
    bodies = [
        [json.loads(request.body) for request in requests_of(settings, Beat.OK, words)]
        for words in (Words(host="web1"), Words(host="web2"), Words(host="web1", fault="held", is_new=True))
    ]

    assert bodies[0][0]["delay"] == "300s"
    assert bodies[0][0]["sequence_id"] == bodies[2][0]["sequence_id"] != bodies[1][0]["sequence_id"]
    assert "delay" not in bodies[2][1]
    assert bodies[2][1]["message"] == "gatedog on web1: held"
    assert len(bodies[0]) == 1


@pytest.mark.parametrize(
    ("rule", "phase", "fault"),
    [
        (RuleId.PAGES_UNDELIVERED, IncidentPhase.OPEN, "title"),
        (RuleId.JOURNAL_UNWRITABLE, IncidentPhase.ACKNOWLEDGED, "title"),
        (RuleId.PAGES_UNDELIVERED, IncidentPhase.RESOLVED, ""),
        (RuleId.BUDGET_SPENT, IncidentPhase.OPEN, ""),
    ],
)
def test_o14_a_full_disk_and_lost_pages_are_passed_on(rule: RuleId, phase: IncidentPhase, fault: str) -> None:
    """As long as they last, whoever knows; a gateway that is held is no fault of gatedog's."""
    story = Incident(
        incident=IncidentId("INC-1"),
        gateway=GatewayName(""),
        fingerprint=":x",
        phase=phase,
        severity=Severity.CRITICAL,
        rule=rule,
        title="title",
        because="b",
        opened_usec=Usec(0),
        opened_wall_usec=Usec(0),
        changed_usec=Usec(0),
    )

    assert fault_of(State(incidents=(story,))) == fault
