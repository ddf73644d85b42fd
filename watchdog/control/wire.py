"""The objects that travel: what a reply is made of.

Invariant: these types are the contract. asyncvarlink derives the interface text from them, `--json` prints them
unchanged, and status.json holds them; so a field may be added, and none is renamed or removed. They hold lists, not
tuples, and strings, not enums, because that is what a JSON reader gets. Durations and instants are integer
microseconds: `wall` is since the epoch, `ago` and `in` are distances from the moment of the reply.
"""

from dataclasses import field
from typing import Any, TypedDict

from watchdog.core.values import dataclass


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
    """One sliding window. `account` is "restart" (all automatic and foreign starts) or "self_restart".

    `next_free_in_usec` is when it allows one start more than now; 0 when none is counted, or when that is not told.
    """

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
class ProbeStatus:
    """One probe. `phase` is "unknown", "passing", "faltering", "failing" or "recovering"; `detail` is untrusted."""

    name: str
    phase: str
    since_usec_ago: int | None
    lost_sight: bool
    flapping: bool
    cause: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthStatus:
    """Whether it does its work. `word` is "unknown", "healthy", "suspect" or "degraded"."""

    word: str
    since_wall_usec: int
    since_usec_ago: int
    probes: list[ProbeStatus]
    signs: list[str]
    stale_code: list[str]
    measured: bool
    hours_known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietStatus:
    """A maintenance or a silence; `subject` is "" for all of the gateway."""

    subject: str
    who: str
    because: str
    until_wall_usec: int
    until_in_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """One gateway. `word` is the state in the words of people, `why` the sentence that goes with it.

    `memory_kib` is the most resident memory of all its processes, KiB, in each three minutes of the last two hours,
    oldest first; 0 where none was measured, and empty when none was in all of them. `began_usec_ago` is when the life
    began that `pid` and `life` are of.
    """

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
    health: HealthStatus | None = None
    maintenance: QuietStatus | None = None
    silences: list[QuietStatus] = field(default_factory=list)
    memory_kib: list[int] = field(default_factory=list)
    began_usec_ago: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentStatus:
    """One incident. `phase` is "open", "acknowledged" or "resolved"; those of one `fingerprint` are about the same."""

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
    fingerprint: str = ""
    hypotheses: int = 0
    cause: str = ""
    """"unsigned", "attested" (by a person, without a signature) or "signed"; an earlier version leaves it out."""
    cause_by: str = ""
    cause_text_changed: bool = False
    """The text was edited since, and nobody has signed that."""
    facts_since_cause: bool = False
    """Something happened since that the person did not have before them."""


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
class QueuedPage:
    """A page on its way, or one that a channel gave up. `stuck` are waiting channels that have failed for a while."""

    page: str
    incident: str | None
    gateway: str
    severity: str
    update: str
    title: str
    queued_wall_usec: int
    waiting: list[str]
    delivered: list[str]
    failed: list[str]
    stuck: list[str]
    collapsed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceStatus:
    """Somebody keeps an incident quiet at a receiver: shown, never counted as acknowledgement."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """One way out. `tiers` are those it belongs to, counted from 1. Instants are null for never since the start."""

    name: str
    kind: str
    tiers: list[int]
    notices: bool
    last_resort: bool
    waiting: int
    oldest_wall_usec: int | None
    last_ok_wall_usec: int | None
    last_error_wall_usec: int | None
    last_error: str
    kept_up_wall_usec: int | None
    upkeep_error: str
    tested_wall_usec: int | None
    folded: int
    silences: list[SilenceStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchStatus:
    """One dead-man switch. `last_beat` is "start", "ok" or "fail"; "" before the first."""

    name: str
    kind: str
    every_usec: int
    last_ok_wall_usec: int | None
    last_beat: str
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerStatus:
    """Everything `gatedog page list` and `gatedog page channels` show. `delayed` counts what waits for the morning."""

    now_wall_usec: int
    waiting: list[QueuedPage]
    given_up: list[QueuedPage]
    delayed: int
    channels: list[ChannelStatus]
    switches: list[SwitchStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookStatus:
    """One look of a probe. `result` is "ok", "failed" or "error" (it could not be run); `detail` is untrusted."""

    at_usec_ago: int
    took_usec: int
    result: str
    cause: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TookStatus:
    """How long a probe's looks took since the daemon's start, of those that found the gateway well or ill.

    `counts` are the looks that took at most as long as each of `bounds_usec`, and longer than the one before it; the
    last, those that took longer than all.
    """

    bounds_usec: list[int]
    counts: list[int]
    sum_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRow:
    """One probe of the policy, and its last look since the start. `due_in_usec` is null while it does not look."""

    gateway: str
    name: str
    kind: str
    what: str
    period_usec: int
    timeout_usec: int
    due_in_usec: int | None
    last: LookStatus | None
    took: TookStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedStatus:
    """A request that was made. `reason` is the asker's own words, untrusted; `granted_by` a human's later request."""

    request: str
    gateway: str
    verb: str
    at_wall_usec: int
    outcome: str
    rule: str
    because: str
    origin: str
    origin_rule: str
    who: str
    trail: str
    reason: str
    granted_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoStatus:
    """Who an asker is, by which rule, and on which facts of the kernel that rests (`sure`)."""

    origin: str
    rule: str
    because: str
    trail: str
    sure: str
    trusted: bool


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
    drilled_wall_usec: int | None = None
    """When the newest drill that passed was held."""
    due_told: bool = True
    """False: `next_start_in_usec` and `next_free_in_usec` are left out, because the supervised side may read this."""
    evidence_bytes: int | None = None
    """What all evidence takes up, as it was last measured; null before that."""


class RequestReply(TypedDict):
    """The answer to a request: `outcome` is "granted", "refused" or "failed", by `rule`.

    `challenge` is the text that a listed signer may sign to have a refused request granted; "" where that is no way.
    """

    request: str
    outcome: str
    rule: str
    message: str
    next_commands: list[str]
    challenge: str


class BareRecord(TypedDict):
    """One journal record: the event, and the decisions that were taken on it, as the journal's codec writes them."""

    seq: int
    wall_usec: int
    boot: str
    uptime_usec: int
    kind: str
    event: Any
    decisions: list[Any]


class RecordReply(BareRecord, total=False):
    """A journal record, and what an earlier version leaves out: whether the wall clock was synchronised at the time."""

    synchronised: bool


class ExplainReply(TypedDict):
    """An incident and the records it is made of, oldest first."""

    incident: IncidentStatus
    records: list[RecordReply]
