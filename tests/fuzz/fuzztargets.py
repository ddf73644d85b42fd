"""What is fuzzed: one function for each door through which a stranger's bytes come in.

Invariant: each takes any bytes, ends soon, and raises only when the program did something that it promises not to do.
The same functions are run by pytest on generated input (test_fuzz.py) and by atheris for hours (README.md).
"""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from asyncvarlink import VarlinkInterfaceRegistry

from watchdog.control import dispatch
from watchdog.control.interface import NotVarlink, SupervisorInterface
from watchdog.control.receiver import MessageTooLarge, Receiver
from watchdog.control.revisionswire import RulesStatus
from watchdog.control.supervision import Offered, RequestAnswer
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
from watchdog.core.decisions import Decision, Outcome, SetTimer
from watchdog.core.endings import ExitRecord
from watchdog.core.events import ActionRequested, Event, MainProcessExited
from watchdog.core.identity import BootId, GatewayName, IncidentId, ProcessRef, RequestId
from watchdog.core.peer import Peer
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.core.rules import RuleId
from watchdog.core.state import State, Timer
from watchdog.core.timeline import Usec
from watchdog.core.timer import TimerId, TimerKind
from watchdog.journal import codec
from watchdog.origin.marks import LifeMark
from watchdog.policyfile.load import parse_policy
from watchdog.policyfile.pagersettings import parse_pager
from watchdog.policyfile.problems import PolicyProblems, Problem
from watchdog.replay.recording import RecordingError, parse_recording
from watchdog.replay.simulation import simulate

INPUT_BYTES_MAX = 64 * 1024
REPLY_SECONDS = 0.05
_TRACES = Path(__file__).parent.parent / "traces" / "open"


def fuzz_journal(raw: bytes) -> None:
    """Whatever a row of the journal holds is a value that reads back the same, or a CodecError."""
    try:
        value = codec.parse(raw)
    except codec.CodecError:
        return
    for shape in (Event, Decision, State, Policy):
        try:
            found = codec.decode(shape, value)
        except codec.CodecError:
            continue
        written = codec.event_to_json(found) if isinstance(found, get_args(Event)) else None
        again = written or (codec.decision_to_json(found) if isinstance(found, get_args(Decision)) else None)
        text = codec.canonical(again if again is not None else codec.encode(found))
        assert codec.decode(shape, codec.parse(text)) == found


def fuzz_policy(raw: bytes) -> None:
    """Whatever a file of the bundle holds is settings, or problems that a terminal can show."""
    for parse in (parse_policy, parse_pager):
        problems = _problems(parse, raw)
        assert problems is None or problems
        assert all(str(problem).isprintable() for problem in problems or ())


def _problems(parse: Callable[[bytes, str], object], raw: bytes) -> tuple[Problem, ...] | None:
    try:
        parse(raw, "file.toml")
    except PolicyProblems as refused:
        return refused.problems
    return None


def fuzz_recording(raw: bytes) -> None:
    """Whatever a recording holds is played to its end, or a RecordingError."""
    try:
        recording = parse_recording(raw, "recording")
    except RecordingError:
        return
    json.dumps(simulate(recording, None).to_json(), allow_nan=False)


def fuzz_message(raw: bytes) -> None:
    """Whatever is written to the socket is answered or cut off, and is no defect of the daemon."""
    asyncio.run(_converse(raw[:INPUT_BYTES_MAX]))


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "journal": fuzz_journal,
    "policy": fuzz_policy,
    "recording": fuzz_recording,
    "message": fuzz_message,
}


# -- the socket ----------------------------------------------------------------------------------------------------


class NoSupervision:
    """A daemon that knows nothing and refuses everything; it remembers what went wrong while answering."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []

    def status(self) -> StatusReply:
        raise NotImplementedError  # takes no parameters, so there is nothing to fuzz behind it

    async def request(self, event: ActionRequested, offered: Offered) -> RequestAnswer:
        codec.canonical(codec.event_to_json(event))
        return RequestAnswer(
            request=RequestId("REQ-1"), outcome=Outcome.REFUSED, rule=RuleId.REQUEST_HUMANS_ONLY, message="no"
        )

    def pager(self) -> PagerStatus:
        raise NotImplementedError  # likewise

    def requests(self) -> list[AskedStatus]:
        raise NotImplementedError  # likewise

    def probes(self) -> list[ProbeRow]:
        raise NotImplementedError  # likewise

    def probe_history(self, gateway: GatewayName, probe: str) -> list[LookStatus] | None:
        assert (gateway + probe).isascii()
        return None if probe else []

    async def probe_run(self, gateway: GatewayName, probe: str) -> LookStatus | None:
        assert (gateway + probe).isascii()
        return None

    def who_is(self, peer: Peer, gateway: GatewayName) -> WhoStatus:
        assert gateway.isascii()
        return WhoStatus(origin="unknown", rule="r", because="b", trail="t", sure="s", trusted=False)

    def rules(self, *, look: bool) -> RulesStatus:
        raise NotImplementedError  # likewise

    async def records(self, after_seq: int, limit: int) -> list[RecordReply]:
        assert -(2**63) < after_seq < 2**63
        assert 0 < limit < 2**31
        return []

    async def changed(self, after_seq: int) -> None:
        await asyncio.Event().wait()

    def incidents(self, *, closed: bool) -> list[IncidentStatus]:
        return []

    async def explain(self, incident: IncidentId, limit: int) -> tuple[IncidentStatus, list[RecordReply]] | None:
        assert incident.isascii()
        return None

    def life_marks(self) -> tuple[LifeMark, ...]:
        return ()

    def limit_reached(self, limit: str, subject: str, dropped: int) -> None:
        pass

    def serving_failed(self, error: Exception) -> None:
        if not isinstance(error, NotImplementedError):
            self.failures.append(error)


async def _converse(raw: bytes) -> None:
    """Read and answer all messages of a connection on which these bytes come, in pieces."""
    supervision = NoSupervision()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        ours.settimeout(0)
        theirs.sendall(raw)
        theirs.shutdown(socket.SHUT_WR)
        receiver = Receiver(ours, message_bytes_max=16 * 1024, message_deadline_usec=100_000, idle_usec=100_000)
        try:
            while (message := await receiver.receive()) is not None:
                await _answer(message.text, supervision)
        except (MessageTooLarge, NotVarlink):
            pass
    for failure in supervision.failures:
        raise AssertionError("a message is no defect of the daemon") from failure


async def _answer(text: bytes, supervision: NoSupervision) -> None:
    call = dispatch.parse(text)
    process = ProcessRef(pid=2, start_ticks=1, boot=BootId("b"))
    peer = Peer(process=process, uid=1, gid=1, comm="x", alive=True)
    registry: Any = VarlinkInterfaceRegistry()
    registry.register_interface(SupervisorInterface(supervision, lambda: peer))
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            async for reply in dispatch.replies(call, registry, supervision):
                dispatch.encode(reply)
    except TimeoutError:
        return  # a follower: it waits for news that never come


# -- where to begin ------------------------------------------------------------------------------------------------


def seeds(target: str) -> tuple[bytes, ...]:
    """Return valid input of a target, for mutations to begin from."""
    return _SEEDS[target]()


def _journal_seeds() -> tuple[bytes, ...]:
    process = ProcessRef(pid=1, start_ticks=2, boot=BootId("b"))
    exited = MainProcessExited(
        gateway=GatewayName("g"), process=process, exit=ExitRecord(code=1, last_line="half a pair: \ud800")
    )
    timer = TimerId(kind=TimerKind.START_DUE, subject="g")
    alarm = SetTimer(gateway=GatewayName("g"), rule=RuleId.BUDGET_SPENT, because="x", timer=timer, due_usec=Usec(1))
    policy = Policy(gateways=(GatewayPolicy(name=GatewayName("g"), command=CommandPolicy(argv=("x",))),))
    state = State(policy=policy, timers=(Timer(timer=timer, due_usec=Usec(1)),))
    values = (codec.event_to_json(exited), codec.decision_to_json(alarm), codec.encode(policy), codec.encode(state))
    return tuple(codec.canonical(value).encode() for value in values)


def _policy_seeds() -> tuple[bytes, ...]:
    return tuple(text.encode() for text in (_GATEWAY, _SPIRAL, _CHANNEL, _ODD))


_GATEWAY = """[gateway.g]
command = ["/bin/x", "a"]
port = 1
[gateway.g.budget]
windows = ["5 per 10min"]
[gateway.g.ready]
kind = "tcp"
target = "127.0.0.1:1"
[gateway.g.stop]
signal = "SIGTERM"
"""
_SPIRAL = '[gateway."a b".spiral]\npage_at = 4\ngap_max = "4h"\n[gateway.u]\nunit = "u.service"\n'
_CHANNEL = '[channel.c]\nkind = "webhook"\nurl = "https://h/x"\ntimeout = "5s"\n[escalation]\ntiers = [["c"]]\n'
_ODD = '[[gateway]]\nx = """\n[a]\n"""\n[gateway.y]\nx.y."z\\u0041" = {a = 1, b = [1, {c = 2}]}\n'


def _recording_seeds() -> tuple[bytes, ...]:
    small = sorted(_TRACES.glob("*.jsonl"), key=lambda path: path.stat().st_size)[:4]
    return tuple(path.read_bytes()[:8192].rpartition(b"\n")[0] for path in small)


def _message_seeds() -> tuple[bytes, ...]:
    calls = (
        {"method": "io.gatedog.Supervisor.Request", "parameters": {"verb": "stop", "gateway": "g", "reason": "r"}},
        {"method": "io.gatedog.Supervisor.Events", "parameters": {"after_seq": 1, "limit": 2}, "more": True},
        {"method": "io.gatedog.Supervisor.Explain", "parameters": {"incident": "INC-1"}, "oneway": True},
        {"method": "io.gatedog.Supervisor.Incidents", "parameters": {"all": True}},
    )
    return tuple(json.dumps(call).encode() + b"\0" for call in calls)


_SEEDS: Mapping[str, Callable[[], tuple[bytes, ...]]] = {
    "journal": _journal_seeds,
    "policy": _policy_seeds,
    "recording": _recording_seeds,
    "message": _message_seeds,
}
