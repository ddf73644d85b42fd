"""Names for things that outlive one event.

Invariant: every id is arithmetic on the journal's sequence number, never random and never a clock reading, so a
replay names everything exactly as the first run did. A process is never a bare pid: pids are recycled within
seconds on a busy host, and a watchdog that signals a recycled pid ends a stranger.
"""

from typing import NewType

from watchdog.core.values import dataclass

Seq = NewType("Seq", int)
GatewayName = NewType("GatewayName", str)
BootId = NewType("BootId", str)
ActionId = NewType("ActionId", str)
PageId = NewType("PageId", str)
IncidentId = NewType("IncidentId", str)
RequestId = NewType("RequestId", str)
RunId = NewType("RunId", str)
LifeId = NewType("LifeId", int)

NOBODY = GatewayName("")
"""The gateway name of what concerns gatedog itself (policy, journal, page test)."""

FOREIGN_LIFE = LifeId(0)
"""The life id of a process that gatedog did not start: it carries no journal sequence number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRef:
    """One process for ever: pid, start time in clock ticks since boot (field 22 of /proc/PID/stat), boot id."""

    pid: int
    start_ticks: int
    boot: BootId


def action_id(seq: Seq, index: int) -> ActionId:
    """Name the index-th decision taken on event `seq`."""
    return ActionId(f"{seq}.{index}")


def request_id(seq: Seq) -> RequestId:
    """Name the request that arrived as event `seq`."""
    return RequestId(f"REQ-{seq}")


def incident_id(number: int) -> IncidentId:
    """Name the number-th incident of this journal."""
    return IncidentId(f"INC-{number}")


def run_id(number: int) -> RunId:
    """Name the number-th run of a runbook in this journal."""
    return RunId(f"RUN-{number}")
