"""The probes and the memory as the socket shows them: what the lookout knows, as the objects that travel.

Invariant: pure; `now_usec` is CLOCK_BOOTTIME, as in a Look.
"""

from collections.abc import Sequence

from watchdog.control.wire import LookStatus, ProbeRow, TookStatus
from watchdog.core.timeline import MINUTE
from watchdog.sensors.durations import BOUNDS_USEC
from watchdog.sensors.prober import Look, ProbeStanding
from watchdog.sensors.vitals import Point

CELLS = 40
CELL_USEC = 3 * MINUTE


def probe_row(standing: ProbeStanding, now_usec: int) -> ProbeRow:
    """Say what a probe is, how its last look ended, how long looks took, and when the next one is due."""
    policy, due_usec = standing.policy, standing.due_usec
    return ProbeRow(
        gateway=standing.gateway,
        name=policy.name,
        kind=policy.kind.value,
        what=" ".join(policy.argv) or policy.target,
        period_usec=policy.period_usec,
        timeout_usec=policy.timeout_usec,
        due_in_usec=None if due_usec is None else max(due_usec - now_usec, 0),
        last=None if standing.last is None else look_status(standing.last, now_usec),
        took=TookStatus(
            bounds_usec=list(BOUNDS_USEC),
            counts=list(standing.durations.counts),
            sum_usec=standing.durations.sum_usec,
        ),
    )


def look_status(look: Look, now_usec: int) -> LookStatus:
    """Say when a look was, how long it took, and what came of it."""
    return LookStatus(
        at_usec_ago=max(now_usec - look.at_usec, 0),
        took_usec=look.took_usec,
        result=look.result.value,
        cause=look.cause.value,
        detail=look.detail,
    )


def memory_cells(curve: Sequence[Point], now_usec: int) -> tuple[int, ...]:
    """Return the most memory (KiB) of each cell of the last two hours, oldest first; () when there is none at all.

    A fixed grid and not the points: it is the same size for a gateway that starts every second, and small, since it
    travels with every status.
    """
    cells = [0] * CELLS
    for point in curve:
        age = max(now_usec - point.at_usec, 0) // CELL_USEC
        if age < CELLS and point.memory_kib is not None:
            cells[CELLS - 1 - age] = max(cells[CELLS - 1 - age], point.memory_kib)
    return tuple(cells) if any(cells) else ()
