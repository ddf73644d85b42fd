"""Frozen values: the standard library's dataclass, without what it keeps in memory once for each class.

The library writes `__setattr__` and `__delattr__` of a frozen class into the class itself, and those two hold on to the
class as it was before it got its slots: every frozen class with slots exists twice, for ever. With hundreds of classes
that, and a generated `__repr__` each, is 2 MiB of a daemon that may have 38 (docs/adr/0018). Here they share one each.

Invariant: a class made here behaves as one of the library's, `fields`, `replace`, `pickle` and type checkers included.
Equality and hash stay generated: they are what a step of the core is made of. Deliberately not here: anything about
classes that are not frozen; they are the library's own.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Never

__all__ = ["dataclass"]


def _refuse_set(self: object, name: str, value: object) -> Never:  # noqa: ARG001 - the signature is Python's
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: object, name: str) -> Never:  # noqa: ARG001 - likewise
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _show(self: Any) -> str:
    shown = ", ".join(f"{field.name}={{0.{field.name}!r}}" for field in dataclasses.fields(self) if field.repr)
    return type(self).__qualname__ + f"({shown})".format(self)


def _dataclass(*, frozen: bool = False, **options: Any) -> Callable[[Any], Any]:
    """Make a class a dataclass; the options are the library's own."""
    if not frozen:
        return dataclasses.dataclass(**options)

    def freeze(plain: Any) -> Any:
        made: Any = dataclasses.dataclass(frozen=True, repr=False, **options)(plain)
        made.__setattr__ = _refuse_set
        made.__delattr__ = _refuse_delete
        made.__repr__ = _show
        return made

    return freeze


if TYPE_CHECKING:
    from dataclasses import dataclass  # so that it is read as what it is
else:
    dataclass = _dataclass
