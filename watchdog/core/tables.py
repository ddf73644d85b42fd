"""What the small machines share: a table of moves, and an error for the impossible.

Invariant: a machine is its table and nothing else. A move that the table does not hold raises; it is never ignored,
because an ignored move is how a supervisor comes to believe in a process that is gone. The diagrams in
docs/generated/ are drawn from these same tables.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

from watchdog.core.values import dataclass

StateT = TypeVar("StateT", bound=Enum)
MoveT = TypeVar("MoveT", bound=Enum)


class ImpossibleTransitionError(AssertionError):
    """The program, not the world, is wrong: the loop stops, systemd restarts gatedog, recovery looks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One transition taken, for tests of coverage and for explanation."""

    machine: str
    before: Enum
    move: Enum
    after: Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Generic[StateT, MoveT]):
    """A named transition table: state -> move -> next state."""

    name: str
    table: Mapping[StateT, Mapping[MoveT, StateT]]

    def after(self, before: StateT, move: MoveT) -> StateT:
        """Return the next state, or raise ImpossibleTransitionError."""
        row = self.table.get(before, {})
        if move not in row:
            raise ImpossibleTransitionError(f"{self.name}: no move {move.value} from {before.value}")
        return row[move]

    def allows(self, before: StateT, move: MoveT) -> bool:
        """Say whether the table holds the move."""
        return move in self.table.get(before, {})
