"""Whether an answer has the shape that the contract gives it (wire.py).

What answers on the socket is trusted, and may still be of another version, or broken. Commands read answers field by
field, so an answer is checked once, whole, before any of it is read: then a person gets a sentence and not a traceback.

Invariant: a field that the contract does not know is ignored, because a later version may add it, and one that it gives
a default may be missing, because an earlier one did not know it; any other that is missing, or of another type, makes
the answer unreadable. Deliberately not here: what values mean. Light imports only: `status` loads this.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from watchdog.control.revisionswire import RulesStatus
from watchdog.control.runswire import RunbooksStatus
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

REPLIES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "Status": {"status": StatusReply},
        "Pager": {"pager": PagerStatus},
        "Request": get_type_hints(RequestReply),
        "Events": {"record": RecordReply | None},
        "Incidents": {"incidents": list[IncidentStatus]},
        "Explain": get_type_hints(ExplainReply),
        "Probes": {"probes": list[ProbeRow]},
        "ProbeHistory": {"looks": list[LookStatus]},
        "Rules": {"rules": RulesStatus},
        "Requests": {"requests": list[AskedStatus]},
        "WhoAmI": {"who": WhoStatus},
        "ProbeRun": {"look": LookStatus | None},
        "Runbooks": {"runbooks": RunbooksStatus},
    }
)


def misfit(method: str, reply: Mapping[str, Any]) -> str:
    """Say where a method's reply differs from its contract: "status.gateways[0].pid is missing"; "" when nowhere."""
    return _misfit_of_fields(REPLIES[method], reply, "")


def _misfit_of_fields(
    shapes: Mapping[str, Any], value: Mapping[str, Any], place: str, optional: tuple[str, ...] = ()
) -> str:
    for name, shape in shapes.items():
        here = f"{place}.{name}" if place else name
        if name not in value and name in optional:
            continue
        if name not in value:
            return f"{here} is missing"
        if found := _misfit(shape, value[name], here):
            return found
    return ""


def _misfit(shape: Any, value: object, place: str) -> str:
    if shape is Any:
        return ""
    if get_origin(shape) is UnionType:
        inner, other = get_args(shape)
        assert other is NoneType, "the contract has no other unions"  # noqa: S101 - of this program, not of the world
        return "" if value is None else _misfit(inner, value, place)
    if get_origin(shape) is list:
        if not isinstance(value, list):
            return f"{place} is no list"
        (inner,) = get_args(shape)
        found = (_misfit(inner, each, f"{place}[{index}]") for index, each in enumerate(value))
        return next(filter(None, found), "")
    if is_dataclass(shape) or is_typeddict(shape):
        if not isinstance(value, dict):
            return f"{place} is no object"
        return _misfit_of_fields(_fields(shape), value, place, _optional(shape))
    # bool is an int to Python, and 1.0 an int to nobody: exactly the type.
    return "" if type(value) is shape else f"{place} is no {shape.__name__}"


@cache
def _optional(shape: Any) -> tuple[str, ...]:
    if not is_dataclass(shape):
        return tuple(sorted(shape.__optional_keys__))
    return tuple(each.name for each in fields(shape) if (each.default, each.default_factory) != (MISSING, MISSING))


@cache
def _fields(shape: Any) -> dict[str, Any]:
    return get_type_hints(shape)
