"""What an export reads in the files of evidence themselves: the curve of memory, the error of the clock, their text.

Invariant: nothing is read of a folder that is not what the journal says was kept, and a file that is not what gatedog
writes says nothing: it is bytes, parsed within bounds, and no exception leaves here.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from watchdog.core.timeline import duration_text
from watchdog.journal.evidence import Evidence, KeptFile
from watchdog.report.lanes import Weighed

POINTS_MAX: Final = 4000
EXCERPT_LINES: Final = 40
EXCERPT_BYTES: Final = 16 * 1024

_WHOLE: Final = ("why.txt", "life.json", "gateway.json", "about.json", "unit.json", "unit-", "step.json")
"""Files that are told from their begin; of all others the end is what counts."""


def weighed(evidence: Iterable[Evidence]) -> tuple[Weighed, ...]:
    """Read what the processes used, out of each folder that fits."""
    found: dict[tuple[str, int, int], Weighed] = {}
    for folder in evidence:
        boot = str(_taken(folder).get("boot", ""))
        for line in _file(folder, "resources.jsonl").splitlines()[-POINTS_MAX:]:
            point = _object(line)
            at, pid, kib = (point.get(name) for name in ("at_usec", "pid", "memory_kib"))
            if isinstance(at, int) and isinstance(pid, int) and isinstance(kib, int):
                found[boot, at, pid] = Weighed(boot=boot, uptime_usec=at, pid=pid, memory_kib=kib)
    return tuple(found[key] for key in sorted(found))


def wall_error_text(evidence: Iterable[Evidence]) -> str:
    """Say by how much the kernel thought the wall clock might be wrong when evidence was taken, the worst of all."""
    said = [_taken(folder).get("wall_error_usec") for folder in evidence]
    known = [each for each in said if isinstance(each, int)]
    if not said or not known:
        return "not known here"
    more = "" if len(known) == len(said) else "; at times not known"
    return f"{duration_text(max(known))}, by the kernel's word{more}"


def excerpt(file: KeptFile) -> tuple[str, tuple[str, ...]]:
    """Return some lines of a file, and words that say which; "whole" when it is all of it."""
    from_begin = file.name.startswith(_WHOLE)
    content = file.content[:EXCERPT_BYTES] if from_begin else file.content[-EXCERPT_BYTES:]
    lines = content.decode("utf-8", "backslashreplace").splitlines()
    if len(content) == len(file.content) and len(lines) <= EXCERPT_LINES:
        return "whole", tuple(lines)
    if from_begin:
        return "its begin", tuple(lines[:EXCERPT_LINES])
    return "its end", tuple(lines[-EXCERPT_LINES:])


def describe(folder: Evidence) -> dict[str, tuple[str, str]]:
    """Return what about.json says of each file: whose words it is, and what it is."""
    told = _object(_file(folder, "about.json")).get("files")
    return {
        str(each.get("name")): (str(each.get("words_of")), str(each.get("what")))
        for each in (told if isinstance(told, list) else [])
        if isinstance(each, dict)
    }


def missing(folder: Evidence) -> tuple[str, ...]:
    """Return what about.json says there is none of."""
    told = _object(_file(folder, "about.json")).get("missing")
    return tuple(str(each) for each in told) if isinstance(told, list) else ()


def _taken(folder: Evidence) -> dict[str, Any]:
    taken = _object(_file(folder, "about.json")).get("taken")
    return taken if isinstance(taken, dict) else {}


def _file(folder: Evidence, name: str) -> bytes:
    if folder.problems:
        return b""
    return next(_contents(folder, name), b"")


def _contents(folder: Evidence, name: str) -> Iterator[bytes]:
    return (file.content for file in folder.files if file.name == name)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
