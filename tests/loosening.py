"""Recorded loops as journals, and the rules under which they are tried once more."""

from pathlib import Path

from watchdog.core.decisions import Decision
from watchdog.core.events import PolicyLoaded, Stamped
from watchdog.core.policy import Policy
from watchdog.journal.store import Journal
from watchdog.replay.recording import read_recording
from watchdog.replay.simulation import simulate

TRACES = Path(__file__).parent / "traces" / "open"


def record_trace(trace: str, policy: Policy, folder: Path) -> Policy:
    """Write the journal that gatedog would have kept of a trace; return the policy, as it was loaded there."""
    loaded: list[Policy] = []
    with Journal.create(folder, journal_id="0123456789abcdef", machine_id="m") as journal:

        def hear(stamped: Stamped, decisions: tuple[Decision, ...]) -> None:
            if isinstance(stamped.event, PolicyLoaded):
                loaded.append(stamped.event.policy)
            journal.append(stamped, decisions)

        simulate(read_recording(TRACES / f"{trace}.jsonl"), policy, hear)
    (played,) = loaded
    return played
