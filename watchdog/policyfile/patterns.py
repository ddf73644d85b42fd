"""Which regular expressions may be used on text that the agent writes.

Theory of operation. Python's engine backtracks, cannot be interrupted, and holds the loop meanwhile; `(a+)+b` on thirty
characters of the agent's choice stops the watchdog for minutes. So an expression is accepted only if the product of the
choices in it is small; every pattern is tried on pieces of at most PIECE characters, which bounds the whole.

Invariant: pure. `search` never takes longer than some tenths of a second, whatever the text. Rejected: a time limit by
signal (it may raise anywhere), a process of its own for each pattern (it costs more than the probe).
"""

import re
import warnings
from collections.abc import Iterator

PIECE = 500
"""Characters looked at together; pieces overlap by OVERLAP, so what is longer than that may be missed."""
OVERLAP = 120
PATTERN_LENGTH_MAX = 300
CHOICES_MAX = 2 * PIECE
"""One `*` or `+`, or ten `?`: with 64 KiB to look at this is some tenths of a second at the very worst."""

_TOKEN = re.compile(
    r"""
      \\(?P<escape>.) | (?P<class>\[\^?\]?(?:\\.|[^\]\\])*\]) | (?P<open>\((?:\?(?:P<\w+>|[:=!>]|<[=!]|[a-z]+\)))?)
    | (?P<close>\)) | (?P<or>\|) | (?P<repeat>[*+?]|\{\d*,?\d*\})(?P<kind>[?+]?) | (?P<plain>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def why_not(pattern: str) -> str:
    """Say why a pattern cannot be used, as the middle of a sentence; "" when it can."""
    if len(pattern) > PATTERN_LENGTH_MAX:
        return f"is longer than {PATTERN_LENGTH_MAX} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # "[[" and its like will mean something else one day
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        return f"is no regular expression: {error}"
    choices, before = 1, ""
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup or ""
        if token["repeat"]:
            if before == "close" and token["repeat"] != "?":
                return "repeats a group"
            choices *= 1 if token["kind"] == "+" else _choices(token["repeat"])
            kind = "repeat"
        elif token["escape"] and (token["escape"].isdigit() and token["escape"] != "0"):
            return "refers back to a group"
        elif token["open"] and "x" in token["open"] and token["open"].endswith(")"):
            return "is written with (?x)"
        elif token["open"] == "(" and pattern.startswith(("(?P=", "(?("), token.start()):
            return "refers back to a group"
        elif token["or"]:
            choices += choices
        before = kind
    return "" if choices <= CHOICES_MAX else "has too many * + ? {} and | for text that somebody else writes"


HOW = r"Use one * or + at most and repeat no group; \d++ and [^ ]*+, which never go back, are free"


def search(pattern: re.Pattern[str], text: str) -> str | None:
    """Return what the pattern finds in a text, None when nothing. Each line is a text of its own."""
    for piece in _pieces(text):
        found = pattern.search(piece)
        if found is not None:
            return found.group()
    return None


def _pieces(text: str) -> Iterator[str]:
    for line in text.splitlines() or [""]:
        yield line[:PIECE]
        for begin in range(PIECE - OVERLAP, len(line) - OVERLAP, PIECE - OVERLAP):
            yield line[begin : begin + PIECE]


def _choices(repeat: str) -> int:
    if repeat in {"*", "+"}:
        return PIECE
    if repeat == "?":
        return 2
    low, comma, high = repeat.strip("{}").partition(",")
    if not comma:
        return 1
    return min(int(high), PIECE) - min(int(low or 0), PIECE) + 1 if high else PIECE
