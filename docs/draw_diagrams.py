"""Draw the state machines of the core as Mermaid diagrams, from the very tables that the core runs on.

    python docs/draw_diagrams.py        writes docs/generated/*.md

A picture that is drawn by hand is wrong after the first change; tests/test_diagrams.py fails when these are.
"""

import sys
from enum import Enum
from pathlib import Path
from typing import Any

from watchdog.core import breaker, health, hold, incident, phase, probes, runphase
from watchdog.core.healthstate import Health, ProbePhase
from watchdog.core.runstate import BreakerPhase, RunPhase
from watchdog.core.state import Hold, IncidentPhase, Phase
from watchdog.core.tables import Machine

FOLDER = Path(__file__).parent / "generated"
MACHINES: tuple[tuple[Machine[Any, Any], Enum, str], ...] = (
    (phase.PHASE, Phase.STOPPED, "watchdog/core/phase.py"),
    (hold.HOLD, Hold.FREE, "watchdog/core/hold.py"),
    (incident.INCIDENT, IncidentPhase.OPEN, "watchdog/core/incident.py"),
    (health.HEALTH, Health.UNKNOWN, "watchdog/core/health.py"),
    (probes.PROBE, ProbePhase.UNKNOWN, "watchdog/core/probes.py"),
    (runphase.RUN, RunPhase.RUNNING, "watchdog/core/runphase.py"),
    (breaker.BREAKER, BreakerPhase.CLOSED, "watchdog/core/breaker.py"),
)


def draw(machine: Machine[Any, Any], first: Enum, source: str) -> str:
    """Return a page with one diagram; moves between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for before, row in machine.table.items():
        for move, after in row.items():
            arrows.setdefault((before.value, after.value), []).append(move.value)
    rows = [f"    {before} --> {after}: {', '.join(moves)}" for (before, after), moves in arrows.items()]
    lines = (
        f"# The {machine.name} machine",
        "",
        f"Drawn by `docs/draw_diagrams.py` from the table in `{source}`; do not edit.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {first.value}",
        *rows,
        "```",
        "",
    )
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    return {f"{machine.name}.md": draw(machine, first, source) for machine, first, source in MACHINES}


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
