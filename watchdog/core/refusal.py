"""Refusing by origin: the answer to the one who asked, the mark on the gateway, and the word to a human.

Theory of operation. A request from the supervised side or from nowhere in particular is a page of severity warning:
an agent that tries to restart itself at 2 AM is how the night of 26 March began. Such pages merge into one incident,
told at most once an hour, and the story ends when none came for four hours. One from a schedule, or from a unit that
nobody listed, is a notice.

Invariant: what was refused changes nothing but the memory of having refused it.
"""

from collections.abc import Mapping
from shlex import quote

from watchdog.core import escalation, incident, proof
from watchdog.core.asks import HOST, Ask, command_of
from watchdog.core.decisions import AnswerRequest, OriginKind, Outcome, Severity
from watchdog.core.identity import NOBODY, GatewayName
from watchdog.core.incident import Finding, Matter
from watchdog.core.proof import NotShown
from watchdog.core.rules import RuleId
from watchdog.core.state import Incident, IncidentPhase, Refusal
from watchdog.core.timeline import HOUR
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.trail import trail_of
from watchdog.core.turn import Turn
from watchdog.core.values import replace
from watchdog.core.verbs import Verb
from watchdog.core.verbtable import VERBS, Mark, Signing, is_marked

REFUSALS_QUIET_USEC = 4 * HOUR
"""A story of refused requests is over when none came for so long."""

SIGNERS_SHOWN = 3
"""Signers named to who might be one of them."""

_HELD: Mapping[RuleId, tuple[str, str]] = {
    RuleId.SIGNATURE_AGENT_HELD: ("a signature of a person's", "gatedog requests list"),
    RuleId.CODE_AGENT_HELD: ("a release code", "sudo gatedog setup codes --apply"),
}
"""What an agent should not have, and what a person types then."""


def refuse(turn: Turn, ask: Ask, flaw: NotShown | None = None) -> None:
    """Refuse a request for who asked it, or for the flaw of the proof that came with it."""
    event, judgement = ask.event, ask.judgement
    if flaw is not None:
        rule, because = flaw.rule, flaw.because
    elif judgement.origin is OriginKind.SUPERVISED:
        rule, because = RuleId.REQUEST_AGENT_NEVER, judgement.because
    else:
        rule, because = RuleId.REQUEST_HUMANS_ONLY, judgement.because
    turn.decide(
        AnswerRequest(
            gateway=event.gateway,
            rule=rule,
            because=f"{because}; '{event.verb.value}' is for humans. A human has been told",
            request=ask.request,
            outcome=Outcome.REFUSED,
            next_commands=_ways_on(turn, ask),
        )
    )
    if turn.knows(event.gateway) and is_marked(event.verb, Mark.CASTS_SHADOW):
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
    _tell_refused(turn, ask, flaw)


def ask_for_signature(turn: Turn, ask: Ask, verb: Verb | None = None) -> None:
    """Have a person at a terminal sign what they ask. Nobody is told: they are here.

    `verb` is what has to be signed where that is not the verb of the request: what a grant would grant.
    """
    verb = verb or ask.event.verb
    if VERBS[verb].signing is Signing.IF_SIGNERS:
        because = f"there is a list of signers, so '{verb.value}' has to be signed, also by a person at a terminal"
    else:
        because = f"the policy wants '{verb.value}' signed, also by a person at a terminal"
    turn.decide(
        AnswerRequest(
            gateway=ask.event.gateway,
            rule=RuleId.REQUEST_NEEDS_SIGNATURE,
            because=because,
            request=ask.request,
            outcome=Outcome.REFUSED,
            next_commands=_proofs(turn, ask) or ("gatedog doctor",),
        )
    )


def _ways_on(turn: Turn, ask: Ask) -> tuple[str, ...]:
    if ask.judgement.origin is OriginKind.SUPERVISED:
        heard = ask.event.verb is Verb.ASK_RESTART
        return ("gatedog status",) if heard else ("gatedog status", command_of(Verb.ASK_RESTART, ask.event))
    command = command_of(ask.event.verb, ask.event)
    granted = (f"gatedog grant {ask.request}  # by a human",) if is_marked(ask.event.verb, Mark.GRANTABLE) else ()
    at_terminal = (f"{command}  # at a terminal of this host", f"ssh -t {HOST} {quote(command)}")
    return (*at_terminal, *_proofs(turn, ask), *granted)


def _proofs(turn: Turn, ask: Ask) -> tuple[str, ...]:
    """Say how a person without a terminal could show that it is them; gives the challenge that a signature answers."""
    command = command_of(ask.event.verb, ask.event)
    if proof.give_challenge(turn, ask.event):
        file = f"{ask.request}.sig"
        from_afar = f"ssh -T {HOST} {quote(f'{command} --signature -')} < {file}"
        signature: tuple[str, ...] = (f"{command} --signature {file}", from_afar)
    else:
        signature = tuple(f"{command} --signer {quote(name)}" for name in ask.event.signers[:SIGNERS_SHOWN])
    code = (f"{command} --code -  # then type a release code",) if ask.event.code_set else ()
    return (*signature, *code)


def _tell_refused(turn: Turn, ask: Ask, flaw: NotShown | None) -> None:
    name = ask.event.gateway if turn.knows(ask.event.gateway) else NOBODY
    shown = ask.judgement if flaw is None else flaw
    because = f"{shown.because} ({shown.rule.value})"
    if ask.judgement.origin not in (OriginKind.SUPERVISED, OriginKind.UNKNOWN):
        what = f"{ask.event.verb.value} refused: {ask.who}"
        escalation.notice(
            turn, name, RuleId.REQUEST_HUMANS_ONLY, title=what, because=because, next_command="gatedog status"
        )
        return
    trail = trail_of(ask.event.peer)
    finding = _finding(ask, name, f"{because}; who: {trail}")
    if flaw is not None and flaw.rule in _HELD:
        # Its own rule, so that it is news in a story of refused requests that people have heard of already.
        held, command = _HELD[flaw.rule]
        title = f"refused: its own agent holds {held}"
        because = f"{flaw.because}; who: {trail}"
        finding = replace(finding, rule=flaw.rule, title=title, because=because, next_command=command)
    incident.report(turn, finding)
    story = incident.open_matter(turn, name, Matter.REFUSED)
    if story is not None:
        timer = TimerId(kind=TimerKind.QUIET, subject=story.incident)
        because = "until no more requests come"
        turn.set_timer(timer, REFUSALS_QUIET_USEC, gateway=name, rule=RuleId.INCIDENT_QUIET, because=because)


def _finding(ask: Ask, gateway: GatewayName, because: str) -> Finding:
    agent = ask.judgement.origin is OriginKind.SUPERVISED
    grantable = is_marked(ask.event.verb, Mark.GRANTABLE)
    return Finding(
        gateway=gateway,
        matter=Matter.REFUSED,
        severity=Severity.WARNING,
        rule=RuleId.REQUEST_AGENT_NEVER if agent else RuleId.REQUEST_HUMANS_ONLY,
        title=f"refused: {'its own agent' if agent else 'somebody unknown'} asked for {ask.event.verb.value}",
        because=because,
        did="refused it; nothing was restarted",
        next_command=f"gatedog grant {ask.request}" if grantable else "gatedog requests list",
        agent_says=ask.event.reason,
    )


def on_quiet(turn: Turn, story: Incident) -> None:
    """Nothing more came: the story is over."""
    if story.phase is not IncidentPhase.RESOLVED:
        incident.resolve(turn, story, rule=RuleId.INCIDENT_QUIET, because="no further request came")
