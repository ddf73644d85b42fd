"""Frozen values: the standard library's dataclass, without what it keeps in memory once for each class.

The library writes `__setattr__` and `__delattr__` of a frozen class into the class itself, and those two hold on to the
class as it was before it got its slots: every frozen class with slots exists twice, for ever. With hundreds of classes
that, and a generated `__repr__` each, is 2 MiB of a daemon that may have 38 (docs/adr/0018). Here they share one each.

Invariant: a class made here behaves as one of the library's, `fields`, `replace`, `pickle` and type checkers included.
Equality stays generated: a step of the core is made of it; hardly anything is hashed. `replace` here is a third
faster. Deliberately not here: anything about classes that are not frozen; they are the library's own.
"""

import dataclasses
import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Never

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
    _, values_of = _parts(made)
    return hash(values_of(self))


def _dataclass(*, frozen: bool = False, **options: Any) -> Callable[[Any], Any]:
    """Make a class a dataclass; the options are the library's own."""
    if not frozen:
        return dataclasses.dataclass(**options)

    def freeze(plain: Any) -> Any:
        if "__hash__" not in plain.__dict__:
            plain.__hash__ = _hash  # one that is there is left alone, and none is generated
        made: Any = dataclasses.dataclass(frozen=True, repr=False, **options)(plain)
        made.__setattr__ = _refuse_set
        made.__delattr__ = _refuse_delete
        made.__repr__ = _show
        return made

    return freeze


@functools.cache
def _parts(made: type) -> tuple[tuple[str, ...], Callable[[Any], Any]]:
    """Return the names of a class's fields, and what gets all of their values at once."""
    names = tuple(field.name for field in dataclasses.fields(made))
    return names, operator.attrgetter(*names, "__class__", "__class__")  # two more, so that it is always a tuple


def _replace(value: Any, **changes: Any) -> Any:
    """Return a value with other fields. The library's asks of every field what it is, at every call: half of a step."""
    made: type = type(value)
    names, values_of = _parts(made)
    parts = dict(zip(names, values_of(value), strict=False))
    parts.update(changes)
    return made(**parts)


if TYPE_CHECKING:
    from dataclasses import dataclass, replace  # so that they are read as what they are
else:
    dataclass, replace = _dataclass, _replace
