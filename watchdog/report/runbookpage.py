"""`gatedog runbook show`: a runbook's Markdown as a terminal of 80 columns shows it best.

A table row with a command in it breaks badly there, and a broken command is typed broken: so the rows of a table become
"if ... / do ..." in two lines, paragraphs are filled anew, and what is indented stays as it is.

Invariant: no word is left out but the heads of tables; a command is never broken in two, however long it is.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from textwrap import TextWrapper

WIDTH_MAX = 100
"""Prose in longer lines is hard to read."""

_RULE_OF_TABLE = re.compile(r"\|[-| :]+\|")
_COMMAND = re.compile(r"`[^`]*`")
_GLUE = "\0"
"""Stands for the spaces inside a command while lines are broken."""


def render_runbook(text: str, *, width: int) -> str:
    """Return the text for a terminal of `width` columns."""
    room = max(min(width, WIDTH_MAX), 40)
    blocks = ("\n".join(_block(kind, list(lines), room)) for kind, lines in groupby(text.splitlines(), _kind))
    return "\n".join(blocks) + "\n"


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if line.startswith("|"):
        return "table"
    return "as it is" if line.startswith(("#", " ")) else "prose"


def _block(kind: str, lines: list[str], room: int) -> Iterator[str]:
    match kind:
        case "blank":
            yield ""
        case "table":
            yield from _table(lines, room)
        case "prose":
            yield from _filled(" ".join(lines), room, "", "")
        case _:
            yield from lines


def _table(lines: list[str], room: int) -> Iterator[str]:
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    begin = 2 if len(lines) > 1 and _RULE_OF_TABLE.fullmatch(lines[1]) else 0
    for seen, *do in rows[begin:]:
        yield from _filled(seen, room, "- ", "  ")
        yield from _filled(" ".join(do), room, "    -> ", "       ")


def _filled(text: str, room: int, first: str, rest: str) -> list[str]:
    whole = _COMMAND.sub(lambda command: command[0].replace(" ", _GLUE), text)
    wrapper = TextWrapper(
        room, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(_GLUE, " ") for line in wrapper.wrap(whole)]
