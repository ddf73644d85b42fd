"""The objects that travel: what a reply is made of.

Invariant: these types are the contract. asyncvarlink derives the interface text from them, `--json` prints them
unchanged, and status.json holds them; so a field may be added, and none is renamed or removed. They hold lists, not
tuples, and strings, not enums, because that is what a JSON reader gets. Durations and instants are integer
microseconds: `wall` is since the epoch, `ago` and `in` are distances from the moment of the reply.
"""

from dataclasses import dataclass
from typing import Any, TypedDict


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitStatus:
    """How the last life ended. `last_line` is the supervised side's own text: untrusted, one line."""

    text: str
    code: int | None
    signal: str | None
    last_line: str
    wall_usec: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetWindow:
    """One sliding window. `account` is "restart" (all automatic and foreign starts) or "self_restart"."""

    account: str
    label: str
    per_usec: int
    used: int
    limit: int
    next_free_in_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalStatus:
    """The requests that were refused: how many, and the last of them."""

    count: int
    wall_usec: int
    rule: str
    origin: str
    verb: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StripMark:
    """One start or exit of the last two hours."""

    at_usec_ago: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """One gateway. `word` is the state in the words of people, `why` the sentence that goes with it."""

    name: str
    word: str
    phase: str
    hold: str
    since_wall_usec: int
    since_usec_ago: int
    pid: int | None
    life: int | None
    ready: bool
    kind: str
    what: str
    why: str
    hold_rule: str | None
    next_start_in_usec: int | None
    last_exit: ExitStatus | None
    budget: list[BudgetWindow]
    chain: int
    refused: RefusalStatus | None
    enforcement: str
    rivals: list[str]
    strip: list[StripMark]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentStatus:
    """One incident. `phase` is "open", "acknowledged" or "resolved"."""

    id: str
    gateway: str
    phase: str
    severity: str
    rule: str
    title: str
    because: str
    opened_wall_usec: int
    opened_usec_ago: int
    facts: int
    paged: bool
    acknowledged_by: str
    acknowledged_until_in_usec: int | None
    next_command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStatus:
    """A page that some channels have not taken yet."""

    page: str
    incident: str | None
    severity: str
    title: str
    waiting: list[str]
    queued_wall_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReply:
    """Everything `gatedog status` shows."""

    version: str
    pid: int
    started_wall_usec: int
    now_wall_usec: int
    journal: str
    policy_source: str
    policy_digest: str
    clock_uncertain: bool
    has_network: bool
    host_going_down: bool
    gateways: list[GatewayStatus]
    incidents: list[IncidentStatus]
    outbox: list[PageStatus]


class RequestReply(TypedDict):
    """The answer to a request: `outcome` is "granted", "refused" or "failed", by `rule`."""

    request: str
    outcome: str
    rule: str
    message: str
    next_commands: list[str]


class RecordReply(TypedDict):
    """One journal record: the event, and the decisions that were taken on it, as the journal's codec writes them."""

    seq: int
    wall_usec: int
    boot: str
    uptime_usec: int
    kind: str
    event: Any
    decisions: list[Any]


class ExplainReply(TypedDict):
    """An incident and the records it is made of, oldest first."""

    incident: IncidentStatus
    records: list[RecordReply]
