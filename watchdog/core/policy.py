"""The human's rules as typed values.

Invariant: a policy is complete: every default is a value here, so the policy frozen into `PolicyLoaded` makes a
history self-contained, and a later change of a shipped default cannot rewrite it. Times are microseconds.
Deliberately not here: parsing and the relations between values (policyfile/), and anything secret (pager/ reads
channel settings and credentials itself, so that neither ever reaches the journal).
"""

from dataclasses import field
from enum import Enum

from watchdog.core.action import ActionRule
from watchdog.core.gaterules import SHIPPED
from watchdog.core.healthpolicy import HealthPolicy, ProbePolicy
from watchdog.core.identity import GatewayName
from watchdog.core.runbookpolicy import MachineRunbook
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND
from watchdog.core.values import dataclass


class OnExhausted(Enum):
    """What follows when a restart budget is spent."""

    HOLD = "hold"
    SLOW = "slow"


class Readiness(Enum):
    """How a gateway says that it is ready."""

    DELAY = "delay"
    NOTIFY = "notify"
    TCP = "tcp"
    HTTP = "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """At most `starts` in any sliding `per_usec`. Sliding, not tumbling: a tumbling 5 admits 9 (systemd does)."""

    starts: int
    per_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPolicy:
    """Restart budgets: how many automatic starts in which windows, by what kind of ending."""

    windows: tuple[Window, ...] = (
        Window(starts=5, per_usec=10 * MINUTE),
        Window(starts=8, per_usec=HOUR),
        Window(starts=20, per_usec=DAY),
        Window(starts=30, per_usec=7 * DAY),
    )
    self_restart: tuple[Window, ...] = (
        Window(starts=2, per_usec=HOUR),
        Window(starts=3, per_usec=DAY),
        Window(starts=6, per_usec=7 * DAY),
    )
    trusted: tuple[Window, ...] = (Window(starts=15, per_usec=HOUR), Window(starts=300, per_usec=DAY))
    on_exhausted: OnExhausted = OnExhausted.HOLD
    slow_retry_usec: int = 30 * MINUTE
    refused_ask_shadow_usec: int = 30 * MINUTE
    """An unasked ending this soon after a refused ask is charged to self_restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffPolicy:
    """Delay before an automatic start: none first, then `first_usec`, doubling up to `max_usec`."""

    first_usec: int = SECOND
    max_usec: int = 5 * MINUTE
    stable_after_usec: int = 10 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class SpiralPolicy:
    """When a row of unasked endings is one story. Figures from 75 recorded loops: docs/adr/0005."""

    gap_max_usec: int = 4 * HOUR
    page_at: int = 4
    identical_page_at: int = 3
    identical_within_usec: int = 15 * MINUTE
    hold_below_usec: int = 5 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPolicy:
    """How a gateway is asked to end, and how long before it is killed."""

    signal: str = "SIGTERM"
    timeout_usec: int = 30 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyPolicy:
    """How readiness shows. `target` is host:port for tcp, a URL for http, empty otherwise."""

    kind: Readiness = Readiness.DELAY
    target: str = ""
    delay_usec: int = 5 * SECOND
    timeout_usec: int = 5 * MINUTE
    owned: bool = True
    """On this host it must be the gateway that listens at `target`. False: it stands behind a proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPolicy:
    """A child gateway: argv (never a shell line), and the surroundings it starts in."""

    argv: tuple[str, ...]
    directory: str = ""
    user: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    log_bytes_max: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPolicy:
    """Everything the human ruled about one gateway: exactly one of `unit` and `command`."""

    name: GatewayName
    unit: str = ""
    command: CommandPolicy | None = None
    profile: str = ""
    port: int = 0
    lock: str = ""
    """The file in which the gateway writes its pid, to run once."""
    trusted_units: tuple[str, ...] = ()
    signature_for: tuple[str, ...] = ()
    """Verbs that even a person at a terminal must sign (or show a release code for); sorted."""
    signature_touched: bool = False
    """A signature counts only if its security key was touched for it."""
    ready: ReadyPolicy = ReadyPolicy()
    stop: StopPolicy = StopPolicy()
    budget: BudgetPolicy = BudgetPolicy()
    backoff: BackoffPolicy = BackoffPolicy()
    spiral: SpiralPolicy = SpiralPolicy()
    health: HealthPolicy = field(default_factory=HealthPolicy)
    probes: tuple[ProbePolicy, ...] = ()
    observe: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(name, argv) of fixed commands that look at the gateway under its own uid; sorted by name. Units only."""
    gate: tuple[ActionRule, ...] = ()
    """What a human adds to the shipped rules of the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOffset:
    """From `since_wall_usec` on, a zone's clocks are `offset_usec` ahead of UTC."""

    since_wall_usec: int
    offset_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """When people sleep, by the clocks of a zone. `begins` and `ends` count from midnight; they may span it.

    The core can look no zone up, so the policy brings the zone's changes of clock with it, oldest first, from before
    now to some years ahead (policyfile/zone.py). Behind the last one its offset stays.
    """

    zone: str
    begins_usec: int
    ends_usec: int
    offsets: tuple[ZoneOffset, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationPolicy:
    """Who is told, in which order. A tier is a tuple of channel names; their settings live in pager.toml."""

    tiers: tuple[tuple[str, ...], ...] = (("terminal",),)
    notices: tuple[str, ...] = ("terminal",)
    escalate_after_usec: int = 5 * MINUTE
    repeat_after_usec: int = 30 * MINUTE
    acknowledge_max_usec: int = 12 * HOUR
    acknowledge_for_usec: int = HOUR
    critical_burst: Window = Window(starts=6, per_usec=8 * HOUR)
    """Critical notifications of one gateway for an unchanged fact; beyond it they come hourly."""
    quiet_hours: QuietHours | None = None
    """Warnings and notices wait until they are over; critical pages never do."""
    channel_burst: Window = Window(starts=10, per_usec=5 * MINUTE)
    """Pages that one channel carries; what comes beyond them is counted and told as one."""
    critical_reserve: int = 10
    """Critical pages that a channel carries when its burst is spent on others."""
    last_resort: tuple[str, ...] = ("terminal",)
    """Who is told that pages do not get out: channels of this very machine."""
    changes: tuple[str, ...] = ()
    """Who is told of each restart, as something that changed and wakes nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The whole of it, gateways sorted by name."""

    gateways: tuple[GatewayPolicy, ...]
    escalation: EscalationPolicy = EscalationPolicy()
    runbooks: tuple[MachineRunbook, ...] = ()
    """Sorted by name. With at least one, an incident that none of them answers is told as an unknown."""
    min_signers: int = 1
    """How many people must sign what loosens these rules. What tightens them takes one, an emergency none."""
    gate: tuple[ActionRule, ...] = SHIPPED
    """The shipped rules of the gate, as they were when this policy was adopted."""
