"""Text of strangers, made harmless for people's screens.

Everything the supervised side or a remote server wrote is hostile until shown otherwise: it may hold a newline and a
forged "next: ..." line, an ANSI sequence that rewrites the terminal, a bidi override that turns a command around, or
a link for a person who was woken at three.

Invariant: the result is one line of at most the asked length, in which every character is visible or a plain space.
What is taken out is shown as an escape, not dropped, so that the reader sees that somebody tried.
"""

import re
import unicodedata

from watchdog.core.events import TEXT_MAX

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their Unicode category, but drawn as nothing."""

_STACKED_MAX = 2
"""Combining marks in a row: two serve every living language, forty climb over the lines above."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_DOTS = ".\u3002\uff0e\uff61"
"""Full stops of several scripts: some programs take each of them for the dot of a domain."""

_NAME_DOT = re.compile(rf"(?<=[^\W_])[{_DOTS}](?=[^\W\d_])")
_NUMBERS = re.compile(r"\d+(?:\.\d+){3}")
"""Telephones make a link of a bare IPv4 address, too; a version number has fewer parts."""
_MARKUP = str.maketrans({"<": "\u2039", ">": "\u203a", "`": "'", "@": "[at]"})
_QUOTES = str.maketrans({'"': "'"})
_SCHEME = re.compile(r"(?i)\b(mailto|tel|sms|tg|javascript):(?=[\w+/?])")
"""Links without slashes. A space after the colon makes it a sentence."""


def one_line(text: str, length_max: int = TEXT_MAX) -> str:
    """Return `text` as one visible line of at most `length_max` characters, its end marked when it was cut."""
    pieces: list[str] = []
    stacked = 0
    for character in text[: length_max + 1]:
        stacked = stacked + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        pieces.append(_escape(character) if stacked > _STACKED_MAX else _visible(character))
    shown = 0
    for count, piece in enumerate(pieces):
        shown += len(piece)
        if shown > length_max:
            return _cut(pieces[:count], length_max)
    return "".join(pieces)


def quote(text: str, length_max: int = TEXT_MAX) -> str:
    r"""Return a stranger's words in double quotes that they cannot close, with links, mentions and markup disarmed.

    >>> quote('see https://evil.example/x"\nnext: rm -rf /')
    '"see https[:]//evil[.]example/x\'\\nnext: rm -rf /"'
    """
    harmless = inert(text[: length_max + 1]).translate(_QUOTES)
    harmless = _NAME_DOT.sub("[.]", harmless)
    harmless = _NUMBERS.sub(lambda found: found[0].replace(".", "[.]"), harmless)
    return f'"{one_line(harmless, length_max - 2)}"'


def disarm(text: str) -> str:
    """Break the marks by which programs recognise a link, and leave the rest."""
    return _SCHEME.sub(r"\1[:]", text.replace("://", "[:]//"))


def inert(text: str) -> str:
    """Disarm links, and what HTML, Markdown and chat programs take for tags, mentions or code.

    For text that goes to receivers whose own markup is not known here, as an Alertmanager's templates.
    """
    return disarm(text).translate(_MARKUP).replace("](", "] (")


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category[0] == "C" or category in ("Zl", "Zp") or character in _BLANK:
        return _escape(character)
    return character


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _cut(pieces: list[str], length_max: int) -> str:
    """Drop whole pieces from the end until the mark fits: half an escape would read as something else."""
    length = sum(len(piece) for piece in pieces)
    while pieces and length > length_max - 1:
        length -= len(pieces.pop())
    return "".join(pieces) + "\u2026"
