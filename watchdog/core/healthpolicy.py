"""What a human may rule about a gateway's health: its probes, the thresholds of its signals, and what follows.

Invariant as in core/policy.py: every default is a value here and is frozen into `PolicyLoaded`. Times are
microseconds. A probe is described here in full, so that a history says what was looked at; how it is run is
sensors/'s. A probe never carries a secret: a header with a token belongs into a file that the gateway's user may read.
"""

from enum import Enum

from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.core.values import dataclass


class ProbeKind(Enum):
    """How a probe looks."""

    HTTP = "http"
    """`target` is a URL, http or https. Healthy: a 2xx answer, and every assertion holds on its body."""
    TCP = "tcp"
    """`target` is host:port. Healthy: it can be connected to."""
    UNIX = "unix"
    """`target` is a socket's path. Healthy: it can be connected to."""
    WEBSOCKET = "websocket"
    """`target` is a ws or wss URL. Healthy: a ping is answered by its pong."""
    EXEC = "exec"
    """`argv` is run under the gateway's user. Healthy: it ends with 0, and every assertion holds on its output."""
    HEARTBEAT = "heartbeat"
    """`target` is a file that the gateway touches. Healthy: it is not older than `stale_after_usec`."""
    NOTIFY = "notify"
    """What the gateway says over its notify socket. Healthy: WATCHDOG=1 came within `stale_after_usec`."""


class AssertionKind(Enum):
    """What must be true of a probe's answer."""

    JSON_EQUALS = "json-equals"
    """The value at `path` is `expected`, itself JSON text ('"running"', 'true', '3')."""
    JSON_MATCHES = "json-matches"
    """The value at `path`, a text, matches the regular expression `expected`."""
    JSON_PRESENT = "json-present"
    """There is a value at `path`. `expected` is not looked at."""
    MATCHES = "matches"
    """The regular expression `expected` is found in the answer. `path` is not looked at."""
    MATCHES_NOT = "matches-not"
    """The regular expression `expected` is not found in the answer. `path` is not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One thing that must be true. `path` is a dotted way into the JSON; `*` stands for every key or item there.

    `channels.*.state`: what fails is then named in the outcome's detail by the key it was found at.
    """

    kind: AssertionKind
    path: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePolicy:
    """One probe of one gateway."""

    name: str
    """What people call it: "health", "channel:telegram". Unique within its gateway."""
    kind: ProbeKind
    target: str = ""
    argv: tuple[str, ...] = ()
    period_usec: int = 30 * SECOND
    timeout_usec: int = 5 * SECOND
    start_grace_usec: int = 0
    """Time after a start in which failures do not count; 0: learned from the lives before."""
    failures: int = 3
    """Failures in a row that make a healthy probe a failing one."""
    successes: int = 2
    """Successes in a row that make a failing probe a healthy one."""
    assertions: tuple[Assertion, ...] = ()
    stale_after_usec: int = 5 * MINUTE
    """Only for heartbeat and notify."""
    source: str = ""
    """Probes of one source look through the same eyes and count as one; empty: the probe's own name."""
    liveness_only: bool = False
    """It says that something answers, and nothing more: its success never speaks against another finding."""
    fakeable: bool = True
    """Whether the gateway itself could make it fail; a restart for it is then charged to self_restart."""
    statuses: tuple[int, ...] = ()
    """Only for http: the answers that are healthy; empty: every 2xx."""
    message: str = ""
    """Only for websocket: a text sent instead of a ping; the first answer for which all assertions hold is awaited."""
    verify: bool = True
    """Only for https and wss: the certificate must be valid."""
    owned: bool = True
    """On this host the listener must be the gateway's, or an impostor answers. False: it stands behind a proxy."""


class OnDegraded(Enum):
    """What follows a degradation besides the page."""

    PAGE = "page"
    RESTART = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPolicy:
    """When signals that no probe of the policy gives are believed, and what follows a degradation."""

    on_degraded: OnDegraded = OnDegraded.PAGE
    start_grace_usec: int = 0
    """Time after a start in which no probe is judged that has not passed yet; 0: learned from the lives before."""
    start_grace_max_usec: int = 30 * MINUTE
    """A life that is not ready, or has passed no probe, by then is found wanting, whatever was learned."""
    failing_usec: int = 15 * MINUTE
    """A probe must fail for as long as this: loops stall, caches are rebuilt, clients reconnect."""
    failing_together_usec: int = 5 * MINUTE
    """The same where two probes of different sources see a cause on this host."""
    failing_remote_usec: int = 45 * MINUTE
    """The same where the cause is elsewhere: providers have outages, and clients come back by themselves."""
    log_silent_after_usec: int = 30 * MINUTE
    sockets_gone_after_usec: int = 30 * MINUTE
    idle_after_usec: int = 30 * MINUTE
    """No work done for this long, where the learned normal expects some."""
    growth_percent: int = 300
    """Memory, handles or threads at this share of what the life began with, and still rising."""
    flaps: int = 5
    """So many turns from passing to failing within `flaps_per_usec` are a finding of their own."""
    flaps_per_usec: int = 4 * HOUR
    disk_full_percent: int = 95
    work_lines: tuple[str, ...] = ()
    """Lines of its log that say that a piece of work is done, in lower case or not; `*` stands for anything."""
