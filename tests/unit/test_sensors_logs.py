"""Logs as signals: what is read, what a line means, and how often it is told."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.core.events import LimitReached
from watchdog.core.identity import GatewayName
from watchdog.core.observations import LogClass
from watchdog.core.timeline import MINUTE
from watchdog.sensors.activity import Activity
from watchdog.sensors.logclasses import TABLE, Patterns, WorkLines
from watchdog.sensors.logtail import LINE_BYTES, READ_BYTES, LogTail, Piece

MAIN = GatewayName("main")
PATTERNS = Patterns()


def lines_of(tail: LogTail) -> tuple[str, ...]:
    """Return the new lines of a log that can be read."""
    piece = tail.read()
    assert piece is not None
    return piece.lines


# -- reading -------------------------------------------------------------------------------------------------------


def test_a_log_is_read_once_and_a_half_line_waits(tmp_path: Path) -> None:
    """Nothing is read twice, and a line is a line when it has ended."""
    log = tmp_path / "log"
    log.write_text("one\ntw")
    tail = LogTail(log, from_begin=True)

    first = lines_of(tail)
    with log.open("a") as file:
        file.write("o\nthree\n")

    assert (first, lines_of(tail), lines_of(tail)) == (("one",), ("two", "three"), ())


def test_what_an_adopted_life_logged_before_is_no_news(tmp_path: Path) -> None:
    """Reading begins where the log ended when it was first seen."""
    log = tmp_path / "log"
    log.write_text("old\n")
    tail = LogTail(log, from_begin=False)

    first = lines_of(tail)
    with log.open("a") as file:
        file.write("new\n")

    assert (first, lines_of(tail)) == ((), ("new",))


def test_a_truncated_log_is_read_from_its_begin(tmp_path: Path) -> None:
    """A log that is cut below what was read goes on with what it holds now."""
    log = tmp_path / "log"
    log.write_text("a long first line\n")
    tail = LogTail(log, from_begin=True)
    lines_of(tail)

    os.truncate(log, 0)
    log.write_text("new\n")

    assert lines_of(tail) == ("new",)


def test_a_rotated_log_is_read_from_the_begin_of_the_new_one(tmp_path: Path) -> None:
    """Another file under the name is another log, however long it is."""
    log = tmp_path / "log"
    log.write_text("old\n")
    tail = LogTail(log, from_begin=True)
    lines_of(tail)

    log.rename(tmp_path / "log.1")
    log.write_text("a longer line of the new log\n")

    assert lines_of(tail) == ("a longer line of the new log",)


def test_a_log_that_vanished_is_no_log_and_no_silence(tmp_path: Path) -> None:
    """What cannot be read is None; a link, a folder and a pipe are nothing to read either."""
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    assert [LogTail(tmp_path / name, from_begin=True).read() for name in ("gone", "link", "folder", "pipe")] == [
        None
    ] * 4


def test_a_flood_is_counted_and_not_read(tmp_path: Path) -> None:
    """Of ten megabytes the end is read, and the rest is an estimate."""
    log = tmp_path / "log"
    log.write_bytes(b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 100_000)
    tail = LogTail(log, from_begin=True)

    piece = tail.read()

    assert piece is not None
    assert len(piece.lines) <= READ_BYTES // 100 + 1
    assert 99_000 <= len(piece.lines) + piece.skipped <= 100_010


def test_binary_and_endless_lines_survive(tmp_path: Path) -> None:
    """Bytes that are no text are replaced, and a line without an end keeps its begin only."""
    log = tmp_path / "log"
    log.write_bytes(bytes(range(256)) + b"\n" + b"z" * 5000)
    tail = LogTail(log, from_begin=True)

    first = lines_of(tail)
    with log.open("ab") as file:
        file.write(b"z" * 5000 + b"\n")
    (second,) = lines_of(tail)

    assert len(first) == 2
    assert len(second) == LINE_BYTES


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_in_any_pieces_are_lines(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    """However a log is written, its lines come out whole and in order."""
    log = tmp_path_factory.mktemp("any") / "log"
    log.write_bytes(b"")
    tail = LogTail(log, from_begin=True)
    found: list[str] = []
    for piece in pieces:
        with log.open("ab") as file:
            file.write(piece)
        found += lines_of(tail)

    whole = b"".join(pieces).split(b"\n")[:-1]
    assert found == [line.decode("utf-8", "replace") for line in whole]


# -- classes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Error: listen EADDRINUSE: address already in use 127.0.0.1:18789", LogClass.PORT_IN_USE),
        ("state migration: another OpenClaw process owns gateway-lifecycle", LogClass.PORT_IN_USE),
        ("Gateway start blocked: existing config is missing gateway.mode", LogClass.CONFIG_INVALID),
        ("config reload skipped (invalid config)", LogClass.CONFIG_INVALID),
        ("write failed: ENOSPC: no space left on device", LogClass.DISK_FULL),
        ("restart-loop breaker tripped: 3 unclean boot(s) within 300000ms", LogClass.CHANNELS_OFF),
        ("[telegram] giving up after 10 restart attempts", LogClass.GAVE_UP),
        ("OAuth refresh token grant FAILED with 400", LogClass.AUTH_EXPIRED),
        ("request failed with status code 401", LogClass.AUTH_EXPIRED),
        ("Traceback (most recent call last):", LogClass.UNCAUGHT),
        ("[UnhandledPromiseRejection: x]", LogClass.UNCAUGHT),
        ("reconnecting in 5 s", None),
        ("", None),
        ("giving it up after all", None),
    ],
)
def test_a_line_has_its_class(line: str, kind: LogClass | None) -> None:
    """Case does not matter, and an ordinary line has none."""
    assert PATTERNS.classify(line) is kind


def test_every_pattern_can_be_met() -> None:
    """No row is hidden by one above it, and each is written in lower case, or it would never fit."""
    for kind, patterns in TABLE.items():
        for pattern in patterns:
            assert pattern == pattern.lower()
            assert PATTERNS.classify(pattern.replace("*", " 10 ")) is kind, pattern


# -- telling -------------------------------------------------------------------------------------------------------


def test_a_class_is_told_at_once_and_then_every_five_minutes_with_its_count() -> None:
    """A gateway that logs one error for ever costs a record in five minutes."""
    activity = Activity(MAIN, PATTERNS)
    flood = Piece(lines=("token expired",) * 50)
    told = [
        [(seen.log_class, seen.count) for seen in activity.take(flood, second * 1_000_000)]
        for second in range(0, 601, 10)
    ]

    assert told[0] == [(LogClass.AUTH_EXPIRED, 50)]
    assert [index * 10 for index, each in enumerate(told) if each] == [0, 300, 600]
    assert told[30] == [(LogClass.AUTH_EXPIRED, 1500)]


def test_what_waits_to_be_told_is_told_though_no_line_follows() -> None:
    """The last line of a burst is not lost."""
    activity = Activity(MAIN, PATTERNS)
    list(activity.take(Piece(lines=("panic: one",)), 0))
    list(activity.take(Piece(lines=("panic: \x1b[31mtwo",)), MINUTE))

    (seen,) = activity.take(Piece(), 5 * MINUTE)

    assert (seen.count, seen.line) == (1, "panic: [31mtwo")


def test_lines_are_counted_and_no_log_is_no_count() -> None:
    """Zero lines and no log at all are two things."""
    activity = Activity(MAIN, PATTERNS)

    list(activity.take(None, 0))
    none = activity.count_lines()
    list(activity.take(Piece(lines=("a", "b"), skipped=3), 0))

    assert (none, activity.count_lines(), activity.count_lines()) == (None, 5, None)


# -- work ----------------------------------------------------------------------------------------------------------


def test_work_is_counted_by_the_lines_that_a_human_named() -> None:
    """Without such lines there is no number; with them, none of them is a zero."""
    activity = Activity(MAIN, PATTERNS)
    piece = Piece(lines=("Message 4 SENT to x", "message sent", "job 7 is done", "hello"))

    list(activity.take(piece, 0))
    unknown = activity.count_work()
    activity.work = WorkLines(("message * sent", "job * done"))
    list(activity.take(piece, 0))
    counted = activity.count_work()
    list(activity.take(Piece(), 0))
    none = activity.count_work()
    list(activity.take(None, 0))

    assert (unknown, counted, none, activity.count_work()) == (None, 2, 0, None)


def test_work_of_which_some_may_lack_is_no_number_and_what_lacks_is_told_once_an_hour() -> None:
    """A flood hides how much was done; that lines were left out is said, and not with each look."""
    activity = Activity(MAIN, PATTERNS)
    activity.work = WorkLines(("done",))
    told = [
        each
        for minute in range(90)
        for each in activity.take(Piece(lines=("done",), skipped=10), minute * MINUTE)
        if isinstance(each, LimitReached)
    ]
    flooded = activity.count_work()
    list(activity.take(Piece(lines=("done",)), 91 * MINUTE))
    after = activity.count_work()
    list(activity.take(Piece(lines=("done",), is_cut=True), 92 * MINUTE))

    assert [each.dropped for each in told] == [10, 600]
    assert (flooded, after, activity.count_work()) == (None, 1, None)
