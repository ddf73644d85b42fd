"""Events, decisions and state as JSON: one codec, driven by the types of the core and compiled once per type.

Theory of operation. A frozen dataclass becomes an object of its fields; a closed union is told apart by the class
name under "kind"; an enum is its value; a tuple is a list. Fields equal to their default are left out, which halves
a journal, and filled in again when read. The policy is the exception: it is written whole, because a default that
a later version ships must not rewrite what a human once put in force.

Compatibility. A field added with a default is written only when it differs, and ignored by the version before, so both
directions read. Anything else (a field renamed, a meaning changed) raises FORMAT_VERSION and gets an `Upcast`.

Invariants: the same value always gives the same bytes (sorted keys, compact, ASCII: text from outside may hold
half a surrogate pair, and a death must not go unrecorded for it); decoding executes nothing, is no deeper than the
type, and answers garbage with `CodecError` only. Deliberately not here: where the text is stored and how it is chained.
"""

import dataclasses
import json
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Final, NamedTuple, NewType, Union, cast, get_args, get_origin, get_type_hints

from watchdog.core.decisions import Decision
from watchdog.core.enclosure import Enclosed
from watchdog.core.events import Event
from watchdog.core.policy import Policy
from watchdog.core.state import State

FORMAT_VERSION: Final = 1
"""Rises when a version before could misread what this one writes."""

TEXT_MAX: Final = 64 * 1024 * 1024
"""Longest JSON text that is parsed, in characters. A snapshot of a busy host is a few kilobytes."""

JsonValue = None | bool | int | str | list["JsonValue"] | dict[str, "JsonValue"]

_KIND: Final = "kind"
_WRITTEN_WHOLE: Final = (Policy,)


class CodecError(Exception):
    """A value cannot be read as the type it should have; the text says where in it and why."""


class _Coding(NamedTuple):
    """How one type is written and read. `encode` None: the value is its own JSON."""

    encode: Callable[[Any], Any] | None
    decode: Callable[[Any], Any]


class _Field(NamedTuple):
    """One field of a dataclass, ready for the inner loops."""

    name: str
    coding: _Coding
    default: object
    required: bool


_NO_DEFAULT: Final = object()
"""Equal to nothing a field can hold, so the field is always written."""


def encode(value: Any) -> JsonValue:
    """Write an instance of a core dataclass as JSON. A member of a union says its kind only through `*_to_json`."""
    return cast("JsonValue", _encode(type(value), value))


def decode(shape: Any, value: JsonValue) -> Any:
    """Read `value` as `shape`, a dataclass or a union of them. Raises CodecError."""
    return _coding_of(shape, whole=False).decode(value)


def canonical(value: JsonValue) -> str:
    """Give the one text of a JSON value that digests are taken of."""
    return _WRITER.encode(value)


def parse(text: str | bytes) -> JsonValue:
    """Read JSON text. Raises CodecError on anything else, on numbers that are no integers, and beyond TEXT_MAX."""
    if len(text) > TEXT_MAX:
        raise CodecError(f"{len(text)} characters of JSON, at most {TEXT_MAX} are read")
    try:
        return cast("JsonValue", _READER.decode(text if isinstance(text, str) else str(text, "utf-8")))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise CodecError(f"not JSON: {error}") from error


def event_to_json(event: Event) -> dict[str, JsonValue]:
    """Write an event, its class under "kind"."""
    return cast("dict[str, JsonValue]", _encode(Event, event))


def enclosed_to_json(enclosed: Enclosed) -> dict[str, JsonValue]:
    """Write what a request brought along, its class under "kind"."""
    return cast("dict[str, JsonValue]", _encode(Enclosed, enclosed))


def event_from_json(value: JsonValue, *, version: int = FORMAT_VERSION) -> Event:
    """Read an event written under format `version`. Raises CodecError."""
    return cast("Event", _decode_old(Event, value, version))


def decision_to_json(decision: Decision) -> dict[str, JsonValue]:
    """Write a decision, its class under "kind"."""
    return cast("dict[str, JsonValue]", _encode(Decision, decision))


def decision_from_json(value: JsonValue, *, version: int = FORMAT_VERSION) -> Decision:
    """Read a decision written under format `version`. Raises CodecError."""
    return cast("Decision", _decode_old(Decision, value, version))


def state_to_json(state: State) -> dict[str, JsonValue]:
    """Write the whole memory."""
    return cast("dict[str, JsonValue]", _encode(State, state))


def state_from_json(value: JsonValue, *, version: int = FORMAT_VERSION) -> State:
    """Read the whole memory as written under format `version`. Raises CodecError."""
    return cast("State", _decode_old(State, value, version))


# -- older formats -------------------------------------------------------------------------------------------------

Upcast = Callable[[JsonValue], JsonValue]
"""Rewrites a value of one format as the next; may raise CodecError."""

UPCASTS: Final[Mapping[tuple[object, int], Upcast]] = types.MappingProxyType({})
"""(Event, Decision or State; format it was written in) -> the step to the format after it. Empty until format 2."""


def upcast(
    shape: object,
    value: JsonValue,
    *,
    version: int,
    current: int = FORMAT_VERSION,
    steps: Mapping[tuple[object, int], Upcast] = UPCASTS,
) -> JsonValue:
    """Take `value` from format `version` to `current`, step by step; a format without one equals the next."""
    if not 1 <= version <= current:
        raise CodecError(f"format {version}, and this gatedog reads formats 1 to {current}")
    for old in range(version, current):
        step = steps.get((shape, old))
        if step is not None:
            value = step(value)
    return value


def _decode_old(shape: Any, value: JsonValue, version: int) -> Any:
    return decode(shape, value if version == FORMAT_VERSION else upcast(shape, value, version=version))


# -- compiling a type ----------------------------------------------------------------------------------------------

_WRITER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _encode(shape: Any, value: Any) -> Any:
    write = _coding_of(shape, whole=False).encode
    return value if write is None else write(value)


@cache
def _coding_of(shape: Any, *, whole: bool) -> _Coding:
    """Compile `shape`. `whole` writes defaults, too, and holds for all that lies below."""
    if isinstance(shape, NewType):
        return _coding_of(shape.__supertype__, whole=whole)
    if get_origin(shape) in (Union, types.UnionType):
        return _coding_of_union(get_args(shape), whole=whole)
    if get_origin(shape) is tuple:
        return _coding_of_tuple(get_args(shape), whole=whole)
    if shape in (int, str, bool):
        return _coding_of_scalar(shape)
    if isinstance(shape, type) and issubclass(shape, Enum):
        return _coding_of_enum(shape)
    if dataclasses.is_dataclass(shape) and isinstance(shape, type):
        return _coding_of_class(shape, kind=None, whole=whole or shape in _WRITTEN_WHOLE)
    raise TypeError(f"the journal cannot hold a {shape}: use dataclasses, enums, tuples, int, str, bool and None")


def _coding_of_scalar(shape: type) -> _Coding:
    def read(value: Any) -> Any:
        if type(value) is not shape:  # not isinstance: True is an int to Python, not to a journal
            raise CodecError(f"expected {shape.__name__}, found {_shown(value)}")
        return value

    return _Coding(None, read)


def _coding_of_enum(shape: type[Enum]) -> _Coding:
    members = {member.value: member for member in shape}

    def write(value: Enum) -> Any:
        return value.value

    def read(value: Any) -> Enum:
        member = members.get(value) if isinstance(value, str) else None
        if member is None:
            raise CodecError(f"{_shown(value)} is no {shape.__name__} this version knows")
        return member

    return _Coding(write, read)


def _coding_of_tuple(arguments: tuple[Any, ...], *, whole: bool) -> _Coding:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _coding_of_row(_coding_of(arguments[0], whole=whole))
    parts = tuple(_coding_of(argument, whole=whole) for argument in arguments)

    def write(value: tuple[Any, ...]) -> list[Any]:
        return [item if part.encode is None else part.encode(item) for part, item in zip(parts, value, strict=True)]

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) != len(parts):
            raise CodecError(f"expected a list of {len(parts)}, found {_shown(value)}")
        return tuple([part.decode(item) for part, item in zip(parts, value, strict=True)])

    return _Coding(write, read)


def _coding_of_row(item_coding: _Coding) -> _Coding:
    write_item, read_item = item_coding

    def write(value: tuple[Any, ...]) -> list[Any]:
        return list(value) if write_item is None else [write_item(item) for item in value]

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise CodecError(f"expected a list, found {_shown(value)}")
        return tuple([read_item(item) for item in value])

    return _Coding(write, read)


def _coding_of_union(members: tuple[Any, ...], *, whole: bool) -> _Coding:
    present = tuple(member for member in members if member is not type(None))
    coding = _coding_of(present[0], whole=whole) if len(present) == 1 else _coding_of_closed_union(present, whole=whole)
    if len(present) == len(members):
        return coding
    write_present, read_present = coding

    def write(value: Any) -> Any:
        return value if value is None or write_present is None else write_present(value)

    def read(value: Any) -> Any:
        return None if value is None else read_present(value)

    return _Coding(write, read)


def _coding_of_closed_union(members: tuple[Any, ...], *, whole: bool) -> _Coding:
    codings = {member: _coding_of_class(member, kind=member.__name__, whole=whole) for member in members}
    writers = {member: coding.encode for member, coding in codings.items()}
    readers = {member.__name__: coding.decode for member, coding in codings.items()}

    def write(value: Any) -> Any:
        writer = writers.get(type(value))
        if writer is None:
            raise TypeError(f"{type(value).__name__} is not in the closed union the journal holds")
        return writer(value)

    def read(value: Any) -> Any:
        kind = value.get(_KIND) if isinstance(value, dict) else None
        reader = readers.get(kind) if isinstance(kind, str) else None
        if reader is None:
            raise CodecError(
                f"{_shown(value if kind is None else kind)} is no kind this version knows; "
                "a newer gatedog wrote it: read it with that version"
            )
        return reader(value)

    return _Coding(write, read)


def _coding_of_class(shape: type, *, kind: str | None, whole: bool) -> _Coding:
    fields = _fields_of(shape, whole=whole)
    if kind is not None and any(field.name == _KIND for field in fields):
        raise TypeError(f"{shape.__name__} has a field named {_KIND}, which tells union members apart")
    return _Coding(_class_writer(kind, fields), _class_reader(shape, fields))


def _class_writer(kind: str | None, fields: tuple[_Field, ...]) -> Callable[[Any], Any]:
    plan = tuple((field.name, field.coding.encode, field.default) for field in fields)

    def write(value: Any) -> dict[str, Any]:
        written: dict[str, Any] = {} if kind is None else {_KIND: kind}
        for name, write_field, default in plan:
            item = getattr(value, name)
            if item != default:
                written[name] = item if write_field is None else write_field(item)
        return written

    return write


def _class_reader(shape: type, fields: tuple[_Field, ...]) -> Callable[[Any], Any]:
    plan = tuple((field.name, field.coding.decode, field.required) for field in fields)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise CodecError(f"expected a {shape.__name__}, found {_shown(value)}")
        found: dict[str, Any] = {}
        for name, read_field, required in plan:
            if name in value:
                try:
                    found[name] = read_field(value[name])
                except CodecError as error:
                    raise CodecError(f"{shape.__name__}.{name}: {error}") from error
            elif required:
                raise CodecError(f"{shape.__name__}.{name}: is missing")
        return shape(**found)

    return read


def _fields_of(shape: type, *, whole: bool) -> tuple[_Field, ...]:
    hints = get_type_hints(shape)
    fields = []
    for field in dataclasses.fields(shape):
        default: object = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        required = default is dataclasses.MISSING
        fields.append(
            _Field(
                name=field.name,
                coding=_coding_of(hints[field.name], whole=whole),
                default=_NO_DEFAULT if required or whole else default,
                required=required,
            )
        )
    return tuple(fields)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _refuse_number(text: str) -> None:
    raise CodecError(f"{text[:40]} is no integer, and a journal holds no other numbers")


_READER: Final = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number)
"""json.loads with these two words would build one of these for each of a hundred thousand records."""
