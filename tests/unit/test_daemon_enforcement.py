"""The daemon's part of enforcing or advisory: root's facts, the running life, and when to ask for a new look."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from watchdog.core.identity import BootId, GatewayName, ProcessRef
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.rival import Rival, RivalKind
from watchdog.daemon.enforcement import (
    ASK_EVERY_USEC,
    INSPECT_UNIT,
    InspectionDesk,
    Standpoint,
    look,
    rivals_seen_by_root,
)
from watchdog.origin.enforcing.factsfile import Moment, write_facts
from watchdog.origin.enforcing.judgement import Check, Condition, Facts

UNIT = GatewayPolicy(name=GatewayName("main"), unit="agent.service")
RIVAL = Rival(kind=RivalKind.OTHER_UNIT, subject="/etc/cron.d/x:1", detail="a job")
US = ProcessRef(pid=os.getpid(), start_ticks=1, boot=BootId("b1"))
FACTS = Facts(
    gateway="main",
    unit="agent.service",
    boot="b1",
    uptime_usec=100,
    wall_usec=7,
    user="agent",
    uid=os.geteuid(),
    checks=tuple(Check(condition=condition) for condition in Condition),
    rivals=(RIVAL,),
)


@pytest.fixture
def standpoint(tmp_path: Path) -> Standpoint:
    """A folder of facts that belongs to us, in place of root's."""
    tmp_path.chmod(0o755)
    return Standpoint(now=Moment(boot="b1", uptime_usec=200), folder=tmp_path, owner=os.geteuid())


def test_a_child_gateway_is_advisory() -> None:
    """Nobody gave it the audit mark, whatever facts lie about."""
    child = GatewayPolicy(name=GatewayName("main"), command=CommandPolicy(argv=("/bin/true",), user="nobody-such"))

    seen = look(child)

    assert not seen.enforcing
    assert "audit mark" in seen.reason


def test_a_child_of_our_own_account_says_so() -> None:
    """The more telling reason first."""
    assert "same user" in look(GatewayPolicy(name=GatewayName("m"), command=CommandPolicy(argv=("/bin/true",)))).reason


def test_a_unit_that_meets_every_condition_is_enforcing(standpoint: Standpoint) -> None:
    """By root's word, and with no life that would need a mark."""
    write_facts(standpoint.folder, FACTS)

    seen = look(UNIT, None, standpoint)

    assert (seen.gateway, seen.enforcing, seen.reason) == ("main", True, "")


def test_without_roots_word_a_unit_is_advisory(standpoint: Standpoint) -> None:
    """Nobody has looked: not knowing is no permission, and the reason says what to type."""
    seen = look(UNIT, None, standpoint)

    assert not seen.enforcing
    assert "systemctl start gatedog-inspect.service" in seen.reason


def test_a_life_under_another_uid_than_was_looked_at_is_advisory(standpoint: Standpoint) -> None:
    """The unit's user was changed and the gateway restarted between two looks."""
    write_facts(standpoint.folder, replace(FACTS, uid=os.geteuid() + 1))

    seen = look(UNIT, US, standpoint)

    assert not seen.enforcing
    assert f"runs as uid {os.geteuid()}" in seen.reason or "audit mark" in seen.reason


def test_a_life_that_is_gone_is_advisory(standpoint: Standpoint) -> None:
    """A process that cannot be asked for its mark carries none; the next look sees the next life."""
    write_facts(standpoint.folder, FACTS)

    assert "audit mark" in look(UNIT, replace(US, pid=2**22 + 1), standpoint).reason


def test_rivals_that_root_saw_are_handed_on(standpoint: Standpoint) -> None:
    """Only from facts that can be believed."""
    assert rivals_seen_by_root(UNIT, standpoint) == ()

    write_facts(standpoint.folder, FACTS)

    assert rivals_seen_by_root(UNIT, standpoint) == (RIVAL,)


def test_a_look_is_asked_for_after_a_start_and_at_most_once_a_minute() -> None:
    """A crash loop is not also a loop of inspections, and its last life is looked at all the same."""
    asked: list[str] = []
    desk = InspectionDesk(asked.append)

    desk.tend(0)
    assert asked == []
    for second in range(50):
        desk.life_started()
        desk.tend(second * 1_000_000)
    assert asked == [INSPECT_UNIT]
    desk.tend(ASK_EVERY_USEC)
    desk.tend(10 * ASK_EVERY_USEC)

    assert asked == [INSPECT_UNIT, INSPECT_UNIT]


def test_the_account_that_was_looked_at_is_told(standpoint: Standpoint) -> None:
    """The core refuses whoever asks under it, as long as it is used for nothing else."""
    write_facts(standpoint.folder, FACTS)

    assert look(UNIT, US, standpoint).uid == FACTS.uid
    assert look(GatewayPolicy(name=GatewayName("m"), command=CommandPolicy(argv=("/bin/true",)))).uid is None
