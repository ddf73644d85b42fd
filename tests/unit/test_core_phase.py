"""The tables of the small machines."""

from enum import Enum
from typing import Any

import pytest

from watchdog.core.endings import EndingClass
from watchdog.core.hold import HOLD, HoldMove
from watchdog.core.incident import INCIDENT, IncidentMove
from watchdog.core.phase import PHASE, PhaseMove, is_modelled
from watchdog.core.state import Hold, IncidentPhase, Phase
from watchdog.core.tables import ImpossibleTransitionError, Machine

MACHINES = ((PHASE, Phase, PhaseMove), (HOLD, Hold, HoldMove), (INCIDENT, IncidentPhase, IncidentMove))
of_machines = pytest.mark.parametrize(
    ("machine", "states", "moves"), MACHINES, ids=lambda each: getattr(each, "name", "")
)


@of_machines
def test_the_table_is_closed(machine: Machine[Any, Any], states: type[Enum], moves: type[Enum]) -> None:
    """Every state has a row, every move is used, every move leads to a state, and every state is reached."""
    rows = machine.table.values()

    assert set(machine.table) == set(states)
    assert {move for row in rows for move in row} == set(moves)
    assert {after for row in rows for after in row.values()} == set(states)


@of_machines
def test_a_move_that_is_not_in_the_table_raises(
    machine: Machine[Any, Any], states: type[Enum], moves: type[Enum]
) -> None:
    """An ignored move is how a supervisor comes to believe in a process that is gone."""
    for before in states:
        for move in moves:
            if machine.allows(before, move):
                assert machine.after(before, move) in states
            else:
                with pytest.raises(ImpossibleTransitionError, match=move.value):
                    machine.after(before, move)


def test_only_a_release_leaves_the_hold() -> None:
    """The table holds no other way out of `held`."""
    assert [move for move, after in HOLD.table[Hold.HELD].items() if after is not Hold.HELD] == [HoldMove.RELEASE]


def test_no_start_is_ordered_from_held_or_beside_a_life() -> None:
    """The phases from which a start can be ordered are those that wait for one."""
    starting = [phase for phase in Phase if PHASE.allows(phase, PhaseMove.ORDER_START)]

    assert starting == [Phase.STOPPED, Phase.BACKOFF, Phase.SLOW]


def test_a_life_may_begin_behind_gatedogs_back_in_every_phase_without_one() -> None:
    """Gatedog does not fight a foreign start, so it must have a row for it."""
    without_life = (Phase.STOPPED, Phase.STARTING, Phase.BACKOFF, Phase.SLOW, Phase.HELD)

    assert [phase for phase in Phase if PHASE.allows(phase, PhaseMove.LIFE_BEGAN)] == [
        phase for phase in Phase if phase in without_life
    ]


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.UP, Phase.STOPPING])
def test_what_no_table_holds_has_no_model(phase: Phase) -> None:
    """An unheard-of ending goes to a human in every phase, a clean one in none."""
    assert not is_modelled(phase, EndingClass.UNHEARD_OF)
    assert is_modelled(phase, EndingClass.CLEAN)


def test_a_program_that_served_cannot_be_not_found() -> None:
    """A class may be foreseen in one phase and not in another."""
    assert is_modelled(Phase.STARTING, EndingClass.LAUNCH_FAILED)
    assert not is_modelled(Phase.UP, EndingClass.LAUNCH_FAILED)
