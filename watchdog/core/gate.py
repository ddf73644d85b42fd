"""Whether an agent may do what it is about to do: allow, refuse, or ask a human.

Theory of operation. An agent's runtime describes an action before it acts (`gate-check`), the rules of the policy say
what it is (core/classify.py), and that is the answer: who only looks, or does what can be undone, goes ahead; who would
end or restart the gateway, or touch gatedog's own files, is refused; anything else waits for a person, the unknown
included. A person approves one action once (`gate-approve`), as it was described, word for word: the next check of the
same gateway and account with the same words is let through, and no other. Not to be asked again costs nothing.

The gate is advisory, because the runtime need not ask. What is done all the same is seen and charged by the rest.

Invariant: a check changes nothing but the memory of what waits. Whose rules hold is decided by where the asker runs,
never by which gateway it names; a refusal that is about the gateway's own lifecycle casts the shadow of a refused ask.
"""

from typing import Literal, assert_never

from watchdog.core import incident
from watchdog.core.action import (
    ASKED_FOR_USEC,
    WAITING_MAX,
    WAITING_PER_UID_MAX,
    ActionJudged,
    Own,
    WaitingAction,
)
from watchdog.core.asks import Ask, command_of, fail, grant, needs_signature
from watchdog.core.classify import Rulebook, judge_action
from watchdog.core.decisions import AnswerRequest, NothingDone, OriginKind, Outcome, Severity
from watchdog.core.effect import Effect
from watchdog.core.enclosure import ActionOffered
from watchdog.core.events import TEXT_MAX, ActionRequested
from watchdog.core.identity import NOBODY, GatewayName, RequestId
from watchdog.core.incident import Finding, Matter
from watchdog.core.policy import GatewayPolicy
from watchdog.core.refusal import REFUSALS_QUIET_USEC, ask_for_signature
from watchdog.core.rules import RuleId
from watchdog.core.state import Refusal, State
from watchdog.core.timeline import Usec, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.trail import trail_of
from watchdog.core.turn import Turn
from watchdog.core.values import replace
from watchdog.core.verbs import Verb
from watchdog.core.wrappers import programs_of, tree_of

PIDS_TOLD = 8
"""Of the processes that are named and belong to a life. They are no reason to refuse: agents end what they started."""
GateVerb = Literal[Verb.CHECK_ACTION, Verb.APPROVE_ACTION]


def on_granted(turn: Turn, ask: Ask, verb: GateVerb) -> None:
    """Answer a check, or take a person's approval."""
    now = turn.now_usec
    waiting = tuple(each for each in turn.state.waiting_actions if each.until_usec > now)
    turn.state = replace(turn.state, waiting_actions=waiting)
    match verb:
        case Verb.APPROVE_ACTION:
            _approve(turn, ask)
        case Verb.CHECK_ACTION:
            _check(turn, ask)
        case _ as unreachable:
            assert_never(unreachable)


def answer_at_once(state: State, event: ActionRequested) -> AnswerRequest | None:
    """Answer a check of what only looks; None when it has to go on record.

    Such an answer is read off the rules in force, as a status is read off the state: nothing is remembered of it and
    nothing rests on it, so it waits for no disk. An agent looks at things all day.
    """
    offered = event.enclosed
    if event.verb is not Verb.CHECK_ACTION or not isinstance(offered, ActionOffered) or state.policy is None:
        return None
    home = _home_of(state, event)
    judged = judge_action(offered, _rulebook(state, home))
    only_looks = judged.effect is Effect.OBSERVE and not judged.refused
    return _answer(_at_home(event, home), judged, RequestId("")) if only_looks else None


def with_action(turn: Turn, event: ActionRequested) -> ActionRequested:
    """Let an approval hold what is approved, so that whoever signs it signs the action and not its number."""
    if event.verb is not Verb.APPROVE_ACTION:
        return event
    waiting = _find(turn, event.subject)
    return replace(event, enclosed=None if waiting is None else waiting.offered)


# -- checks --------------------------------------------------------------------------------------------------------


def _check(turn: Turn, ask: Ask) -> None:
    offered = ask.event.enclosed
    if not isinstance(offered, ActionOffered):
        because = "no action was described that could be judged"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, command_of(Verb.CHECK_ACTION, ask.event))
        return
    home = _home_of(turn.state, ask.event)
    event = _at_home(ask.event, home)
    judged = judge_action(offered, _rulebook(turn.state, home))
    answer = _answer(event, judged, ask.request)
    if answer.outcome is Outcome.REFUSED and not judged.refused:
        waiting = _waiting_for(turn, ask, home, offered, judged)
        if waiting.approved_by is not None:
            _let_through(turn, ask, home, waiting)
            return
        answer = replace(answer, next_commands=(f"gatedog gate approve {waiting.name}  # by a human",))
        if waiting.request != ask.request:  # asked before: it waits already, and people have heard
            turn.decide(replace(answer, because=f"{answer.because}; {waiting.name} waits already"))
            return
    turn.decide(answer)
    if answer.outcome is Outcome.REFUSED:
        if judged.refused and turn.knows(home):
            _cast_shadow(turn, ask, home)
        _tell(turn, ask, home, answer, offered)


def _answer(event: ActionRequested, judged: ActionJudged, request: RequestId) -> AnswerRequest:
    outcome, rule, because = Outcome.REFUSED, RuleId.GATE_UNKNOWN, "no rule knows what this does; a human is asked"
    commands: tuple[str, ...] = ("gatedog status",)
    if judged.refused:
        rule, because = RuleId.GATE_REFUSED, f"rule {judged.rule} refuses this to everybody who asks here"
        commands = (command_of(Verb.ASK_RESTART, event), "gatedog status")
    elif judged.effect is Effect.DESTABILISING:
        rule, because = RuleId.GATE_DESTABILISING, f"rule {judged.rule} calls this destabilising; a human is asked"
    elif judged.effect is Effect.OBSERVE:
        outcome, rule, because = Outcome.GRANTED, RuleId.GATE_OBSERVE, "this only looks"
    elif judged.effect is Effect.REVERSIBLE:
        outcome, rule, because = Outcome.GRANTED, RuleId.GATE_REVERSIBLE, "this can be undone"
    if event.own_pids and outcome is Outcome.REFUSED:
        because += f" (processes of the gateway's life in it: {', '.join(map(str, event.own_pids[:PIDS_TOLD]))})"
    return AnswerRequest(
        gateway=event.gateway, rule=rule, because=because, request=request, outcome=outcome, next_commands=commands
    )


def _let_through(turn: Turn, ask: Ask, home: GatewayName, waiting: WaitingAction) -> None:
    turn.state = replace(
        turn.state, waiting_actions=tuple(each for each in turn.state.waiting_actions if each is not waiting)
    )
    turn.decide(
        AnswerRequest(
            gateway=home,
            rule=RuleId.GATE_APPROVED,
            because=f"{waiting.name} was approved by {waiting.approver}, once: now",
            request=ask.request,
            outcome=Outcome.GRANTED,
            next_commands=("gatedog status",),
        )
    )


def _waiting_for(
    turn: Turn, ask: Ask, home: GatewayName, offered: ActionOffered, judged: ActionJudged
) -> WaitingAction:
    """Return what waits for this very action; put it there when nothing does."""
    uid = ask.event.peer.uid
    for each in turn.state.waiting_actions:
        if (each.gateway, each.uid, each.offered) == (home, uid, offered):
            return each
    new = WaitingAction(
        name=f"ACT-{turn.stamp.seq}",
        gateway=home,
        uid=uid,
        offered=offered,
        request=ask.request,
        effect=judged.effect,
        until_usec=Usec(turn.now_usec + ASKED_FOR_USEC),
        until_wall_usec=Usec(turn.stamp.wall_usec + ASKED_FOR_USEC),
    )
    known = turn.state.waiting_actions
    gone = _pushed_out(known, uid)
    turn.state = replace(turn.state, waiting_actions=(*(each for each in known if each is not gone), new))
    return new


def _pushed_out(known: tuple[WaitingAction, ...], uid: int) -> WaitingAction | None:
    """Say what goes when an account asks for one more: its own, or of the account that has most; None: there is room.

    The oldest goes first, and what a person approved last.
    """
    uids = [each.uid for each in known]
    if uids.count(uid) >= WAITING_PER_UID_MAX:
        known = tuple(each for each in known if each.uid == uid)
    elif len(known) < WAITING_MAX:
        return None
    return min(known, key=lambda each: (each.approved_by is not None, -uids.count(each.uid)))


# -- approvals -----------------------------------------------------------------------------------------------------


def _approve(turn: Turn, ask: Ask) -> None:
    waiting = _find(turn, ask.event.subject)
    if waiting is None or waiting.offered != ask.event.enclosed or waiting.approved_by is not None:
        because = f"no action {ask.event.subject or '(none named)'} waits for a person now"
        fail(turn, ask, RuleId.GATE_NOT_APPROVABLE, because, "gatedog gate report")
        return
    if needs_signature(turn, ask, waiting.gateway):
        ask_for_signature(turn, ask)
        return
    until, until_wall = turn.now_usec + ASKED_FOR_USEC, turn.stamp.wall_usec + ASKED_FOR_USEC
    approved = replace(
        waiting,
        approved_by=ask.request,
        approver=ask.who,
        until_usec=Usec(until),
        until_wall_usec=Usec(until_wall),
    )
    others = tuple(approved if each is waiting else each for each in turn.state.waiting_actions)
    turn.state = replace(turn.state, waiting_actions=others)
    because = f"{ask.who} approves {waiting.name}, once, within {duration_text(ASKED_FOR_USEC)}"
    turn.decide(NothingDone(gateway=waiting.gateway, rule=RuleId.GATE_APPROVAL_GIVEN, because=because))
    grant(turn, ask, f"{waiting.name} may be done once, if it is asked for in the same words", "gatedog gate report")


def _find(turn: Turn, name: str) -> WaitingAction | None:
    found = (each for each in turn.state.waiting_actions if each.name == name and each.until_usec > turn.now_usec)
    return next(found, None)


# -- telling -------------------------------------------------------------------------------------------------------


def _cast_shadow(turn: Turn, ask: Ask, home: GatewayName) -> None:
    """Remember a refusal, so that an ending which follows it is charged to the gateway itself."""
    gateway = turn.gateway(home)
    refusal = Refusal(
        at_usec=turn.now_usec,
        wall_usec=turn.stamp.wall_usec,
        request=ask.request,
        origin=ask.judgement.origin,
        rule=ask.judgement.rule,
        verb=ask.event.verb,
        who=ask.who,
    )
    turn.put(replace(gateway, refused=refusal, refused_count=gateway.refused_count + 1))


def _tell(turn: Turn, ask: Ask, home: GatewayName, answer: AnswerRequest, offered: ActionOffered) -> None:
    """Tell people; a person at a terminal who tries the gate out has been told already."""
    if ask.judgement.origin is OriginKind.HUMAN:
        return
    refused = answer.rule is RuleId.GATE_REFUSED
    words = " ".join((f"{offered.action}:", *(offered.argv or offered.paths)))[:TEXT_MAX]
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    incident.report(
        turn,
        Finding(
            gateway=home,
            matter=Matter.GATE,
            severity=Severity.INFO if answer.rule is RuleId.GATE_UNKNOWN else Severity.WARNING,
            rule=answer.rule,
            title="refused: its agent is about to harm it" if refused else "its agent asks whether it may",
            because=f"{answer.because}; who: {trail_of(ask.event.peer)}",
            did="answered no, to who may act all the same" if refused else "let it wait for a person",
            next_command="gatedog gate report" if refused else answer.next_commands[0].partition("  #")[0],
            agent_says=words,
        ),
    )
    story = incident.open_matter(turn, home, Matter.GATE)
    if story is not None:
        timer = TimerId(kind=TimerKind.QUIET, subject=story.incident)
        because = "until no more actions are asked for"
        turn.set_timer(timer, REFUSALS_QUIET_USEC, gateway=home, rule=RuleId.INCIDENT_QUIET, because=because)


# -- whose rules ---------------------------------------------------------------------------------------------------


def _policies(state: State) -> tuple[GatewayPolicy, ...]:
    return () if state.policy is None else state.policy.gateways


def _home_of(state: State, event: ActionRequested) -> GatewayName:
    """Return the gateway that the asker belongs to; NOBODY when it may be any."""
    names = [policy.name for policy in _policies(state)]
    inside = tuple(dict.fromkeys(sorted(name for name, _ in event.peer.in_life if name in names)))
    if len(inside) == 1:
        return GatewayName(inside[0])
    if event.gateway in (inside or names):
        return event.gateway
    return names[0] if len(names) == 1 else NOBODY


def _at_home(event: ActionRequested, home: GatewayName) -> ActionRequested:
    """Let an answer name the gateway that the asker belongs to, whichever it named."""
    return event if home == NOBODY else replace(event, gateway=home)


def _rulebook(state: State, home: GatewayName) -> Rulebook:
    """Return the rules for one gateway; for nobody's asker the suspicious ones of all."""
    policies = _policies(state)
    human = tuple(
        rule
        for policy in policies
        for rule in policy.gate
        if policy.name == home or (home == NOBODY and rule.effect is Effect.DESTABILISING and not rule.lenient)
    )
    shipped = () if state.policy is None else state.policy.gate
    return Rulebook(shipped=shipped, human=human, own=_own(state, policies))


def _own(state: State, policies: tuple[GatewayPolicy, ...]) -> Own:
    """Say by what the gateways are known. An agent has no business in its neighbour's lifecycle either."""
    pids = [str(each.life.process.pid) for each in state.gateways if each.life is not None]
    words = [*pids, *(f"-{pid}" for pid in pids)]
    files: list[str] = []
    trees: list[str] = []
    for policy in policies:
        words += [policy.name, policy.unit, policy.unit.removesuffix(".service")]
        files += [policy.unit, f"{policy.unit}.d"] if policy.unit else []
        command = policy.command
        programs = () if command is None else programs_of(command.argv, command.directory)
        words += [program.rpartition("/")[2] for program in programs]
        trees += [tree_of(program) for program in programs]
    return Own(
        words=tuple(word for word in words if word),
        unit_files=tuple(files),
        trees=tuple(trees),
    )
