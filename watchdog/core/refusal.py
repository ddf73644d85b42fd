"""Refusing by origin: the answer to the one who asked, the mark on the gateway, and the word to a human.

Theory of operation. A request from the supervised side or from nowhere in particular is a page of severity warning:
an agent that tries to restart itself at 2 AM is how the night of 26 March began. Such pages merge into one incident,
told at most once an hour, and the story ends when none came for four hours. One from a schedule, or from a unit that
nobody listed, is a notice.

Invariant: what was refused changes nothing but the memory of having refused it.
"""

from dataclasses import replace

from watchdog.core import escalation, incident
from watchdog.core.asks import Ask, command_of
from watchdog.core.decisions import AnswerRequest, OriginKind, Outcome, Severity
from watchdog.core.identity import NOBODY
from watchdog.core.incident import Finding, Matter
from watchdog.core.rules import RuleId
from watchdog.core.state import Incident, IncidentPhase, Refusal
from watchdog.core.timeline import HOUR
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.verbs import Verb

REFUSALS_QUIET_USEC = 4 * HOUR
"""A story of refused requests is over when none came for so long."""

_LIFECYCLE = frozenset(
    {Verb.START, Verb.STOP, Verb.RESTART, Verb.HOLD, Verb.RELEASE, Verb.RESET_BUDGET, Verb.ASK_RESTART}
)
"""Refused verbs that cast a shadow: an ending soon after one is charged to self_restart."""


def refuse(turn: Turn, ask: Ask) -> None:
    """Refuse a request for who asked it."""
    event, judgement = ask.event, ask.judgement
    agent = judgement.origin is OriginKind.SUPERVISED
    rule = RuleId.REQUEST_AGENT_NEVER if agent else RuleId.REQUEST_HUMANS_ONLY
    because = f"{judgement.because}; '{event.verb.value}' is for humans. A human has been told"
    turn.decide(
        AnswerRequest(
            gateway=event.gateway,
            rule=rule,
            because=because,
            request=ask.request,
            outcome=Outcome.REFUSED,
            next_commands=_ways_on(ask),
        )
    )
    if turn.knows(event.gateway) and event.verb in _LIFECYCLE:
        gateway = turn.gateway(event.gateway)
        refusal = Refusal(
            at_usec=turn.now_usec,
            wall_usec=turn.stamp.wall_usec,
            request=ask.request,
            origin=judgement.origin,
            rule=judgement.rule,
            verb=event.verb,
            who=ask.who,
        )
        turn.put(replace(gateway, refused=refusal, refused_count=gateway.refused_count + 1))
    _tell_refused(turn, ask)


def _ways_on(ask: Ask) -> tuple[str, ...]:
    if ask.judgement.origin is OriginKind.SUPERVISED:
        heard = ask.event.verb is Verb.ASK_RESTART
        return ("gatedog status",) if heard else ("gatedog status", command_of(Verb.ASK_RESTART, ask.event))
    command = command_of(ask.event.verb, ask.event)
    return (f"a human on a terminal of this host: {command}", f"ssh -t HOST '{command}'")


def _tell_refused(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway if turn.knows(ask.event.gateway) else NOBODY
    what = f"{ask.event.verb.value} refused: {ask.who}"
    because = f"{ask.judgement.because} ({ask.judgement.rule.value})"
    if ask.judgement.origin not in (OriginKind.SUPERVISED, OriginKind.UNKNOWN):
        escalation.notice(
            turn, name, RuleId.REQUEST_HUMANS_ONLY, title=what, because=because, next_command="gatedog status"
        )
        return
    agent = ask.judgement.origin is OriginKind.SUPERVISED
    incident.report(
        turn,
        Finding(
            gateway=name,
            matter=Matter.REFUSED,
            severity=Severity.WARNING,
            rule=RuleId.REQUEST_AGENT_NEVER if agent else RuleId.REQUEST_HUMANS_ONLY,
            title=f"refused: {'its own agent' if agent else 'somebody unknown'} asked for {ask.event.verb.value}",
            because=f"{because}; {ask.who}",
            did="refused it; nothing was restarted",
            next_command="gatedog incident list",
            agent_says=ask.event.reason,
        ),
    )
    story = incident.open_matter(turn, name, Matter.REFUSED)
    if story is not None:
        timer = TimerId(kind=TimerKind.QUIET, subject=story.incident)
        because = "until no more requests come"
        turn.set_timer(timer, REFUSALS_QUIET_USEC, gateway=name, rule=RuleId.INCIDENT_QUIET, because=because)


def on_quiet(turn: Turn, story: Incident) -> None:
    """Nothing more came: the story is over."""
    if story.phase is not IncidentPhase.RESOLVED:
        incident.resolve(turn, story, rule=RuleId.INCIDENT_QUIET, because="no further request came")
