"""What no single value shows: relations between values that cannot hold.

Theory of operation. Each number of a policy may be sensible and the whole still impossible: a stop that may take
longer than the shortest budget window lets a gateway die inside its own stop and never spend the budget. So the
relations are checked over the typed values, where a policy from a file and one built from a command line meet the
same rules.

Invariant: pure; every check names the keys it rests on, so that a reader who already knows one of them to be wrong
can leave the follow-up out. Deliberately not here: whether a unit, a user or a program exists (that changes while
the policy does not).
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from watchdog.core.budget import window_text
from watchdog.core.policy import GatewayPolicy, Readiness, Window
from watchdog.core.timeline import duration_text
from watchdog.core.values import dataclass
from watchdog.policyfile.addresses import is_host_port, is_web_address

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
"""It becomes part of cgroup, unit, folder and lock names."""

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """One broken relation. `keys` are paths below the gateway's table, the one to show first."""

    keys: tuple[Keys, ...]
    what: str
    how: str


def find_impossible(gateway: GatewayPolicy) -> tuple[Impossible, ...]:
    """Return every broken relation within one gateway's policy."""
    return tuple(found for check in _CHECKS for found in check(gateway))


def find_rivals(gateways: tuple[GatewayPolicy, ...]) -> tuple[tuple[GatewayPolicy, Impossible], ...]:
    """Return the gateways that would own what an earlier one owns already: two owners of one thing are a spiral."""
    rivals: list[tuple[GatewayPolicy, Impossible]] = []
    owners: dict[tuple[str, str], str] = {}
    for gateway in gateways:
        port = str(gateway.port) if gateway.port else ""
        for key, value in (("unit", gateway.unit), ("port", port)):
            owner = owners.setdefault((key, value), gateway.name) if value else gateway.name
            if owner != gateway.name:
                what = f"{key} {value} is already the gateway {owner}'s"
                how = "One thing has one owner: remove one of the two"
                rivals.append((gateway, Impossible(keys=((key,),), what=what, how=how)))
    return tuple(rivals)


def _name(gateway: GatewayPolicy) -> Iterator[Impossible]:
    if not NAME.fullmatch(gateway.name):
        what = f'"{gateway.name[:40]}" cannot be the name of a gateway'
        yield Impossible(keys=((),), what=what, how="Use 1 to 31 of a-z, 0-9 and -, beginning with a letter or digit")


def _subject(gateway: GatewayPolicy) -> Iterator[Impossible]:
    keys = ((), ("unit",), ("command",))
    if gateway.unit and gateway.command is not None:
        what = f"The gateway {gateway.name} has both `unit` and `command`"
        yield Impossible(keys=keys, what=what, how="Keep the one that really starts it and remove the other")
    if not gateway.unit and gateway.command is None:
        what = f"The gateway {gateway.name} has neither `unit` nor `command`"
        how = 'Say what to supervise: unit = "NAME.service" or command = ["/path/to/program", "argument"]'
        yield Impossible(keys=keys, what=what, how=how)


def _backoff(gateway: GatewayPolicy) -> Iterator[Impossible]:
    backoff = gateway.backoff
    if backoff.max_usec < backoff.first_usec:
        what = f"backoff.max ({_t(backoff.max_usec)}) is less than backoff.first ({_t(backoff.first_usec)})"
        how = "The delay grows from first to max: raise max or lower first"
        yield Impossible(keys=(("backoff", "max"), ("backoff", "first")), what=what, how=how)
    if gateway.spiral.gap_max_usec <= backoff.max_usec:
        what = f"spiral.gap_max ({_t(gateway.spiral.gap_max_usec)}) is not more than backoff.max"
        how = "Our own delay would break every chain and no spiral would be seen: raise gap_max"
        yield Impossible(keys=(("spiral", "gap_max"), ("backoff", "max")), what=what, how=how)
    if gateway.budget.slow_retry_usec < backoff.max_usec:
        what = f"budget.slow_retry ({_t(gateway.budget.slow_retry_usec)}) is less than backoff.max"
        how = "Slow must be slower than the longest backoff: raise slow_retry"
        yield Impossible(keys=(("budget", "slow_retry"), ("backoff", "max")), what=what, how=how)


def _stop(gateway: GatewayPolicy) -> Iterator[Impossible]:
    shortest = min((window.per_usec for window in gateway.budget.windows), default=0)
    if gateway.stop.timeout_usec > shortest:
        what = f"stop.timeout ({_t(gateway.stop.timeout_usec)}) is longer than the shortest budget window"
        how = f"Stops that slow never spend the budget: lower it to at most {_t(shortest)}"
        yield Impossible(keys=(("stop", "timeout"), ("budget", "windows")), what=what, how=how)


def _windows(gateway: GatewayPolicy) -> Iterator[Impossible]:
    budget = gateway.budget
    for key, windows in (
        ("windows", budget.windows),
        ("self_restart", budget.self_restart),
        ("trusted", budget.trusted),
    ):
        if not windows:
            what = f"budget.{key} is empty"
            yield Impossible(keys=(("budget", key),), what=what, how='Name a window, as in ["5 per 10min"]')
        for before, after in pairwise(windows):
            what, how = _misfit(before, after)
            if what:
                yield Impossible(keys=(("budget", key),), what=f"budget.{key}: {what}", how=how)


def _misfit(before: Window, after: Window) -> tuple[str, str]:
    if after.per_usec <= before.per_usec:
        what = f'"{window_text(after)}" does not follow from a shorter window than "{window_text(before)}"'
        return what, "List the windows from the shortest to the longest, each length once"
    if after.starts < before.starts:
        what = f'"{window_text(after)}" allows fewer starts than the shorter "{window_text(before)}"'
        return what, "The shorter window can never fill: raise the longer one's count or lower the shorter one's"
    return "", ""


def _spiral(gateway: GatewayPolicy) -> Iterator[Impossible]:
    spiral = gateway.spiral
    if spiral.identical_page_at > spiral.page_at:
        what = f"spiral.identical_page_at ({spiral.identical_page_at}) is more than page_at ({spiral.page_at})"
        how = "Identical endings are the stronger sign and page sooner: lower it"
        yield Impossible(keys=(("spiral", "identical_page_at"), ("spiral", "page_at")), what=what, how=how)
    if spiral.identical_page_at == 1:
        what = "spiral.identical_page_at is 1"
        how = "One ending is identical to nothing: use 2 or more, or 0 for never"
        yield Impossible(keys=(("spiral", "identical_page_at"),), what=what, how=how)
    if spiral.hold_below_usec > spiral.gap_max_usec:
        what = f"spiral.hold_below ({_t(spiral.hold_below_usec)}) is more than gap_max ({_t(spiral.gap_max_usec)})"
        how = "No chain has gaps that long: lower hold_below"
        yield Impossible(keys=(("spiral", "hold_below"), ("spiral", "gap_max")), what=what, how=how)


def _ready(gateway: GatewayPolicy) -> Iterator[Impossible]:
    ready = gateway.ready
    if ready.timeout_usec < ready.delay_usec:
        what = f"ready.timeout ({_t(ready.timeout_usec)}) is less than ready.delay ({_t(ready.delay_usec)})"
        how = "It could never become ready in time: raise timeout or lower delay"
        yield Impossible(keys=(("ready", "timeout"), ("ready", "delay")), what=what, how=how)
    how = _TARGETS[ready.kind]
    if not _TARGET_FITS[ready.kind](ready.target):
        what = f'ready.target "{ready.target[:80]}" does not fit kind = "{ready.kind.value}"'
        yield Impossible(keys=(("ready", "target"), ("ready", "kind")), what=what, how=how)


_TARGETS = {
    Readiness.DELAY: "Remove target: a delay looks at nothing",
    Readiness.NOTIFY: "Remove target: the gateway itself says that it is ready",
    Readiness.TCP: 'Write target = "127.0.0.1:18789" (host:port)',
    Readiness.HTTP: 'Write target = "http://127.0.0.1:18789/health"',
}
_TARGET_FITS: dict[Readiness, Callable[[str], bool]] = {
    Readiness.DELAY: lambda target: not target,
    Readiness.NOTIFY: lambda target: not target,
    Readiness.TCP: is_host_port,
    Readiness.HTTP: is_web_address,
}

_CHECKS = (_name, _subject, _backoff, _stop, _windows, _spiral, _ready)


def _t(usec: int) -> str:
    return duration_text(usec)
