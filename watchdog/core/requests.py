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
from dataclasses import replace

from watchdog.core import budget, escalation, grants, health, incident, proof, quiet, restart, retry, safemode
from watchdog.core.asks import Ask, command_of, fail, grant
from watchdog.core.decisions import (
    BudgetReset,
    Charge,
    HoldReleased,
    NothingDone,
    OriginJudged,
    OriginKind,
    Severity,
)
from watchdog.core.events import ActionRequested
from watchdog.core.hold import HoldMove
from watchdog.core.identity import GatewayName, PageId, RequestId, request_id
from watchdog.core.incident import Matter
from watchdog.core.machines import move_hold, move_phase
from watchdog.core.orders import order_start, order_stop
from watchdog.core.origin import Judgement, judge
from watchdog.core.peer import Peer
from watchdog.core.phase import PhaseMove
from watchdog.core.proof import NotShown, Shown
from watchdog.core.refusal import ask_for_signature, refuse
from watchdog.core.rules import RuleId
from watchdog.core.state import Hold, Incident, IncidentPhase, Phase, State
from watchdog.core.timeline import duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.verbs import Verb

_PROVEN = frozenset({RuleId.ORIGIN_SIGNATURE, RuleId.ORIGIN_CODE})
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
}

_ABOUT_INCIDENTS = frozenset({Verb.ACKNOWLEDGE, Verb.UNACKNOWLEDGE, Verb.CLOSE_INCIDENT})
_ABOUT_PAGES = frozenset({Verb.TEST_PAGE, Verb.RETRY_PAGE})
_NEEDS_REASON = frozenset(
    {Verb.HOLD, Verb.RELEASE, Verb.RESET_BUDGET, Verb.ASK_RESTART, Verb.MAINTENANCE, Verb.SILENCE, Verb.PERMIT}
)


def on_requested(turn: Turn, event: ActionRequested) -> None:
    """Judge a request, answer it, do what was granted, and remember it."""
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
    trusted = judgement.origin is not OriginKind.AUTOMATION or judgement.trusted
    if judgement.origin not in _PERMITTED[event.verb] or not trusted:
        permit = grants.permit_for(turn, ask)
        if permit is None:
            refuse(turn, ask)
        else:
            _carry_out(turn, replace(ask, permit=permit))
            grants.use_up(turn, permit)
    elif _is_about_a_gateway(event.verb) and not turn.knows(event.gateway):
        names = ", ".join(gateway.name for gateway in turn.state.gateways) or "none"
        fail(turn, ask, RuleId.REQUEST_UNKNOWN_GATEWAY, f"no gateway of that name; known: {names}", "gatedog status")
    elif event.verb in _NEEDS_REASON and not event.reason.strip():
        fail(turn, ask, RuleId.REQUEST_NEEDS_REASON, "a reason is kept with this", command_of(event.verb, event))
    elif judgement.rule not in _PROVEN and event.verb.value in _to_be_signed(turn, event):
        ask_for_signature(turn, ask)
    else:
        _carry_out(turn, ask)


def _is_about_a_gateway(verb: Verb) -> bool:
    return verb not in _ABOUT_INCIDENTS and verb not in _ABOUT_PAGES and verb is not Verb.GRANT


def _to_be_signed(turn: Turn, event: ActionRequested) -> tuple[str, ...]:
    return turn.policy_of(event.gateway).signature_for if turn.knows(event.gateway) else ()


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
    name = ask.event.gateway
    match ask.event.verb:
        case Verb.START | Verb.RESTART:
            _start_or_restart(turn, ask)
        case Verb.STOP:
            _stop(turn, ask)
        case Verb.HOLD:
            restart.place_hold(turn, name, RuleId.HOLD_BY_HUMAN, f"{ask.who}: {ask.event.reason}")
            restart.settle_held(turn, name)
            grant(turn, ask, "held: no automatic start until a human releases it", f'gatedog release {name} -m "why"')
        case Verb.RELEASE:
            _release(turn, ask)
        case Verb.RESET_BUDGET:
            turn.put(replace(turn.gateway(name), ledger=()))
            because = f"{ask.who}: {ask.event.reason}"
            turn.decide(BudgetReset(gateway=name, rule=RuleId.BUDGET_RESET, because=because))
            grant(turn, ask, "the restart ledger is empty; a hold is not lifted by this", "gatedog status")
        case Verb.ASK_RESTART:
            because = "you are a human: you need not ask"
            fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, f"gatedog restart {name}")
        case Verb.MAINTENANCE | Verb.MAINTENANCE_END | Verb.SILENCE | Verb.SILENCE_END:
            quiet.on_granted(turn, ask)
        case Verb.ACKNOWLEDGE | Verb.UNACKNOWLEDGE | Verb.CLOSE_INCIDENT:
            _about_incident(turn, ask)
        case Verb.TEST_PAGE:
            severity = next((each for each in Severity if each.value == ask.event.severity), Severity.INFO)
            channel = ask.event.subject
            escalation.test_page(turn, severity=severity, who=ask.who, channel=channel)
            to = f"channel {channel}" if channel else "every channel"
            grant(turn, ask, f"a test page is on its way to {to}", "gatedog page list")
        case Verb.RETRY_PAGE:
            _retry_page(turn, ask)
        case Verb.GRANT:
            _grant_request(turn, ask)
        case Verb.PERMIT:
            _permit(turn, ask)
        case Verb.PERMIT_END:
            _end_permits(turn, ask)


def _start_or_restart(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway
    gateway = turn.gateway(name)
    restarting = ask.event.verb is Verb.RESTART
    if gateway.hold is Hold.HELD:
        because = f"{name} is held: {gateway.hold_because}"
        fail(turn, ask, RuleId.REQUEST_HELD, because, f'gatedog release {name} -m "why"')
        return
    charge = _charge_of(turn, ask)
    if charge is None:
        because = "the budget of trusted units is spent"
        fail(turn, ask, RuleId.TRUSTED_SPENT, because, f"a human can: gatedog restart {name}")
    elif gateway.phase is Phase.STOPPING or (gateway.phase is Phase.STARTING and gateway.life is None):
        fail(turn, ask, RuleId.REQUEST_ALREADY, f"{name} is {gateway.phase.value} already", "gatedog status")
    elif gateway.life is None:
        turn.put(replace(gateway, wanted_up=True, failures=0))
        order_start(turn, name, charge, RuleId.REQUEST_GRANTED, f"{ask.request} by {ask.who}")
        grant(turn, ask, f"{name} is being started", f"gatedog status {name}")
    elif restarting:
        turn.put(replace(gateway, wanted_up=True, restart_request=ask.request, start_charge=charge))
        order_stop(turn, name, ask.request, f"{ask.request} by {ask.who}: restart")
        grant(turn, ask, f"{name} is being restarted", f"gatedog status {name}")
    else:
        turn.put(replace(gateway, wanted_up=True))
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, f"{name} runs already", f"gatedog restart {name}")


def _charge_of(turn: Turn, ask: Ask) -> Charge | None:
    if ask.charge is not None:
        return ask.charge
    if ask.judgement.origin is not OriginKind.AUTOMATION and ask.permit is None:
        return Charge.HUMAN
    gateway = turn.gateway(ask.event.gateway)
    windows = turn.policy_of(ask.event.gateway).budget.trusted
    spent = budget.spent(gateway.ledger, windows, budget.TRUSTED_ACCOUNTS, turn.now_usec)
    return None if spent is not None else Charge.TRUSTED


def _stop(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway
    gateway = turn.gateway(name)
    if gateway.phase is Phase.STOPPING or (gateway.phase is Phase.STARTING and gateway.life is None):
        fail(turn, ask, RuleId.REQUEST_ALREADY, f"{name} is {gateway.phase.value} already", "gatedog status")
        return
    turn.put(replace(gateway, wanted_up=False, restart_request=None))
    gateway = turn.gateway(name)
    if gateway.life is not None:
        order_stop(turn, name, ask.request, f"{ask.request} by {ask.who}: stop")
    elif gateway.phase in (Phase.BACKOFF, Phase.SLOW):
        turn.put(move_phase(turn, gateway, PhaseMove.ORDER_STOP))
    for kind in (TimerKind.START_DUE, TimerKind.UNOWNED):
        timer = TimerId(kind=kind, subject=name)
        turn.cancel_timer(timer, gateway=name, rule=RuleId.STOPPED_ON_REQUEST, because="stopped on request")
    for matter in (Matter.DOWN, Matter.START):
        incident.resolve_matter(turn, name, matter, rule=RuleId.STOPPED_ON_REQUEST, because=f"{ask.who} stopped it")
    grant(turn, ask, f"{name} stops, and stays down until a human starts it", f"gatedog start {name}")


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


def _release(turn: Turn, ask: Ask) -> None:
    name = ask.event.gateway
    gateway = turn.gateway(name)
    if gateway.hold is not Hold.HELD:
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, f"{name} is not held", f"gatedog status {name}")
        return
    gateway = replace(move_hold(turn, gateway, HoldMove.RELEASE), hold_rule=None, hold_because="", failures=0)
    if gateway.phase is Phase.HELD:
        gateway = move_phase(turn, gateway, PhaseMove.RELEASE)
    turn.put(replace(gateway, wanted_up=True))
    because = f"{ask.who}: {ask.event.reason}"
    turn.decide(HoldReleased(gateway=name, rule=RuleId.HOLD_RELEASED, because=because))
    safemode.end(turn, rule=RuleId.HOLD_RELEASED, because=f"{ask.who} released {name}")
    if gateway.phase is Phase.STOPPED:
        order_start(turn, name, Charge.RELEASE, RuleId.HOLD_RELEASED, f"one start, released by {ask.who}")
    elif gateway.life is not None:
        stable = TimerId(kind=TimerKind.STABLE, subject=name)
        delay = turn.policy_of(name).backoff.stable_after_usec
        turn.set_timer(stable, delay, gateway=name, rule=RuleId.HOLD_RELEASED, because="until probation is passed")
    if gateway.phase is Phase.STOPPING:
        # It was on its way down when it was released: the one start follows its ending.
        turn.put(replace(turn.gateway(name), restart_request=ask.request, start_charge=Charge.RELEASE))
    grant(turn, ask, f"{name} is released: one start, then probation", f"gatedog status {name}")


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
