"""One event in one sentence.

Invariant: total over the closed union of events (mypy proves it), one line each, past tense, and nothing from outside
unescaped. Deliberately not here: what was decided on it (decisionwords.py).
"""

from typing import assert_never

from watchdog.core.bundle import BundleObserved, DefaultsChanged
from watchdog.core.deliveries import PageAcknowledged, PageDelivered, PageFailed, PageStuck
from watchdog.core.enclosure import ActionOffered
from watchdog.core.endings import ending_text
from watchdog.core.events import (
    ActionFailed,
    ActionRequested,
    ActionSucceeded,
    BreakGlassUsed,
    ClockStepped,
    EnforcementObserved,
    Event,
    ForeignJobSeen,
    GatewayObserved,
    GatewayReady,
    HostShutdownBegan,
    HostShutdownCancelled,
    JournalDamageFound,
    JournalFailed,
    JournalGapFound,
    JournalRenewed,
    LimitReached,
    MainProcessExited,
    MainProcessStarted,
    NetworkObserved,
    OwnershipObserved,
    PolicyLoaded,
    PolicyRejected,
    SocketLost,
    Starter,
    SupervisorStarted,
    SupervisorStopping,
    SystemdObserved,
    TimerFired,
)
from watchdog.core.evidence import EvidenceCollected, EvidenceFailed, EvidenceTooOld
from watchdog.core.identity import FOREIGN_LIFE
from watchdog.core.observations import CodeObserved, LogClassSeen, MeasuresObserved, ProbeCause, ProbeObserved
from watchdog.core.runstate import StepEnded
from watchdog.core.selfrestart import MEANS_TEXT, SelfRestartSeen
from watchdog.core.timeline import duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.report.actionwords import action_words
from watchdog.report.escape import TEXT_MAX, agent_says, visible
from watchdog.report.runwords import step_ended_text

AboutJournal = JournalFailed | JournalGapFound | JournalDamageFound | JournalRenewed
AboutRules = PolicyLoaded | PolicyRejected | BundleObserved | DefaultsChanged
AboutGatedog = (
    AboutRules
    | SupervisorStarted
    | SupervisorStopping
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
)
_FOLDERS_NAMED = 3
AboutOwner = ForeignJobSeen | OwnershipObserved | BreakGlassUsed
AboutHealth = ProbeObserved | LogClassSeen | MeasuresObserved | CodeObserved
AboutLife = GatewayObserved | MainProcessStarted | GatewayReady | MainProcessExited | SelfRestartSeen


def event_text(event: Event) -> str:
    """Say what happened, in one line."""
    match event:
        case ActionRequested():
            said = _requested(event)
        case ActionSucceeded():
            said = f"action {event.action} on {event.gateway or 'gatedog'} was done{_tail(event.detail)}"
        case ActionFailed():
            about = event.gateway or "gatedog"
            said = f"action {event.action} on {about} failed ({event.failure.value}){_tail(event.detail)}"
        case EvidenceCollected():
            said = f"evidence for {event.incident} was kept in {event.folder} ({event.size_bytes} bytes)"
        case EvidenceFailed():
            said = f"there was trouble with evidence{_tail(event.reason)}"
        case EvidenceTooOld():
            oldest = ", ".join(event.folders[:_FOLDERS_NAMED])
            said = f"all evidence took more than it may; {len(event.folders)} of its folders are to go, oldest {oldest}"
        case PageDelivered():
            said = f"page {event.page} was taken by {event.channel}{_tail(event.detail)}"
        case PageFailed():
            said = f"page {event.page} was given up by {event.channel}{_tail(event.detail)}"
        case PageStuck():
            said = f"page {event.page} does not get out by {event.channel} so far{_tail(event.detail)}"
        case PageAcknowledged():
            said = f"{visible(event.by, 60)} took {event.incident} by {event.channel} (page {event.page})"
        case StepEnded():
            said = step_ended_text(event)
        case TimerFired():
            said = f"alarm: {timer_text(event.timer)}"
        case EnforcementObserved():
            binds = "bind" if event.enforcing else "do not bind"
            said = f"{event.gateway}: the origin rules {binds}{_tail(event.reason)}"
        case (
            GatewayObserved() | MainProcessStarted() | GatewayReady() | MainProcessExited() | SelfRestartSeen()
        ) as found:
            said = _about_life(found)
        case (ForeignJobSeen() | OwnershipObserved() | BreakGlassUsed()) as found:
            said = _about_owner(found)
        case (ProbeObserved() | LogClassSeen() | MeasuresObserved() | CodeObserved()) as found:
            said = _about_health(found)
        case _ as found:
            said = _about_gatedog(found)
    return visible(said)


def timer_text(timer: TimerId) -> str:
    """Say what an alarm is for, so that it reads well after "wait:" as well as after "alarm:"."""
    match timer.kind:
        case TimerKind.START_DUE:
            what = "the start is due"
        case TimerKind.START_DEADLINE:
            what = "its start should be done"
        case TimerKind.STOP_DEADLINE:
            what = "its end should have come"
        case TimerKind.STABLE:
            what = "it has been up long enough"
        case TimerKind.UNOWNED:
            what = "it has been down with nothing under way"
        case TimerKind.ESCALATE:
            what = "nobody has taken it"
        case TimerKind.ACKNOWLEDGEMENT_END:
            what = "the acknowledgement ends"
        case TimerKind.QUIET:
            what = "it has been quiet"
        case TimerKind.QUIET_END:
            what = "a maintenance or silence ends"
        case TimerKind.STUCK:
            what = "pages do not get out"
        case TimerKind.FOLLOW_END:
            what = "channels have closed it"
        case TimerKind.MORE_PAGES:
            what = "it has room for pages again"
        case TimerKind.QUIET_HOURS_END:
            what = "the quiet hours are over"
        case TimerKind.TEST_DUE:
            what = "pages want to be tried"
        case TimerKind.DRILL_DUE:
            what = "a drill wants to be held"
        case TimerKind.RUN:
            what = "nobody approved, or no word came of a step"
        case _ as unreachable:
            assert_never(unreachable)
    return f"{timer.subject}: {what}" if timer.subject else what


def _about_life(event: AboutLife) -> str:
    name = event.gateway
    match event:
        case GatewayObserved() if event.process is None:
            return f"{name} was looked at: nothing of it runs"
        case GatewayObserved():
            return f"{name} was looked at: {_life(event.life)} runs as pid {event.process.pid if event.process else 0}"
        case MainProcessStarted() if event.starter is Starter.FOREIGN:
            return f"{name} was started by somebody else, as pid {event.process.pid}"
        case MainProcessStarted():
            return f"{name} began {_life(event.life)} as pid {event.process.pid}"
        case GatewayReady():
            return f"{name} is ready (pid {event.process.pid})"
        case MainProcessExited():
            says = f"; {agent_says(event.exit.last_line)}" if event.exit.last_line else ""
            return f"{name} ended: {ending_text(event.exit)}{says}"
        case SelfRestartSeen():
            pid = (event.successor or event.process).pid
            return f"{name} restarted itself and runs as pid {pid}: {MEANS_TEXT[event.means]}{_tail(event.evidence)}"
        case _ as unreachable:
            assert_never(unreachable)


def _about_owner(event: AboutOwner) -> str:
    name = event.gateway
    match event:
        case ForeignJobSeen():
            return f"{name}: systemd took on {event.job.value} job {event.job_id}, not gatedog's{_tail(event.detail)}"
        case OwnershipObserved(rivals=()):
            return f"{name}: nobody else owns it"
        case OwnershipObserved():
            found = "; ".join(f"{rival.kind.value} {rival.subject}" for rival in event.rivals)
            return f"{name}: somebody else may own it{_tail(found)}"
        case BreakGlassUsed():
            return f"{name}: break-glass {event.verb} was used by {visible(event.who, TEXT_MAX)}"
        case _ as unreachable:
            assert_never(unreachable)


def _about_health(event: AboutHealth) -> str:
    name = event.gateway
    match event:
        case ProbeObserved():
            cause = "" if event.cause is ProbeCause.UNKNOWN else f" ({event.cause.value} cause)"
            return f"{name}: probe {event.probe} said {event.result.value}{cause}{_tail(event.detail)}"
        case LogClassSeen():
            times = f" {event.count} times" if event.count > 1 else ""
            return f"{name} logged {event.log_class.value}{times}; {agent_says(event.line)}"
        case MeasuresObserved():
            counted = ", ".join(f"{reading.measure.value} {reading.value}" for reading in event.readings) or "nothing"
            return f"{name} was measured over {duration_text(event.span_usec)}: {counted}"
        case CodeObserved(changed=()):
            return f"{name} runs the code that is on disk"
        case CodeObserved():
            return (
                f"{name}: the code on disk is newer than the process: {', '.join(event.changed)}{_tail(event.detail)}"
            )
        case _ as unreachable:
            assert_never(unreachable)


def _about_gatedog(event: AboutGatedog) -> str:
    match event:
        case SupervisorStarted():
            said = f"gatedog {event.version} came up, deciding by rules {event.rules}"
        case SupervisorStopping():
            said = f"gatedog went away{_tail(event.reason)}; the gateways stay"
        case (PolicyLoaded() | PolicyRejected() | BundleObserved() | DefaultsChanged()) as found:
            said = _about_rules(found)
        case HostShutdownBegan():
            said = f"the host began to go down{_tail(event.reason)}"
        case HostShutdownCancelled():
            said = f"the host stays up after all{_tail(event.reason)}"
        case SystemdObserved():
            said = f"systemd {'answers' if event.reachable else 'does not answer'}{_tail(event.detail)}"
        case ClockStepped():
            direction = "forward" if event.delta_usec >= 0 else "back"
            said = f"the wall clock was moved {direction} by {duration_text(abs(event.delta_usec))}"
        case NetworkObserved():
            route, dns = "a" if event.has_route else "no", "a" if event.has_dns else "no"
            said = f"the network was looked at: {route} default route, {dns} resolver that answers"
        case LimitReached():
            said = f"limit {event.limit} of {event.subject or 'gatedog'} was reached: {event.dropped} dropped"
        case SocketLost():
            became = "made again" if event.made_again else "could not be made again"
            said = f"the socket {event.path} was taken away and {became}{_tail(event.reason)}"
        case _:
            said = _journal_text(event)
    return said


def _about_rules(event: AboutRules) -> str:
    match event:
        case PolicyLoaded():
            names = ", ".join(gateway.name for gateway in event.policy.gateways) or "no gateway"
            return f"policy {event.digest[:12]} was loaded, for {names}"
        case PolicyRejected():
            return f"a policy was refused: {len(event.problems)} problem(s){_tail('; '.join(event.problems))}"
        case BundleObserved(digest=""):
            return f"the rules in {event.folder} cannot be read, or not be believed{_tail('; '.join(event.problems))}"
        case BundleObserved():
            differs = f"; not as in force: {', '.join(event.differs)}" if event.differs else ""
            return f"the rules in {event.folder} are {event.digest[:12]}{differs}"
        case DefaultsChanged():
            return f"gatedog {event.version} would read the same files as other rules"
        case _ as unreachable:
            assert_never(unreachable)


def _journal_text(event: AboutJournal) -> str:
    match event:
        case JournalFailed():
            said = f"the journal could not be written{_tail(event.reason)}"
        case JournalGapFound(lost=0):
            said = f"the journal can be written again, and nothing was lost{_tail(event.reason)}"
        case JournalGapFound():
            said = f"the journal has a gap after {event.after_seq}: {event.lost} lost{_tail(event.reason)}"
        case JournalDamageFound():
            where = "" if event.record is None else f" at record {event.record}"
            said = f"the journal was damaged{where}, and a new one begun; kept as {event.kept_as}{_tail(event.reason)}"
        case JournalRenewed():
            said = f"the journal goes on under a new id; the old one is kept as {event.kept_as}{_tail(event.reason)}"
        case _ as unreachable:
            assert_never(unreachable)
    return said


def _requested(event: ActionRequested) -> str:
    peer = event.peer
    who = f"uid {peer.uid} ({visible(peer.comm, 16) or 'unknown program'}"
    who += f", pid {peer.process.pid})" if peer.process is not None else ", gone)"
    about = " ".join(part for part in (event.verb.value, event.gateway, event.incident or "") if part)
    # Whether these are the words of a person is only judged later, so they are quoted like a stranger's.
    reason = visible(event.reason.replace('"', "'"), TEXT_MAX)
    if isinstance(event.enclosed, ActionOffered):
        return f'{who} asked for "{about}"; {agent_says(action_words(event.enclosed))}'
    return f'{who} asked for "{about}"' + (f', giving as reason: "{reason}"' if reason else ", giving no reason")


def _life(life: int | None) -> str:
    return "a life that is not gatedog's" if life is None or life == FOREIGN_LIFE else f"life {life}"


def _tail(detail: str) -> str:
    return f": {visible(detail, TEXT_MAX)}" if detail else ""
