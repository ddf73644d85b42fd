"""A stand-in answers for a module until anything else is asked of it."""

import importlib
import sys
from collections.abc import Iterator

import pytest

from watchdog.sensors.standins import StandIn, standing_in

NAME = "colorsys"
"""A module of the standard library that nothing here uses."""


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """Return a stand-in in the place of a module."""
    before = sys.modules.pop(NAME, None)
    placed = StandIn(NAME, ONE_THIRD=2)
    sys.modules[NAME] = placed
    yield placed
    sys.modules.pop(NAME)
    if before is not None:
        sys.modules[NAME] = before


def test_what_is_known_is_answered(stand_in: StandIn) -> None:
    """Names that were given are answered without the module."""
    from colorsys import ONE_THIRD  # noqa: PLC0415 - the stand-in is asked

    assert ONE_THIRD == 2
    assert sys.modules[NAME] is stand_in


def test_anything_else_is_the_real_modules(stand_in: StandIn) -> None:
    """A name that was not given comes from the real module, which is then imported for everybody."""
    assert stand_in.rgb_to_hsv(1, 1, 1) == (0.0, 0.0, 1)
    assert sys.modules[NAME] is not stand_in
    assert importlib.import_module(NAME).ONE_THIRD == 1 / 3


def test_a_name_that_nobody_has_is_missing(stand_in: StandIn) -> None:
    """What the real module does not have either is the usual error."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = stand_in.no_such_name


def test_what_is_loaded_is_not_replaced() -> None:
    """A module that somebody uses already stays what it is."""
    names = ("importlib.metadata", "multiprocessing", "concurrent.futures.process")
    loaded = [importlib.import_module(name) for name in names]
    with standing_in():
        assert [sys.modules[name] for name in names] == loaded
    assert [sys.modules[name] for name in names] == loaded
