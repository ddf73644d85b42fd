"""What to do, or what was concluded: the closed union that leaves the core.

Counterpart of core/events.py. An `Action` is an imperative the shell performs; every action is answered by an event.
A `Verdict` is recorded only. Each carries the rule that made it and a sentence for the person on call. Invariant:
the shell performs nothing before the event and all its decisions are committed (law 3), and in the order given, so
evidence comes before its page.
"""

from enum import Enum

from watchdog.core.base import Base
from watchdog.core.endings import EndingClass
from watchdog.core.healthstate import Health
from watchdog.core.identity import ActionId, IncidentId, LifeId, PageId, ProcessRef, RequestId
from watchdog.core.paperdecisions import PaperVerdict
from watchdog.core.rundecisions import RunAction, RunVerdict
from watchdog.core.timeline import Usec
from watchdog.core.timer import TimerId
from watchdog.core.values import dataclass


class Charge(Enum):
    """To which account a start goes."""

    AUTOMATIC = "automatic"
    SELF_RESTART = "self-restart"
    FOREIGN = "foreign"
    TRUSTED = "trusted"
    BOOT = "boot"
    SLOW = "slow"
    HUMAN = "human"
    RELEASE = "release"


class Severity(Enum):
    """How loud a page is. INFO is a notice: told without waking anybody, and never called a page."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class OriginKind(Enum):
    """Who asks."""

    HUMAN = "human"
    SUPERVISED = "supervised"
    AUTOMATION = "automation"
    SCHEDULED = "scheduled"
    CONTACT = "contact"
    UNKNOWN = "unknown"


class PageUpdate(Enum):
    """Where in its incident's story a page stands."""

    OPENED = "opened"
    UPDATED = "updated"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    TEST = "test"


class Outcome(Enum):
    """The answer to a request."""

    GRANTED = "granted"
    REFUSED = "refused"
    FAILED = "failed"


# -- actions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StartGateway(Base):
    """Start a life. `life` goes into the world with the process (law 4)."""

    action: ActionId
    life: LifeId
    charge: Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class StopGateway(Base):
    """Ask the life to end by the policy's stop signal."""

    action: ActionId
    process: ProcessRef


@dataclass(frozen=True, slots=True, kw_only=True)
class KillGateway(Base):
    """End the life and all it left behind, now."""

    action: ActionId
    process: ProcessRef


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer(Base):
    """Wake the core at `due_usec` of its own timeline (state.clock), replacing an alarm of the same id."""

    timer: TimerId
    due_usec: Usec


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTimer(Base):
    """Forget an alarm; forgetting one that is not set is harmless."""

    timer: TimerId


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectEvidence(Base):
    """Keep what can be kept about `life` for the incident, before it is gone."""

    action: ActionId
    incident: IncidentId
    life: LifeId


@dataclass(frozen=True, slots=True, kw_only=True)
class DropEvidence(Base):
    """Remove files that were kept for an incident: `folder` is relative to the state folder."""

    incident: IncidentId
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage(Base):
    """Tell people. `because` says why; `title` alone must do on a lock screen."""

    page: PageId
    incident: IncidentId | None
    severity: Severity
    update: PageUpdate
    channels: tuple[str, ...]
    title: str
    did: str
    next_command: str
    agent_says: str = ""
    story: PageId | None = None
    """The page that this one ends, where no incident ties them together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest(Base):
    """Answer the one who asked; `because` is the sentence, `next_commands` the ways on from where they stand."""

    request: RequestId
    outcome: Outcome
    next_commands: tuple[str, ...] = ()


# -- verdicts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginJudged(Base):
    """Who a requester was found to be."""

    request: RequestId
    origin: OriginKind


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingJudged(Base):
    """What an ending was: its class, and whether anybody with the right to had asked for it."""

    life: LifeId
    ending: EndingClass
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCharged(Base):
    """A life was entered in the restart ledger."""

    life: LifeId
    charge: Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWithheld(Base):
    """No start follows, and this is why (law 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced(Base):
    """No automatic start until a human releases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased(Base):
    """A human lifted the hold; probation begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbationPassed(Base):
    """The released gateway stayed up long enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowEntered(Base):
    """One try per slow_retry from here, while the page stays open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReset(Base):
    """A human emptied the restart ledger. Lifts no hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpened(Base):
    """A new story begins."""

    incident: IncidentId
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentExtended(Base):
    """One more fact for an open incident; `severity` is what it is from now on."""

    incident: IncidentId
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReopened(Base):
    """The same fingerprint within a day: an update, not a new story."""

    incident: IncidentId
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentResolved(Base):
    """It is over."""

    incident: IncidentId


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentAcknowledged(Base):
    """A person took it; pages rest until `until_usec` of the core's timeline, or a new fact."""

    incident: IncidentId
    until_usec: Usec


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementEnded(Base):
    """Time ran out, a new fact came, or it was taken back."""

    incident: IncidentId


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAdopted(Base):
    """The policy in force from here on."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyKept(Base):
    """The offered policy was not adopted; the last good one stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChanged(Base):
    """Whether the gateway does its work, from here on."""

    health: Health


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietGranted(Base):
    """A human wants no pages about a gateway (or a `subject` of it) until `until_usec` of the core's timeline."""

    subject: str
    until_usec: Usec


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietEnded(Base):
    """A maintenance or a silence is over."""

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWithheld(Base):
    """People would have been told of an incident but for a silence; they are when it ends."""

    incident: IncidentId
    until_usec: Usec


@dataclass(frozen=True, slots=True, kw_only=True)
class PageDelayed(Base):
    """A page that wakes nobody waits until the quiet hours are over, joined by what comes after it."""

    incident: IncidentId | None
    until_wall_usec: Usec


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFolded(Base):
    """These channels have had enough pages for now: this one is counted in the "+n more" that follows."""

    incident: IncidentId | None
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRetried(Base):
    """A human has these channels try a page again that they gave up."""

    page: PageId
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingDone(Base):
    """Seen, understood, and deliberately left alone (law 6)."""


Action = (
    StartGateway
    | StopGateway
    | KillGateway
    | SetTimer
    | CancelTimer
    | CollectEvidence
    | DropEvidence
    | QueuePage
    | AnswerRequest
    | RunAction
)

Verdict = (
    OriginJudged
    | EndingJudged
    | StartCharged
    | StartWithheld
    | HoldPlaced
    | HoldReleased
    | ProbationPassed
    | SlowEntered
    | BudgetReset
    | IncidentOpened
    | IncidentExtended
    | IncidentReopened
    | IncidentResolved
    | IncidentAcknowledged
    | AcknowledgementEnded
    | PolicyAdopted
    | PolicyKept
    | HealthChanged
    | QuietGranted
    | QuietEnded
    | PageWithheld
    | PageDelayed
    | PageFolded
    | PageRetried
    | RunVerdict
    | PaperVerdict
    | NothingDone
)

Decision = Action | Verdict
