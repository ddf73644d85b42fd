"""`[[gateway.NAME.probe]]` and `[gateway.NAME.health]`: how a gateway is looked at, and what is believed of it.

    [[gateway.main.probe]]
    name = "ready"
    kind = "http"
    target = "http://127.0.0.1:{port}/readyz"
    [[gateway.main.probe.assert]]
    json = "failing"
    equals = []

Theory of operation. `{port}` in a target is the gateway's `port`, so that a profile fits every gateway. The relations
of a probe are checked where it is read, because its table is at hand for the line.

Invariant: whatever comes out can be run: a target fits its kind, a pattern cannot run away (patterns.py), a probe's
timeout is shorter than its period, and no two probes of a gateway have one name.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from enum import Enum

from watchdog.core.healthpolicy import Assertion, AssertionKind, HealthPolicy, ProbeKind, ProbePolicy
from watchdog.core.timeline import SECOND, duration_text
from watchdog.policyfile.addresses import has_credentials, is_host_port, is_web_address
from watchdog.policyfile.patterns import HOW, why_not
from watchdog.policyfile.section import Section

PROBES_MAX = 32
ASSERTIONS_MAX = 16
LINE_PATTERNS_MAX = 16
LINE_PATTERN_LENGTH_MIN = 4
PERIOD_USEC_MIN = SECOND
EXEC_PERIOD_USEC_MIN = 10 * SECOND
_COUNT_MAX = 10_000
_ZEROS = ("start_grace", "failing")
"""Durations that may be none: learned, or at once."""
_NAME = re.compile(r"[a-z0-9][a-z0-9:._-]{0,39}")
_PATH_BYTES_MAX = 107
_READING = (ProbeKind.HTTP, ProbeKind.EXEC)
_AGEING = (ProbeKind.HEARTBEAT, ProbeKind.NOTIFY)
_TARGETS = {
    ProbeKind.HTTP: 'Write target = "http://127.0.0.1:18789/healthz", without a password in it',
    ProbeKind.TCP: 'Write target = "127.0.0.1:18789" (host:port)',
    ProbeKind.UNIX: 'Write target = "/run/my-agent/control.sock"',
    ProbeKind.WEBSOCKET: 'Write target = "ws://127.0.0.1:18789/", without a password in it',
    ProbeKind.HEARTBEAT: 'Write target = "/path/of/the/file"',
    ProbeKind.NOTIFY: "Remove target: the gateway itself says how it is",
}

Observe = tuple[tuple[str, tuple[str, ...]], ...]
Fault = tuple[str, str, str]
"""Key, what, how."""


def read_health(section: Section) -> HealthPolicy:
    """Read the thresholds; what is wrong is in the section's findings afterwards.

    Every field of HealthPolicy is a key: `..._usec` a duration without that ending, a number a count or a percentage,
    a tuple a list of texts that are found in log lines.
    """
    default = HealthPolicy()
    found: dict[str, object] = {}
    for field in fields(HealthPolicy):
        value = getattr(default, field.name)
        if isinstance(value, Enum):
            found[field.name] = section.choice(field.name, value)
        elif field.name.endswith("_usec"):
            zero = field.name.startswith(_ZEROS)
            found[field.name] = section.duration(field.name.removesuffix("_usec"), value, zero=zero)
        elif isinstance(value, tuple):
            found[field.name] = _line_patterns(section, field.name)
        else:
            found[field.name] = section.integer(field.name, value, low=1, high=_COUNT_MAX)
    section.close()
    health = replace(default, **found)  # type: ignore[arg-type]  # each value has its field's type, by its getter
    if health.start_grace_usec > health.start_grace_max_usec and not section.is_wrong("start_grace"):
        what = f"health.start_grace ({duration_text(health.start_grace_usec)}) is more than start_grace_max"
        section.problem("start_grace", what, "Lower it, or raise start_grace_max")
    return health


def _line_patterns(section: Section, key: str) -> tuple[str, ...]:
    """Read texts to be found in log lines, with `*` for anything; one that every line holds would count nothing."""
    patterns = section.texts(key)
    if len(patterns) > LINE_PATTERNS_MAX:
        section.problem(key, f"{section.named(key)} has {len(patterns)} texts", f"Keep at most {LINE_PATTERNS_MAX}")
    for pattern in patterns:
        if len(pattern.replace("*", "").strip()) < LINE_PATTERN_LENGTH_MIN:
            what = f'{section.named(key)}: "{pattern[:40]}" is found in nearly every line'
            section.problem(key, what, f"Write at least {LINE_PATTERN_LENGTH_MIN} letters besides *")
            break
    return patterns


def read_probes(section: Section, *, unit: str, port: int, observe: Observe) -> tuple[ProbePolicy, ...]:
    """Read all probes of a gateway, sorted by name; what is wrong is in the findings afterwards."""
    found: dict[str, ProbePolicy] = {}
    tables = section.tables("probe")
    if len(tables) > PROBES_MAX:
        section.problem("probe", f"{section.named('probe')}: {len(tables)} probes", f"Keep at most {PROBES_MAX}")
    for table in tables[:PROBES_MAX]:
        probe = _probe(table, port)
        faults = tuple(_faults(probe))
        if not table.is_wrong("kind"):
            faults = (*faults, *_kind_faults(probe), *_exec_faults(probe, unit=unit, observe=observe))
        if probe.name in found:
            faults = (*faults, ("name", f'A second probe is called "{probe.name[:40]}"', "Give each a name of its own"))
        for key, what, how in faults:
            if not table.is_wrong(key):
                table.problem(key, what, how)
        found.setdefault(probe.name, probe)
    return tuple(found[name] for name in sorted(found))


def with_port(section: Section, key: str, port: int) -> str:
    """Read a target and put the gateway's port into it."""
    text = section.text(key)
    if "{port}" in text and not port:
        section.problem(key, f"{section.named(key)} holds {{port}}, and the gateway has none", "Set its `port`")
    return text.replace("{port}", str(port or 1))


def _probe(section: Section, port: int) -> ProbePolicy:
    default = ProbePolicy(name="", kind=ProbeKind.TCP)
    if not section.says("kind"):
        section.problem("kind", "A probe without `kind`", f"Write one of {', '.join(kind.value for kind in ProbeKind)}")
    probe = ProbePolicy(
        name=section.text("name"),
        kind=section.choice("kind", default.kind),
        target=with_port(section, "target", port),
        argv=section.texts("argv"),
        period_usec=section.duration("period", default.period_usec),
        timeout_usec=section.duration("timeout", default.timeout_usec),
        start_grace_usec=section.duration("start_grace", default.start_grace_usec, zero=True),
        failures=section.integer("failures", default.failures, low=1, high=100),
        successes=section.integer("successes", default.successes, low=1, high=100),
        assertions=_assertions(section),
        stale_after_usec=section.duration("stale_after", default.stale_after_usec),
        source=section.text("source"),
        liveness_only=section.flag("liveness_only", default=default.liveness_only),
        fakeable=section.flag("fakeable", default=default.fakeable),
        statuses=_statuses(section),
        message=section.text("message"),
        verify=section.flag("verify", default=default.verify),
        owned=section.flag("owned", default=default.owned),
    )
    section.close()
    return probe


def _statuses(section: Section) -> tuple[int, ...]:
    value = section.value("statuses")
    if value is None:
        return ()
    if isinstance(value, list) and all(type(each) is int and 100 <= each <= 599 for each in value):
        return tuple(value)
    section.problem("statuses", f"{section.named('statuses')} is not a list of HTTP statuses", "Write [200, 401]")
    return ()


def _assertions(section: Section) -> tuple[Assertion, ...]:
    tables = section.tables("assert")
    if len(tables) > ASSERTIONS_MAX:
        section.problem("assert", f"{len(tables)} assertions on one answer", f"Keep at most {ASSERTIONS_MAX}")
    return tuple(found for table in tables[:ASSERTIONS_MAX] if (found := _assertion(table)) is not None)


def _assertion(section: Section) -> Assertion | None:
    path = section.text("json")
    said = [key for key in ("equals", "matches", "matches_not", "present") if section.says(key)]
    found = None
    if len(said) != 1 or (path and said == ["matches_not"]) or (not path and said[0] in {"equals", "present"}):
        how = 'Write json = "a.path" with equals, matches or present = true; or matches or matches_not alone'
        section.problem("", "An assertion says one thing, and this one is not clear", how)
    elif said == ["equals"]:
        found = _equals(section, path)
    elif said == ["present"]:
        if not section.flag("present", default=True):
            section.problem("present", "present = false cannot be asserted", 'Use matches_not = "..."')
        found = Assertion(kind=AssertionKind.JSON_PRESENT, path=path)
    else:
        pattern = section.text(said[0])
        fault = why_not(pattern) if pattern else "is empty"
        if fault and not section.is_wrong(said[0]):
            section.problem(said[0], f"{said[0]} {fault}", HOW)
        kinds = {"matches": AssertionKind.JSON_MATCHES if path else AssertionKind.MATCHES}
        found = Assertion(kind=kinds.get(said[0], AssertionKind.MATCHES_NOT), path=path, expected=pattern)
    for key in ("equals", "matches", "matches_not", "present"):
        section.value(key)
    section.close()
    return found


def _equals(section: Section, path: str) -> Assertion:
    try:
        expected = json.dumps(section.value("equals"), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError):  # a date, which JSON has not, or inf
        section.problem("equals", "equals is nothing that JSON knows", "Write a text, a number, true, false or a list")
        expected = "null"
    return Assertion(kind=AssertionKind.JSON_EQUALS, path=path, expected=expected)


def _faults(probe: ProbePolicy) -> Iterator[Fault]:
    if not _NAME.fullmatch(probe.name):
        what = f'"{probe.name[:40]}" cannot be the name of a probe'
        yield ("name", what, "Use 1 to 40 of a-z, 0-9 and : . _ -, beginning with a letter or digit")
    shortest = EXEC_PERIOD_USEC_MIN if probe.kind is ProbeKind.EXEC else PERIOD_USEC_MIN
    if probe.period_usec < shortest:
        what = f"period ({duration_text(probe.period_usec)}) is too short for a probe of kind {probe.kind.value}"
        yield ("period", what, f"Choose at least {duration_text(shortest)}: looking must not be the load")
    if probe.timeout_usec >= probe.period_usec:
        what = f"timeout ({duration_text(probe.timeout_usec)}) is not less than period"
        yield ("timeout", what, "One look must be over before the next one: lower timeout or raise period")


def _kind_faults(probe: ProbePolicy) -> Iterator[Fault]:
    if probe.kind in _AGEING and probe.stale_after_usec < probe.period_usec:
        what = f"stale_after ({duration_text(probe.stale_after_usec)}) is less than period"
        yield ("stale_after", what, "It would change unseen between two looks: raise it or lower period")
    if probe.assertions and probe.kind not in _READING and not probe.message:
        what = f"A probe of kind {probe.kind.value} reads no answer to assert on"
        yield ("assert", what, "Remove the assertions, or use kind http or exec")
    if probe.argv and probe.kind is not ProbeKind.EXEC:
        yield ("argv", f"A probe of kind {probe.kind.value} runs no program", "Remove argv, or use kind exec")
    if probe.message and probe.kind is not ProbeKind.WEBSOCKET:
        yield ("message", f"A probe of kind {probe.kind.value} sends no message", "Remove message")
    if probe.statuses and probe.kind is not ProbeKind.HTTP:
        yield ("statuses", f"A probe of kind {probe.kind.value} has no statuses", "Remove statuses")
    if not _fits(probe):
        yield ("target", f'target "{probe.target[:80]}" does not fit kind = "{probe.kind.value}"', _TARGETS[probe.kind])


def _exec_faults(probe: ProbePolicy, *, unit: str, observe: Observe) -> Iterator[Fault]:
    if probe.kind is not ProbeKind.EXEC:
        return
    if not unit:
        if probe.target:
            yield ("target", "A probe of kind exec has no target", "Write its program and words as argv")
        if not probe.argv or not probe.argv[0].startswith("/"):
            how = 'Write argv = ["/usr/bin/my-agent", "health"]: the whole path, and no shell'
            yield ("argv", "A probe of kind exec names no program by its whole path", how)
        return
    if probe.argv:
        how = 'Name the command in the observe table, and write target = "its name"'
        yield ("argv", "Beside a unit only the commands of the observe table are run", how)
    if probe.target not in [name for name, _ in observe]:
        known = ", ".join(name for name, _ in observe) or "nothing yet"
        yield ("target", f'"{probe.target[:40]}" is not in the observe table', f"Name one of its commands: {known}")
    if not probe.assertions:
        yield ("assert", "Beside a unit only a program's output can be seen", "Assert on something that it prints")


def _fits(probe: ProbePolicy) -> bool:
    target = probe.target
    match probe.kind:
        case ProbeKind.HTTP:
            return is_web_address(target) and not has_credentials(target) and _is_spelt(target)
        case ProbeKind.WEBSOCKET:
            http = target.replace("ws", "http", 1) if target.startswith(("ws://", "wss://")) else ""
            return is_web_address(http) and not has_credentials(http) and _is_spelt(target)
        case ProbeKind.TCP:
            return is_host_port(target)
        case ProbeKind.UNIX | ProbeKind.HEARTBEAT:
            longest = _PATH_BYTES_MAX if probe.kind is ProbeKind.UNIX else 4096
            return target.startswith("/") and len(target.encode()) <= longest
        case ProbeKind.NOTIFY:
            return not target
        case ProbeKind.EXEC:
            return True


def _is_spelt(url: str) -> bool:
    """Whether a URL can be sent as it is: a space or a letter of no alphabet of 1969 would end the request's line."""
    return url.isascii() and not any(letter.isspace() for letter in url)
