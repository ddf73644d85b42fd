"""Maintenance and silences: times in which a human wants no pages.

Theory of operation. Both are asked for by a human, both end by themselves, and both are shown as long as they last. A
maintenance is about a whole gateway: its health is not judged meanwhile. A silence is about what is told: all of a
gateway, one matter, or one probe. What happens is recorded as ever; only the telling waits, and what is still open when
the quiet ends is told then. One thing is told through any quiet: a critical page about a gateway that is held, because
nothing will start that one again by itself.

Invariant: no quiet lasts longer than it may, whatever was asked for: one that never ends is a switched-off watchdog.
"""

from shlex import quote
from typing import Literal, assert_never

from watchdog.core import escalation
from watchdog.core.asks import Ask, fail, grant
from watchdog.core.decisions import PageUpdate, QuietEnded, QuietGranted
from watchdog.core.identity import GatewayName
from watchdog.core.rules import RuleId
from watchdog.core.state import IncidentPhase, Quiet
from watchdog.core.timeline import DAY, HOUR, Usec, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import replace
from watchdog.core.verbs import Verb

QuietVerb = Literal[Verb.MAINTENANCE, Verb.MAINTENANCE_END, Verb.SILENCE, Verb.SILENCE_END]

MAINTENANCE_MAX_USEC = DAY
SILENCE_MAX_USEC = 7 * DAY
DEFAULT_USEC = HOUR
SILENCES_MAX = 16
EVERYTHING = "everything"
"""What people call the silence about all of a gateway, to tell it from "every silence there is" when one is ended."""


def on_granted(turn: Turn, ask: Ask, verb: QuietVerb) -> None:
    """A human asked for quiet, or to end it."""
    match verb:
        case Verb.MAINTENANCE:
            _begin_maintenance(turn, ask)
        case Verb.SILENCE:
            _begin_silence(turn, ask)
        case Verb.MAINTENANCE_END:
            _end_early(turn, ask, maintenance=True)
        case Verb.SILENCE_END:
            _end_early(turn, ask, maintenance=False)
        case _ as unreachable:
            assert_never(unreachable)


def on_end_due(turn: Turn, name: GatewayName) -> None:
    """The time of a quiet is over."""
    gateway = turn.gateway(name)
    quiets = (*(() if gateway.maintenance is None else (gateway.maintenance,)), *gateway.silences)
    over = tuple(quiet for quiet in quiets if quiet.until_usec <= turn.now_usec)
    _end(turn, name, over, "its time is over")


def _begin_maintenance(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway
    quiet = _quiet(turn, ask, MAINTENANCE_MAX_USEC, "")
    turn.put(replace(turn.gateway(name), maintenance=quiet))
    _grant(turn, ask, quiet, RuleId.MAINTENANCE_BEGAN, f"gatedog maintenance {name} --end")


def _begin_silence(turn: Turn, ask: Ask) -> None:
    name, subject = ask.event.gateway, ask.event.subject
    if not _can_be_named(subject):
        because = "no matter and no probe can have such a name"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, f"gatedog status {name}")
        return
    subject = "" if subject == EVERYTHING else subject
    gateway = turn.gateway(name)
    others = tuple(silence for silence in gateway.silences if silence.subject != subject)
    if len(others) >= SILENCES_MAX:
        because = f"{SILENCES_MAX} silences at once are enough"
        soonest = min(others, key=lambda silence: silence.until_usec)
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, end_of_silence(name, soonest.subject))
        return
    quiet = _quiet(turn, ask, SILENCE_MAX_USEC, subject)
    silences = tuple(sorted((*others, quiet), key=lambda silence: silence.subject))
    turn.put(replace(gateway, silences=silences))
    _grant(turn, ask, quiet, RuleId.SILENCE_BEGAN, end_of_silence(name, subject))


def end_of_silence(gateway: GatewayName, subject: str) -> str:
    """Return the command that ends this one silence, and no other."""
    return f"gatedog silence {gateway} {quote(subject or EVERYTHING)} --end"


def _can_be_named(subject: str) -> bool:
    """Say whether this could be a matter or a probe; what begins with "-" could not even be typed."""
    return not subject.startswith("-") and all(letter.isalnum() or letter in ":._-" for letter in subject)


def _quiet(turn: Turn, ask: Ask, longest: int, subject: str) -> Quiet:
    lasting = min(ask.event.for_usec or DEFAULT_USEC, longest)
    return Quiet(
        until_usec=Usec(turn.now_usec + lasting),
        until_wall_usec=Usec(turn.stamp.wall_usec + lasting),
        began_usec=turn.now_usec,
        who=ask.who,
        because=ask.event.reason,
        subject=subject,
    )


def _grant(turn: Turn, ask: Ask, quiet: Quiet, rule: RuleId, command: str) -> None:
    name = ask.event.gateway
    because = f"{quiet.who}: {quiet.because}"
    turn.decide(
        QuietGranted(gateway=name, rule=rule, because=because, subject=quiet.subject, until_usec=quiet.until_usec)
    )
    _arm(turn, name, rule)
    lasting = duration_text(quiet.until_usec - turn.now_usec)
    grant(turn, ask, f"for {lasting}, then it ends by itself; critical pages of a held gateway still come", command)


def _end_early(turn: Turn, ask: Ask, *, maintenance: bool) -> None:
    name = ask.event.gateway
    gateway = turn.gateway(name)
    asked = ask.event.subject
    silences = tuple(one for one in gateway.silences if asked in ("", one.subject or EVERYTHING))
    ended = silences if not maintenance else (() if gateway.maintenance is None else (gateway.maintenance,))
    if not ended:
        what = "maintenance" if maintenance else "silence"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, f"{name} has no {what}", f"gatedog status {name}")
        return
    grant(turn, ask, "ended", f"gatedog status {name}")
    _end(turn, name, ended, f"ended by {ask.who}")


def _end(turn: Turn, name: GatewayName, over: tuple[Quiet, ...], because: str) -> None:
    gateway = turn.gateway(name)
    if not over:
        return
    for quiet in over:
        rule = RuleId.MAINTENANCE_ENDED if quiet is gateway.maintenance else RuleId.SILENCE_ENDED
        turn.decide(QuietEnded(gateway=name, rule=rule, because=because, subject=quiet.subject))
    kept = tuple(silence for silence in gateway.silences if silence not in over)
    maintenance = None if gateway.maintenance in over else gateway.maintenance
    ended = replace(gateway, silences=kept, maintenance=maintenance)
    turn.put(replace(ended, health=replace(ended.health, told=())))  # what was found and not told is news now
    _arm(turn, name, RuleId.SILENCE_ENDED)
    began = min(quiet.began_usec for quiet in over)
    for incident in turn.state.incidents:
        waits = incident.gateway == name and incident.phase is IncidentPhase.OPEN and incident.changed_usec >= began
        if waits and (incident.paged_usec is None or incident.paged_usec < incident.changed_usec):
            escalation.tell(turn, incident, "waited until the quiet was over", PageUpdate.UPDATED, incident.rule)


def _arm(turn: Turn, name: GatewayName, rule: RuleId) -> None:
    gateway = turn.gateway(name)
    ends = [silence.until_usec for silence in gateway.silences]
    if gateway.maintenance is not None:
        ends.append(gateway.maintenance.until_usec)
    timer = TimerId(kind=TimerKind.QUIET_END, subject=name)
    if ends:
        turn.set_timer(timer, min(ends) - turn.now_usec, gateway=name, rule=rule, because="no quiet lasts for ever")
    else:
        turn.cancel_timer(timer, gateway=name, rule=rule, because="nothing is quiet any more")
