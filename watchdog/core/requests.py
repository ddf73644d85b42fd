"""Who may ask for what: one door for every request.

Theory of operation. A request is judged twice. First who asks (core/origin.py, on the evidence captured at accept);
then whether that origin may use the verb at all. The agent has one lifecycle verb, `ask restart`, and it is refused
by default: it exists so that the agent is heard and a human is told, not so that it is obeyed. A unit that a human
listed as trusted may start, stop and restart, on its own small budget. Everything else is for humans.

A request that is refused for who asked it goes through core/refusal.py; proof that a person asked (core/proof.py) and
what a person lets others do (core/grants.py) come before that.

Invariant: deny by default. A verb is granted only to who is in its row (core/verbtable.py).
"""

from typing import Literal, assert_never

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
from watchdog.core.asks import Ask, command_of, fail, grant, needs_signature
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
from watchdog.core.verbtable import VERBS, About, Mark

_IncidentVerb = Literal[Verb.ACKNOWLEDGE, Verb.UNACKNOWLEDGE, Verb.CLOSE_INCIDENT]


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
    row = VERBS[event.verb]
    trusted = judgement.origin is not OriginKind.AUTOMATION or judgement.trusted or OriginKind.UNKNOWN in row.who
    if judgement.origin not in row.who or not trusted:
        permit = grants.permit_for(turn, ask)
        if permit is None:
            refuse(turn, ask)
        else:
            _carry_out(turn, replace(ask, permit=permit))
            grants.use_up(turn, permit)
    elif row.about is About.NAMED and not turn.knows(event.gateway):
        names = ", ".join(gateway.name for gateway in turn.state.gateways) or "none"
        fail(turn, ask, RuleId.REQUEST_UNKNOWN_GATEWAY, f"no gateway of that name; known: {names}", "gatedog status")
    elif Mark.NEEDS_REASON in row.marks and not event.reason.strip():
        fail(turn, ask, RuleId.REQUEST_NEEDS_REASON, "a reason is kept with this", command_of(event.verb, event))
    elif row.about is not About.FOUND and needs_signature(turn, ask, event.gateway):
        ask_for_signature(turn, ask)
    else:
        _carry_out(turn, ask)


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
        case (Verb.START | Verb.RESTART | Verb.STOP | Verb.HOLD | Verb.RELEASE | Verb.RESET_BUDGET
              | Verb.ASK_RESTART) as verb:  # fmt: skip
            steering.on_granted(turn, ask, verb)
        case (Verb.MAINTENANCE | Verb.MAINTENANCE_END | Verb.SILENCE | Verb.SILENCE_END) as verb:
            quiet.on_granted(turn, ask, verb)
        case (Verb.ACKNOWLEDGE | Verb.UNACKNOWLEDGE | Verb.CLOSE_INCIDENT) as verb:
            _about_incident(turn, ask, verb)
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
        case (Verb.HYPOTHESISE | Verb.JUDGE_HYPOTHESIS | Verb.EDIT_POSTMORTEM | Verb.SIGN_CAUSE) as verb:
            papers.on_granted(turn, ask, verb)
        case (Verb.PROPOSE_POLICY | Verb.COMMIT_POLICY | Verb.REVERT_POLICY) as verb:
            proposals.on_granted(turn, ask, verb)
        case (Verb.RUN_RUNBOOK | Verb.APPROVE_STEP | Verb.ABORT_RUN | Verb.CLOSE_BREAKER) as verb:
            runasks.on_granted(turn, ask, verb)
        case (Verb.CHECK_ACTION | Verb.APPROVE_ACTION) as verb:
            gate.on_granted(turn, ask, verb)
        case Verb.REPORT_DRILL:
            drills.on_granted(turn, ask)
        case _ as unreachable:
            assert_never(unreachable)


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
    verb = Verb.RESTART if asked.verb is Verb.ASK_RESTART else asked.verb
    # What the agent gets by asking counts as its own doing, whoever agreed to it.
    charge = Charge.SELF_RESTART if asked.origin is OriginKind.SUPERVISED else Charge.HUMAN
    granted = replace(ask, event=replace(ask.event, verb=verb, gateway=asked.gateway), charge=charge)
    if needs_signature(turn, granted, asked.gateway):
        # Else who types into a person's terminal asks from elsewhere first, and grants it to themselves here.
        ask_for_signature(turn, ask, verb)
        return
    grants.mark_granted(turn, asked, ask.request)
    because = f"{ask.who} grants {asked.request}: {verb.value} {asked.gateway}"
    turn.decide(NothingDone(gateway=asked.gateway, rule=RuleId.REQUEST_GRANTED_LATER, because=because))
    _carry_out(turn, granted)


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


def _about_incident(turn: Turn, ask: Ask, verb: _IncidentVerb) -> None:
    wanted = ask.event.incident
    story = incident.find(turn, wanted) if wanted is not None else None
    if story is None or story.phase is IncidentPhase.RESOLVED:
        because = f"no open incident {wanted or ''}".strip()
        fail(turn, ask, RuleId.REQUEST_UNKNOWN_INCIDENT, because, "gatedog incident list")
        return
    match verb:
        case Verb.ACKNOWLEDGE:
            for_usec = ask.event.for_usec or turn.escalation.acknowledge_for_usec
            incident.acknowledge(turn, story, who=ask.who, for_usec=for_usec)
            grant(turn, ask, f"{story.incident} is yours", f"gatedog incident show {story.incident}")
        case Verb.UNACKNOWLEDGE:
            _unacknowledge(turn, ask, story)
        case Verb.CLOSE_INCIDENT:
            _close(turn, ask, story)
        case _ as unreachable:
            assert_never(unreachable)


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
