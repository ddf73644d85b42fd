"""Stand-ins for modules that a library names when it is imported, and that gatedog never comes to use.

apscheduler imports multiprocessing for a pool of processes, and importlib.metadata (with email and zipfile behind it)
for its own version number and for plug-ins by name: 3 MiB and a tenth of a second, for an alarm clock with neither
(docs/adr/0018). While `standing_in` lasts, empty modules of those names answer.

Invariant: a stand-in never changes what works. Asked for anything that is not written here, it goes away and hands
out the real module's; and what is loaded already is never replaced. Deliberately not here: ssl, which asyncio imports
in the same way: a page may need it at any time.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class StandIn(ModuleType):
    """A module that is the real one as soon as anything else than what it was given is asked of it."""

    def __init__(self, name: str, **known: Any) -> None:
        super().__init__(name)
        if known:
            self.__path__: list[str] = []  # "from NAME import KNOWN" asks for it first
        self.__dict__.update(known)

    def __getattr__(self, name: str) -> Any:
        self.leave()
        return getattr(importlib.import_module(self.__name__), name)

    def leave(self) -> None:
        """Let the real module be imported from now on."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


class _Never(Exception):  # noqa: N818 - a class that nothing raises
    """Stands where a class of exceptions is named."""


def _not_installed(distribution: str) -> str:
    raise _Never(distribution)


def _no_entry_points(**group: str) -> tuple[()]:  # noqa: ARG001 - the signature is the library's
    return ()


def _stand_ins() -> Iterator[StandIn]:
    # Without metadata apscheduler says that it is 3.5.0, and finds no plug-in by name: gatedog passes objects.
    yield StandIn(
        "importlib.metadata", version=_not_installed, PackageNotFoundError=_Never, entry_points=_no_entry_points
    )
    yield StandIn("multiprocessing")
    yield StandIn("concurrent.futures.process", BrokenProcessPool=_Never)


@contextmanager
def standing_in() -> Iterator[None]:
    """Let stand-ins answer for what is not loaded yet, until the end of the block."""
    placed = [each for each in _stand_ins() if sys.modules.setdefault(each.__name__, each) is each]
    try:
        yield
    finally:
        for each in placed:
            each.leave()
