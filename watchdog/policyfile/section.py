"""One TOML table, read key by key: every value is typed, limited, or a problem with its line and its cure.

Invariant: a getter never raises and always returns something of its type; what it returns after a problem is the
default and is never used, because the file is refused as a whole. A key nobody asked for is a problem, too: a
misspelt `stable_atfer` that is silently ignored is a policy nobody wrote.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeVar

from watchdog.core.policy import Window
from watchdog.core.values import dataclass
from watchdog.policyfile.durations import parse_duration, parse_size, parse_window
from watchdog.policyfile.lines import Lines
from watchdog.policyfile.problems import Findings, KeyPath

TEXT_LENGTH_MAX = 4_096
LIST_LENGTH_MAX = 256
DOTS_MAX = 1_024
"""Dots on one line. tomllib needs memory by the square of a dotted key's parts: 120,000 of them took 57 GB."""

_Choice = TypeVar("_Choice", bound=Enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What all tables of one file share."""

    lines: Lines
    findings: Findings


class Section:
    """A table being read, and below it one whose values stand where this has none (a profile's).

    Call `close` when all known keys were asked for. A problem is told of the file in which the value stands.
    """

    def __init__(
        self, document: Document, path: KeyPath, table: Mapping[str, object], below: "Section | None" = None
    ) -> None:
        self.path = path
        self._document = document
        self._table = table
        self._below = below
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._table or (self._below is not None and key in self._below)

    def over(self, below: "Section | None") -> "Section":
        """Return this table with another one below it."""
        return Section(self._document, self.path, self._table, below)

    def says(self, key: str) -> bool:
        """Whether the key stands in this table itself."""
        return key in self._table

    def is_wrong(self, *keys: str) -> bool:
        """Whether a problem with the value at these keys was noted already."""
        below = self._below is not None and self._below.is_wrong(*keys)
        return below or (*self.path, *keys) in self._document.findings.wrong

    def problem(self, key: str, what: str, how: str) -> None:
        """Note a problem at `key`, or at the table itself when `key` is empty."""
        if key and key not in self._table and self._below is not None and key in self._below:
            self._below.problem(key, what, how)
            return
        path = (*self.path, key) if key else self.path
        self._document.findings.add(path, self._document.lines.of(path), what, how)

    def named(self, key: str) -> str:
        """Return the key as messages call it: [gateway.main.stop] timeout."""
        return f"[{'.'.join(str(part) for part in self.path)}] {key}" if self.path else key

    def value(self, key: str) -> object:
        """Return the raw value, None when the key is absent."""
        if key not in self._asked:
            self._asked.append(key)
            self._document.findings.asked[(*self.path, key)] = None
        below = None if self._below is None else self._below.value(key)
        return self._table.get(key, below)

    def text(self, key: str, default: str = "") -> str:
        """Read one line of text."""
        value = self.value(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.problem(key, f"{self.named(key)} is {_kind(value)}, not a text", f'Write {key} = "..."')
        elif not _is_plain(value):
            what = f"{self.named(key)} holds a control character or more than {TEXT_LENGTH_MAX} characters"
            self.problem(key, what, "Shorten it to one line")
        else:
            return value
        return default

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Read a list of texts."""
        value = self.value(key)
        if value is None:
            return default
        if isinstance(value, str):
            self.problem(key, f"{self.named(key)} is a text, not a list of texts", f"Write {key} = [{_quoted(value)}]")
        elif not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.problem(key, f"{self.named(key)} is not a list of texts", f'Write {key} = ["...", "..."]')
        elif len(value) > LIST_LENGTH_MAX or not all(_is_plain(item, lines=True) for item in value):
            what = f"{self.named(key)} has more than {LIST_LENGTH_MAX} entries, or an entry that is too long"
            self.problem(key, what, "Shorten it, or put the rest into a file")
        else:
            return tuple(value)
        return default

    def integer(self, key: str, default: int, *, low: int, high: int) -> int:
        """Read a whole number within [low, high]."""
        value = self.value(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            self.problem(key, f"{self.named(key)} is {_kind(value)}, not a whole number", f"Write {key} = {low}")
        elif not low <= value <= high:
            self.problem(key, f"{self.named(key)} is {value}", f"Choose a number from {low} to {high}")
        else:
            return value
        return default

    def flag(self, key: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self.value(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.problem(key, f"{self.named(key)} is {_kind(value)}", f"Write {key} = true or {key} = false")
        return default

    def duration(self, key: str, default: int, *, zero: bool = False) -> int:
        """Read a duration into microseconds; `zero` allows "0s"."""
        found = self._parsed(key, default, parse_duration, 'the unit, such as "{}s" or "{}min"')
        if found == 0 and not zero and key in self:
            self.problem(key, f"{self.named(key)} is zero", 'Choose a longer time, such as "30s"')
            return default
        return found

    def size(self, key: str, default: int, *, low: int, high: int) -> int:
        """Read a size into bytes within [low, high]."""
        found = self._parsed(key, default, parse_size, 'the unit, such as "{}MB" or "{}KB"')
        if low <= found <= high:
            return found
        self.problem(key, f"{self.named(key)} is {found} bytes", f"Choose a size from {low >> 10}KB to {high >> 20}MB")
        return default

    def windows(self, key: str, default: tuple[Window, ...]) -> tuple[Window, ...]:
        """Read a list of "5 per 10min"."""
        windows: list[Window] = []
        for text in self.texts(key, ()):
            try:
                windows.append(parse_window(text))
            except ValueError as error:
                self.problem(key, f"{self.named(key)}: {_quoted(text)} {error}", 'Write it like "5 per 10min"')
        if key in self and self.value(key) == []:
            self.problem(key, f"{self.named(key)} is empty: no window is no budget", 'Name one, as in ["5 per 10min"]')
        return tuple(windows) or default

    def choice(self, key: str, default: _Choice) -> _Choice:
        """Read one value of an enumeration."""
        kinds = type(default)
        value = self.value(key)
        if value is None:
            return default
        for kind in kinds:
            if kind.value == value:
                return kind
        words = [str(kind.value) for kind in kinds]
        self.problem(key, f"{self.named(key)} is {_quoted(value)}", f"Choose one of: {', '.join(words)}")
        return default

    def mapping(self, key: str) -> tuple[tuple[str, str], ...]:
        """Read a table of texts, sorted by key."""
        value = self.value(key)
        if value is None:
            return ()
        if isinstance(value, dict) and all(isinstance(item, str) and _is_plain(item) for item in value.values()):
            below = () if self._below is None or not self.says(key) else self._below.mapping(key)
            return tuple(sorted((dict(below) | value).items()))
        self.problem(key, f"{self.named(key)} is not a table of texts", f'Write {key} = {{ NAME = "value" }}')
        return ()

    def section(self, key: str) -> "Section":
        """Open the table under `key`, an empty one when it is absent."""
        value = self.value(key)
        path = (*self.path, key)
        if value is not None and not isinstance(value, dict):
            header = ".".join(str(part) for part in path)
            self.problem(key, f"{self.named(key)} is {_kind(value)}, not a table", f"Write it as [{header}]")
        own = self._table.get(key)
        below = None if self._below is None else self._below.section(key)
        return Section(self._document, path, own if isinstance(own, dict) else {}, below)

    def tables(self, key: str) -> tuple["Section", ...]:
        """Open every table of an array of tables, [[key]]; those below whose `name` no table here has come last."""
        value = self.value(key)
        own = self._table.get(key, [])
        if value is not None and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            header = ".".join(str(part) for part in (*self.path, key))
            self.problem(
                key, f"{self.named(key)} is {_kind(value)}, not an array of tables", f"Write it as [[{header}]]"
            )
            return ()
        tables = own if isinstance(own, list) else []
        if len(tables) > LIST_LENGTH_MAX:
            self.problem(key, f"{self.named(key)} has {len(tables)} entries", f"Keep at most {LIST_LENGTH_MAX}")
        opened = [
            Section(self._document, (*self.path, key, index), table)
            for index, table in enumerate(tables[:LIST_LENGTH_MAX])
        ]
        names = [table.get("name") for table in tables]
        below = () if self._below is None else self._below.tables(key)
        return (*opened, *(table for table in below if table._table.get("name") not in names))  # noqa: SLF001 - its own kind

    def sections(self, key: str) -> tuple["Section", ...]:
        """Open every table of a table of tables, sorted by name: [gateway.a], [gateway.b]."""
        outer = self.section(key)
        return tuple(outer.section(name) for name in sorted(outer.names()))

    def names(self) -> tuple[str, ...]:
        """Return the keys that are written down."""
        return tuple(self._table)

    def close(self) -> None:
        """Report every key that nobody asked for, with the known key it looks most like."""
        if self._below is not None:
            self._below.close()
        for key in self._table:
            if key in self._asked:
                continue
            import difflib  # noqa: PLC0415 - for a typing error, and not for the year after it (docs/adr/0018)

            close = difflib.get_close_matches(key, self._asked, n=1)
            how = f"Did you mean `{close[0]}`?" if close else f"Remove it; known here: {', '.join(self._asked)}"
            self.problem(key, f"{self.named(_quoted_key(key))} is not known", how)

    def _parsed(self, key: str, default: int, parse: Callable[[str], int], unit_hint: str) -> int:
        value = self.value(key)
        if value is None:
            return default
        if isinstance(value, str):
            try:
                return parse(value)
            except ValueError as error:
                self.problem(key, f"{self.named(key)}: {_quoted(value)} {error}", f'Write {key} = "..." in that form')
        elif isinstance(value, int | float) and not isinstance(value, bool):
            how = f"Say {unit_hint.replace('{}', str(value))}"
            self.problem(key, f"{self.named(key)} is the plain number {value}", how)
        else:
            self.problem(key, f"{self.named(key)} is {_kind(value)}", f"Say it as a text with {unit_hint[4:]}")
        return default


def open_document(raw: bytes, file: str) -> tuple[Section, Findings]:
    """Parse the bytes; a file that is no TOML yields an empty table and its one problem."""
    findings = Findings(file=file)
    table: dict[str, object] = {}
    text = ""
    try:
        text = raw.decode().replace("\r\n", "\n")
        crowded = next((number for number, line in enumerate(text.split("\n"), 1) if line.count(".") > DOTS_MAX), 0)
        if crowded:
            findings.add(
                (), crowded, f"This line has more than {DOTS_MAX} dots", "No key here has more than four parts"
            )
        else:
            table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        findings.add((), line, "This is not UTF-8 text", "Save the file as UTF-8")
    except ValueError as error:  # TOMLDecodeError is one; a number of 5000 digits raises the bare kind
        line, what = _place(str(error), text)
        findings.add((), line, f"This is not TOML: {what}", "Mend the line; nothing of the file was used")
    except RecursionError:
        findings.add((), 1, "Arrays or tables are nested too deeply", "Nothing here needs more than four levels")
    lines = Lines(text if table else "")
    return Section(Document(lines=lines, findings=findings), (), table), findings


def _place(message: str, text: str) -> tuple[int, str]:
    """Split tomllib's "what (at line 3, column 7)", the only place where it tells the line."""
    what, found, place = message.partition(" (at line ")
    number = place.partition(",")[0]
    if found and number.isdigit():
        return int(number), what
    return max(len(text.splitlines()), 1), what.removesuffix(" (at end of document)")


def _is_plain(text: str, *, lines: bool = False) -> bool:
    allowed = "\n\t" if lines else ""
    return len(text) <= TEXT_LENGTH_MAX and all(letter >= " " or letter in allowed for letter in text)


def _quoted(value: object) -> str:
    return json.dumps(value if isinstance(value, str) else str(value), ensure_ascii=False)[:80]


def _quoted_key(key: str) -> str:
    return f"`{key[:80]}`"


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
