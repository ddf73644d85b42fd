"""Frozen values: the standard library's dataclass, without what it keeps in memory once for each class.

The library writes `__setattr__` and `__delattr__` of a frozen class into the class itself, and those two hold on to the
class as it was before it got its slots: every frozen class with slots exists twice, for ever. With hundreds of classes
that, and a generated `__repr__` each, is 2 MiB of a daemon that may have 38 (docs/adr/0018). Here they share one each.

Invariant: a class made here behaves as one of the library's, `fields`, `replace`, `pickle` and type checkers included.
Equality stays generated: a step of the core is made of it; hardly anything is hashed. `replace` here takes a third of
the library's time, and is for classes with slots and without `__post_init__`. Deliberately not here: anything about
classes that are not frozen; they are the library's own.
"""

import dataclasses
import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Never

__all__ = ["dataclass", "replace"]


def _refuse_set(self: object, name: str, value: object) -> Never:  # noqa: ARG001 - the signature is Python's
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: object, name: str) -> Never:  # noqa: ARG001 - likewise
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _show(self: Any) -> str:
    shown = ", ".join(f"{field.name}={{0.{field.name}!r}}" for field in dataclasses.fields(self) if field.repr)
    return type(self).__qualname__ + f"({shown})".format(self)


def _hash(self: Any) -> int:
    made: type = type(self)
    return hash(_parts(made).values_of(self))


def _dataclass(*, frozen: bool = False, **options: Any) -> Callable[[Any], Any]:
    """Make a class a dataclass; the options are the library's own."""
    if not frozen:
        return dataclasses.dataclass(**options)

    def freeze(plain: Any) -> Any:
        if hasattr(plain, "__post_init__"):
            raise TypeError(f"{plain.__qualname__}: `replace` would pass __post_init__ by")
        if "__hash__" not in plain.__dict__:
            plain.__hash__ = _hash  # one that is there is left alone, and none is generated
        made: Any = dataclasses.dataclass(frozen=True, repr=False, **options)(plain)
        made.__setattr__ = _refuse_set
        made.__delattr__ = _refuse_delete
        made.__repr__ = _show
        return made

    return freeze


class _Parts(NamedTuple):
    """How a class's fields are read, all at once, and how each is put into a value that nobody has seen yet."""

    values_of: Callable[[Any], tuple[Any, ...]]
    put: dict[str, Callable[[Any, Any], None]]


@functools.cache
def _parts(made: type) -> _Parts:
    names = tuple(field.name for field in dataclasses.fields(made))
    puts = operator.attrgetter(*(f"{name}.__set__" for name in names), "__class__", "__class__")(made)
    # Two attributes more, so that what comes back is always a tuple, of which zip leaves them out.
    return _Parts(operator.attrgetter(*names, "__class__", "__class__"), dict(zip(names, puts, strict=False)))


def _replace(value: Any, **changes: Any) -> Any:
    """Return a value with other fields. The library's asks of every field what it is, at every call: half of a step.

    The slots are filled without `__init__`: it would check nothing, since values here have no `__post_init__`.
    """
    made: type = type(value)
    parts = _parts(made)
    copy: Any = object.__new__(made)
    for put, part in zip(parts.put.values(), parts.values_of(value), strict=False):
        put(copy, part)
    for name, part in changes.items():
        try:
            parts.put[name](copy, part)
        except KeyError:
            raise TypeError(f"{made.__qualname__} has no field {name!r}") from None
    return copy


if TYPE_CHECKING:
    from dataclasses import dataclass, replace  # so that they are read as what they are
else:
    dataclass, replace = _dataclass, _replace
