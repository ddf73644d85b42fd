"""What happened: the closed union of facts that enter the core.

Counterpart of core/decisions.py. Events are past tense, frozen and complete: what the core may need to judge one
travels inside it, because the core can look nothing up. Invariant: an event never carries a secret (it is journaled
and exported), and every text from the supervised side is one line of at most 200 characters, cut by the room that
read it.
"""

from enum import Enum

from watchdog.core.approval import CodeOffered, Signed
from watchdog.core.bundle import BundleObserved, DefaultsChanged
from watchdog.core.deliveries import PageAcknowledged, PageDelivered, PageFailed, PageStuck
from watchdog.core.enclosure import Enclosed
from watchdog.core.endings import ExitRecord
from watchdog.core.evidence import EvidenceCollected, EvidenceFailed, EvidenceTooOld
from watchdog.core.identity import ActionId, BootId, GatewayName, IncidentId, LifeId, ProcessRef, Seq
from watchdog.core.observations import CodeObserved, LogClassSeen, MeasuresObserved, ProbeObserved
from watchdog.core.peer import Peer
from watchdog.core.policy import Policy
from watchdog.core.rival import JobKind, Rival
from watchdog.core.runstate import StepEnded
from watchdog.core.selfrestart import SelfRestartSeen
from watchdog.core.timeline import Usec
from watchdog.core.timer import TimerId
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb

TEXT_MAX = 200
"""Longest text, in characters, that anything from the supervised side may occupy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """When and as which record the journal took an event. `uptime_usec` is CLOCK_BOOTTIME (suspend counts)."""

    seq: Seq
    wall_usec: Usec
    boot: BootId
    uptime_usec: Usec
    synchronised: bool = True
    """Whether the kernel called the wall clock synchronised."""


class Starter(Enum):
    """Who brought a life into the world."""

    GATEDOG = "gatedog"
    FOREIGN = "foreign"


class Failure(Enum):
    """Why an action did not happen."""

    SPAWN = "spawn"
    STALE = "stale"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    JOURNAL = "journal"


# -- gatedog itself and its host -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStarted:
    """The daemon came up and begins to look. `rules` is the rules version its core decides by."""

    version: str
    rules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStopping:
    """The daemon goes away on purpose; the gateways stay."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLoaded:
    """A human's policy took effect. `digest` is the SHA-256 of the bundle, in hex."""

    policy: Policy
    digest: str
    effect: str = ""
    """The SHA-256 of what the policy amounts to, in hex; empty: it comes from a command line, and nobody commits it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRejected:
    """A policy was offered that cannot be adopted; the last good one stays."""

    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostShutdownBegan:
    """The host goes down: endings from here to the next boot are asked."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostShutdownCancelled:
    """The shutdown that was announced does not happen."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdObserved:
    """Whether the service manager answers. Said only after it has been silent for long enough to matter."""

    reachable: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped:
    """The wall clock moved against CLOCK_BOOTTIME by `delta_usec` (signed)."""

    delta_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkObserved:
    """Whether the host has a default route and a resolver that answers."""

    has_route: bool
    has_dns: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitReached:
    """Something bounded was full: `limit` names it ("requests", "inbox", "evidence"), `dropped` counts the loss."""

    limit: str
    subject: str
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLost:
    """The control socket was removed or replaced. `made_again` False: it could not be, and `reason` says why."""

    path: str
    made_again: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFailed:
    """The journal cannot be written. Kept in memory like every event until it can be."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalGapFound:
    """Events between `after_seq` and this record were seen but could not be stored."""

    after_seq: Seq
    lost: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalDamageFound:
    """The journal could not be read to its end, and a new one began with what its sound part led to.

    `record` is the first record that could not be read or checked, None when it is the file as a whole. `kept_as` is
    where the damaged journal lies now, untouched. `held` names the gateways whose last word on a hold, in what can
    still be read behind the damage, is that they are held.
    """

    record: Seq | None
    reason: str
    kept_as: str
    held: tuple[GatewayName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRenewed:
    """The journal is whole, but goes on under a new id, and `reason` says why. `kept_as` is where the old one lies."""

    reason: str
    kept_as: str


# -- a gateway -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforcementObserved:
    """Whether the origin rules bind on this gateway, and if not, why not."""

    gateway: GatewayName
    enforcing: bool
    reason: str
    uid: int | None = None
    """The account it runs under; None: not known, or it does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayObserved:
    """A full look at the gateway (level, not edge). `process` None: nothing of it runs; `life`: the seq it carries."""

    gateway: GatewayName
    process: ProcessRef | None
    life: LifeId | None = None
    traceable: bool = True
    """False for a life adopted without a cgroup of its own: its leftovers look like anybody's processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MainProcessStarted:
    """A life began. `life` is the seq of the StartGateway it answers; FOREIGN_LIFE for anybody else's start."""

    gateway: GatewayName
    process: ProcessRef
    life: LifeId
    starter: Starter
    traceable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayReady:
    """The life said, or showed, that it serves."""

    gateway: GatewayName
    process: ProcessRef


@dataclass(frozen=True, slots=True, kw_only=True)
class MainProcessExited:
    """A life ended."""

    gateway: GatewayName
    process: ProcessRef
    exit: ExitRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignJobSeen:
    """The service manager took on a job for the gateway's unit that gatedog did not ask for."""

    gateway: GatewayName
    job: JobKind
    job_id: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipObserved:
    """Who else could start or end the gateway, sorted by kind and subject; empty: nobody."""

    gateway: GatewayName
    rivals: tuple[Rival, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassUsed:
    """Root went past gatedog with `gatedog break-glass` at `wall_usec`. `who` is what the record says, one line."""

    gateway: GatewayName
    verb: str
    who: str
    wall_usec: Usec


# -- people, agents, and answers to our own actions ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequested:
    """Somebody asked for something. The request's id is REQ-<seq of this event>."""

    gateway: GatewayName
    verb: Verb
    reason: str
    peer: Peer
    incident: IncidentId | None = None
    for_usec: int | None = None
    severity: str = ""
    """Only for page-test."""
    subject: str = ""
    """Of a silence: a matter or a probe's name; empty: whatever is found. Of page-test: the one channel to try; empty:
    all of them. Of page-retry: the page. Of grant: the request."""
    uid: int | None = None
    """Only for permit: the account that is let in; None: the asker's own."""
    starts: int | None = None
    """Only for permit: how often."""
    nonce: str = ""
    """32 hex digits that nobody could foresee, for the challenge that a refusal may give."""
    signers: tuple[str, ...] = ()
    """Who could sign for it: principals that a human listed, or the one of them that the asker named."""
    signable: bool = False
    """Whether there are people who could sign, or were before somebody spoiled their list."""
    code_set: str = ""
    """The set of release codes there is; empty: none."""
    signed: Signed | None = None
    code: CodeOffered | None = None
    enclosed: Enclosed | None = None
    own_pids: tuple[int, ...] = ()
    """Of an action: numbers among its words that were processes of a life, as the kernel said when it was offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSucceeded:
    """An action that has no other answering event was performed."""

    gateway: GatewayName
    action: ActionId
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFailed:
    """An action was not, or could not be, performed."""

    gateway: GatewayName
    action: ActionId
    failure: Failure
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    """An alarm the core had set went off."""

    timer: TimerId


Event = (
    SupervisorStarted
    | SupervisorStopping
    | PolicyLoaded
    | PolicyRejected
    | BundleObserved
    | DefaultsChanged
    | HostShutdownBegan
    | HostShutdownCancelled
    | SystemdObserved
    | ClockStepped
    | NetworkObserved
    | LimitReached
    | SocketLost
    | JournalFailed
    | JournalGapFound
    | JournalDamageFound
    | JournalRenewed
    | EnforcementObserved
    | GatewayObserved
    | MainProcessStarted
    | GatewayReady
    | MainProcessExited
    | SelfRestartSeen
    | ForeignJobSeen
    | OwnershipObserved
    | BreakGlassUsed
    | ProbeObserved
    | LogClassSeen
    | MeasuresObserved
    | CodeObserved
    | ActionRequested
    | ActionSucceeded
    | ActionFailed
    | EvidenceCollected
    | EvidenceFailed
    | EvidenceTooOld
    | StepEnded
    | PageDelivered
    | PageFailed
    | PageStuck
    | PageAcknowledged
    | TimerFired
)

HEALTH_OBSERVATIONS = (ProbeObserved, LogClassSeen, MeasuresObserved, CodeObserved)
LOOKS = (BundleObserved, NetworkObserved, SystemdObserved, EnforcementObserved, GatewayObserved, OwnershipObserved)
OBSERVATIONS = (*LOOKS, *HEALTH_OBSERVATIONS)
"""Level-triggered events: one that changes nothing is folded, not stored (journal/)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """An event as the journal holds it."""

    stamp: Stamp
    event: Event
