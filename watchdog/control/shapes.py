"""Whether an answer has the shape that the contract gives it (wire.py).

What answers on the socket is trusted, and may still be of another version, or broken. Commands read answers field by
field, so an answer is checked once, whole, before any of it is read: then a person gets a sentence and not a traceback.

Invariant: a field that the contract does not know is ignored, because a later version may add it; one that is
missing, or of another type, makes the answer unreadable. Deliberately not here: what values mean. Light imports only:
`status` loads this.
"""

from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from watchdog.control.wire import ExplainReply, IncidentStatus, RecordReply, RequestReply, StatusReply

REPLIES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "Status": {"status": StatusReply},
        "Request": get_type_hints(RequestReply),
        "Events": {"record": RecordReply | None},
        "Incidents": {"incidents": list[IncidentStatus]},
        "Explain": get_type_hints(ExplainReply),
    }
)


def misfit(method: str, reply: Mapping[str, Any]) -> str:
    """Say where a method's reply differs from its contract: "status.gateways[0].pid is missing"; "" when nowhere."""
    return _misfit_of_fields(REPLIES[method], reply, "")


def _misfit_of_fields(fields: Mapping[str, Any], value: Mapping[str, Any], place: str) -> str:
    for name, shape in fields.items():
        here = f"{place}.{name}" if place else name
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
        return _misfit_of_fields(_fields(shape), value, place) if isinstance(value, dict) else f"{place} is no object"
    # bool is an int to Python, and 1.0 an int to nobody: exactly the type.
    return "" if type(value) is shape else f"{place} is no {shape.__name__}"


@cache
def _fields(shape: Any) -> dict[str, Any]:
    return get_type_hints(shape)
