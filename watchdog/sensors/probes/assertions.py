"""What must be true of an answer: its JSON by path, its text by pattern.

Theory of operation. A status code says little: gateways answer 200 to every path, and 200 while all their channels are
dead. So an answer is parsed and its keys are looked at. A path is dotted; a number counts in a list; `*` stands for
every key or item, and what fails is named by the key it was found at. What stands before the first `*` must be there:
a key that vanished with an update is a failure, and nobody's silence.

Invariant: an answer is data: bounded before it comes here, parsed as JSON and as nothing else; whatever it holds, the
result is a list of sentences. A sentence changes only if what it tells has changed.
"""

import json
import re
from collections.abc import Iterator

from watchdog.core.healthpolicy import Assertion, AssertionKind
from watchdog.core.values import dataclass
from watchdog.policyfile.patterns import search
from watchdog.sensors.probes.outcome import plain

_ABSENT = object()
_SHOWN_MAX = 60
_WALKED_MAX = 256
"""Keys that one `*` may stand for."""
_JSON = (AssertionKind.JSON_EQUALS, AssertionKind.JSON_MATCHES, AssertionKind.JSON_PRESENT)


@dataclass(frozen=True, slots=True)
class _Check:
    assertion: Assertion
    keys: tuple[str, ...]
    wanted: object
    pattern: re.Pattern[str] | None


class Checks:
    """The assertions of one probe, prepared once."""

    def __init__(self, assertions: tuple[Assertion, ...]) -> None:
        """Raises ValueError for an assertion that no policy file would pass."""
        self._checks = tuple(_prepared(each) for each in assertions)

    def __bool__(self) -> bool:
        return bool(self._checks)

    def broken(self, text: str) -> tuple[str, ...]:
        """Return what is not as it must be, one sentence each; empty when all holds."""
        value: object = _ABSENT
        if any(check.assertion.kind in _JSON for check in self._checks):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                return (f'its answer is not JSON: "{plain(text, _SHOWN_MAX)}"',)
        return tuple(sentence for check in self._checks for sentence in _broken(check, text, value))


def find(value: object, keys: tuple[str, ...]) -> object:
    """Return the value at a path without `*`; None when there is none, as for a JSON null."""
    for _, found in _walk(value, keys, ""):
        return None if found is _ABSENT else found
    return None


def _prepared(assertion: Assertion) -> _Check:
    kind = assertion.kind
    pattern: re.Pattern[str] | None = None
    wanted: object = None
    if kind is AssertionKind.JSON_EQUALS:
        wanted = json.loads(assertion.expected)
    elif kind is not AssertionKind.JSON_PRESENT:
        pattern = re.compile(assertion.expected)
    return _Check(assertion, split_path(assertion.path), wanted, pattern)


def split_path(path: str) -> tuple[str, ...]:
    """Split a dotted path into its keys."""
    return tuple(path.split(".")) if path else ()


def _broken(check: _Check, text: str, value: object) -> Iterator[str]:
    expected = check.assertion.expected
    match check.assertion.kind:
        case AssertionKind.MATCHES:
            if check.pattern is not None and search(check.pattern, text) is None:
                yield f'its answer does not match "{plain(expected, _SHOWN_MAX)}"'
        case AssertionKind.MATCHES_NOT:
            hit = None if check.pattern is None else search(check.pattern, text)
            if hit is not None:
                yield f'its answer holds "{plain(hit, _SHOWN_MAX)}"'
        case AssertionKind.JSON_PRESENT:
            values = list(_walk(value, check.keys, ""))
            if not any(found is not _ABSENT for _, found in values):
                yield f"there is no {check.assertion.path}"
        case AssertionKind.JSON_EQUALS | AssertionKind.JSON_MATCHES:
            for where, found in _walk(value, check.keys, ""):
                if not _is_as_wanted(check, found):
                    yield _sentence(check, where, found)


def _is_as_wanted(check: _Check, found: object) -> bool:
    if found is _ABSENT:
        return False
    if check.pattern is not None:
        return isinstance(found, str) and search(check.pattern, found) is not None
    return json.dumps(found, sort_keys=True) == json.dumps(check.wanted, sort_keys=True) or (
        _is_number(found) and _is_number(check.wanted) and found == check.wanted
    )


def _sentence(check: _Check, where: str, found: object) -> str:
    name = where or "its answer"
    if found is _ABSENT:
        return f"there is no {name}"
    shown = plain(json.dumps(found, ensure_ascii=False), _SHOWN_MAX)
    if check.pattern is not None:
        return f'{name} is {shown}, which does not match "{plain(check.assertion.expected, _SHOWN_MAX)}"'
    return f"{name} is {shown}, not {plain(check.assertion.expected, _SHOWN_MAX)}"


def _walk(value: object, keys: tuple[str, ...], where: str) -> Iterator[tuple[str, object]]:
    """Yield (path, value) for each way the keys go; the value is _ABSENT where they lead nowhere."""
    if not keys:
        yield where, value
        return
    key, *rest = keys
    for name, found in _children(value, key):
        path = f"{where}.{plain(name, _SHOWN_MAX)}" if where else plain(name, _SHOWN_MAX)
        if found is _ABSENT:
            yield path, _ABSENT
        else:
            yield from _walk(found, tuple(rest), path)


def _children(value: object, key: str) -> list[tuple[str, object]]:
    if key == "*":
        if isinstance(value, dict):
            return sorted(value.items())[:_WALKED_MAX]
        if isinstance(value, list):
            return [(str(index), item) for index, item in enumerate(value[:_WALKED_MAX])]
        return [("*", _ABSENT)]
    if isinstance(value, dict):
        return [(key, value.get(key, _ABSENT))]
    if isinstance(value, list) and key.isdigit() and len(key) < 6 and int(key) < len(value):
        return [(key, value[int(key)])]
    return [(key, _ABSENT)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
