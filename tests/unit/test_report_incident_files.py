"""What an export reads in files of evidence: figures where they are sound, nothing where they are not."""

import json
from typing import Any

import pytest

from watchdog.core.identity import Seq
from watchdog.journal.evidence import Evidence, KeptFile
from watchdog.report.keptfiles import EXCERPT_LINES, describe, excerpt, missing, wall_error_text, weighed

GARBAGE = [
    b"",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"taken": 3, "files": {}, "missing": "x"}',
    b"[" * 100_000,
    b'{"files": [1, null]}',
]


def file(name: str, content: bytes) -> KeptFile:
    """Make a file."""
    return KeptFile(name=name, size_bytes=len(content), digest="00", content=content)


def folder(about: Any, resources: list[Any] = (), *, problems: tuple[str, ...] = ()) -> Evidence:
    """Make a folder with a description and a curve."""
    curve = "".join(f"{json.dumps(each)}\n" for each in resources).encode()
    files = (file("about.json", json.dumps(about).encode()), file("resources.jsonl", curve))
    return Evidence(record=Seq(1), folder="incidents/INC-1/1.1", files=files, problems=problems)


def point(at_usec: Any, kib: Any = 5) -> dict[str, Any]:
    """Make a line of the curve."""
    return {"at_usec": at_usec, "pid": 7, "memory_kib": kib}


def test_the_curve_is_read_once_from_all_folders() -> None:
    """Two folders of one incident hold the same samples: each is drawn once, in order."""
    one = folder({"taken": {"boot": "b"}}, [point(2), point(1)])
    two = folder({"taken": {"boot": "b"}}, [point(2), point(3), point(4, None), point("5"), "x"])

    assert [each.uptime_usec for each in weighed((one, two))] == [1, 2, 3]


def test_nothing_is_read_of_a_folder_that_does_not_fit() -> None:
    """What somebody changed is no evidence, and draws nothing."""
    spoiled = folder({"taken": {"boot": "b", "wall_error_usec": 5}}, [point(1)], problems=("changed",))

    assert weighed((spoiled,)) == ()
    assert wall_error_text((spoiled,)) == "not known here"


@pytest.mark.parametrize("content", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_says_nothing(content: bytes) -> None:
    """A file that gatedog did not write is bytes: no figure, no error."""
    files = (file("about.json", content), file("resources.jsonl", content))
    found = Evidence(record=Seq(1), folder="f", files=files)

    assert weighed((found,)) == ()
    assert missing(found) == ()
    assert wall_error_text((found,)) == "not known here"
    assert set(describe(found)) <= {"None"}


def test_the_worst_error_of_the_clock_is_told() -> None:
    """Several folders were taken at several times; the reader is told the largest bound, and if one had none."""
    sure = folder({"taken": {"wall_error_usec": 3_000}})
    surer = folder({"taken": {"wall_error_usec": 1_000}})
    unsure = folder({"taken": {"wall_error_usec": "unknown"}})

    assert wall_error_text((sure, surer)) == "3ms, by the kernel's word"
    assert wall_error_text((sure, unsure)) == "3ms, by the kernel's word; at times not known"
    assert wall_error_text(()) == "not known here"


def test_a_log_is_shown_from_its_end_and_a_record_from_its_begin() -> None:
    """The last lines of a life say why it ended; a record begins with what it is."""
    many = "".join(f"line {number}\n" for number in range(1000)).encode()

    assert excerpt(file("output.log", many))[1][-1] == "line 999"
    assert excerpt(file("life.json", many))[1][0] == "line 0"
    assert [len(excerpt(file(name, many))[1]) for name in ("output.log", "life.json")] == [EXCERPT_LINES] * 2
    assert excerpt(file("why.txt", b"short\n")) == ("whole", ("short",))
