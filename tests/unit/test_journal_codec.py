"""The codec: every event and decision survives it, and garbage never gets further than a CodecError."""

import dataclasses
import typing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchdog.core.decisions import Decision, NothingDone
from watchdog.core.endings import ExitRecord, Sender
from watchdog.core.events import Event, HostShutdownBegan, MainProcessExited, PolicyLoaded, SupervisorStarted
from watchdog.core.identity import NOBODY, BootId, GatewayName, ProcessRef
from watchdog.core.policy import GatewayPolicy, Policy
from watchdog.core.rules import RuleId
from watchdog.core.state import EMPTY, GatewayState, State
from watchdog.journal import codec

RULE = next(iter(RuleId))
EVENTS = typing.get_args(Event)
DECISIONS = typing.get_args(Decision)
QUICK = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

EXITED = MainProcessExited(
    gateway=GatewayName("main"),
    process=ProcessRef(pid=7, start_ticks=9, boot=BootId("b")),
    exit=ExitRecord(signal="SIGKILL", by=Sender.PEER_INSTANCE),
)


def ids(shapes: tuple[Any, ...]) -> list[str]:
    """Name test cases by their class."""
    return [shape.__name__ for shape in shapes]


def there_and_back(value: Any) -> Any:
    """Take a value through text."""
    return codec.parse(codec.canonical(value))


@pytest.mark.parametrize("shape", EVENTS, ids=ids(EVENTS))
@QUICK
@given(chosen=st.data())
def test_every_event_reads_back_as_it_was(shape: type[Any], chosen: st.DataObject) -> None:
    """Whatever an event holds, writing it as text and reading it gives an equal event."""
    event = chosen.draw(st.from_type(shape))

    assert codec.event_from_json(there_and_back(codec.event_to_json(event))) == event


@pytest.mark.parametrize("shape", DECISIONS, ids=ids(DECISIONS))
@QUICK
@given(chosen=st.data())
def test_every_decision_reads_back_as_it_was(shape: type[Any], chosen: st.DataObject) -> None:
    """Whatever a decision holds, writing it as text and reading it gives an equal decision."""
    decision = chosen.draw(st.from_type(shape))

    assert codec.decision_from_json(there_and_back(codec.decision_to_json(decision))) == decision


@QUICK
@given(gateway=st.from_type(GatewayState), policy=st.from_type(GatewayPolicy))
def test_the_state_reads_back_as_it_was(gateway: GatewayState, policy: GatewayPolicy) -> None:
    """A snapshot is the state, not a summary of it."""
    state = State(gateways=(gateway,), policy=Policy(gateways=(policy,)), incident_count=3)

    assert codec.state_from_json(there_and_back(codec.state_to_json(state))) == state


@settings(parent=QUICK, max_examples=300)
@given(value=JSON)
def test_garbage_is_a_codec_error_and_nothing_else(value: Any) -> None:
    """No JSON value makes a reader raise anything but CodecError."""
    for read in (codec.event_from_json, codec.decision_from_json, codec.state_from_json):
        try:
            read(value)
        except codec.CodecError:
            continue


@settings(parent=QUICK, max_examples=300)
@given(shape=st.sampled_from(EVENTS + DECISIONS), chosen=st.data())
def test_a_broken_field_is_a_codec_error_and_nothing_else(shape: type[Any], chosen: st.DataObject) -> None:
    """A record of a known kind with garbage in its fields is refused in words, or read as what it happens to say."""
    names = [field.name for field in dataclasses.fields(shape)]
    value: dict[str, Any] = {"kind": shape.__name__} | {name: chosen.draw(JSON) for name in names}
    read = codec.event_from_json if shape in EVENTS else codec.decision_from_json
    try:
        found = read(value)
    except codec.CodecError as error:
        assert str(error).startswith(f"{shape.__name__}.")  # noqa: PT017 - the value may be readable by chance
    else:
        assert isinstance(found, shape)


@settings(parent=QUICK, max_examples=200)
@given(text=st.binary(max_size=64) | st.text(max_size=64))
def test_text_that_is_no_json_is_a_codec_error(text: str | bytes) -> None:
    """No bytes make the parser raise anything but CodecError."""
    try:
        codec.parse(text)
    except codec.CodecError:
        return


@pytest.mark.parametrize("text", ["[" * 200_000, "1" * 5_000, "1.5", "NaN", "Infinity", '{"a":1e3}', b"\xff", ""])
def test_hostile_text_is_refused(text: str | bytes) -> None:
    """Deep nesting, endless numbers and numbers that are no integers stop at the parser."""
    with pytest.raises(codec.CodecError):
        codec.parse(text)


def test_a_number_is_no_boolean() -> None:
    """Python calls True an int; a journal that did would read a flag as a count."""
    with pytest.raises(codec.CodecError, match=r"SupervisorStarted\.rules: expected int, found True"):
        codec.event_from_json({"kind": "SupervisorStarted", "version": "1", "rules": True})


def test_defaults_are_left_out() -> None:
    """A field equal to its default costs no bytes."""
    written = codec.event_to_json(EXITED)

    assert written == {
        "kind": "MainProcessExited",
        "gateway": "main",
        "process": {"pid": 7, "start_ticks": 9, "boot": "b"},
        "exit": {"signal": "SIGKILL", "by": "peer-instance"},
    }


def test_a_policy_is_written_whole() -> None:
    """A default that a later version ships must not rewrite what a human once put in force."""
    policy = Policy(gateways=(GatewayPolicy(name=GatewayName("main")),))
    in_event = typing.cast("dict[str, Any]", codec.event_to_json(PolicyLoaded(policy=policy, digest="d")))["policy"]
    in_state = typing.cast("dict[str, Any]", codec.state_to_json(State(policy=policy)))["policy"]

    assert in_event["gateways"][0]["backoff"]["max_usec"] == 300_000_000
    assert in_event["escalation"]["critical_burst"] == {"starts": 6, "per_usec": 28_800_000_000}
    assert set(in_event["gateways"][0]) == {field.name for field in dataclasses.fields(GatewayPolicy)}
    assert in_state == in_event


def test_the_bytes_are_the_same_every_time() -> None:
    """Keys are sorted and nothing is padded, so a digest means the same on every machine."""
    assert codec.canonical({"b": [1, None], "a": "\u00fc"}) == '{"a":"\\u00fc","b":[1,null]}'


def test_half_a_surrogate_pair_is_stored() -> None:
    """Undecodable bytes of a gateway's last line reach the journal as lone surrogates and must not stop it."""
    event = HostShutdownBegan(reason="bad \udcff byte")
    text = codec.canonical(codec.event_to_json(event))

    assert text.isascii()
    assert codec.event_from_json(codec.parse(text)) == event


def test_unknown_fields_are_ignored() -> None:
    """A version reads what its successor added, as far as it knows it."""
    assert codec.event_from_json({"kind": "HostShutdownBegan", "reason": "r", "new": [1]}) == HostShutdownBegan(
        reason="r"
    )


def test_an_unknown_kind_says_what_to_do() -> None:
    """An event only a newer version has is refused by name."""
    with pytest.raises(codec.CodecError, match="'Teleported' is no kind this version knows; a newer gatedog wrote it"):
        codec.event_from_json({"kind": "Teleported"})


def test_a_missing_field_is_named() -> None:
    """The error says where in the record the trouble is, down to the field."""
    with pytest.raises(codec.CodecError, match=r"MainProcessExited\.process: ProcessRef\.boot: is missing"):
        codec.event_from_json(
            {"kind": "MainProcessExited", "gateway": "g", "process": {"pid": 1, "start_ticks": 1}, "exit": {}}
        )


def test_encode_and_decode_speak_plain_dataclasses_too() -> None:
    """Outside the unions a value needs no kind, and the type asked for decides how it is read."""
    process = ProcessRef(pid=1, start_ticks=2, boot=BootId("b"))

    assert codec.encode(process) == {"pid": 1, "start_ticks": 2, "boot": "b"}
    assert codec.decode(ProcessRef, codec.encode(process)) == process
    assert codec.encode(EMPTY) == {}
    assert codec.decode(State, {}) == EMPTY


def test_what_is_in_no_union_is_refused_when_written() -> None:
    """A decision handed in as an event is a mistake of the program, found before it is stored."""
    decision = NothingDone(gateway=NOBODY, rule=RULE, because="b")
    with pytest.raises(TypeError, match="NothingDone is not in the closed union"):
        codec.event_to_json(typing.cast("Any", decision))


def test_a_type_without_a_rule_is_refused() -> None:
    """A field of a type the codec does not know is found when the class is first used, not when it is read."""
    with pytest.raises(TypeError, match="the journal cannot hold"):
        codec.decode(float, 1)


def test_older_formats_are_lifted_step_by_step() -> None:
    """A value of format 1 passes every upcast up to the present format, in order."""
    steps: dict[tuple[object, int], codec.Upcast] = {
        (Event, 1): lambda value: [value, "to 2"],
        (Event, 3): lambda value: [value, "to 4"],
    }

    assert codec.upcast(Event, "v", version=1, current=4, steps=steps) == [["v", "to 2"], "to 4"]
    assert codec.upcast(Decision, "v", version=1, current=4, steps=steps) == "v"


@pytest.mark.parametrize("version", [0, -1, codec.FORMAT_VERSION + 1])
def test_a_format_from_the_future_is_refused(version: int) -> None:
    """A format this version does not know is never guessed at."""
    with pytest.raises(codec.CodecError, match=f"format {version}"):
        codec.event_from_json(codec.event_to_json(SupervisorStarted(version="1", rules=1)), version=version)
