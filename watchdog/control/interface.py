"""The Varlink interface `io.gatedog.Supervisor`: its methods, and the errors it answers with.

The text people read (`varlinkctl introspect`, the .varlink file beside this one) is derived from these signatures and
docstrings by asyncvarlink; a test keeps the file equal. One interface object serves one connection, because a request
is judged by the process that wrote it.

Invariant: what arrives here has passed the limits and is still untrusted: every text is cut and made one line before
it becomes part of an event. Deliberately not here: who may ask for what. The core decides that on the evidence.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

from asyncvarlink import LastResult, TypedVarlinkErrorReply, VarlinkInterface, varlinkmethod
from asyncvarlink.serviceinterface import InvalidParameter

from watchdog.control.revisionswire import RulesStatus
from watchdog.control.runswire import RunbooksStatus
from watchdog.control.supervision import Offered, RequestNotTaken, Supervision
from watchdog.control.wire import (
    AskedStatus,
    ExplainReply,
    IncidentStatus,
    LookStatus,
    PagerStatus,
    ProbeRow,
    RecordReply,
    RequestReply,
    StatusReply,
    WhoStatus,
)
from watchdog.core.decisions import Severity
from watchdog.core.enclosure import ActionOffered, Enclosed, flaw_of
from watchdog.core.events import TEXT_MAX, ActionRequested
from watchdog.core.identity import GatewayName, IncidentId
from watchdog.core.peer import Peer
from watchdog.core.rules import RuleId
from watchdog.core.timeline import DAY
from watchdog.core.verbs import Verb
from watchdog.core.verbtable import VERBS
from watchdog.journal.codec import CodecError, decode
from watchdog.origin.named import named_members

NAME = "io.gatedog.Supervisor"

Foreign = dict[str, Any]
"""A JSON object whose shape the contract leaves to core/enclosure.py."""

RECORDS_MAX = 1000
"""Most records in one batch of Events, and in one Explain."""
NAME_MAX = 64
SEQ_MAX = 2**62
FOR_MAX_USEC = 366 * DAY
UID_MAX = 2**32 - 2
STARTS_MAX = 1000
PROOF_MAX = 16 * 1024
"""Longest signature or code, in characters."""


class UnknownGateway(TypedVarlinkErrorReply, interface=NAME):
    """No gateway has this name; the message lists those there are."""

    class Parameters:
        """Its fields."""

        gateway: str
        message: str


class UnknownIncident(TypedVarlinkErrorReply, interface=NAME):
    """No incident has this id."""

    class Parameters:
        """Its fields."""

        incident: str


class UnknownProbe(TypedVarlinkErrorReply, interface=NAME):
    """No gateway of this name has a probe of this name."""

    class Parameters:
        """Its fields."""

        gateway: str
        probe: str


class UnknownVerb(TypedVarlinkErrorReply, interface=NAME):
    """This is nothing that can be asked for."""

    class Parameters:
        """Its fields."""

        verb: str
        known: list[str]


class Busy(TypedVarlinkErrorReply, interface=NAME):
    """Too many calls or connections from this uid, or the daemon takes none now. Nothing was done."""

    class Parameters:
        """Its fields."""

        message: str
        retry_after_usec: int


class TooLarge(TypedVarlinkErrorReply, interface=NAME):
    """The message exceeds the limit; the connection is closed."""

    class Parameters:
        """Its fields."""

        limit_bytes: int


class NotVarlink(TypedVarlinkErrorReply, interface=NAME):
    """The message is no Varlink call: one JSON object, ended by a NUL byte. The connection is closed."""

    class Parameters:
        """Its fields."""

        message: str


class Failed(TypedVarlinkErrorReply, interface=NAME):
    """gatedog met a defect of its own while answering; its log says which."""

    class Parameters:
        """Its fields."""


class SupervisorInterface(VarlinkInterface, name=NAME):
    """gatedog stands outside the gateways of AI agents: it owns their lifecycle, and a human holds the pen.

    Everybody may read. Who a call comes from is taken from the kernel, never from the call.
    Times are integer microseconds; "wall" is since the epoch, "ago" and "in" are distances from now.
    """

    errors = (UnknownGateway, UnknownIncident, UnknownProbe, UnknownVerb, Busy, TooLarge, NotVarlink, Failed)

    def __init__(self, supervision: Supervision, identify: Callable[[], Peer]) -> None:
        self._supervision = supervision
        self._identify = identify
        """Gathers the evidence on the writer of the message at hand."""

    @varlinkmethod(return_parameter="status")
    def Status(self) -> StatusReply:  # noqa: N802  (Varlink methods are capitalised)
        """Say how everything stands: gateways, open incidents, undelivered pages.

        Inside a gateway it is not said when a start is due or a window frees: due_told is false then.
        """
        return self._supervision.status(self._identify())

    @varlinkmethod(return_parameter="pager")
    def Pager(self) -> PagerStatus:  # noqa: N802  (Varlink methods are capitalised)
        """Say which pages wait for whom, which were given up, and how channels and dead-man switches are doing."""
        return self._supervision.pager()

    @varlinkmethod(allow_foreign=True)
    async def Request(  # noqa: N802, PLR0913  (Varlink methods are capitalised; these are the contract's fields)
        self,
        *,
        verb: str,
        gateway: str,
        reason: str,
        incident: str | None = None,
        for_usec: int | None = None,
        severity: str | None = None,
        subject: str | None = None,
        uid: int | None = None,
        starts: int | None = None,
        signer: str | None = None,
        signature: str | None = None,
        code: str | None = None,
        enclosed: Foreign | None = None,
    ) -> RequestReply:
        """Ask for something. The answer is in the journal before it is given, but for a gate-check of what only looks.

        verb: start, stop, restart, hold, release, reset-budget, ask-restart, ack, unack, incident-close, page-test,
        page-retry, maintenance, maintenance-end, silence, silence-end, grant, permit, permit-end, hypothesise,
        hypothesis-judge, postmortem-edit, postmortem-sign, policy-propose, policy-commit, policy-revert, runbook-run,
        runbook-approve, runbook-abort, runbook-close, gate-check, gate-approve, drill-report.
        gateway: its name, or "" where the verb is about an incident or about gatedog.
        subject: of a silence, a matter such as "degradation" or a probe's name; of page-test, the one channel to
        try; of page-retry, the page; of grant, the request.
        uid, starts: of permit, the account (your own by default) and how many starts.
        signer: who will sign the challenge that a refusal then holds; signature: theirs, armoured.
        code: a release code.
        enclosed: what the verb takes besides words, an object with its "kind": HypothesisOffered, PostmortemOffered,
        BundleOffered, BundleReviewed, ActionOffered, StepReviewed or DrillReported; their fields: core/enclosure.py.
        """
        known = _verb(verb)
        peer, brought = self._identify(), None if enclosed is None else _enclosed(known, enclosed)
        event = ActionRequested(
            gateway=GatewayName(_name("gateway", gateway)),
            verb=known,
            reason=one_line(reason),
            peer=peer,
            incident=None if incident is None else IncidentId(_name("incident", incident)),
            for_usec=_duration("for_usec", for_usec),
            severity=_severity(severity),
            subject="" if subject is None else _name("subject", subject),
            uid=None if uid is None else _within("uid", uid, 0, UID_MAX),
            starts=None if starts is None else _within("starts", starts, 1, STARTS_MAX),
            enclosed=brought,
            own_pids=self._own_pids(peer, brought),
        )
        offered = Offered(
            signer="" if signer is None else _name("signer", signer),
            signature="" if signature is None else _proof("signature", signature),
            code="" if code is None else _proof("code", code),
        )
        try:
            answer = await self._supervision.request(event, offered)
        except RequestNotTaken as error:
            raise Busy(message=error.why, retry_after_usec=error.retry_after_usec) from error
        if answer.rule is RuleId.REQUEST_UNKNOWN_GATEWAY:
            raise UnknownGateway(gateway=gateway, message=answer.message)
        if answer.rule is RuleId.REQUEST_UNKNOWN_INCIDENT:
            raise UnknownIncident(incident=incident or "")
        return RequestReply(
            request=str(answer.request),
            outcome=answer.outcome.value,
            rule=answer.rule.value,
            message=answer.message,
            next_commands=list(answer.next_commands),
            challenge=answer.challenge,
        )

    def _own_pids(self, peer: Peer, enclosed: Enclosed | None) -> tuple[int, ...]:
        # In another pid namespace the same number is another process.
        if not isinstance(enclosed, ActionOffered) or not peer.same_pid_namespace:
            return ()
        return named_members(enclosed.argv, self._supervision.life_marks())

    @varlinkmethod(return_parameter="requests")
    def Requests(self) -> list[AskedStatus]:  # noqa: N802  (Varlink methods are capitalised)
        """List the requests that are remembered, newest first: who asked for what, and how it was answered."""
        return self._supervision.requests()

    @varlinkmethod(return_parameter="who")
    def WhoAmI(self, *, gateway: str = "") -> WhoStatus:  # noqa: N802  (Varlink methods are capitalised)
        """Say who you are to gatedog: as what a request of yours about the gateway would be judged now, and why."""
        return self._supervision.who_is(self._identify(), GatewayName(_name("gateway", gateway)))

    @varlinkmethod(return_parameter="record", delay_generator=False, allow_foreign=True)
    async def Events(  # noqa: N802  (Varlink methods are capitalised)
        self, *, after_seq: int = 0, limit: int = 100, follow: bool = False
    ) -> AsyncIterator[RecordReply | None]:
        """Read the journal: up to limit records after after_seq, oldest first; the last reply holds no record.

        A negative after_seq counts back from the newest. With follow, records keep coming as they are written.
        """
        seq, batch_max = _within("after_seq", after_seq, -SEQ_MAX, SEQ_MAX), _within("limit", limit, 1, RECORDS_MAX)
        batch = await self._supervision.records(seq, batch_max)
        while True:
            for record in batch:
                seq = record["seq"]
                yield record
            if not follow:
                raise LastResult(None)
            if not batch:
                seq = max(seq, 0)
                await self._supervision.changed(seq)
            batch = await self._supervision.records(seq, batch_max)

    @varlinkmethod(return_parameter="incidents")
    def Incidents(  # noqa: N802  (Varlink methods are capitalised)
        self,
        *,
        all: bool = False,  # noqa: A002  (the parameter's name in the contract)
    ) -> list[IncidentStatus]:
        """List the open incidents, newest first; with all, the remembered resolved ones, too."""
        return self._supervision.incidents(closed=all)

    @varlinkmethod(allow_foreign=True)
    async def Explain(self, *, incident: str) -> ExplainReply:  # noqa: N802  (Varlink methods are capitalised)
        """Return an incident with the journal records that it is made of, oldest first.

        Of very many it is all that were written of it, and the newest. It is metered like a Request.
        """
        found = await self._supervision.explain(IncidentId(_name("incident", incident)), RECORDS_MAX)
        if found is None:
            raise UnknownIncident(incident=incident)
        story, records = found
        return ExplainReply(incident=story, records=records)

    @varlinkmethod(return_parameter="runbooks")
    def Runbooks(self) -> RunbooksStatus:  # noqa: N802  (Varlink methods are capitalised)
        """Say which runbooks for machines are in force, and what became of their runs."""
        return self._supervision.runbooks()

    @varlinkmethod(return_parameter="rules")
    def Rules(self, *, look: bool = False) -> RulesStatus:  # noqa: N802  (likewise)
        """Say which rules were committed, are in force and are proposed; with look, see first what lies in their place.

        What is found then is in a later reply.
        """
        return self._supervision.rules(look=look)

    @varlinkmethod(return_parameter="probes")
    def Probes(self) -> list[ProbeRow]:  # noqa: N802  (Varlink methods are capitalised)
        """List the probes of all gateways, each with its last look."""
        return self._supervision.probes()

    @varlinkmethod(return_parameter="looks")
    def ProbeHistory(self, *, gateway: str, probe: str) -> list[LookStatus]:  # noqa: N802  (likewise)
        """Return the remembered looks of a probe, oldest first."""
        looks = self._supervision.probe_history(GatewayName(_name("gateway", gateway)), _name("probe", probe))
        if looks is None:
            raise UnknownProbe(gateway=gateway, probe=probe)
        return looks

    @varlinkmethod(return_parameter="look")
    async def ProbeRun(self, *, gateway: str, probe: str) -> LookStatus | None:  # noqa: N802  (likewise)
        """Look once, now, and return the outcome; null: the gateway has no process to look at.

        It may take as long as the probe's timeout. Everybody may ask; it is metered like a Request.
        """
        named = GatewayName(_name("gateway", gateway)), _name("probe", probe)
        if self._supervision.probe_history(*named) is None:
            raise UnknownProbe(gateway=gateway, probe=probe)
        return await self._supervision.probe_run(*named)


def interface_text() -> str:
    """Render the interface description, as org.varlink.service.GetInterfaceDescription returns it."""
    return SupervisorInterface.render_interface_description()


def one_line(text: str) -> str:
    """Cut a text from outside to one printable line of at most TEXT_MAX characters; "?" for what was not."""
    words = " ".join(text[: 4 * TEXT_MAX].split())
    return "".join(character if character.isprintable() else "?" for character in words[:TEXT_MAX])


def _name(parameter: str, text: str) -> str:
    # Only the shape is checked. Whether such a gateway exists is the core's answer, because asking is on the record.
    if len(text) > NAME_MAX or not all(character.isascii() and character.isprintable() for character in text):
        raise InvalidParameter(parameter=parameter)
    return text


def _verb(text: str) -> Verb:
    try:
        return Verb(text)
    except ValueError:
        raise UnknownVerb(verb=one_line(text), known=[verb.value for verb in Verb]) from None


def _duration(parameter: str, usec: int | None) -> int | None:
    return None if usec is None else _within(parameter, usec, 1, FOR_MAX_USEC)


def _severity(text: str | None) -> str:
    if text is None or text == "":
        return ""
    if text not in {severity.value for severity in Severity}:
        raise InvalidParameter(parameter="severity")
    return text


def _proof(parameter: str, text: str) -> str:
    # Only its size and alphabet: what it is worth is found out by whoever checks it.
    if len(text) > PROOF_MAX or not text.isascii():
        raise InvalidParameter(parameter=parameter)
    return text


def _enclosed(verb: Verb, value: Foreign) -> Enclosed:
    takes = VERBS[verb].takes
    try:
        enclosed: Enclosed = decode(Enclosed, value)
    except CodecError:
        raise InvalidParameter(parameter="enclosed") from None
    # What a verb has no use for would go on record all the same, as large as the message may be.
    if takes is None or not isinstance(enclosed, takes) or flaw_of(enclosed):
        raise InvalidParameter(parameter="enclosed")
    return enclosed


def _within(parameter: str, number: int, lowest: int, highest: int) -> int:
    # JSON has numbers of any size, and a bool is an int; the journal's store has 64 bits.
    if not lowest <= number <= highest:
        raise InvalidParameter(parameter=parameter)
    return int(number)
