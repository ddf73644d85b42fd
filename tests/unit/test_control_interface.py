"""The interface text, and what a request may contain before it becomes an event."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asyncvarlink import VarlinkErrorReply, VarlinkInterfaceRegistry
from asyncvarlink.interface import varlinksignature

import watchdog.control
from watchdog.control import dispatch
from watchdog.control.interface import NAME, SupervisorInterface, interface_text, one_line
from watchdog.control.revisionswire import RulesStatus
from watchdog.control.runswire import RunbooksStatus
from watchdog.control.supervision import Offered, RequestAnswer, RequestNotTaken
from watchdog.control.wire import (
    AskedStatus,
    IncidentStatus,
    LookStatus,
    PagerStatus,
    ProbeRow,
    RecordReply,
    StatusReply,
    WhoStatus,
)
from watchdog.core.decisions import Outcome
from watchdog.core.enclosure import (
    ActionOffered,
    BundleOffered,
    BundleReviewed,
    DrillReported,
    Enclosed,
    HypothesisOffered,
    JudgementOffered,
    PostmortemOffered,
    StepReviewed,
)
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName, IncidentId, RequestId
from watchdog.core.peer import Peer
from watchdog.core.rules import RuleId
from watchdog.core.verbs import Verb
from watchdog.core.verbtable import VERBS
from watchdog.origin.marks import LifeMark

PEER = Peer(process=None, uid=1000, gid=1000)
GOOD = {"verb": "release", "gateway": "openclaw", "reason": "fixed"}


class FakeSupervision:
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ActionRequested] = []
        self.offered: list[Offered] = []
        self.answer = RequestAnswer(
            request=RequestId("REQ-7"), outcome=Outcome.GRANTED, rule=RuleId.REQUEST_GRANTED, message="released"
        )
        self.busy: RequestNotTaken | None = None
        self.failures: list[Exception] = []
        self.looks: dict[tuple[str, str], LookStatus | None] = {}

    def status(self, peer: Peer | None) -> StatusReply:
        raise RuntimeError("a defect")

    def pager(self) -> PagerStatus:
        return PagerStatus(now_wall_usec=1, waiting=[], given_up=[], delayed=0, channels=[], switches=[])

    async def request(self, event: ActionRequested, offered: Offered) -> RequestAnswer:
        if self.busy is not None:
            raise self.busy
        self.asked.append(event)
        self.offered.append(offered)
        return self.answer

    def requests(self) -> list[AskedStatus]:
        return []

    def who_is(self, peer: Peer, gateway: GatewayName) -> WhoStatus:
        return WhoStatus(
            origin="unknown", rule="origin.no-tty", because="no terminal", trail="uid 1", sure="x", trusted=False
        )

    def runbooks(self) -> RunbooksStatus:
        return RunbooksStatus(host="here", runbooks=[], runs=[])

    def rules(self, *, look: bool) -> RulesStatus:
        return RulesStatus(folder="", store="", committed=0, in_force=0, trouble="", min_signers=1)

    async def records(self, after_seq: int, limit: int) -> list[RecordReply]:
        return []

    async def changed(self, after_seq: int) -> None:
        raise AssertionError("nobody follows here")

    def incidents(self, *, closed: bool) -> list[IncidentStatus]:
        return []

    async def explain(self, incident: IncidentId, limit: int) -> tuple[IncidentStatus, list[RecordReply]] | None:
        return None

    def probes(self) -> list[ProbeRow]:
        return []

    def probe_history(self, gateway: GatewayName, probe: str) -> list[LookStatus] | None:
        return [] if (gateway, probe) in self.looks else None

    async def probe_run(self, gateway: GatewayName, probe: str) -> LookStatus | None:
        return self.looks[gateway, probe]

    def life_marks(self) -> tuple[LifeMark, ...]:
        return ()

    def limit_reached(self, limit: str, subject: str, dropped: int) -> None:
        raise AssertionError("no limits here")

    def serving_failed(self, error: Exception) -> None:
        self.failures.append(error)


def answer_to(supervision: FakeSupervision, text: bytes) -> list[dict[str, Any]]:
    """Send one message through parsing and dispatch, and return all replies."""
    registry = VarlinkInterfaceRegistry()
    registry.register_interface(SupervisorInterface(supervision, lambda: PEER))

    async def run() -> list[dict[str, Any]]:
        call = dispatch.parse(text)
        return [dict(reply.tojson()) async for reply in dispatch.replies(call, registry, supervision)]

    return asyncio.run(run())


def ask(supervision: FakeSupervision, method: str, *, more: bool = False, **parameters: object) -> list[dict[str, Any]]:
    """Call a method of the interface."""
    call = {"method": f"{NAME}.{method}", "parameters": parameters} | ({"more": True} if more else {})
    return answer_to(supervision, dispatch._ENCODER.encode(call).encode())


def test_the_interface_file_is_what_the_code_generates() -> None:
    """The committed .varlink text equals the generated one; write it anew when the contract was extended on purpose."""
    committed = Path(watchdog.control.__file__).with_name(f"{NAME}.varlink").read_text(encoding="utf-8")

    assert committed == interface_text()


def test_every_verb_is_named_in_the_interface_text() -> None:
    """Somebody who only reads the interface learns of every verb."""
    text = interface_text()

    assert all(verb.value in text for verb in Verb)


def test_each_method_is_one_of_the_contract() -> None:
    """The interface has exactly these methods."""
    methods = {name for name in dir(SupervisorInterface) if varlinksignature(getattr(SupervisorInterface, name))}

    probing = {"Probes", "ProbeHistory", "ProbeRun"}
    asking = {"Request", "Requests", "WhoAmI"}
    assert methods == {"Status", "Pager", "Rules", "Runbooks", "Events", "Incidents", "Explain"} | asking | probing


def test_a_request_becomes_an_event_with_the_evidence_on_its_writer() -> None:
    """What reaches the daemon is the verb, the cleaned words, and the peer that the kernel named."""
    supervision = FakeSupervision()

    replies = ask(supervision, "Request", **GOOD | {"for_usec": 5, "incident": "INC-3", "severity": "warning"})

    event = supervision.asked[0]
    assert (event.verb, event.gateway, event.reason, event.peer) == (Verb.RELEASE, "openclaw", "fixed", PEER)
    assert (event.for_usec, event.incident, event.severity) == (5, "INC-3", "warning")
    assert replies[0]["parameters"] == {
        "request": "REQ-7",
        "outcome": "granted",
        "rule": "request.granted",
        "message": "released",
        "next_commands": [],
        "challenge": "",
    }


def test_a_reason_is_one_printable_line_of_bounded_length() -> None:
    """Line breaks, escape sequences, lone surrogates and endless words do not get into an event."""
    supervision = FakeSupervision()

    ask(supervision, "Request", **GOOD | {"reason": "a\nb\x1b[31m\ud800" + "x" * 5000})

    reason = supervision.asked[0].reason
    assert reason.startswith("a b?[31m?")
    assert len(reason) == 200
    assert one_line("") == ""


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"gateway": "x" * 65}, "gateway"),
        ({"gateway": "a\nb"}, "gateway"),
        ({"gateway": "caf\u00e9"}, "gateway"),
        ({"incident": "\x1b"}, "incident"),
        ({"for_usec": 0}, "for_usec"),
        ({"for_usec": -1}, "for_usec"),
        ({"for_usec": 2**70}, "for_usec"),
        ({"for_usec": "1h"}, "for_usec"),
        ({"severity": "loud"}, "severity"),
        ({"verb": 7}, "verb"),
        ({"reason": None}, "reason"),
        ({"peer": {"uid": 0}}, "peer"),
    ],
)
def test_a_malformed_parameter_is_named_and_nothing_is_asked(change: dict[str, object], parameter: str) -> None:
    """A parameter of the wrong shape is refused by name before it becomes an event."""
    supervision = FakeSupervision()

    reply = ask(supervision, "Request", **GOOD | change)[0]

    assert reply["error"] == "org.varlink.service.InvalidParameter"
    assert reply["parameters"] == {"parameter": parameter}
    assert not supervision.asked


SMALLEST: dict[type[Enclosed], dict[str, object]] = {
    HypothesisOffered: {"claim": "x", "cites": ["#1"], "refuted_by": "y"},
    JudgementOffered: {"standing": "open"},
    PostmortemOffered: {"cause": "x"},
    BundleOffered: {"files": [["policy.toml", "x"]]},
    BundleReviewed: {"digest": "x"},
    ActionOffered: {"action": "exec"},
    StepReviewed: {"argv": ["x"], "host": ""},
    DrillReported: {"drill": "x", "passed": True, "live": False, "report": "y"},
}
"""Of everything that somebody can send along."""


@pytest.mark.parametrize("verb", list(Verb))
def test_nothing_comes_along_but_what_the_verb_takes(verb: Verb) -> None:
    """Else whoever is refused could have anything put on record, as large as a message may be."""
    taken = []
    for kind, fields in SMALLEST.items():
        supervision = FakeSupervision()
        enclosed = {"kind": kind.__name__, **fields}
        (reply,) = ask(supervision, "Request", verb=verb.value, gateway="", reason="x", enclosed=enclosed)
        if supervision.asked:
            taken.append(kind)
        else:
            assert reply["parameters"] == {"parameter": "enclosed"}

    assert taken == [kind for kind in SMALLEST if kind is VERBS[verb].takes]


def test_an_unknown_verb_is_answered_with_the_known_ones() -> None:
    """Who asks for something that does not exist learns what does."""
    reply = ask(FakeSupervision(), "Request", **GOOD | {"verb": "explode"})[0]

    assert reply["error"] == f"{NAME}.UnknownVerb"
    assert "release" in reply["parameters"]["known"]


@pytest.mark.parametrize(
    ("rule", "error"),
    [(RuleId.REQUEST_UNKNOWN_GATEWAY, "UnknownGateway"), (RuleId.REQUEST_UNKNOWN_INCIDENT, "UnknownIncident")],
)
def test_what_the_core_does_not_know_is_a_typed_error(rule: RuleId, error: str) -> None:
    """A name the core does not know comes back as an error a program can tell apart."""
    supervision = FakeSupervision()
    supervision.answer = RequestAnswer(
        request=RequestId("REQ-8"), outcome=Outcome.FAILED, rule=rule, message="known: openclaw"
    )

    assert ask(supervision, "Request", **GOOD)[0]["error"] == f"{NAME}.{error}"


def test_a_request_that_was_not_taken_is_busy() -> None:
    """When the daemon cannot take a request, the asker is told when to try again."""
    supervision = FakeSupervision()
    supervision.busy = RequestNotTaken("the journal cannot be written", 2_000_000)

    reply = ask(supervision, "Request", **GOOD)[0]

    assert reply["error"] == f"{NAME}.Busy"
    assert reply["parameters"] == {"message": "the journal cannot be written", "retry_after_usec": 2_000_000}


def test_a_defect_is_told_to_the_asker_and_to_the_daemon() -> None:
    """A method that fails in an unforeseen way answers Failed, and the daemon learns of it."""
    supervision = FakeSupervision()

    assert ask(supervision, "Status")[0]["error"] == f"{NAME}.Failed"
    assert [str(error) for error in supervision.failures] == ["a defect"]


@pytest.mark.parametrize("after_seq", [2**63, -(2**63), 10**400])
def test_a_number_no_journal_can_hold_is_no_defect(after_seq: int) -> None:
    """An absurd sequence number is the asker's fault, not ours."""
    supervision = FakeSupervision()

    reply = ask(supervision, "Events", more=True, after_seq=after_seq)[0]

    assert reply["error"] == "org.varlink.service.InvalidParameter"
    assert not supervision.failures


def test_events_without_more_are_refused() -> None:
    """A stream must be asked for as one."""
    assert ask(FakeSupervision(), "Events")[0]["error"] == "org.varlink.service.ExpectedMore"


def test_the_end_of_the_records_is_a_reply_without_one() -> None:
    """Even an empty journal ends its stream with a last reply."""
    assert ask(FakeSupervision(), "Events", more=True) == [{"parameters": {"record": None}}]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET / HTTP/1.1",
        b"[]",
        b"null",
        b"{}",
        b'{"method": 7}',
        b'{"method": "nodots"}',
        b'{"method": "a.b.c.status"}',
        b'{"method": "io.gatedog.Supervisor.Status", "parameters": []}',
        b'{"method": "io.gatedog.Supervisor.Status", "more": 1}',
        b"\xff\xfe",
        b'"\xed\xa0\x80"',
        b"[" * 60_000,
        b"9" * 60_000,
    ],
)
def test_garbage_is_no_varlink(text: bytes) -> None:
    """Whatever is no call is refused as that, without a defect."""
    with pytest.raises(VarlinkErrorReply) as raised:
        dispatch.parse(text)

    assert raised.value.name == f"{NAME}.NotVarlink"


@pytest.mark.parametrize("verb", ["maintenance", "maintenance-end", "silence", "silence-end"])
def test_quiet_arrives_with_its_time_and_subject(verb: str) -> None:
    """What a silence is about is the core's to judge; the socket carries it."""
    supervision = FakeSupervision()
    ask(supervision, "Request", **GOOD | {"verb": verb, "for_usec": 7, "subject": "channel:x"})

    asked = supervision.asked[0]
    assert (asked.verb, asked.for_usec, asked.subject) == (Verb(verb), 7, "channel:x")


LOOK = LookStatus(at_usec_ago=1, took_usec=2, result="failed", cause="local", detail="refused")


def test_a_look_is_answered_with_its_outcome() -> None:
    """Or with null, when there was no process to look at."""
    supervision = FakeSupervision()
    supervision.looks = {("openclaw", "health"): LOOK, ("idle", "health"): None}
    told = {"at_usec_ago": 1, "took_usec": 2, "result": "failed", "cause": "local", "detail": "refused"}

    assert ask(supervision, "ProbeRun", gateway="openclaw", probe="health") == [{"parameters": {"look": told}}]
    assert ask(supervision, "ProbeRun", gateway="idle", probe="health") == [{"parameters": {"look": None}}]
    assert ask(supervision, "ProbeHistory", gateway="idle", probe="health") == [{"parameters": {"looks": []}}]
    assert ask(supervision, "Probes") == [{"parameters": {"probes": []}}]


@pytest.mark.parametrize("method", ["ProbeRun", "ProbeHistory"])
def test_a_probe_nobody_knows_is_an_error_of_its_own(method: str) -> None:
    """A gateway without a process and a misspelt probe are two things."""
    reply = ask(FakeSupervision(), method, gateway="openclaw", probe="helth")[0]

    assert reply["error"] == f"{NAME}.UnknownProbe"
    assert reply["parameters"] == {"gateway": "openclaw", "probe": "helth"}


@pytest.mark.parametrize("name", ["status", "__init__", "name", "Nothing", "Render_interface_description"])
def test_only_marked_methods_can_be_called(name: str) -> None:
    """No attribute of the interface object is reachable but its Varlink methods."""
    call = b'{"method": "%s.%s"}' % (NAME.encode(), name.encode())
    try:
        reply = answer_to(FakeSupervision(), call)[0]
    except VarlinkErrorReply as error:
        reply = {"error": error.name}

    assert reply["error"] in {"org.varlink.service.MethodNotFound", f"{NAME}.NotVarlink"}
