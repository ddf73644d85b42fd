"""Frozen values are the standard library's dataclasses in everything but memory."""

import dataclasses
import gc
import pickle
from dataclasses import FrozenInstanceError, field, fields, replace
from typing import Any

import pytest

from watchdog.core.values import dataclass
from watchdog.core.values import replace as replace_here


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Made here."""

    name: str
    count: int = 0
    hidden: str = field(default="", repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """Made by the library."""

    name: str
    count: int = 0
    hidden: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heir(Ours):
    """Inherits."""

    more: tuple[int, ...] = ()


@dataclass(slots=True)
class Open:
    """Not frozen."""

    count: int = 0


KINDS = pytest.mark.parametrize("kind", [Ours, Theirs])


@KINDS
def test_values_with_equal_fields_are_equal(kind: Any) -> None:
    """Equality and hash go by the fields, and only within one class."""
    assert kind(name="a", count=1) == kind(name="a", count=1)
    assert hash(kind(name="a")) == hash(kind(name="a"))
    assert kind(name="a") != kind(name="b")
    assert Ours(name="a") != Theirs(name="a")


@KINDS
def test_values_cannot_be_changed(kind: Any) -> None:
    """No field can be assigned or deleted."""
    value = kind(name="a")

    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        value.name = "b"
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'name'"):
        del value.name
    assert value == kind(name="a")


def test_nothing_can_be_added_to_a_value() -> None:
    """An attribute that is no field is refused, too (the library fails here with a TypeError of its own making)."""
    value: Any = Ours(name="a")

    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'other'"):
        value.other = 1


@KINDS
def test_values_are_shown_with_their_fields(kind: Any) -> None:
    """Fields are shown in order; what is hidden is not, and braces in a value are text."""
    assert repr(kind(name="{0}", count=2, hidden="x")) == f"{kind.__name__}(name='{{0}}', count=2)"


def test_an_heir_has_the_fields_of_both() -> None:
    """Inherited fields are shown, compared and frozen with the new ones."""
    heir = Heir(name="a", more=(1,))

    assert repr(heir) == "Heir(name='a', count=0, more=(1,))"
    assert heir != Ours(name="a")
    with pytest.raises(FrozenInstanceError):
        heir.name = "b"  # type: ignore[misc]  # that is what is tried


@KINDS
def test_tools_of_the_library_work(kind: Any) -> None:
    """Fields, replace, asdict and pickle take a value as they take the library's own."""
    value = kind(name="a", count=3)

    assert [each.name for each in fields(value)] == ["name", "count", "hidden"]
    assert replace(value, count=4) == kind(name="a", count=4)
    assert dataclasses.asdict(value) == {"name": "a", "count": 3, "hidden": ""}
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - its own bytes
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("changes", [{}, {"count": 4}, {"name": "b", "hidden": "x"}])
def test_replace_does_what_the_librarys_does(changes: dict[str, Any]) -> None:
    """Another value with the fields that were named, an heir's own and inherited ones too; the first is as it was."""
    value = Heir(name="a", count=3, more=(1,))

    assert replace_here(value, **changes) == replace(value, **changes)
    assert value == Heir(name="a", count=3, more=(1,))


def test_replace_refuses_a_field_that_there_is_not() -> None:
    """A misspelt field is a bug, and no silent no."""
    with pytest.raises(TypeError, match="no field 'nmae'"):
        replace_here(Ours(name="a"), nmae="b")  # type: ignore[call-arg]  # that is what is tried


def test_a_value_that_would_check_itself_is_refused() -> None:
    """`replace` fills slots without asking the class, so there must be nothing to ask."""
    with pytest.raises(TypeError, match="__post_init__"):

        @dataclass(frozen=True, slots=True)
        class Checked:
            """Has something to say about its fields."""

            def __post_init__(self) -> None: ...


def test_what_is_not_frozen_is_the_librarys() -> None:
    """A class that is not frozen can be changed."""
    value = Open()
    value.count = 5

    assert repr(value) == "Open(count=5)"


def test_a_class_exists_once() -> None:
    """The class as it was before it got its slots is let go."""

    @dataclass(frozen=True, slots=True)
    class Once:
        """The only one."""

        field_of_once: int

    gc.collect()

    assert [each for each in gc.get_objects() if isinstance(each, type) and each.__name__ == "Once"] == [Once]
