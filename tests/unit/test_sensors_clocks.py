"""Clock readings, and what counts as a step."""

import time
from pathlib import Path

import pytest

from watchdog.core.events import ClockStepped
from watchdog.core.identity import BootId
from watchdog.core.timeline import HOUR, MILLISECOND, SECOND, Usec
from watchdog.origin.procfs import read_boot
from watchdog.sensors.clocks import Reading, StepWatch, is_synchronised, read_clocks, timesyncd_says

WALL = 1_774_494_251_000_000


def reading(wall: int, uptime: int, boot: str = "b1") -> Reading:
    """Make a reading from offsets in microseconds."""
    return Reading(wall_usec=Usec(WALL + wall), uptime_usec=Usec(uptime), boot=BootId(boot), synchronised=True)


def steps(*readings: Reading) -> list[ClockStepped | None]:
    """Show readings to a new watch, one after the other."""
    watch = StepWatch()
    return [watch.look(each) for each in readings]


def test_clocks_that_run_together_did_not_step() -> None:
    """Hours may pass between two looks; suspend counts in both clocks."""
    assert steps(reading(0, 0), reading(HOUR, HOUR), reading(9 * HOUR, 9 * HOUR + 900 * MILLISECOND)) == [None] * 3


@pytest.mark.parametrize("delta", [-HOUR, -1_000_001, 1_000_001, 24 * HOUR])
def test_a_wall_clock_that_moved_alone_stepped(delta: int) -> None:
    """The step is told once, with its sign, and the next comparison begins behind it."""
    assert steps(reading(0, 0), reading(delta + SECOND, SECOND), reading(delta + HOUR, HOUR)) == [
        None,
        ClockStepped(delta_usec=delta),
        None,
    ]


def test_a_slewed_clock_never_steps() -> None:
    """Half a second between any two looks is ntpd at work, however long it goes on."""
    assert steps(*(reading(turn * 1_500 * MILLISECOND, turn * SECOND) for turn in range(100))) == [None] * 100


def test_another_boot_begins_a_new_comparison() -> None:
    """Uptime starts over with a boot; that is no step."""
    assert steps(reading(0, 9 * HOUR), reading(HOUR, 0, "b2"), reading(HOUR + SECOND, SECOND, "b2")) == [None] * 3


def test_a_reading_is_of_this_boot_and_between_the_clocks_around_it() -> None:
    """Both clocks in integer microseconds, read as one moment."""
    before = (time.time_ns() // 1_000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000)
    read = read_clocks()
    after = (time.time_ns() // 1_000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000)

    assert before[0] <= read.wall_usec <= after[0]
    assert before[1] <= read.uptime_usec <= after[1]
    assert read.boot == read_boot() != ""
    assert read_clocks(BootId("known")).boot == "known"


def test_the_kernel_can_be_asked_for_synchronisation() -> None:
    """The call works here and says the same twice: a wrong struct layout would crash or waver."""
    assert is_synchronised() is is_synchronised()


def test_timesyncd_speaks_where_the_kernel_may_not_be_asked(tmp_path: Path) -> None:
    """Its file says synchronised, its folder alone says not yet, and without both nobody distrusts the clock."""
    folder = tmp_path / "timesync"
    unknown = timesyncd_says(folder)
    folder.mkdir()
    waiting = timesyncd_says(folder)
    (folder / "synchronized").touch()

    assert (unknown, waiting, timesyncd_says(folder)) == (True, False, True)
