"""The judgement on facts, and facts as a file that is believed or not."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from watchdog.core.peer import UNSET_ID
from watchdog.core.rival import Rival, RivalKind
from watchdog.origin.enforcing.factsfile import (
    FRESH_USEC,
    FactsUnusable,
    Moment,
    encode,
    forget_others,
    read_facts,
    write_facts,
)
from watchdog.origin.enforcing.judgement import Check, Condition, Facts, judge

UNIT = "agent-gateway.service"
UID = 61_001


def facts_of(*checks: Check) -> Facts:
    """Facts of a gateway with every condition met but for these."""
    given = {check.condition: check for check in checks}
    every = tuple(given.get(condition, Check(condition=condition)) for condition in Condition)
    return Facts(
        gateway="main", unit=UNIT, boot="b1", uptime_usec=100, wall_usec=7, user="agent", uid=UID, checks=every
    )


def test_what_could_not_be_read_is_not_met() -> None:
    """Not knowing is no permission."""
    judgement = judge(facts_of(Check(condition=Condition.SUDO, unread=("/etc/sudoers (denied)",))), 5)

    assert not judgement.enforcing
    assert judgement.reason == "could not be checked: /etc/sudoers (denied)"


def test_a_condition_that_nobody_looked_at_is_not_met() -> None:
    """Facts of another version may lack a check."""
    facts = facts_of()

    judgement = judge(replace(facts, checks=facts.checks[1:]), 5)

    assert judgement.reasons == ("could not be checked: account",)


def test_the_first_reason_is_told_with_the_number_of_others() -> None:
    """One line for status; the rest is what `gatedog inspect` prints."""
    groups = Check(condition=Condition.GROUPS, found=("agent is in the group docker", "agent is in the group sudo"))
    login = Check(condition=Condition.LOGIN, found=("agent has a password",))

    assert judge(facts_of(login, groups), 5).reason == "agent is in the group docker (and 2 more)"


def test_a_life_without_the_audit_mark_is_advisory() -> None:
    """A good host does not make up for a life that carries no mark; with nothing running there is no life to judge."""
    assert judge(facts_of(), UNSET_ID).reasons != ()
    assert judge(facts_of(), 0).enforcing
    assert judge(facts_of(), None).enforcing


RIVAL = Rival(kind=RivalKind.OTHER_UNIT, subject="/etc/cron.d/x:1", detail="a job")
NOW = Moment(boot="b1", uptime_usec=100 + FRESH_USEC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that only we can write."""
    tmp_path.chmod(0o755)
    return tmp_path


def test_facts_come_back_as_they_were_left(folder: Path) -> None:
    """Everybody may read them, and they are the same on the other side."""
    facts = replace(facts_of(Check(condition=Condition.SUDO, found=("a",), unread=("b",))), rivals=(RIVAL,))

    write_facts(folder, facts)

    assert read_facts(folder, "main", UNIT, NOW, os.geteuid()) == facts
    assert (folder / "main.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "main.json").unlink(), "nobody has looked yet"),
        (lambda folder: (folder / "main.json").chmod(0o666), "somebody else"),
        (lambda folder: folder.chmod(0o777), "somebody else"),
        (lambda folder: (folder / "main.json").write_text("{"), "cannot be understood"),
        (lambda folder: (folder / "main.json").write_text("[]"), "cannot be understood"),
        (
            lambda folder: (folder / "main.json").write_text(encode(facts_of()).replace('"v": 1', '"v": 2')),
            "understood",
        ),
        (lambda folder: (folder / "main.json").write_text(" " * 300_000), "longer"),
        (lambda folder: write_facts(folder, replace(facts_of(), boot="b0")), "another boot"),
        (lambda folder: write_facts(folder, replace(facts_of(), uptime_usec=99)), "2h"),
        (lambda folder: write_facts(folder, replace(facts_of(), uptime_usec=NOW.uptime_usec + 1)), "old"),
        (lambda folder: write_facts(folder, replace(facts_of(), unit="other.service")), "other.service"),
    ],
)
def test_facts_that_cannot_be_trusted_are_none(folder: Path, spoil: Callable[[Path], object], words: str) -> None:
    """Missing, forged, broken, of another version, boot, time or unit: each is told with what helps."""
    write_facts(folder, facts_of())
    spoil(folder)

    with pytest.raises(FactsUnusable, match=words):
        read_facts(folder, "main", UNIT, NOW, os.geteuid())


def test_facts_of_somebody_else_are_none(folder: Path) -> None:
    """Only root's word counts, whoever the daemon runs as."""
    write_facts(folder, facts_of())

    with pytest.raises(FactsUnusable, match="somebody else"):
        read_facts(folder, "main", UNIT, NOW, os.geteuid() + 1)


def test_gateways_that_are_gone_leave_no_facts(folder: Path) -> None:
    """A gateway that comes back under an old name must be looked at anew."""
    write_facts(folder, facts_of())
    write_facts(folder, replace(facts_of(), gateway="old"))

    forget_others(folder, frozenset({"main"}))

    assert [file.name for file in folder.glob("*.json")] == ["main.json"]
