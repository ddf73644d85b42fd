"""Proof that a person asked, brought along by a request: a signature over a challenge, or a release code.

Theory of operation and invariants: core/approval.py. What is found here replaces the judgement on the peer only where
the proof holds. A proof that does not hold is answered by its own rule, even to a person at a terminal: whoever brought
it meant it to be looked at, and a signature that was tampered with is news.
"""

from collections.abc import Mapping

from watchdog.core import incident
from watchdog.core.approval import (
    CHALLENGE_FOR_USEC,
    CHALLENGES_MAX,
    CHALLENGES_PER_UID_MAX,
    Challenge,
    CodeOffered,
    SignatureFault,
    Signed,
)
from watchdog.core.decisions import OriginKind, Severity
from watchdog.core.events import ActionRequested
from watchdog.core.identity import NOBODY, RequestId, request_id
from watchdog.core.incident import Finding, Matter
from watchdog.core.origin import Judgement
from watchdog.core.permission import UsedCode, WrongCode
from watchdog.core.rules import RuleId
from watchdog.core.timeline import HOUR, Usec
from watchdog.core.turn import Turn
from watchdog.core.values import dataclass, replace

CODES = 10
"""Release codes in a set."""
WRONG_CODES_MAX = 5
WRONG_CODES_PER_USEC = HOUR
"""So many wrong codes from one account within so long, and none from it is looked at until the first is that old."""
USED_CODES_MAX = 100
WRONG_CODES_KEPT = 64

_FAULTS: Mapping[SignatureFault, tuple[RuleId, str]] = {
    SignatureFault.UNREADABLE: (RuleId.SIGNATURE_UNREADABLE, "this is no SSH signature"),
    SignatureFault.NO_CHALLENGE: (RuleId.SIGNATURE_NO_CHALLENGE, "no such request waits for a signature; ask first"),
    SignatureFault.NO_SIGNERS: (RuleId.SIGNATURE_NO_SIGNERS, "no signers are listed, or their file cannot be trusted"),
    SignatureFault.OTHER_NAMESPACE: (RuleId.SIGNATURE_OTHER_NAMESPACE, "it was made for something else (namespace)"),
    SignatureFault.UNKNOWN_SIGNER: (RuleId.SIGNATURE_UNKNOWN_SIGNER, "its key is not listed for this signer"),
    SignatureFault.KEY_EXPIRED: (RuleId.SIGNATURE_KEY_EXPIRED, "the key's time is over, or has not begun"),
    SignatureFault.KEY_REVOKED: (RuleId.SIGNATURE_KEY_REVOKED, "the key was revoked"),
    SignatureFault.DOES_NOT_MATCH: (
        RuleId.SIGNATURE_DOES_NOT_MATCH,
        "it does not belong to this text",
    ),
    SignatureFault.NOT_TOUCHED: (RuleId.SIGNATURE_NOT_TOUCHED, "nobody touched the security key when it signed"),
    SignatureFault.VERIFIER_FAILED: (RuleId.SIGNATURE_VERIFIER_FAILED, "ssh-keygen could not be run to check it"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The proof holds: a person asked, for exactly this."""

    judgement: Judgement
    event: ActionRequested


@dataclass(frozen=True, slots=True, kw_only=True)
class NotShown:
    """The proof does not hold."""

    rule: RuleId
    because: str


def examine(turn: Turn, event: ActionRequested, judgement: Judgement) -> Shown | NotShown | None:
    """Look at the proof that came with a request; None when none came."""
    inside = judgement.origin is OriginKind.SUPERVISED
    if event.signed is not None:
        return _examine_signature(turn, event, event.signed, inside=inside)
    if event.code is not None:
        return _examine_code(turn, event, event.code, inside=inside)
    return None


def give_challenge(turn: Turn, event: ActionRequested) -> bool:
    """Let a request be answered by a signature, where somebody could sign; say whether it may be."""
    if not event.nonce or len(event.signers) != 1:
        return False
    challenge = Challenge(
        request=request_id(turn.stamp.seq),
        verb=event.verb,
        gateway=event.gateway,
        incident=event.incident,
        subject=event.subject,
        for_usec=event.for_usec,
        starts=event.starts,
        uid=event.uid,
        reason=event.reason,
        nonce=event.nonce,
        asker_uid=event.peer.uid,
        signer=event.signers[0],
        boot=turn.state.clock.boot,
        given_usec=turn.now_usec,
        expires_wall_usec=Usec(turn.stamp.wall_usec + CHALLENGE_FOR_USEC),
        enclosed=event.enclosed,
    )
    mine = [each for each in turn.state.challenges if each.asker_uid == challenge.asker_uid]
    oldest = mine[: len(mine) + 1 - CHALLENGES_PER_UID_MAX] if len(mine) >= CHALLENGES_PER_UID_MAX else []
    kept = tuple(each for each in turn.state.challenges if each not in oldest)
    turn.state = replace(turn.state, challenges=(*kept, challenge)[-CHALLENGES_MAX:])
    return True


# -- signatures ----------------------------------------------------------------------------------------------------


def _examine_signature(turn: Turn, event: ActionRequested, signed: Signed, *, inside: bool) -> Shown | NotShown:
    if signed.fault is not None:
        rule, because = _FAULTS[signed.fault]
        return NotShown(rule=rule, because=f"the signature shows nothing: {signed.detail or because}")
    challenge = _spend(turn, signed.request)
    if inside:
        because = "a signature that comes from inside a gateway shows that its agent holds what it should not"
        return NotShown(rule=RuleId.SIGNATURE_AGENT_HELD, because=because)
    if challenge is None:
        rule, because = _FAULTS[SignatureFault.NO_CHALLENGE]
    elif challenge.used:
        rule, because = RuleId.SIGNATURE_REPLAYED, f"{challenge.request} was answered by a signature before"
    elif challenge.boot != turn.state.clock.boot:
        rule, because = RuleId.SIGNATURE_OTHER_BOOT, f"the host was booted since {challenge.request}; ask again"
    elif turn.now_usec - challenge.given_usec > CHALLENGE_FOR_USEC:
        rule, because = RuleId.SIGNATURE_TOO_LATE, f"the time to sign {challenge.request} is over; ask again"
    elif (challenge.verb, challenge.gateway) != (event.verb, event.gateway) or challenge.signer != signed.principal:
        rule, because = RuleId.SIGNATURE_OTHER_REQUEST, f"it is for {challenge.request}, which asked for something else"
    else:
        because = f"{signed.principal} signed {challenge.request} with key {signed.key}"
        judgement = Judgement(origin=OriginKind.HUMAN, rule=RuleId.ORIGIN_SIGNATURE, because=because)
        return Shown(judgement=judgement, event=_as_signed(event, challenge))
    return NotShown(rule=rule, because=because)


def _spend(turn: Turn, request: RequestId | None) -> Challenge | None:
    """Mark a challenge as answered, and return what it was until now."""
    found = next((each for each in turn.state.challenges if each.request == request), None)
    if found is not None:
        spent = replace(found, used=True)
        others = tuple(spent if each is found else each for each in turn.state.challenges)
        turn.state = replace(turn.state, challenges=others)
    return found


def _as_signed(event: ActionRequested, challenge: Challenge) -> ActionRequested:
    """Return the request as the person read and signed it, whatever was said beside the signature."""
    return replace(
        event,
        reason=challenge.reason,
        incident=challenge.incident,
        subject=challenge.subject,
        for_usec=challenge.for_usec,
        starts=challenge.starts,
        uid=challenge.uid,
        enclosed=challenge.enclosed,
    )


# -- release codes -------------------------------------------------------------------------------------------------


def _examine_code(turn: Turn, event: ActionRequested, code: CodeOffered, *, inside: bool) -> Shown | NotShown:
    if inside and code.number is None:
        # Not counted: an agent that guesses must not be able to lock people out.
        return NotShown(rule=RuleId.CODE_WRONG, because="there is no such release code")
    if _is_guessing(turn, event.peer.uid):
        because = f"{WRONG_CODES_MAX} wrong release codes came from this account within an hour; none is looked at now"
        return NotShown(rule=RuleId.CODE_LOCKED, because=because)
    if code.number is None:
        _remember_wrong(turn, event.peer.uid)
        return NotShown(rule=RuleId.CODE_WRONG, because="there is no such release code")
    spent = UsedCode(code_set=event.code_set, number=code.number)
    codes = turn.state.codes
    if spent in codes.used:
        return NotShown(rule=RuleId.CODE_USED_BEFORE, because=f"release code {code.number} was used before")
    used = (*codes.used, spent)[-USED_CODES_MAX:]
    turn.state = replace(turn.state, codes=replace(codes, used=used))
    if inside:
        because = "a release code that comes from inside a gateway shows that its agent holds what it should not"
        return NotShown(rule=RuleId.CODE_AGENT_HELD, because=f"{because}; code {code.number} is void now")
    left = f"{CODES - sum(each.code_set == spent.code_set for each in used)} of {CODES} are left"
    _tell_of_code(turn, event, code.number, left)
    because = f"release code {code.number} was shown; {left}"
    judgement = Judgement(origin=OriginKind.HUMAN, rule=RuleId.ORIGIN_CODE, because=because)
    return Shown(judgement=judgement, event=event)


def _tell_of_code(turn: Turn, event: ActionRequested, number: int, left: str) -> None:
    incident.report(
        turn,
        Finding(
            gateway=event.gateway if turn.knows(event.gateway) else NOBODY,
            matter=Matter.APPROVAL,
            severity=Severity.WARNING,
            rule=RuleId.CODE_SPENT,
            title=f"release code {number} was used for {event.verb.value}",
            because=f"{left}; if it was not you, somebody has your codes",
            did="took it for a person's word; no code counts twice",
            tell_anyway=True,
            next_command="gatedog requests list",
        ),
    )


def _is_guessing(turn: Turn, uid: int) -> bool:
    mine = [each for each in turn.state.codes.wrong if each.uid == uid]
    return sum(turn.now_usec - each.at_usec < WRONG_CODES_PER_USEC for each in mine) >= WRONG_CODES_MAX


def _remember_wrong(turn: Turn, uid: int) -> None:
    codes = turn.state.codes
    recent = tuple(each for each in codes.wrong if turn.now_usec - each.at_usec < WRONG_CODES_PER_USEC)
    wrong = (*recent, WrongCode(uid=uid, at_usec=turn.now_usec))[-WRONG_CODES_KEPT:]
    turn.state = replace(turn.state, codes=replace(codes, wrong=wrong))
