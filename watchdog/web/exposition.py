"""Prometheus' text format, version 0.0.4: families of samples in, one text out.

Invariant: the text is always valid. A family stands once, with its help and type before its samples; no two samples
have the same labels; a label's value is escaped, and holds no character that a terminal would obey. Deliberately not
here: what is measured (metrics.py).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import accumulate
from typing import Final

from watchdog.core.values import dataclass
from watchdog.report.escape import visible

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LABEL_MAX: Final = 200
_SECOND: Final = 1_000_000

Labels = tuple[tuple[str, str], ...]
_SAMPLE: Final = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\d+)")
_LABEL: Final = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')
_UNESCAPED: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class Kind(Enum):
    """What may be done with a number: a counter only grows, or begins anew; a histogram is counters by size."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One name, and what it means."""

    name: str
    kind: Kind
    means: str


class Samples:
    """What was measured, family by family, in the order in which it came."""

    def __init__(self) -> None:
        self._values: dict[Family, dict[tuple[str, Labels], str]] = {}

    def number(self, family: Family, value: int, **labels: str) -> None:
        """Add a whole number; the first of two with the same labels counts."""
        self._add(family, str(value), labels)

    def truth(self, family: Family, *, holds: bool, **labels: str) -> None:
        """Add 1 or 0."""
        self._add(family, str(int(holds)), labels)

    def seconds(self, family: Family, usec: int, **labels: str) -> None:
        """Add microseconds as seconds, exactly."""
        self._add(family, _seconds(usec), labels)

    def durations(
        self, family: Family, bounds_usec: Sequence[int], counts: Sequence[int], sum_usec: int, **labels: str
    ) -> None:
        """Add a histogram: of each bound how many were at most so long and longer than the last one; then the rest."""
        names = [_seconds(bound).rstrip("0").rstrip(".") for bound in bounds_usec]
        for bound, up_to in zip([*names, "+Inf"], accumulate(counts), strict=True):
            self._add(family, str(up_to), {**labels, "le": bound}, "_bucket")
        self._add(family, _seconds(sum_usec), labels, "_sum")
        self._add(family, str(sum(counts)), labels, "_count")

    def text(self) -> str:
        """Write everything."""
        return "".join(self._lines())

    def _add(self, family: Family, value: str, labels: Mapping[str, str], part: str = "") -> None:
        clean = tuple((name, visible(said, LABEL_MAX)) for name, said in labels.items())
        self._values.setdefault(family, {}).setdefault((part, clean), value)

    def _lines(self) -> Iterator[str]:
        for family, values in self._values.items():
            yield f"# HELP {family.name} {family.means}\n# TYPE {family.name} {family.kind.value}\n"
            for (part, labels), value in values.items():
                yield f"{family.name}{part}{_braced(labels)} {value}\n"


def whole_samples(text: str) -> Iterator[tuple[str, dict[str, str], int]]:
    """Read back the samples of a text of ours whose values are whole numbers; any other line is passed over."""
    for line in text.splitlines():
        if (found := _SAMPLE.fullmatch(line)) is not None:
            labels = {name: re.sub(r"\\.", _unescaped, said) for name, said in _LABEL.findall(found[2] or "")}
            yield found[1], labels, int(found[3])


def _seconds(usec: int) -> str:
    whole, rest = divmod(abs(usec), _SECOND)
    return f"{'-' if usec < 0 else ''}{whole}.{rest:06d}"


def _braced(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(said)}"' for name, said in labels) + "}" if labels else ""


def _escaped(said: str) -> str:
    return said.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _unescaped(found: re.Match[str]) -> str:
    return _UNESCAPED.get(found[0], found[0])
