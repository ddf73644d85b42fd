"""What the control room needs from the daemon.

Invariant: the only way from the socket into the daemon is through these calls. Reading changes nothing, and returns at
once but for records of the journal, which are read beside the loop; `request` alone has effects, and it returns after
the answer was committed to the journal, but for a check of what only looks: that has no effect, and no record.
`probe_run` looks at the world once more, and what it sees counts like any other look.
"""

from typing import Protocol

from watchdog.control.revisionswire import RulesStatus
from watchdog.control.runswire import RunbooksStatus
from watchdog.control.wire import (
    AskedStatus,
    IncidentStatus,
    LookStatus,
    PagerStatus,
    ProbeRow,
    RecordReply,
    StatusReply,
    WhoStatus,
)
from watchdog.core.decisions import Outcome
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName, IncidentId, RequestId
from watchdog.core.peer import Peer
from watchdog.core.rules import RuleId
from watchdog.core.values import dataclass
from watchdog.origin.marks import LifeMark


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswer:
    """What was decided about a request."""

    request: RequestId
    outcome: Outcome
    rule: RuleId
    message: str
    next_commands: tuple[str, ...] = ()
    challenge: str = ""
    """What a listed signer may sign to have a refused request granted; empty: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What came with a request to show that a person asks. All of it is the asker's word until it was checked."""

    signer: str = ""
    """Who says they will sign; empty: the only one there is."""
    signature: str = ""
    """Armoured, as `ssh-keygen -Y sign` writes it."""
    code: str = ""


class RequestNotTaken(Exception):  # noqa: N818  (an answer to one asker, not a defect)
    """The daemon could not take the request now (inbox full, journal not writable, going down); nothing happened."""

    def __init__(self, why: str, retry_after_usec: int) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after_usec = retry_after_usec


class Supervision(Protocol):
    """The daemon, as seen from the socket. All of it runs in the daemon's one event loop."""

    def status(self, peer: Peer | None) -> StatusReply:
        """Say how everything stands, to this peer; None: to whoever may come to read it."""

    def pager(self) -> PagerStatus:
        """Say what waits for whom, and how the ways out are doing."""

    async def request(self, event: ActionRequested, offered: Offered) -> RequestAnswer:
        """Take a request, with what came to prove it, and wait for its answer. Raises RequestNotTaken."""

    def runbooks(self) -> RunbooksStatus:
        """Say which runbooks for machines are in force, and what became of their runs."""

    def requests(self) -> list[AskedStatus]:
        """List the requests that are remembered, newest first."""

    def who_is(self, peer: Peer, gateway: GatewayName) -> WhoStatus:
        """Say who a peer is, as a request of theirs about `gateway` would be judged now."""

    def rules(self, *, look: bool) -> RulesStatus:
        """Say which rules count; with `look`, have the bundle's folder looked at as well."""

    async def records(self, after_seq: int, limit: int) -> list[RecordReply]:
        """Return at most `limit` records after `after_seq`, oldest first; below 0 it counts back from the newest."""

    async def changed(self, after_seq: int) -> None:
        """Return as soon as there is a record after `after_seq`, perhaps earlier."""

    def incidents(self, *, closed: bool) -> list[IncidentStatus]:
        """List open incidents, with `closed` the remembered resolved ones, too; newest first."""

    async def explain(self, incident: IncidentId, limit: int) -> tuple[IncidentStatus, list[RecordReply]] | None:
        """Return an incident with at most `limit` of its records; None when there is no such incident."""

    def probes(self) -> list[ProbeRow]:
        """List the probes of all gateways, sorted by gateway and name."""

    def probe_history(self, gateway: GatewayName, probe: str) -> list[LookStatus] | None:
        """Return the looks that are remembered, oldest first; None when there is no such probe."""

    async def probe_run(self, gateway: GatewayName, probe: str) -> LookStatus | None:
        """Look once, now; one under way is waited for. None: no such probe, or no process to look at."""

    def life_marks(self) -> tuple[LifeMark, ...]:
        """Return the marks of every life that may still have processes: running, or ended with a lingering cgroup."""

    def limit_reached(self, limit: str, subject: str, dropped: int) -> None:
        """Record that `dropped` messages of `subject` were turned away by `limit`."""

    def serving_failed(self, error: Exception) -> None:
        """Learn of a defect met while answering. The asker was told; what it means for the daemon is its decision."""
