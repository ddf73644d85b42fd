"""Everything remembered between events: one frozen tree.

Invariant: tuples sorted by name or id, never sets or dicts, so that the same history builds the same bytes under any
PYTHONHASHSEED; everything bounded (see `Limits` in each room). The state is what a snapshot stores and what the
status reply is read from. Deliberately not here: undelivered pages are part of the state because the outbox is a
projection of the journal, but how often a channel was tried is not: that is transport, and belongs to pager/.
"""

from dataclasses import field
from enum import Enum

from watchdog.core.action import WaitingAction
from watchdog.core.approval import Challenge
from watchdog.core.bundle import RulesMemory
from watchdog.core.decisions import Charge, OriginKind, QueuePage, Severity
from watchdog.core.drillstate import DrillOnRecord
from watchdog.core.endings import ExitRecord
from watchdog.core.healthstate import HealthState
from watchdog.core.identity import (
    ActionId,
    BootId,
    GatewayName,
    IncidentId,
    LifeId,
    PageId,
    ProcessRef,
    RequestId,
    Seq,
)
from watchdog.core.paperstate import Papers
from watchdog.core.permission import AskedRequest, CodesMemory, Permit
from watchdog.core.policy import Policy
from watchdog.core.rival import Rival
from watchdog.core.rules import RuleId
from watchdog.core.runstate import RunsMemory
from watchdog.core.timeline import Usec
from watchdog.core.timer import TimerId
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb


class Phase(Enum):
    """What the gateway's process is doing (core/lifecycle.py)."""

    STOPPED = "stopped"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"
    BACKOFF = "backoff"
    HELD = "held"
    SLOW = "slow"


class Hold(Enum):
    """Whether an automatic start is allowed at all (core/hold.py)."""

    FREE = "free"
    HELD = "held"
    PROBATION = "probation"


class IncidentPhase(Enum):
    """Where an incident stands (core/incident.py)."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The core's own timeline: boottime within a boot, trusted wall difference across boots, never backwards."""

    now_usec: Usec = Usec(0)
    wall_usec: Usec = Usec(0)
    boot: BootId = BootId("")
    uptime_usec: Usec = Usec(0)
    synchronised: bool = True
    """Whether the kernel called `wall_usec` synchronised."""
    uncertain: bool = False
    """The time spent down across the last boot could not be measured and was counted as 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The life that is, or was last, in the world."""

    life: LifeId
    process: ProcessRef
    began_usec: Usec
    charge: Charge
    ready_usec: Usec | None = None
    stop_request: RequestId | None = None
    """The granted request this life's ending will answer."""
    started_as: LifeId | None = None
    """Of a life that began in place: the one that its process was started as, and that is on record outside."""
    mark: str = ""
    """What tells it from the life before it in the same process (core/selfrestart.py); empty for every other life."""

    @property
    def on_record(self) -> LifeId:
        """The number under which the backend knows it, for evidence."""
        return self.life if self.started_as is None else self.started_as


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One life charged to the restart budget."""

    at_usec: Usec
    charge: Charge
    life: LifeId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One unasked ending in a row of them."""

    at_usec: Usec
    seq: Seq
    fingerprint: str
    exit: ExitRecord
    was_ready: bool
    lived_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The last request that was refused, for status and for charging what follows it."""

    at_usec: Usec
    wall_usec: Usec
    request: RequestId
    origin: OriginKind
    rule: RuleId
    verb: Verb
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """A time in which a human wants no pages (core/quiet.py)."""

    until_usec: Usec
    until_wall_usec: Usec
    began_usec: Usec
    who: str
    because: str
    subject: str = ""
    """Of a silence: a matter or a probe's name; empty: everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayState:
    """One gateway: several small machines and their ledgers."""

    name: GatewayName
    phase: Phase = Phase.STOPPED
    hold: Hold = Hold.FREE
    wanted_up: bool = True
    life: Life | None = None
    """None unless a process of this gateway runs."""
    last_exit: ExitRecord | None = None
    last_exit_wall_usec: Usec | None = None
    since_usec: Usec = Usec(0)
    since_wall_usec: Usec = Usec(0)
    """When the phase began."""
    start_action: ActionId | None = None
    """A StartGateway not yet answered."""
    start_charge: Charge = Charge.AUTOMATIC
    start_life: LifeId | None = None
    restart_request: RequestId | None = None
    """A granted restart whose stop is under way: the start follows the ending."""
    hold_because: str = ""
    hold_rule: RuleId | None = None
    failures: int = 0
    """Unasked endings in a row without a stable life, for backoff."""
    ledger: tuple[LedgerEntry, ...] = ()
    chain: tuple[ChainLink, ...] = ()
    refused: Refusal | None = None
    refused_count: int = 0
    traceable: bool = True
    """Whether what the present or last life leaves behind can be told from strangers (own cgroup, or our child)."""
    seen_boot: BootId = BootId("")
    """The last boot in which this gateway was looked at."""
    enforcing: bool | None = None
    advisory_because: str = ""
    uid: int | None = None
    """The account it runs under, by the last look."""
    safe_start_boot: BootId = BootId("")
    """The last boot in which safe mode's one automatic start was ordered (core/safemode.py)."""
    rivals: tuple[Rival, ...] = ()
    """Who else could start or end it, by the last look (core/ownership.py)."""
    foreign_jobs: tuple[Usec, ...] = ()
    """When the service manager took on jobs that were not gatedog's; the last few."""
    break_glass_wall_usec: Usec = Usec(0)
    """The newest use of break-glass on record, by its own clock."""
    health: HealthState = field(default_factory=HealthState)
    maintenance: Quiet | None = None
    silences: tuple[Quiet, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPage:
    """A page some channels have not taken yet: the outbox."""

    page: QueuePage
    queued_wall_usec: Usec
    waiting: tuple[str, ...]
    delivered: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    """Channels that gave it up."""
    stuck: tuple[str, ...] = ()
    """Waiting channels that have tried for a while."""
    queued_usec: Usec = Usec(0)
    collapsed: int = 0
    """Earlier pages of the same incident that nobody had taken, and that this one took the place of."""
    first_wall_usec: Usec = Usec(0)
    """When the first of those was queued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A page that a channel took, and what the receiver calls it."""

    channel: str
    page: PageId
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One story: what it is about, how loud it is, who took it."""

    incident: IncidentId
    gateway: GatewayName
    fingerprint: str
    phase: IncidentPhase
    severity: Severity
    rule: RuleId
    rules_seen: tuple[RuleId, ...] = ()
    """Every rule that spoke so far: one that speaks again is no new fact."""
    title: str
    because: str
    opened_usec: Usec
    opened_wall_usec: Usec
    changed_usec: Usec
    paged_usec: Usec | None = None
    """When people were last told."""
    resolved_usec: Usec | None = None
    first_seq: Seq = Seq(0)
    last_seq: Seq = Seq(0)
    facts: int = 1
    tier: int = 0
    acknowledged_until_usec: Usec | None = None
    acknowledged_by: str = ""
    next_command: str = ""
    told: tuple[str, ...] = ()
    """Channels that pages of it were queued for since it opened: those are told that it is over."""
    only: tuple[str, ...] = ()
    """Channels that are told instead of the tiers; such an incident does not escalate."""
    unanswered_wall_usec: Usec = Usec(0)
    """When it last became news again; an acknowledgement given before that is none."""
    acknowledged_pages: tuple[PageId, ...] = ()
    """Pages acknowledged on a channel: each counts once. The newest few."""
    latest: PendingPage | None = None
    """The last page queued for it, while channels may have to keep something up."""
    deliveries: tuple[Delivery, ...] = ()
    """Which channel took which page, the newest few a channel; oldest first."""
    over_wall_usec: Usec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """An alarm the core set."""

    timer: TimerId
    due_usec: Usec


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMark:
    """One critical notification sent, for the night limit."""

    at_usec: Usec
    incident: IncidentId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMemory:
    """What is remembered of one channel (core/rate.py)."""

    channel: str
    spent_until_usec: Usec = Usec(0)
    """When the pages it was given will be paid for, at the pace the policy allows."""
    folded: int = 0
    """Pages it was not given."""
    folded_severity: Severity = Severity.INFO
    """The loudest of them."""
    folded_since_usec: Usec = Usec(0)
    folded_title: str = ""
    """The first of the loudest."""
    tested_wall_usec: Usec | None = None
    """When it last took a test page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The whole memory."""

    clock: Clock = field(default_factory=Clock)
    policy: Policy | None = None
    policy_digest: str = ""
    gateways: tuple[GatewayState, ...] = ()
    incidents: tuple[Incident, ...] = ()
    incident_count: int = 0
    timers: tuple[Timer, ...] = ()
    outbox: tuple[PendingPage, ...] = ()
    page_marks: tuple[PageMark, ...] = ()
    delayed: tuple[PendingPage, ...] = ()
    """Pages that wait until the quiet hours are over; nobody has been given them."""
    given_up: tuple[PendingPage, ...] = ()
    """Pages that a channel gave up and that wait nowhere any more, the newest few: `gatedog page retry`."""
    channels: tuple[ChannelMemory, ...] = ()
    """Sorted by name."""
    eldest_life: ProcessRef | None = None
    """The first main process of any gateway in this boot: a human's terminal has an ancestor older than this."""
    requests: tuple[AskedRequest, ...] = ()
    challenges: tuple[Challenge, ...] = ()
    permits: tuple[Permit, ...] = ()
    codes: CodesMemory = field(default_factory=CodesMemory)
    has_network: bool = True
    host_going_down: bool = False
    systemd_unreachable: str = ""
    """Why the service manager cannot be spoken to; empty while it can."""
    drills: tuple[DrillOnRecord, ...] = ()
    runs: RunsMemory = field(default_factory=RunsMemory)
    rules: RulesMemory = field(default_factory=RulesMemory)
    papers: Papers = field(default_factory=Papers)
    waiting_actions: tuple[WaitingAction, ...] = ()
    """Oldest first."""


EMPTY = State()
"""The memory before the first event."""
