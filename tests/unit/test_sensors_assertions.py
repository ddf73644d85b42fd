"""What must be true of an answer, and how its breach is told."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.core.events import TEXT_MAX
from watchdog.core.healthpolicy import Assertion, AssertionKind
from watchdog.sensors.probes.assertions import Checks
from watchdog.sensors.probes.outcome import plain
from watchdog.sensors.probes.question import read_uptime

READY = '{"ready": true, "failing": [], "uptimeMs": 12, "channels": {"telegram": {"on": true}, "slack": {"on": true}}}'


def broken(text: str, kind: AssertionKind, path: str = "", expected: str = "") -> tuple[str, ...]:
    """Return what one assertion finds wrong."""
    return Checks((Assertion(kind=kind, path=path, expected=expected),)).broken(text)


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        (AssertionKind.JSON_EQUALS, "ready", "true"),
        (AssertionKind.JSON_EQUALS, "failing", "[]"),
        (AssertionKind.JSON_EQUALS, "uptimeMs", "12.0"),
        (AssertionKind.JSON_EQUALS, "channels.*.on", "true"),
        (AssertionKind.JSON_EQUALS, "failing.*", "1"),
        (AssertionKind.JSON_PRESENT, "channels.slack", ""),
        (AssertionKind.MATCHES, "", "telegram"),
        (AssertionKind.MATCHES_NOT, "", "suppressed"),
    ],
)
def test_what_holds_is_silent(kind: AssertionKind, path: str, expected: str) -> None:
    """An assertion that holds says nothing; `*` over nothing holds."""
    assert broken(READY, kind, path, expected) == ()


@pytest.mark.parametrize(
    ("kind", "path", "expected", "sentence"),
    [
        (AssertionKind.JSON_EQUALS, "ready", "false", "ready is true, not false"),
        (AssertionKind.JSON_EQUALS, "ready", "1", "ready is true, not 1"),
        (AssertionKind.JSON_EQUALS, "live", "true", "there is no live"),
        (AssertionKind.JSON_EQUALS, "channels.telegram.on", '"yes"', 'channels.telegram.on is true, not "yes"'),
        (AssertionKind.JSON_EQUALS, "plugins.*.ok", "true", "there is no plugins"),
        (AssertionKind.JSON_EQUALS, "ready.*", "true", "there is no ready.*"),
        (AssertionKind.JSON_MATCHES, "ready", "t", 'ready is true, which does not match "t"'),
        (AssertionKind.JSON_PRESENT, "failing.0", "", "there is no failing.0"),
        (AssertionKind.MATCHES, "", "green", 'its answer does not match "green"'),
        (AssertionKind.MATCHES_NOT, "", "upt[a-z]{1,9}", 'its answer holds "uptime"'),
    ],
)
def test_what_does_not_hold_is_a_sentence(kind: AssertionKind, path: str, expected: str, sentence: str) -> None:
    """The sentence names the key and both values."""
    assert broken(READY, kind, path, expected) == (sentence,)


def test_each_key_under_a_star_is_named() -> None:
    """The channel that is dead is called by its name."""
    text = '{"channels": {"a": {"on": true}, "telegram": {"on": false}, "slack": {}}}'

    assert broken(text, AssertionKind.JSON_EQUALS, "channels.*.on", "true") == (
        "there is no channels.slack.on",
        "channels.telegram.on is false, not true",
    )


@pytest.mark.parametrize(
    "text", ["", "<html>fine</html>", "{", "nul", "[" * 60_000, "1" * 10_000, '{"a": ' * 20_000, "\x00\x1b[31m"]
)
def test_what_is_no_json_is_told_as_that(text: str) -> None:
    """Web pages, torn answers and bombs are one sentence of printable text."""
    (sentence,) = broken(text, AssertionKind.JSON_EQUALS, "ready", "true")

    assert sentence.startswith(("its answer is not JSON", "there is no ready"))
    assert sentence.isprintable()
    assert len(sentence) <= TEXT_MAX


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_judged(value: object) -> None:
    """Whatever an answer holds, the check ends with sentences that can be shown."""
    for sentence in broken(json.dumps(value), AssertionKind.JSON_EQUALS, "*.a.0", "true"):
        assert plain(sentence)
        assert "\n" not in sentence


@pytest.mark.parametrize(
    ("text", "uptime"),
    [
        (READY, 0.012),
        ('{"uptimeMs": 39533}', 39.533),
        ('{"uptime": 3.5}', 3.5),
        (f'{{"uptime": 1{"0" * 400}}}', None),
        ('{"uptime": Infinity}', None),
        ('{"": 3}', None),
        ('{"uptime": "long"}', None),
        ("[]", None),
        ("no", None),
        ('{"uptime":true}', None),
    ],
)
def test_the_gateways_own_uptime_is_read(text: str, uptime: float | None) -> None:
    """A number under one of the usual names, in seconds, and nothing else."""
    assert read_uptime(text) == uptime


def test_untrusted_text_becomes_one_line() -> None:
    """Controls and line ends become spaces, and the length is bounded."""
    assert plain("a\x1b[31m\n\tb\u2028c" + "x" * 999).startswith("a [31m b cxxx")
    assert len(plain("x" * 999)) == TEXT_MAX
