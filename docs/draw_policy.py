"""Draw the reference of policy.toml from the reader itself: every key it asks for, with its type, default and limits.

    python docs/draw_policy.py          writes docs/policy.md

The reader is run on a small policy with a table that takes notes in place of its own, so no key can be missing here and
none can be invented; the sentence beside each key stands in policy_words.toml, and it is an error when one is missing.
"""

import sys
import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from watchdog.core.policy import EscalationPolicy, Window
from watchdog.core.timeline import duration_text
from watchdog.core.values import dataclass
from watchdog.policyfile.load import read_policy
from watchdog.policyfile.section import Section, open_document

ANY = "any value"
TABLES = frozenset(
    {"gateway", "observe", "ready", "stop", "budget", "backoff", "spiral", "health", "probe", "assert", "gate"}
)
PAGE = Path(__file__).parent / "policy.md"
WORDS = Path(__file__).parent / "policy_words.toml"
SAMPLE = b"""
[gateway.name]
command = ["/bin/agent"]
[[gateway.name.probe]]
name = "sample"
kind = "http"
target = "http://127.0.0.1:1/"
assert = [
    { json = "a", equals = 1 }, { json = "a", matches = "x" }, { json = "a", present = true }, { matches_not = "x" },
]
[[gateway.name.probe]]
name = "program"
kind = "exec"
argv = ["/bin/true"]
[[gateway.name.gate]]
name = "sample"
programs = ["pytest"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: the table it stands in ("" for the top), and what the reader takes there."""

    table: str
    name: str
    kind: str
    default: str

    @property
    def place(self) -> str:
        """Say table and key in one word."""
        return f"{self.table}.{self.name}" if self.table else self.name


class NotedSection(Section):
    """A table that notes what is asked of it."""

    def __init__(self, *words: Any, notes: dict[str, Key] | None = None) -> None:
        super().__init__(*words)
        self.notes: dict[str, Key] = {} if notes is None else notes

    def _note(self, key: str, kind: str, default: str) -> None:
        """Keep what is asked for; that it is of a type says more than that it is a value."""
        path = [each for each in self.path if not isinstance(each, int)]
        if path == ["gateway"]:
            return
        noted = Key(
            table=".".join(map(str, ["gateway.NAME", *path[2:]] if path else [])), name=key, kind=kind, default=default
        )
        if noted.place not in self.notes or self.notes[noted.place].kind == ANY:
            self.notes[noted.place] = noted

    def value(self, key: str) -> object:
        """Note what the reader asks for, and answer it."""
        if key not in TABLES:
            self._note(key, ANY, "")
        return super().value(key)

    def _noted(self, section: Section) -> "NotedSection":
        parts = (section._document, section.path, section._table, section._below)  # noqa: SLF001 - the same kind
        return NotedSection(*parts, notes=self.notes)

    def over(self, below: Section | None) -> Section:
        """Note what the reader asks for, and answer it."""
        return self._noted(super().over(below))

    def section(self, key: str) -> Section:
        """Note what the reader asks for, and answer it."""
        return self._noted(super().section(key))

    def tables(self, key: str) -> tuple[Section, ...]:
        """Note what the reader asks for, and answer it."""
        return tuple(self._noted(each) for each in super().tables(key))

    def text(self, key: str, default: str = "") -> str:
        """Note what the reader asks for, and answer it."""
        self._note(key, "text", f'"{default}"')
        return super().text(key, default)

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Note what the reader asks for, and answer it."""
        self._note(key, "list of texts", _listed(default))
        return super().texts(key, default)

    def integer(self, key: str, default: int, *, low: int, high: int) -> int:
        """Note what the reader asks for, and answer it."""
        self._note(key, f"number, {low} to {high}", str(default))
        return super().integer(key, default, low=low, high=high)

    def flag(self, key: str, *, default: bool) -> bool:
        """Note what the reader asks for, and answer it."""
        self._note(key, "true or false", str(default).lower())
        return super().flag(key, default=default)

    def duration(self, key: str, default: int, *, zero: bool = False) -> int:
        """Note what the reader asks for, and answer it."""
        self._note(
            key, "duration" if zero else "duration above zero", f'"{duration_text(default) if default else "0s"}"'
        )
        return super().duration(key, default, zero=zero)

    def size(self, key: str, default: int, *, low: int, high: int) -> int:
        """Note what the reader asks for, and answer it."""
        self._note(key, f"size, {low >> 10}KB to {high >> 20}MB", f'"{default >> 20}MB"')
        return super().size(key, default, low=low, high=high)

    def windows(self, key: str, default: tuple[Window, ...]) -> tuple[Window, ...]:
        """Note what the reader asks for, and answer it."""
        said = tuple(f"{window.starts} per {duration_text(window.per_usec)}" for window in default)
        self._note(key, "list of windows", _listed(said))
        return super().windows(key, default)

    def choice(self, key: str, default: Any) -> Any:
        """Note what the reader asks for, and answer it."""
        kinds: type[Enum] = type(default)
        self._note(key, "one of " + ", ".join(f'"{kind.value}"' for kind in kinds), f'"{default.value}"')
        return super().choice(key, default)

    def mapping(self, key: str) -> tuple[tuple[str, str], ...]:
        """Note what the reader asks for, and answer it."""
        self._note(key, "table of texts", "{}")
        return super().mapping(key)


def _listed(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def keys() -> tuple[Key, ...]:
    """Return every key in the order in which it is read."""
    root, findings = open_document(SAMPLE, "policy.toml")
    noted = NotedSection(root._document, root.path, root._table)  # noqa: SLF001 - the same kind
    read_policy(noted, findings, EscalationPolicy())
    if findings.found:
        raise SystemExit(f"the sample is no policy any more: {findings.found}")
    return tuple(noted.notes.values())


def words() -> tuple[tuple[str, ...], tuple[Mapping[str, Any], ...]]:
    """Return the introduction, and each table's path, title, sentence and sentences of keys."""
    read = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    return tuple(read["introduction"]), tuple(read["table"])


def tables() -> tuple[tuple[Mapping[str, Any], tuple[tuple[Key, str], ...]], ...]:
    """Return the tables in the order in which a policy is written, each with its keys and their sentences."""
    known = keys()
    _, told = words()
    return tuple(
        (table, tuple((key, table["keys"][key.name]) for key in known if key.table == table["path"])) for table in told
    )


def draw() -> str:
    """Return the page."""
    introduction, _ = words()
    lines = ["# policy.toml", "", "Drawn by `docs/draw_policy.py` from the reader; do not edit.", ""]
    for paragraph in introduction:
        lines += [paragraph, ""]
    for table, found in tables():
        lines += [f"## {table['title']}", "", table["sentence"], ""]
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"] if found else []
        for key, sentence in found:
            default = f"`{key.default}`" if key.default else ""
            lines.append(f"| `{key.name}` | {key.kind} | {default} | {sentence} |")
        lines += [""] if found else []
    return "\n".join(lines)


def main() -> int:
    """Write the page."""
    PAGE.write_text(draw(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
