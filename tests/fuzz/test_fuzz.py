"""A few seconds of fuzzing for each door, on every run; the same examples each time under the profile `ci`.

Bytes come in three kinds: any, valid input with a few bytes changed, and text of the right grammar with absurd values
in it. Hours of the same are described in README.md.
"""

import json

import pytest
from fuzztargets import TARGETS, seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SOME = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_ABSURD = st.sampled_from(
    [None, True, -1, 0, 2**62, 10**30, 0.5, float("nan"), float("inf"), "", "x", "\ud800", "\x1b[2J", [], {}, [[1]]]
)


@st.composite
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """Return valid input of a target with up to eight places changed, doubled or cut out."""
    raw = bytearray(draw(st.sampled_from(seeds(target))))
    for _ in range(draw(st.integers(0, 8))):
        begin = draw(st.integers(0, len(raw)))
        end = min(len(raw), begin + draw(st.integers(0, 16)))
        fresh = draw(st.one_of(st.binary(max_size=8), st.just(bytes(raw[begin:end]) * 2)))
        raw[begin:end] = fresh
    return bytes(raw)


def _fields(names: list[str], values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(names), st.one_of(values, _ABSURD), max_size=len(names))


_TIMES = st.one_of(st.floats(-10, 90_000), st.integers(-10, 10_000), st.sampled_from([1e300, 300_000, -(10**30)]))
_WORDS = st.sampled_from(
    ["human", "supervised", "scheduled", "reboot", "second-manager", "manager", "self", "SIGKILL", "cli", "x"]
)


@st.composite
def recordings(draw: st.DrawFn) -> bytes:
    """Return a recording whose events come in any order, twice, from nowhere, about nothing that runs."""
    kinds = st.sampled_from(["start", "ready", "exit", "restart-request", "clock-jump", "metric", "what"])
    rows: list[object] = [{"trace": "absurd"}]
    for _ in range(draw(st.integers(0, 25))):
        fields = draw(_fields(["by", "code", "signal", "log", "origin", "route"], st.one_of(_WORDS, st.integers())))
        if draw(st.booleans()):
            fields["delta"] = draw(st.one_of(_ABSURD, st.floats(-2e9, 2e9)))
        rows.append({"t": draw(_TIMES), "ev": draw(kinds), **fields})
    return "\n".join(json.dumps(row) for row in rows).encode()


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Return Varlink calls of every method, with absurd parameters, some of them cut off."""
    methods = ["Request", "Events", "Incidents", "Explain", "Nothing"]
    names = ["verb", "gateway", "reason", "incident", "for_usec", "severity", "after_seq", "limit", "all"]
    told = b""
    for _ in range(draw(st.integers(1, 3))):
        call: dict[str, object] = {"method": f"io.gatedog.Supervisor.{draw(st.sampled_from(methods))}"}
        call["parameters"] = draw(st.one_of(_ABSURD, _fields(names, st.sampled_from(["restart", "g", "INC-1", 1]))))
        call |= draw(_fields(["more", "oneway", "upgrade", "later"], st.booleans()))
        text = json.dumps(call).encode() + b"\0"
        told += text[: draw(st.integers(len(text) // 2, 2 * len(text)))]
    return told


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_valid_input_is_taken(target: str) -> None:
    """The seeds themselves are no nonsense: what mutations begin with is taken."""
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_any_bytes_are_refused_or_taken(target: str) -> None:
    """No bytes at all, and no few changed bytes in valid input, make a door raise what it does not promise."""

    @SOME
    @given(raw=st.one_of(st.binary(max_size=300), mutated(target)))
    def fuzz(raw: bytes) -> None:
        TARGETS[target](raw)

    fuzz()


@SOME
@given(raw=recordings())
def test_absurd_recordings_are_played_or_refused(raw: bytes) -> None:
    """Exits while down, starts of what runs, clocks before the epoch: an answer, or a RecordingError."""
    TARGETS["recording"](raw)


@SOME
@given(raw=messages())
def test_absurd_calls_are_answered(raw: bytes) -> None:
    """Parameters of any type and size are answered; none is a defect of the daemon."""
    TARGETS["message"](raw)
