"""Text of strangers, made harmless for a terminal.

A last line, a reason, a program's name: all of it may hold a newline and a forged "next" line, an ANSI sequence that
rewrites the screen, or a bidi override that turns a command around.

Invariant: the result is one line in which every character is visible or a plain space. What was taken out is shown as
an escape, not dropped, so that the reader sees that somebody tried.
"""

TEXT_MAX = 200
"""Most characters that words of the supervised side may take up."""

SENTENCE_MAX = 600
"""Most characters of gatedog's own sentences, which may have a stranger's words in them."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Printable by their Unicode category, but drawn as nothing."""

_COMBINING = range(0x300, 0x370)
"""Marks that stack: forty of them climb over the lines above. Composed letters need none of these."""


def visible(text: str, length_max: int = SENTENCE_MAX) -> str:
    """Return `text` as one visible line of at most `length_max` characters, its end marked when it was cut."""
    pieces: list[str] = []
    length = 0
    for character in text:
        piece = character if _is_plain(character) else _escaped(character)
        if length + len(piece) > length_max:
            while pieces and length > length_max - 1:
                length -= len(pieces.pop())
            return "".join(pieces) + "\u2026"
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces)


def agent_says(text: str, length_max: int = TEXT_MAX) -> str:
    """Return words of the supervised side, marked as such, in quotes that they cannot close."""
    return 'agent says: "' + visible(text.replace('"', "'"), length_max) + '"'


def _is_plain(character: str) -> bool:
    return character.isprintable() and character not in _BLANK and ord(character) not in _COMBINING


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
