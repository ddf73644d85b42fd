"""The demo's strip and summary, as they look on any terminal and on none."""

import io
import re
from itertools import chain, repeat

import pytest

from watchdog.demo.show import Beat, Show, strip_line

SPIRAL = tuple(chain.from_iterable(repeat((Beat.UP, Beat.DEAD), 30)))


def plain(text: str) -> str:
    """Take the colours out."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_short_row_is_shown_whole() -> None:
    """A row that fits is shown from its beginning, with the tail at the right edge."""
    line = strip_line("with gatedog", (Beat.UP, Beat.DEAD, Beat.HELD), "held", columns=50)

    assert line.startswith("with gatedog    up x HELD  ")
    assert line.endswith("  held")
    assert len(line) == 49


def test_long_row_loses_its_beginning() -> None:
    """What no longer fits is the oldest, and that something is missing is shown."""
    line = strip_line("without gatedog", SPIRAL, "30 deaths", columns=60)

    assert line == "without gatedog ... x up x up x up x up x up x    30 deaths"


@pytest.mark.parametrize("columns", [1, 10, 20, 27, 28, 29, 40, 41, 42, 43, 44, 60, 80, 100])
def test_strip_is_never_wider_than_the_terminal(columns: int) -> None:
    """However long the row, no line wraps: a wrapped line cannot be drawn over."""
    for count in range(len(SPIRAL) + 1):
        assert len(strip_line("without gatedog", SPIRAL[:count], "7 deaths", columns=columns)) <= max(columns - 1, 1)


def test_colour_changes_no_letter() -> None:
    """Colour is for the eye only: without it the same line is read."""
    row = (*SPIRAL, Beat.HELD)

    coloured = strip_line("with gatedog", row, "30 deaths", columns=70, colour=True)

    assert "\x1b[" in coloured
    assert plain(coloured) == strip_line("with gatedog", row, "30 deaths", columns=70)


def play(show: Show) -> None:
    """Use everything that a show can do."""
    show.say("The night begins. " * 6)
    show.draw("without gatedog", SPIRAL[:1], "")
    show.draw("without gatedog", SPIRAL[:2], "1 death")
    show.settle("without gatedog", SPIRAL[:2], "1 death")
    show.close((("told", "Nobody was told. " * 6),), "./gatedog run -- your-gateway")


def test_pipe_gets_whole_plain_lines() -> None:
    """A stream that is no terminal gets no carriage return, no colour, and each strip once."""
    stream = io.StringIO()

    play(Show(stream, live=False, colour=False, columns=60))

    text = stream.getvalue()
    assert "\r" not in text
    assert "\x1b" not in text
    assert text.count("without gatedog") == 1
    assert max(len(line) for line in text.splitlines()) < 60
    assert text.endswith("./gatedog run -- your-gateway\n")


def test_terminal_gets_the_strip_drawn_over() -> None:
    """On a terminal the strip grows in its place, and the settled one takes the place of the last."""
    stream = io.StringIO()

    play(Show(stream, live=True, colour=False, columns=60))

    strips = [line for line in stream.getvalue().split("\n") if "without gatedog" in line]
    assert len(strips) == 1
    assert strips[0].count("\r") == 3


def test_unchanged_strip_is_not_drawn_again() -> None:
    """Fifty looks a second do not make fifty lines for a recording."""
    stream = io.StringIO()
    show = Show(stream, live=True, colour=False, columns=60)

    for _ in range(5):
        show.draw("without gatedog", SPIRAL[:2], "1 death")

    assert stream.getvalue().count("without gatedog") == 1


def test_quiet_show_writes_nothing() -> None:
    """With --json and no terminal there is no show."""
    play(Show(None, live=False, colour=False, columns=60))


def test_plain_terminal_gets_what_it_can_print() -> None:
    """A character outside the stream's encoding does not end the demo."""
    buffer = io.BytesIO()
    show = Show(io.TextIOWrapper(buffer, encoding="ascii"), live=False, colour=False, columns=60)

    show.say("told: caf\u00e9")

    assert buffer.getvalue() == b"told: caf?\n"
