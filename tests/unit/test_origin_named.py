"""Which pids of a command line are processes of a life: here this very test's, whose life has no cgroup of its own."""

import os
from collections.abc import Sequence

import pytest

from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.origin.marks import LifeMark
from watchdog.origin.named import NUMBERS_MAX, named_members

OWN = os.getpid()
LIFE = LifeMark(
    gateway=GatewayName("main"),
    life=LifeId(7),
    cgroup_id=0,
    cgroup="",
    process=ProcessRef(pid=OWN, start_ticks=1, boot=BootId("b")),
)


@pytest.mark.parametrize(
    "argv",
    [
        ("kill", f"{OWN}"),
        ("kill", "-9", f"-{OWN}"),
        ("sh", "-c", f"kill {OWN}; true"),
        ("pkill", f"--parent={OWN}"),
    ],
)
def test_a_process_of_a_life_is_found_wherever_its_number_stands(argv: Sequence[str]) -> None:
    """As a word, as a group, within a shell line or an option; once."""
    assert named_members(argv, [LIFE]) == (OWN,)
    assert named_members((*argv, str(OWN)), [LIFE]) == (OWN,)


@pytest.mark.parametrize("argv", [("kill", "1"), ("kill", f"0{OWN}"), ("cat", f"log.{OWN}"), ("kill", "9" * 30), ()])
def test_other_processes_and_other_numbers_are_none_of_it(argv: Sequence[str]) -> None:
    """The host's own first process, what is no pid, and parts of names."""
    assert named_members(argv, [LIFE]) == ()


def test_without_a_life_nothing_is_its_own() -> None:
    """And a line of a thousand numbers costs no more than a bounded look."""
    line = " ".join(str(number) for number in range(1, NUMBERS_MAX + 1))

    assert named_members((f"kill {OWN}",), []) == ()
    assert named_members((f"kill {line} {OWN}",), [LIFE]) == (OWN,) * (OWN <= NUMBERS_MAX)
