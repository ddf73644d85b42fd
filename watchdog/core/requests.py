"""Who may ask for what: one door for every request.

Theory of operation. A request is judged twice. First who asks (core/origin.py, on the evidence captured at accept);
then whether that origin may use the verb at all. The agent has one lifecycle verb, `ask restart`, and it is refused
by default: it exists so that the agent is heard and a human is told, not so that it is obeyed. A unit that a human
listed as trusted may start, stop and restart, on its own small budget. Everything else is for humans.

A request that is refused for who asked it goes through core/refusal.py; proof that a person asked (core/proof.py) and
what a person lets others do (core/grants.py) come before that.

Invariant: deny by default. A verb is granted only by a line of `_PERMITTED`.
"""

from collections.abc import Mapping

from watchdog.core import (
    drills,
    escalation,
    gate,
    grants,
    health,
    incident,
    papers,
    proof,
    proposals,
    quiet,
    retry,
    runasks,
    steering,
)
from watchdog.core.asks import Ask, command_of, fail, grant
from watchdog.core.decisions import (
    Charge,
    NothingDone,
    OriginJudged,
    OriginKind,
    Severity,
)
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName, PageId, RequestId, request_id
from watchdog.core.incident import Matter
from watchdog.core.origin import Judgement, judge
from watchdog.core.peer import Peer
from watchdog.core.proof import NotShown, Shown
from watchdog.core.refusal import ask_for_signature, refuse
from watchdog.core.rules import RuleId
from watchdog.core.state import Incident, IncidentPhase, State
from watchdog.core.timeline import duration_text
from watchdog.core.turn import Turn
from watchdog.core.values import replace
from watchdog.core.verbs import Verb

_ANYBODY = frozenset(OriginKind)
"""Proposing, guessing, asking whether one may: the agent included. Nothing follows until a person says so."""
_HUMAN = frozenset({OriginKind.HUMAN})
_HUMAN_OR_TRUSTED = frozenset({OriginKind.HUMAN, OriginKind.AUTOMATION})

_PERMITTED: Mapping[Verb, frozenset[OriginKind]] = {
    Verb.START: _HUMAN_OR_TRUSTED,
    Verb.STOP: _HUMAN_OR_TRUSTED,
    Verb.RESTART: _HUMAN_OR_TRUSTED,
    Verb.HOLD: _HUMAN_OR_TRUSTED,
    Verb.RELEASE: _HUMAN,
    Verb.RESET_BUDGET: _HUMAN,
    Verb.ASK_RESTART: _HUMAN,
    Verb.ACKNOWLEDGE: frozenset({OriginKind.HUMAN, OriginKind.CONTACT}),
    Verb.UNACKNOWLEDGE: _HUMAN,
    Verb.CLOSE_INCIDENT: _HUMAN,
    Verb.TEST_PAGE: _HUMAN,
    Verb.MAINTENANCE: _HUMAN,
    Verb.MAINTENANCE_END: _HUMAN,
    Verb.SILENCE: _HUMAN,
    Verb.SILENCE_END: _HUMAN,
    Verb.RETRY_PAGE: _HUMAN,
    Verb.GRANT: _HUMAN,
    Verb.PERMIT: _HUMAN,
    Verb.PERMIT_END: _HUMAN,
    Verb.HYPOTHESISE: _ANYBODY,
    Verb.JUDGE_HYPOTHESIS: _HUMAN,
    Verb.EDIT_POSTMORTEM: _HUMAN,
    Verb.SIGN_CAUSE: _HUMAN,
    Verb.PROPOSE_POLICY: _ANYBODY,
    Verb.COMMIT_POLICY: _HUMAN,
    Verb.REVERT_POLICY: _HUMAN,
    Verb.RUN_RUNBOOK: _HUMAN,
    Verb.APPROVE_STEP: _HUMAN,
    Verb.ABORT_RUN: _HUMAN,
    Verb.CLOSE_BREAKER: _HUMAN,
    Verb.CHECK_ACTION: _ANYBODY,
    Verb.APPROVE_ACTION: _HUMAN,
    Verb.REPORT_DRILL: _HUMAN,
}

_ABOUT_INCIDENTS = frozenset({Verb.ACKNOWLEDGE, Verb.UNACKNOWLEDGE, Verb.CLOSE_INCIDENT})
_ABOUT_GATEWAYS = frozenset(
    {
        Verb.START,
        Verb.STOP,
        Verb.RESTART,
        Verb.HOLD,
        Verb.RELEASE,
        Verb.RESET_BUDGET,
        Verb.ASK_RESTART,
        Verb.MAINTENANCE,
        Verb.MAINTENANCE_END,
        Verb.SILENCE,
        Verb.SILENCE_END,
        Verb.PERMIT,
        Verb.PERMIT_END,
    }
)
_SIGNED_WHERE_ANYBODY_CAN = frozenset({Verb.SIGN_CAUSE, Verb.COMMIT_POLICY, Verb.REVERT_POLICY})
"""What holds for long, and is no emergency: a terminal alone is not enough where a human listed signers."""
_NEEDS_REASON = frozenset(
    {Verb.HOLD, Verb.RELEASE, Verb.RESET_BUDGET, Verb.ASK_RESTART, Verb.MAINTENANCE, Verb.SILENCE, Verb.PERMIT}
)


def on_requested(turn: Turn, event: ActionRequested) -> None:
    """Judge a request, answer it, do what was granted, and remember it."""
    event = gate.with_action(turn, event)
    judgement = judge_peer(turn.state, event.peer, event.gateway)
    found = proof.examine(turn, event, judgement)
    if isinstance(found, Shown):
        event, judgement = found.event, found.judgement
    ask = Ask(request=request_id(turn.stamp.seq), event=event, judgement=judgement)
    turn.decide(
        OriginJudged(
            gateway=event.gateway,
            rule=judgement.rule,
            because=judgement.because,
            request=ask.request,
            origin=judgement.origin,
        )
    )
    if isinstance(found, NotShown):
        refuse(turn, ask, found)
    else:
        _answer(turn, ask)
    grants.remember(turn, ask)


def _answer(turn: Turn, ask: Ask) -> None:
    event, judgement = ask.event, ask.judgement
    lets_anybody = OriginKind.UNKNOWN in _PERMITTED[event.verb]
    trusted = judgement.origin is not OriginKind.AUTOMATION or judgement.trusted or lets_anybody
    if judgement.origin not in _PERMITTED[event.verb] or not trusted:
        permit = grants.permit_for(turn, ask)
        if permit is None:
            refuse(turn, ask)
        else:
            _carry_out(turn, replace(ask, permit=permit))
            grants.use_up(turn, permit)
    elif event.verb in _ABOUT_GATEWAYS and not turn.knows(event.gateway):
        names = ", ".join(gateway.name for gateway in turn.state.gateways) or "none"
        fail(turn, ask, RuleId.REQUEST_UNKNOWN_GATEWAY, f"no gateway of that name; known: {names}", "gatedog status")
    elif event.verb in _NEEDS_REASON and not event.reason.strip():
        fail(turn, ask, RuleId.REQUEST_NEEDS_REASON, "a reason is kept with this", command_of(event.verb, event))
    elif _is_to_be_signed(turn, ask):
        ask_for_signature(turn, ask)
    else:
        _carry_out(turn, ask)


def _is_to_be_signed(turn: Turn, ask: Ask) -> bool:
    event = ask.event
    if event.verb in _SIGNED_WHERE_ANYBODY_CAN:
        return event.signable and ask.judgement.rule is not RuleId.ORIGIN_SIGNATURE
    if ask.is_proven or not turn.knows(event.gateway):
        return False
    return event.verb.value in turn.policy_of(event.gateway).signature_for


def judge_peer(state: State, peer: Peer, gateway: GatewayName) -> Judgement:
    """Judge who a peer is, as a request about `gateway` would be judged now."""
    # The eldest life of any gateway counts, not the present one of this gateway: what a former life or a neighbour's
    # agent left behind is older than the present life, and must not pass for the human's terminal.
    policies = () if state.policy is None else state.policy.gateways
    return judge(
        peer,
        life_began=state.eldest_life,
        life_has_cgroup=all(each.traceable for each in state.gateways),
        owns_units=any(policy.unit for policy in policies),
        dedicated_uids=tuple(each.uid for each in state.gateways if each.enforcing and each.uid is not None),
        trusted_units=next((policy.trusted_units for policy in policies if policy.name == gateway), ()),
    )


# -- carrying out --------------------------------------------------------------------------------------------------


def _carry_out(turn: Turn, ask: Ask) -> None:
    match ask.event.verb:
        case Verb.START | Verb.RESTART | Verb.STOP | Verb.HOLD | Verb.RELEASE | Verb.RESET_BUDGET | Verb.ASK_RESTART:
            steering.on_granted(turn, ask)
        case Verb.MAINTENANCE | Verb.MAINTENANCE_END | Verb.SILENCE | Verb.SILENCE_END:
            quiet.on_granted(turn, ask)
        case Verb.ACKNOWLEDGE | Verb.UNACKNOWLEDGE | Verb.CLOSE_INCIDENT:
            _about_incident(turn, ask)
        case Verb.TEST_PAGE:
            _test_page(turn, ask)
        case Verb.RETRY_PAGE:
            _retry_page(turn, ask)
        case Verb.GRANT:
            _grant_request(turn, ask)
        case Verb.PERMIT:
            _permit(turn, ask)
        case Verb.PERMIT_END:
            _end_permits(turn, ask)
        case Verb.HYPOTHESISE | Verb.JUDGE_HYPOTHESIS | Verb.EDIT_POSTMORTEM | Verb.SIGN_CAUSE:
            papers.on_granted(turn, ask)
        case Verb.PROPOSE_POLICY | Verb.COMMIT_POLICY | Verb.REVERT_POLICY:
            proposals.on_granted(turn, ask)
        case Verb.RUN_RUNBOOK | Verb.APPROVE_STEP | Verb.ABORT_RUN | Verb.CLOSE_BREAKER:
            runasks.on_granted(turn, ask)
        case Verb.CHECK_ACTION | Verb.APPROVE_ACTION:
            gate.on_granted(turn, ask)
        case Verb.REPORT_DRILL:
            drills.on_granted(turn, ask)


def _test_page(turn: Turn, ask: Ask) -> None:
    severity = next((each for each in Severity if each.value == ask.event.severity), Severity.INFO)
    channel = ask.event.subject
    escalation.test_page(turn, severity=severity, who=ask.who, channel=channel)
    to = f"channel {channel}" if channel else "every channel"
    grant(turn, ask, f"a test page is on its way to {to}", "gatedog page list")


def _grant_request(turn: Turn, ask: Ask) -> None:
    asked = grants.grantable(turn, RequestId(ask.event.subject))
    if isinstance(asked, str):
        fail(turn, ask, RuleId.REQUEST_NOT_GRANTABLE, asked, "gatedog requests list")
        return
    if not turn.knows(asked.gateway):
        fail(turn, ask, RuleId.REQUEST_NOT_GRANTABLE, f"there is no gateway {asked.gateway}", "gatedog status")
        return
    grants.mark_granted(turn, asked, ask.request)
    verb = Verb.RESTART if asked.verb is Verb.ASK_RESTART else asked.verb
    # What the agent gets by asking counts as its own doing, whoever agreed to it.
    charge = Charge.SELF_RESTART if asked.origin is OriginKind.SUPERVISED else Charge.HUMAN
    because = f"{ask.who} grants {asked.request}: {verb.value} {asked.gateway}"
    turn.decide(NothingDone(gateway=asked.gateway, rule=RuleId.REQUEST_GRANTED_LATER, because=because))
    event = replace(ask.event, verb=verb, gateway=asked.gateway)
    _carry_out(turn, replace(ask, event=event, charge=charge))


def _permit(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway
    permit = grants.give_permit(turn, ask)
    lasting = duration_text(permit.until_usec - turn.now_usec)
    because = f"uid {permit.uid} may start or restart {name} {permit.starts_left} times within {lasting}"
    turn.decide(NothingDone(gateway=name, rule=RuleId.PERMIT_GIVEN, because=f"{because}: {permit.because}"))
    grant(turn, ask, because, f"gatedog permit {name} --end")


def _end_permits(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway
    if not grants.end_permits(turn, name):
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, f"nothing is permitted on {name}", "gatedog requests list")
        return
    turn.decide(NothingDone(gateway=name, rule=RuleId.PERMIT_ENDED, because=f"ended by {ask.who}"))
    grant(turn, ask, f"nobody is permitted anything on {name} any more", f"gatedog status {name}")


def _about_incident(turn: Turn, ask: Ask) -> None:
    wanted = ask.event.incident
    story = incident.find(turn, wanted) if wanted is not None else None
    if story is None or story.phase is IncidentPhase.RESOLVED:
        because = f"no open incident {wanted or ''}".strip()
        fail(turn, ask, RuleId.REQUEST_UNKNOWN_INCIDENT, because, "gatedog incident list")
        return
    match ask.event.verb:
        case Verb.ACKNOWLEDGE:
            for_usec = ask.event.for_usec or turn.escalation.acknowledge_for_usec
            incident.acknowledge(turn, story, who=ask.who, for_usec=for_usec)
            grant(turn, ask, f"{story.incident} is yours", f"gatedog incident show {story.incident}")
        case Verb.UNACKNOWLEDGE:
            _unacknowledge(turn, ask, story)
        case _:
            _close(turn, ask, story)


def _retry_page(turn: Turn, ask: Ask) -> None:
    retried = retry.give_again(turn, PageId(ask.event.subject), who=ask.who)
    if retried.channels:
        grant(turn, ask, f"tried again on {', '.join(retried.channels)}", "gatedog page list")
    else:
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, retried.why_not, "gatedog page list")


def _unacknowledge(turn: Turn, ask: Ask, story: Incident) -> None:
    if story.phase is not IncidentPhase.ACKNOWLEDGED:
        because = f"{story.incident} is not acknowledged"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, f"gatedog ack {story.incident}")
        return
    incident.end_acknowledgement(turn, story, because=f"taken back by {ask.who}")
    escalation.rearm(turn, story.incident)
    grant(turn, ask, f"{story.incident} is nobody's again", f"gatedog incident show {story.incident}")


def _close(turn: Turn, ask: Ask, story: Incident) -> None:
    incident.resolve(turn, story, rule=RuleId.INCIDENT_CLOSED, because=f"closed by {ask.who}: {ask.event.reason}")
    if turn.knows(story.gateway):
        # A human has looked: what happened before belongs to this story, and the next ending begins a new one.
        turn.put(replace(turn.gateway(story.gateway), chain=()))
        if story.fingerprint.endswith(Matter.DEGRADATION.value):
            health.start_over(turn, story.gateway)
    grant(turn, ask, f"{story.incident} is closed", "gatedog status")
