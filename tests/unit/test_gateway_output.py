"""Logs kept small, and last lines made safe."""

from pathlib import Path

import pytest

from watchdog.core.events import TEXT_MAX
from watchdog.gateway.output import earlier_part, keep_below, last_line, one_line, open_log, remove_log, tail

LINES = [
    ("plain words", "plain words"),
    ("\x1b[1;31mred\x1b[0m alert", "red alert"),
    ("\x1b]0;new title\x07after", "after"),
    ("\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click"),
    ("a\tb\x00c\rd", "a b c d"),
    ("right\u202eleft\u2028below", "right left below"),
    ("  spread   out  ", "spread out"),
    ("x" * 500, "x" * TEXT_MAX),
    ("\x1b[", ""),
]


@pytest.mark.parametrize(("text", "clean"), LINES)
def test_one_line_is_one_safe_line(text: str, clean: str) -> None:
    """Escapes, controls, bidirectional marks and length are taken out of what the supervised side wrote."""
    assert one_line(text) == clean


def test_last_line_skips_lines_without_anything_to_read(tmp_path: Path) -> None:
    """The last line is the last with something printable in it."""
    log = tmp_path / "1.log"
    log.write_bytes(b"first\nlast words\n\n \x1b[0m \n")

    assert last_line(log) == "last words"


def test_last_line_is_the_telling_one_of_the_last_few(tmp_path: Path) -> None:
    """What stands before them may be hours old, and is not taken for the reason of an end."""
    log = tmp_path / "log"
    log.write_text("Invalid config: port\n" + "\n".join(f"line {number}" for number in range(8)))
    early = last_line(log)
    log.write_text("Invalid config: port\n" + "\n".join(f"line {number}" for number in range(7)))

    assert (early, last_line(log)) == ("line 7", "Invalid config: port")


def test_last_line_survives_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Output that is not UTF-8 is shown as far as it is."""
    log = tmp_path / "1.log"
    log.write_bytes(b"caf\xe9 closed")

    assert last_line(log) == "caf\N{REPLACEMENT CHARACTER} closed"


def test_last_line_of_nothing_is_empty(tmp_path: Path) -> None:
    """A life that wrote nothing, or has no log any more, has no last line."""
    assert last_line(tmp_path / "missing.log") == ""


def test_small_log_is_left_alone(tmp_path: Path) -> None:
    """Up to the bound nothing is cut."""
    log = tmp_path / "1.log"
    log.write_bytes(b"0123456789")

    assert keep_below(log, 10) == 0
    assert log.read_bytes() == b"0123456789"


def test_large_log_is_cut_to_its_tail(tmp_path: Path) -> None:
    """Past the bound the last half of it stays, as the earlier part, and the tail reads across both."""
    log = tmp_path / "1.log"
    log.write_bytes(b"abcdefghijklmnop")

    lost = keep_below(log, 10)

    with log.open("ab") as writer:
        writer.write(b"XY")
    assert lost == 11
    assert earlier_part(log).read_bytes() == b"lmnop"
    assert tail(log, 4) == b"opXY"


def test_log_is_emptied_even_when_its_tail_cannot_be_kept(tmp_path: Path) -> None:
    """The bound outranks the history: a copy that fails does not let the log grow on."""
    log = tmp_path / "1.log"
    log.write_bytes(b"abcdefghijklmnop")
    earlier_part(log).symlink_to("/dev/full")

    assert keep_below(log, 10) == 16
    assert log.read_bytes() == b""


def test_log_is_never_opened_through_a_link(tmp_path: Path) -> None:
    """A link in the place of a log is not followed."""
    (tmp_path / "1.log").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        open_log(tmp_path / "1.log")


def test_removing_a_log_removes_its_earlier_part(tmp_path: Path) -> None:
    """Nothing of a life's output stays behind."""
    log = tmp_path / "1.log"
    log.write_bytes(b"x")
    earlier_part(log).write_bytes(b"y")

    remove_log(log)

    assert list(tmp_path.iterdir()) == []
