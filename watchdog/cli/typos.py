"""What somebody meant who typed a name that there is not."""

from collections.abc import Iterable


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """Ask whether one of the names was meant, as the end of a sentence; "" when none is like the word."""
    from difflib import get_close_matches  # noqa: PLC0415 - time that only a typo shall cost

    meant = [f"'{name}'" for name in get_close_matches(word, list(names))]
    return f" Did you mean {' or '.join(meant)}?" if meant else ""


def with_guess(what: str, word: str, names: Iterable[str]) -> str:
    """Return what is wrong with a word, and which name was meant, if one is like it."""
    meant = did_you_mean(word, names)
    return f"{what}.{meant}" if meant else what
