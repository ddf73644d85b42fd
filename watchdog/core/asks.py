"""A request on its way through the door, and the answers it can get.

Invariant: every request gets exactly one answer, and every answer names the command that comes next.
"""

from shlex import quote
from typing import assert_never

from watchdog.core.decisions import AnswerRequest, Charge, OriginKind, Outcome
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName, RequestId
from watchdog.core.origin import Judgement
from watchdog.core.permission import Permit
from watchdog.core.rules import RuleId
from watchdog.core.turn import Turn
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb
from watchdog.core.verbtable import VERBS, Signing

HOST = "HOST"
"""Stands in a printed command for the name of this host, which the core cannot know: the socket's side fills it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request on its way through the door."""

    request: RequestId
    event: ActionRequested
    judgement: Judgement
    permit: Permit | None = None
    """What lets it through although nobody asks who may."""
    charge: Charge | None = None
    """To which account a start goes, where that is not for the asker's origin to say."""

    @property
    def is_proven(self) -> bool:
        """Whether a person showed that it is them: a signature, or a release code."""
        return self.judgement.rule in (RuleId.ORIGIN_SIGNATURE, RuleId.ORIGIN_CODE)

    @property
    def who(self) -> str:
        """The asker in a few words, for people."""
        peer = self.event.peer
        if self.judgement.rule is RuleId.ORIGIN_SIGNATURE and self.event.signed is not None:
            return f"human {self.event.signed.principal} by signature"
        if self.judgement.rule is RuleId.ORIGIN_CODE and self.event.code is not None:
            return f"human by release code {self.event.code.number}"
        return f"{self.judgement.origin.value} uid {peer.uid} ({peer.comm or 'unknown program'})"


def needs_signature(turn: Turn, ask: Ask, gateway: GatewayName) -> bool:
    """Say whether a person has to sign for this, and did not. `gateway` is the one whose rules hold.

    Of what is NOBODY's, or belongs to a gateway that no policy holds any more, it is enough that the rules of any
    gateway list the verb: a signature that somebody wants must not be lost with a name.
    """
    verb, policy = ask.event.verb, turn.state.policy
    match VERBS[verb].signing:
        case Signing.NEVER:
            return False
        case Signing.IF_SIGNERS:
            return ask.event.signable and ask.judgement.rule is not RuleId.ORIGIN_SIGNATURE
        case Signing.IF_LISTED:
            every = () if policy is None else policy.gateways
            rules = (turn.policy_of(gateway),) if turn.knows(gateway) else every
            return not ask.is_proven and any(verb.value in each.signature_for for each in rules)
        case _ as unreachable:
            assert_never(unreachable)


def command_of(verb: Verb, event: ActionRequested) -> str:
    """Say what a person would type for a verb. What the asker named is quoted: it will be pasted into a shell."""
    row = VERBS[verb]
    subject = quote(event.subject) if event.subject else row.unnamed
    return row.command.format(
        gateway=quote(event.gateway) if event.gateway else "GATEWAY",
        incident=quote(event.incident) if event.incident else "INC-n",
        subject=f" {subject}" if subject else "",
    )


def fail(turn: Turn, ask: Ask, rule: RuleId, because: str, command: str) -> None:
    """Answer that it could not be done, by which rule, and what to type instead."""
    turn.decide(
        AnswerRequest(
            gateway=ask.event.gateway,
            rule=rule,
            because=because,
            request=ask.request,
            outcome=Outcome.REFUSED if rule is RuleId.REQUEST_HELD else Outcome.FAILED,
            next_commands=(command,),
        )
    )


def grant(turn: Turn, ask: Ask, because: str, command: str) -> None:
    """Answer that it is done, or under way."""
    if ask.permit is not None:
        rule = RuleId.REQUEST_PERMITTED
        because = f"{because}; by {ask.permit.request} of {ask.permit.who}, {ask.permit.starts_left - 1} more starts"
    elif ask.judgement.origin is OriginKind.AUTOMATION:
        rule = RuleId.REQUEST_TRUSTED
    else:
        rule = RuleId.REQUEST_GRANTED
    turn.decide(
        AnswerRequest(
            gateway=ask.event.gateway,
            rule=rule,
            because=because,
            request=ask.request,
            outcome=Outcome.GRANTED,
            next_commands=(command,),
        )
    )
