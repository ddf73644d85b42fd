"""What a person lets others do: grant one refused request, or permit an account a few starts for a while.

Theory of operation. A refused request is not lost: a person may grant it, once, while it is fresh, and then it is
carried out as if they had asked it themselves; one of the agent's is charged to self_restart all the same. A permit is
for tools that deploy at night without a terminal: one account, one gateway, some starts, some time. It lets through who
is not known to be a person, but only where the account is all that was missing: a peer that is dead, that handed its
socket over, or that stands inside a gateway is refused with a permit as without one.

Invariant: neither makes anybody human; what was judged stays on record, and the answer names the person's request.
"""

from watchdog.core.asks import Ask
from watchdog.core.decisions import AnswerRequest, OriginKind, Outcome
from watchdog.core.identity import GatewayName, RequestId
from watchdog.core.permission import REQUESTS_MAX, AskedRequest, Permit
from watchdog.core.rules import RuleId
from watchdog.core.timeline import HOUR, MINUTE, Usec
from watchdog.core.trail import trail_of
from watchdog.core.turn import Turn
from watchdog.core.values import replace
from watchdog.core.verbs import Verb
from watchdog.core.verbtable import Mark, is_marked

GRANT_WITHIN_USEC = 30 * MINUTE
"""How long a refused request may be granted."""

PERMIT_MAX_USEC = 12 * HOUR
PERMIT_DEFAULT_USEC = 30 * MINUTE
PERMIT_STARTS_MAX = 20
PERMITS_MAX = 8

_ONLY_THE_ACCOUNT_IS_KNOWN = frozenset(
    {RuleId.ORIGIN_NO_TTY, RuleId.ORIGIN_YOUNG, RuleId.ORIGIN_NO_LOGIN, RuleId.ORIGIN_LOGIN_OVER, RuleId.ORIGIN_UNIT}
)


def remember(turn: Turn, ask: Ask) -> None:
    """Keep what was asked and answered in this turn.

    Checks at the gate are not kept: an agent makes hundreds, and each would push out one that a person may grant.
    """
    if ask.event.verb is Verb.CHECK_ACTION:
        return
    event, judgement = ask.event, ask.judgement
    answer = _answer(turn)
    asked = AskedRequest(
        request=ask.request,
        gateway=event.gateway,
        verb=event.verb,
        reason=event.reason,
        incident=event.incident,
        subject=event.subject,
        for_usec=event.for_usec,
        at_usec=turn.now_usec,
        wall_usec=turn.stamp.wall_usec,
        who=ask.who,
        trail=trail_of(event.peer),
        origin=judgement.origin,
        rule=judgement.rule,
        outcome=answer.outcome,
        answer_rule=answer.rule,
        because=answer.because,
    )
    turn.state = replace(turn.state, requests=(*turn.state.requests, asked)[-REQUESTS_MAX:])


# -- grants --------------------------------------------------------------------------------------------------------


def grantable(turn: Turn, request: RequestId) -> AskedRequest | str:
    """Find a refused request that may be granted now; else say why not."""
    asked = next((each for each in turn.state.requests if each.request == request), None)
    if asked is None:
        return f"no request {request} is remembered"
    if asked.granted_by is not None:
        return f"{request} was granted before, by {asked.granted_by}"
    if asked.outcome is not Outcome.REFUSED or not is_marked(asked.verb, Mark.GRANTABLE):
        return f"{request} asked for {asked.verb.value} and was {asked.outcome.value}: nothing to grant"
    if turn.now_usec - asked.at_usec > GRANT_WITHIN_USEC:
        return f"{request} is too old to be granted; who asked for it may be long gone"
    return asked


def mark_granted(turn: Turn, asked: AskedRequest, by: RequestId) -> None:
    """Let a request be granted once."""
    granted = replace(asked, granted_by=by)
    requests = tuple(granted if each is asked else each for each in turn.state.requests)
    turn.state = replace(turn.state, requests=requests)


# -- permits -------------------------------------------------------------------------------------------------------


def give_permit(turn: Turn, ask: Ask) -> Permit:
    """Let an account start a gateway for a while, in place of what it was permitted before."""
    event = ask.event
    lasting = min(event.for_usec or PERMIT_DEFAULT_USEC, PERMIT_MAX_USEC)
    permit = Permit(
        request=ask.request,
        gateway=event.gateway,
        uid=event.peer.uid if event.uid is None else event.uid,
        starts_left=max(1, min(event.starts or 1, PERMIT_STARTS_MAX)),
        until_usec=Usec(turn.now_usec + lasting),
        until_wall_usec=Usec(turn.stamp.wall_usec + lasting),
        who=ask.who,
        because=event.reason,
    )
    others = tuple(each for each in _in_force(turn) if (each.gateway, each.uid) != (permit.gateway, permit.uid))
    turn.state = replace(turn.state, permits=(*others, permit)[-PERMITS_MAX:])
    return permit


def end_permits(turn: Turn, gateway: GatewayName) -> int:
    """End what is permitted on a gateway; returns how many permits that were."""
    in_force = _in_force(turn)
    kept = tuple(each for each in in_force if each.gateway != gateway)
    turn.state = replace(turn.state, permits=kept)
    return len(in_force) - len(kept)


def permit_for(turn: Turn, ask: Ask) -> Permit | None:
    """Return the permit that lets this request through; None when none does."""
    if not is_marked(ask.event.verb, Mark.PERMITTABLE) or not _is_only_the_account_known(ask):
        return None
    wanted = (ask.event.gateway, ask.event.peer.uid)
    return next((each for each in _in_force(turn) if (each.gateway, each.uid) == wanted), None)


def use_up(turn: Turn, permit: Permit) -> None:
    """Take a start off a permit, if what it let through was granted: a held gateway costs nobody a start."""
    if _answer(turn).outcome is Outcome.GRANTED:
        used = replace(permit, starts_left=permit.starts_left - 1)
        turn.state = replace(turn.state, permits=tuple(used if each is permit else each for each in turn.state.permits))


def _answer(turn: Turn) -> AnswerRequest:
    return next(each for each in reversed(turn.decisions) if isinstance(each, AnswerRequest))


def _in_force(turn: Turn) -> tuple[Permit, ...]:
    return tuple(each for each in turn.state.permits if each.until_usec > turn.now_usec and each.starts_left > 0)


def _is_only_the_account_known(ask: Ask) -> bool:
    return ask.judgement.origin is OriginKind.SCHEDULED or ask.judgement.rule in _ONLY_THE_ACCOUNT_IS_KNOWN
