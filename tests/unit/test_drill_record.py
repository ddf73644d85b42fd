"""What a drill expected, and when it came."""

import pytest

from watchdog.drill.catalogue import DRILLS, find
from watchdog.drill.record import DrillReport, NotSeen, Record, Step


def test_a_step_that_does_not_come_ends_the_drill_and_is_named() -> None:
    """A report says which step was missing, and nothing after it."""
    heard: list[Step] = []
    record = Record(heard.append)
    record.note("the copy serves")
    with pytest.raises(NotSeen):
        record.wait("paged", lambda: "", 0.0)
    report = DrillReport(drill="hang", live=False, wall_usec=0, steps=tuple(record.steps))

    assert [step.passed for step in heard] == [True, False]
    assert not report.passed
    assert report.line == "FAILED: paged"


def test_a_drill_that_could_not_be_played_has_not_passed() -> None:
    """Nothing that was not shown counts as shown."""
    steps = (Step(what="the copy serves", passed=True, seconds=0.1),)

    assert not DrillReport(drill="hang", live=False, wall_usec=0, steps=()).passed
    assert not DrillReport(drill="hang", live=False, wall_usec=0, steps=steps, trouble="no ssh-keygen").passed
    assert DrillReport(drill="hang", live=False, wall_usec=0, steps=steps).passed


def test_what_was_seen_is_shown_as_one_harmless_line() -> None:
    """A page's title may come from anywhere."""
    record = Record()
    record.wait("paged", lambda: "HELD \x1b[31m" + "x" * 300, 1.0)

    assert "\x1b" not in record.steps[0].said
    assert len(record.steps[0].said) <= 160


def test_every_drill_has_a_name_of_its_own() -> None:
    """And is found by it."""
    assert [find(drill.name) for drill in DRILLS] == list(DRILLS)
    assert find("earthquake") is None
