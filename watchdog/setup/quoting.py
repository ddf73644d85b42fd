"""Writing words so that systemd reads the same words again.

Invariant: what comes out stands on one line, and no specifier, variable or quote in a word keeps its meaning.
"""

import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_./:=,+@-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def one_line(text: str) -> str:
    """Write a plain value, such as a description: line ends and other unprintable letters become blanks."""
    return "".join(letter if letter.isprintable() else " " for letter in text).replace("%", "%%").strip()


def word(text: str) -> str:
    """Quote one word of a list, such as a path."""
    if _PLAIN.fullmatch(text):
        return text
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text).replace("%", "%%") + '"'


def command(words: Iterable[str]) -> str:
    """Write an ExecStart= line. There, and only there, a dollar would be a variable."""
    return " ".join(word(each).replace("$", "$$") for each in words)
