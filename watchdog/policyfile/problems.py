"""What is wrong with a file, said so that a person can mend it without opening the manual.

Invariant: reading collects every problem before it gives up; a person who fixes the first must not meet the second
one on the next try, at night, with the gateway down.
"""

from dataclasses import field

from watchdog.core.values import dataclass

PROBLEMS_MAX = 100
"""Problems told of one file. They go into the journal and into a page; a thousand of them say: not this file."""

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys, and the index within an array of tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault. `line` counts from 1; 0 means that the fault belongs to no line (owner, mode, missing file)."""

    file: str
    line: int
    what: str
    how: str

    def __str__(self) -> str:
        """Say it the way compilers do, so that editors can jump to it."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.what}. {self.how}"


class PolicyProblems(Exception):  # noqa: N818  several faults of a file, not one error of this program
    """The file was refused; `problems` is never empty."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    def summary(self) -> str:
        """Say how many there are, then each on a line of its own."""
        told = (f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''} in the policy",)
        return "\n".join((*told, *(f"  {problem}" for problem in self.problems)))


@dataclass(slots=True, kw_only=True)
class Findings:
    """The problems of one file while it is being read, and every key the reader asked for."""

    file: str
    found: list[Problem] = field(default_factory=list)
    wrong: set[KeyPath] = field(default_factory=set)
    asked: dict[KeyPath, None] = field(default_factory=dict)

    def add(self, path: KeyPath, line: int, what: str, how: str) -> None:
        """Note one problem, and that the value at `path` is not to be believed."""
        self.found.append(Problem(file=self.file, line=line, what=_one_line(what), how=_one_line(how)))
        self.wrong.add(path)

    def sorted(self) -> tuple[Problem, ...]:
        """Return the problems in the order of the file: all of them, or PROBLEMS_MAX and how many more there are."""
        found = sorted(self.found, key=lambda problem: problem.line)
        if len(found) <= PROBLEMS_MAX:
            return tuple(found)
        what = f"And {len(found) - PROBLEMS_MAX} more problems"
        return (
            *found[:PROBLEMS_MAX],
            Problem(file=self.file, line=0, what=what, how="Check that it is the right file"),
        )


def _one_line(text: str) -> str:
    """Take out what a terminal would obey: names and values of the file are quoted in messages."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
