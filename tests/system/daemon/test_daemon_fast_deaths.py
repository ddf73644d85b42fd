"""Deaths that follow each other faster than the chores of a life."""

import pytest

from watchdog.core.events import MainProcessExited
from watchdog.journal.store import Journal

pytestmark = pytest.mark.system

DEATHS = 40
PATIENT = (
    'backoff = {first = "1ms", max = "1ms", stable_after = "1s"}\n'
    'budget = {windows = ["1000 per 1min"], self_restart = ["1000 per 1min"]}\n'
    'spiral = {page_at = 1000, identical_page_at = 1000, hold_below = "2ms"}\n'
)


def test_the_end_of_one_life_never_ends_the_next(site) -> None:
    """Of forty lives that end at once, each ends by its own exit status and none by gatedog's cleaning up."""
    site.write_policy(["/bin/sh", "-c", "exit 7"], PATIENT)
    site.start()
    site.wait(lambda: len(_exits(site)) >= DEATHS, "forty deaths on record")

    assert {(each.exit.code, each.exit.signal) for each in _exits(site)} == {(7, None)}


def _exits(site) -> list[MainProcessExited]:
    with Journal.read(site.state / "journal") as journal:
        events = [record.stamped.event for record in journal.records()]
    return [event for event in events if isinstance(event, MainProcessExited)]
