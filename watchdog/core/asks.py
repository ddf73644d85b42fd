"""A request on its way through the door, and the answers it can get.

Invariant: every request gets exactly one answer, and every answer names the command that comes next.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from watchdog.core.decisions import AnswerRequest, OriginKind, Outcome
from watchdog.core.events import ActionRequested
from watchdog.core.identity import RequestId
from watchdog.core.origin import Judgement
from watchdog.core.rules import RuleId
from watchdog.core.turn import Turn
from watchdog.core.verbs import Verb

_COMMANDS: Mapping[Verb, str] = {
    Verb.START: "gatedog start {gateway}",
    Verb.STOP: "gatedog stop {gateway}",
    Verb.RESTART: "gatedog restart {gateway}",
    Verb.HOLD: 'gatedog hold {gateway} -m "why"',
    Verb.RELEASE: 'gatedog release {gateway} -m "why"',
    Verb.RESET_BUDGET: 'gatedog reset-budget {gateway} -m "why"',
    Verb.ASK_RESTART: 'gatedog ask restart {gateway} --reason "why"',
    Verb.ACKNOWLEDGE: "gatedog ack {incident}",
    Verb.UNACKNOWLEDGE: "gatedog unack {incident}",
    Verb.CLOSE_INCIDENT: "gatedog incident close {incident}",
    Verb.TEST_PAGE: "gatedog page test",
    Verb.RETRY_PAGE: "gatedog page retry PAGE",
    Verb.MAINTENANCE: 'gatedog maintenance {gateway} --for 1h -m "why"',
    Verb.MAINTENANCE_END: "gatedog maintenance {gateway} --end",
    Verb.SILENCE: 'gatedog silence {gateway} --for 1h -m "why"',
    Verb.SILENCE_END: "gatedog silence {gateway} --end",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request on its way through the door."""

    request: RequestId
    event: ActionRequested
    judgement: Judgement

    @property
    def who(self) -> str:
        """The asker in a few words, for people."""
        peer = self.event.peer
        return f"{self.judgement.origin.value} uid {peer.uid} ({peer.comm or 'unknown program'})"


def command_of(verb: Verb, event: ActionRequested) -> str:
    """Say what a person would type for a verb."""
    return _COMMANDS[verb].format(gateway=event.gateway or "GATEWAY", incident=event.incident or "INC-n")


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
    rule = RuleId.REQUEST_TRUSTED if ask.judgement.origin is OriginKind.AUTOMATION else RuleId.REQUEST_GRANTED
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
