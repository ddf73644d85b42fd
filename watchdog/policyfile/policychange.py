"""What a change of the rules amounts to: does it loosen them, tighten them, or neither?

Theory of operation. Two policies are compared field by field. For each field a rule here says in which direction it
binds: a longer backoff tightens, a larger budget loosens. Where a rule cannot tell, the change loosens: what is
unknown must not pass for harmless. A field without a rule is such a case, too, and a test fails until it has one.

Loosens means: a gateway could be restarted more often or sooner, by more askers or with less proof; less is found, or
people hear later, or fewer of them; gatedog would run, own or end something else than before.

Whether anything loosens decides how many people have to sign (core/proposals.py). It stands here and not in the core
because the core never sees a policy that is only proposed: what was found of it travels in the event.

Invariant: pure, and total over any two policies. The sentences quote names and values of both, cut and made printable;
they are for people to read and are never part of a command.
"""

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from watchdog.core.action import ActionRule
from watchdog.core.effect import Effect
from watchdog.core.healthpolicy import HealthPolicy, OnDegraded, ProbeKind, ProbePolicy
from watchdog.core.policy import (
    BackoffPolicy,
    BudgetPolicy,
    CommandPolicy,
    EscalationPolicy,
    GatewayPolicy,
    OnExhausted,
    Policy,
    QuietHours,
    ReadyPolicy,
    SpiralPolicy,
    StopPolicy,
    Window,
)
from watchdog.core.runbookpolicy import MachineRunbook
from watchdog.core.values import dataclass
from watchdog.policyfile.policywords import about, pair, shown


class Direction(Enum):
    """Which way a change goes."""

    LOOSENS = "loosens"
    TIGHTENS = "tightens"
    OTHER = "changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. `what` is a sentence without its direction: "main: budget.windows: 5 per 10m -> 50 per 10m"."""

    direction: Direction
    what: str


def compare(before: Policy, after: Policy) -> tuple[Change, ...]:
    """Return every difference, what loosens first."""
    found = compare_fields((), before, after)
    return tuple(sorted(found, key=lambda change: list(Direction).index(change.direction)))


def is_same(before: Policy, after: Policy) -> bool:
    """Whether two policies say the same; a newer table of a zone's clock changes says nothing new."""
    return not compare(before, after)


# -- rules of direction: what a change of one field means -------------------------------------------------------------

Judge = Callable[[Any, Any], Direction]


def _any_loosens(_before: object, _after: object) -> Direction:
    return Direction.LOOSENS


def _any_is_other(_before: object, _after: object) -> Direction:
    return Direction.OTHER


def _more_loosens(before: int, after: int) -> Direction:
    return Direction.LOOSENS if after > before else Direction.TIGHTENS


def _less_loosens(before: int, after: int) -> Direction:
    return Direction.LOOSENS if after < before else Direction.TIGHTENS


def _off_or_more_loosens(before: int, after: int) -> Direction:
    """0 switches it off."""
    if 0 in (before, after):
        return Direction.LOOSENS if after == 0 else Direction.TIGHTENS
    return _more_loosens(before, after)


def _learned_or_more_loosens(before: int, after: int) -> Direction:
    """0: gatedog learns it, and nobody can say what that will be."""
    return Direction.LOOSENS if 0 in (before, after) else _more_loosens(before, after)


def _off_loosens(_before: object, after: object) -> Direction:
    return Direction.TIGHTENS if after else Direction.LOOSENS


def _on_loosens(_before: object, after: object) -> Direction:
    return Direction.LOOSENS if after else Direction.TIGHTENS


def _added_loosens(before: tuple[Any, ...], after: tuple[Any, ...]) -> Direction:
    return Direction.LOOSENS if any(each not in before for each in after) else Direction.TIGHTENS


def _removed_loosens(before: tuple[Any, ...], after: tuple[Any, ...]) -> Direction:
    return Direction.LOOSENS if any(each not in after for each in before) else Direction.TIGHTENS


def _windows(before: tuple[Window, ...], after: tuple[Window, ...]) -> Direction:
    """Every old limit must still be kept by a new one that is as strict."""
    if all(any(new.starts <= old.starts and new.per_usec >= old.per_usec for new in after) for old in before):
        return Direction.TIGHTENS
    return Direction.LOOSENS


def _fewer_told(before: Window, after: Window) -> Direction:
    """Of pages, fewer in a longer time is what loosens."""
    more = after.starts >= before.starts and after.per_usec <= before.per_usec
    return Direction.TIGHTENS if more else Direction.LOOSENS


def _tiers(before: tuple[tuple[str, ...], ...], after: tuple[tuple[str, ...], ...]) -> Direction:
    """Nobody who was told may be told later, or not at all."""
    told_by = [[name for tier in after[: place + 1] for name in tier] for place in range(len(before))]
    in_time = all(name in told for old, told in zip(before, told_by, strict=True) for name in old)
    return Direction.TIGHTENS if in_time else Direction.LOOSENS


def _slow_loosens(_before: object, after: object) -> Direction:
    return Direction.LOOSENS if after is OnExhausted.SLOW else Direction.TIGHTENS


def _restart_loosens(_before: object, after: object) -> Direction:
    return Direction.LOOSENS if after is OnDegraded.RESTART else Direction.TIGHTENS


RULES: Mapping[type, Mapping[str, Judge]] = {
    Policy: {"min_signers": _less_loosens},
    GatewayPolicy: {
        "unit": _any_loosens,
        "profile": _any_is_other,  # what it says shows in every other field
        "port": _any_loosens,
        "lock": _any_loosens,
        "trusted_units": _added_loosens,
        "signature_for": _removed_loosens,
        "signature_touched": _off_loosens,
        "observe": _added_loosens,
    },
    CommandPolicy: {
        "argv": _any_loosens,
        "directory": _any_loosens,
        "user": _any_loosens,
        "environment": _any_loosens,
        "log_bytes_max": _less_loosens,
    },
    ReadyPolicy: {
        "kind": _any_loosens,
        "target": _any_loosens,
        "delay_usec": _any_is_other,
        "timeout_usec": _more_loosens,
        "owned": _off_loosens,
    },
    StopPolicy: {"signal": _any_is_other, "timeout_usec": _any_is_other},
    BudgetPolicy: {
        "windows": _windows,
        "self_restart": _windows,
        "trusted": _windows,
        "on_exhausted": _slow_loosens,
        "slow_retry_usec": _less_loosens,
        "refused_ask_shadow_usec": _less_loosens,
    },
    BackoffPolicy: {
        "first_usec": _less_loosens,
        "max_usec": _less_loosens,
        "stable_after_usec": _less_loosens,
    },
    SpiralPolicy: {
        "gap_max_usec": _less_loosens,
        "page_at": _more_loosens,
        "identical_page_at": _off_or_more_loosens,
        "identical_within_usec": _less_loosens,
        "hold_below_usec": _less_loosens,
    },
    HealthPolicy: {
        "on_degraded": _restart_loosens,
        "start_grace_usec": _learned_or_more_loosens,
        "start_grace_max_usec": _more_loosens,
        "failing_usec": _more_loosens,
        "failing_together_usec": _more_loosens,
        "failing_remote_usec": _more_loosens,
        "log_silent_after_usec": _off_or_more_loosens,
        "sockets_gone_after_usec": _off_or_more_loosens,
        "idle_after_usec": _off_or_more_loosens,
        "growth_percent": _off_or_more_loosens,
        "flaps": _off_or_more_loosens,
        "flaps_per_usec": _less_loosens,
        "disk_full_percent": _off_or_more_loosens,
        "work_lines": _any_loosens,
    },
    ProbePolicy: {
        "kind": _any_loosens,
        "target": _any_loosens,
        "argv": _any_loosens,
        "period_usec": _more_loosens,
        "timeout_usec": _more_loosens,
        "start_grace_usec": _learned_or_more_loosens,
        "failures": _more_loosens,
        "successes": _less_loosens,
        "assertions": _removed_loosens,
        "stale_after_usec": _more_loosens,
        "source": _any_loosens,
        "liveness_only": _off_loosens,
        "fakeable": _off_loosens,
        "statuses": _any_loosens,
        "message": _any_loosens,
        "verify": _off_loosens,
        "owned": _off_loosens,
    },
    EscalationPolicy: {
        "tiers": _tiers,
        "notices": _removed_loosens,
        "escalate_after_usec": _more_loosens,
        "repeat_after_usec": _more_loosens,
        "acknowledge_max_usec": _more_loosens,
        "acknowledge_for_usec": _more_loosens,
        "critical_burst": _fewer_told,
        "channel_burst": _fewer_told,
        "critical_reserve": _less_loosens,
        "last_resort": _removed_loosens,
        "changes": _removed_loosens,
    },
    QuietHours: {"zone": _any_loosens, "begins_usec": _any_loosens, "ends_usec": _any_loosens},
    MachineRunbook: {
        "title": _any_is_other,
        "on": _added_loosens,
        "steps": _any_loosens,
        "at_most": _more_loosens,
        "per_usec": _less_loosens,
    },
    ActionRule: {
        "effect": _any_loosens,
        "refuse": _off_loosens,
        "lenient": _on_loosens,
        "firm": _off_loosens,
        "actions": _any_loosens,
        "programs": _any_loosens,
        "verbs": _any_loosens,
        "unless": _any_loosens,
        "names": _any_loosens,
        "own": _any_loosens,
        "flags": _any_loosens,
        "options": _any_loosens,
        "paths": _any_loosens,
    },
}
"""What a changed field means. A field that is neither here nor in `TAKEN_APART` or `SAYS_NOTHING` loosens."""

TAKEN_APART: Mapping[type, tuple[str, ...]] = {
    Policy: ("gateways", "escalation", "runbooks", "gate"),
    GatewayPolicy: ("command", "ready", "stop", "budget", "backoff", "spiral", "health", "probes", "gate"),
    EscalationPolicy: ("quiet_hours",),
}
"""Fields that are compared part by part: tables, and rows of tables by their names."""

SAYS_NOTHING: Mapping[type, tuple[str, ...]] = {
    GatewayPolicy: ("name",),
    ProbePolicy: ("name",),
    MachineRunbook: ("name",),
    ActionRule: ("name",),
    QuietHours: ("offsets",),
}
"""Names by which parts find each other, and what is only looked up anew."""


def _coming(after: object) -> Direction:
    """Judge a part that was not there before: what only looks, or warns, tightens; everything else does something."""
    return Direction.TIGHTENS if _only_looks(after) or _warns(after) else Direction.LOOSENS


def _only_looks(part: object) -> bool:
    """Whether it is a probe that can find something, and do nothing else.

    The success of one that is not `liveness_only` speaks against what the log says and against work that stopped, and
    the failure of one that the gateway cannot fake is a reason to restart it at nobody's cost.
    """
    if not isinstance(part, ProbePolicy):
        return False
    return part.kind is not ProbeKind.EXEC and part.liveness_only and part.fakeable


def _going(before: object) -> Direction:
    vouched = isinstance(before, ActionRule) and not _warns(before)
    return Direction.TIGHTENS if vouched or isinstance(before, QuietHours) else Direction.LOOSENS


def _warns(part: object) -> bool:
    """Whether it is a rule of the gate by which less is let through, and none that lifts another."""
    if not isinstance(part, ActionRule):
        return False
    return part.refuse or (part.effect is Effect.DESTABILISING and not part.lenient)


# -- the walk ------------------------------------------------------------------------------------------------------

Path = tuple[str, ...]


def compare_fields(path: Path, before: Any, after: Any) -> list[Change]:
    """Compare two values of one dataclass, whichever it is; `path` is where they stand, as the file calls it."""
    found: list[Change] = []
    shape = type(before)
    for field in dataclasses.fields(before):
        name, old, new = field.name, getattr(before, field.name), getattr(after, field.name)
        if old == new or name in SAYS_NOTHING.get(shape, ()):
            continue
        here = path if name == "gateways" else (*path, name.removesuffix("_usec"))
        if name in TAKEN_APART.get(shape, ()):
            found += _compare_parts(here, old, new)
            continue
        judge = RULES.get(shape, {}).get(name, _any_loosens)
        old_words, new_words = pair(name, old, new)
        found.append(Change(direction=judge(old, new), what=f"{'.'.join(here)}: {old_words} -> {new_words}"))
    return found


def _compare_parts(path: Path, before: Any, after: Any) -> list[Change]:
    """Compare a table that may be absent, or rows by their names."""
    if not (isinstance(before, tuple) and isinstance(after, tuple)):
        return _compare_one(path, before, after)
    old, new = ({each.name: each for each in rows} for rows in (before, after))
    names = sorted({**old, **new})
    if (len(old), len(new)) != (len(before), len(after)) or (old == new and before != after):
        what = f"{'.'.join(path)}: rows of one name, or in another order"
        return [Change(direction=Direction.LOOSENS, what=what)] if before != after else []
    return [change for name in names for change in _compare_one((*path, shown(name)), old.get(name), new.get(name))]


def _compare_one(path: Path, before: Any, after: Any) -> list[Change]:
    if before == after:
        return []
    if before is None:
        return [Change(direction=_coming(after), what=f"{'.'.join(path)}: is new: {shown(about(after))}")]
    if after is None:
        return [Change(direction=_going(before), what=f"{'.'.join(path)}: goes: {shown(about(before))}")]
    return compare_fields(path, before, after)
