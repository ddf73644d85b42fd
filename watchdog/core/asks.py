"""A request on its way through the door, and the answers it can get.

Invariant: every request gets exactly one answer, and every answer names the command that comes next.
"""

from collections.abc import Mapping
from shlex import quote

from watchdog.core.decisions import AnswerRequest, Charge, OriginKind, Outcome
from watchdog.core.events import ActionRequested
from watchdog.core.identity import RequestId
from watchdog.core.origin import Judgement
from watchdog.core.permission import Permit
from watchdog.core.rules import RuleId
from watchdog.core.turn import Turn
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb

HOST = "HOST"
"""Stands in a printed command for the name of this host, which the core cannot know: the socket's side fills it in."""

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
    Verb.SILENCE: 'gatedog silence {gateway}{subject} --for 1h -m "why"',
    Verb.SILENCE_END: "gatedog silence {gateway}{subject} --end",
    Verb.GRANT: "gatedog grant REQ-n",
    Verb.PERMIT: 'gatedog permit {gateway} --for 30m --starts 1 -m "why"',
    Verb.PERMIT_END: "gatedog permit {gateway} --end",
    Verb.HYPOTHESISE: 'gatedog incident hypothesis {incident} --claim "..." --cite EVIDENCE --refuted-by "..."',
    Verb.JUDGE_HYPOTHESIS: 'gatedog incident hypothesis {incident} --judge{subject} refuted -m "why"',
    Verb.EDIT_POSTMORTEM: "gatedog postmortem edit {incident}",
    Verb.SIGN_CAUSE: "gatedog postmortem sign {incident}",
    Verb.PROPOSE_POLICY: 'gatedog policy propose FILE --reason "why"',
    Verb.COMMIT_POLICY: "gatedog policy commit{subject}",
    Verb.REVERT_POLICY: 'gatedog policy revert -m "why"',
    Verb.RUN_RUNBOOK: "gatedog runbook run{subject}",
    Verb.APPROVE_STEP: "gatedog runbook approve{subject}",
    Verb.ABORT_RUN: "gatedog runbook abort{subject}",
    Verb.CLOSE_BREAKER: "gatedog runbook close{subject}",
    Verb.CHECK_ACTION: "gatedog gate check --action exec -- COMMAND",
    Verb.APPROVE_ACTION: "gatedog gate approve{subject}",
    Verb.REPORT_DRILL: "gatedog drill{subject}",
}

_UNNAMED: Mapping[Verb, str] = {
    Verb.JUDGE_HYPOTHESIS: "HYP-n",
    Verb.COMMIT_POLICY: "PROP-n",
    Verb.RUN_RUNBOOK: "NAME",
    Verb.APPROVE_STEP: "RUN-n",
    Verb.ABORT_RUN: "RUN-n",
    Verb.CLOSE_BREAKER: "NAME",
    Verb.APPROVE_ACTION: "ACT-n",
    Verb.REPORT_DRILL: "NAME",
}
"""What stands in a command for the subject that the asker did not name."""


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


def command_of(verb: Verb, event: ActionRequested) -> str:
    """Say what a person would type for a verb. What the asker named is quoted: it will be pasted into a shell."""
    subject = quote(event.subject) if event.subject else _UNNAMED.get(verb, "")
    return _COMMANDS[verb].format(
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
