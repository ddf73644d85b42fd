"""Which line a key stands on: tomllib parses, but forgets where.

Theory of operation. The text is cut into statements (a newline outside of strings, brackets and comments ends one),
and the left side of each statement is given back to tomllib to be decoded, so quoting and escapes are understood by
one parser only. Values are never looked into: what stands inside an inline table or an array is reported on the line
of its key.

Invariant: `text` was accepted by tomllib before. Deliberately not here: any judgement on the text.
"""

import re
import tomllib
from collections.abc import Iterator

from watchdog.policyfile.problems import KeyPath

DEPTH_MAX = 16
"""Deeper keys than any known format has are found by their outer part; it bounds the work on a silly file."""

_TOKEN = re.compile(
    r'''
      """(?:\\.|[^\\])*?"{3,5}          # up to two quotes may touch the closing three
    | \'\'\'.*?\'{3,5}
    | "(?:\\.|[^"\\\n])*"
    | '[^'\n]*'
    | \#[^\n]*
    | [\[{] | [\]}] | \n
    ''',
    re.VERBOSE | re.DOTALL,
)
_LEFT_SIDE = re.compile(r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[^="'])+""")


class Lines:
    """The line of every key of one text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._arrays: dict[KeyPath, int] = {}
        table: KeyPath = ()
        for line, statement in _statements(text):
            if statement.startswith("[["):
                table = self._next_of_array(_decode(_header(statement, "]]")), line)
            elif statement.startswith("["):
                table = self._resolve(_decode(_header(statement, "]")))
                self._note(table, line)
            else:
                left = _LEFT_SIDE.match(statement)
                if left is not None:
                    self._note(table + _decode(f"{left.group()}=0"), line)

    def of(self, path: KeyPath) -> int:
        """Return the line of the key, or of the nearest table around it that is written down; 1 when none is."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return 1

    def _note(self, path: KeyPath, line: int) -> None:
        for length in range(1, min(len(path), DEPTH_MAX) + 1):
            self._lines.setdefault(path[:length], line)

    def _resolve(self, keys: KeyPath) -> KeyPath:
        """Put in the index of the current element wherever a header passes through an array of tables."""
        path: KeyPath = ()
        for key in keys[:DEPTH_MAX]:
            path = (*path, key)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _next_of_array(self, keys: KeyPath, line: int) -> KeyPath:
        array = (*self._resolve(keys[:-1]), keys[-1])
        self._arrays[array] = self._arrays.get(array, -1) + 1
        path = (*array, self._arrays[array])
        self._note(path, line)
        return path


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, statement without its surrounding space), comments and empty lines left out."""
    begin, depth = 0, 0
    line, line_seen = 1, 0
    for token in _TOKEN.finditer(text + "\n"):
        mark = token.group()
        if mark in {"[", "{"}:
            depth += 1
        elif mark in {"]", "}"}:
            depth -= 1
        elif mark == "\n" and depth == 0:
            statement = text[begin : token.start()]
            stripped = statement.strip()
            if stripped and not stripped.startswith("#"):
                yield line, stripped
            line += text.count("\n", line_seen, token.end())
            line_seen = begin = token.end()


def _header(statement: str, close: str) -> str:
    """Cut a header's statement after its closing bracket, so that no comment is left."""
    depth = 0
    for token in _TOKEN.finditer(statement):
        if token.group() == "[":
            depth += 1
        elif token.group() == "]":
            depth -= 1
            if depth == 0:
                return statement[: token.end()].removeprefix("[" * len(close)).removesuffix(close) + "=0"
    return ""


def _decode(assignment: str) -> KeyPath:
    """Decode `a."b c".d=0` to its keys."""
    path: KeyPath = ()
    value: object = tomllib.loads(assignment)
    while isinstance(value, dict) and value:
        ((key, value),) = value.items()
        path = (*path, key)
    return path
