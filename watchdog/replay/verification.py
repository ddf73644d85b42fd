"""Verify: does the core, stepped over its own journal, decide again what it decided then?

Theory of operation. The journal holds each event with the decisions taken on it. Stepping the same rules over the same
events must give the same decisions, one for one; a difference means that the rules changed without their version, that
the core looked at something beside its inputs, or that the record was altered. Records written under another rules
version are stepped over and counted, not compared.

Invariant: reads only, and claims nothing about the chain of digests: that is `journal verify`.
"""

from pathlib import Path

from watchdog.core.decisions import Decision
from watchdog.core.engine import step
from watchdog.core.events import SupervisorStarted
from watchdog.core.identity import Seq
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import EMPTY, State
from watchdog.core.values import dataclass
from watchdog.journal.reader import JournalReader

DIFFERENCES_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A record whose decisions come out otherwise today."""

    seq: Seq
    event: str
    recorded: tuple[Decision, ...]
    decided: tuple[Decision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was compared, and what differs (the first hundred)."""

    records: int
    other_rules: int
    differences: tuple[Difference, ...]


def verify(folder: Path) -> Verification:
    """Step over the journal in `folder`. Raises the errors of journal/."""
    records = other_rules = 0
    differences: list[Difference] = []
    with JournalReader.open_folder(folder) as journal:
        state, after = beginning(journal)
        same_rules = True
        for record in journal.records(after):
            event = record.stamped.event
            if isinstance(event, SupervisorStarted):
                same_rules = event.rules == RULES_VERSION
            stepped = step(state, record.stamped)
            state = stepped.state
            records += 1
            if not same_rules:
                other_rules += 1
            elif stepped.decisions != record.decisions and len(differences) < DIFFERENCES_MAX:
                difference = Difference(
                    seq=record.stamped.stamp.seq,
                    event=type(event).__name__,
                    recorded=record.decisions,
                    decided=stepped.decisions,
                )
                differences.append(difference)
    return Verification(records=records, other_rules=other_rules, differences=tuple(differences))


def beginning(journal: JournalReader) -> tuple[State, Seq]:
    """Return the state before the oldest record that is still there, and the seq it stands at."""
    pruned = [segment for segment in journal.segments() if segment.pruned]
    if not pruned:
        return EMPTY, Seq(0)
    return journal.snapshot(pruned[-1]), Seq(pruned[-1].last_seq)
