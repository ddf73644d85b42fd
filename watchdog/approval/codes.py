"""Release codes: ten words on paper, for the person who has no key at hand.

A code is 17 symbols of an alphabet of 31 (84 bits) and one check symbol, in three groups of six: `k7m2qp-x4r9tw-...`.
The alphabet has no 0, O, 1, I or l. 31 is prime and the check is a sum weighted by position, so one wrong symbol, or
two that changed places, is always seen: a typing mistake is told to the typist and is no attempt at a code.

The file holds hashes only. They are one round of SHA-256 with a salt and not scrypt, because slowness makes up for
words that people choose; nobody tries 2^84 numbers, and a slow hash would let anybody keep the daemon busy.

Invariant: every comparison takes as long as every other, and no code is in any error or file that is made here.
Deliberately not here: which codes of a set are used (that is the journal's memory, core/proof.py, so that putting the
file back makes none good again), how often one may try, and writing the file.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import field
from pathlib import Path

from watchdog.approval.guard import Untrusted, read_trusted
from watchdog.core.values import dataclass

CODES_FILE = "release_codes"
"""Its name in the bundle."""
COUNT = 10
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
LENGTH = 18
GROUP = 6
CODES_BYTES_MAX = 8 * 1024

_SET_BYTES = 16
_FIRST_LINE = re.compile(r"gatedog-release-codes 1 ([0-9a-f]{32})")
_LINE = re.compile(r"([1-9][0-9]?) ([0-9a-f]{64})")


class Mistyped(Exception):  # noqa: N818 - said of the code
    """What was typed cannot be a code: look again. It says nothing on any code that exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCodes:
    """A new set. `codes` are in the order of their numbers, 1 to 10; they are shown once and kept nowhere."""

    codes: tuple[str, ...] = field(repr=False)
    code_set: str
    """The name of the set: 32 hexadecimal digits, which also salt its hashes."""
    file_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A code that was offered, against a set. `number` None: the set has no such code."""

    number: int | None
    code_set: str


def make(choose: Callable[[int], int] = secrets.randbelow) -> ReleaseCodes:
    """Make a set. `choose(n)` gives an unpredictable number below n."""
    words = tuple(_make_word(choose) for _ in range(COUNT))
    code_set = "".join(f"{choose(256):02x}" for _ in range(_SET_BYTES))
    lines = (f"{number} {_hash(code_set, word)}" for number, word in enumerate(words, 1))
    text = "\n".join((
        "# Release codes of gatedog: hashes only. The codes were shown once, when this file was made.",
        f"gatedog-release-codes 1 {code_set}",
        *lines,
    ))  # fmt: skip
    return ReleaseCodes(codes=tuple(_grouped(word) for word in words), code_set=code_set, file_text=text + "\n")


def read_code_set(path: Path, *, euid: int | None = None) -> str:
    """Return the name of the set in `path`; raises Untrusted as `match` does."""
    return _read(path, euid)[0]


def match(code: str, path: Path, *, euid: int | None = None) -> Comparison:
    """Find which code of the set in `path` was typed; capitals, spaces and dashes are nothing.

    Raises:
        Mistyped: it cannot be a code of any set; no file was read.
        Untrusted: the file could have been written by somebody besides root and `euid`, is absent, or is no such file.
    """
    word = _word(code)
    code_set, hashes = _read(path, euid)
    offered = _hash(code_set, word)
    # All ten are compared, whichever it is: the time must not say how far one got.
    equal = tuple(hmac.compare_digest(offered, each) for each in hashes)
    number = next((number for number, found in enumerate(equal, 1) if found), None)
    return Comparison(number=number, code_set=code_set)


def _make_word(choose: Callable[[int], int]) -> str:
    word = "".join(ALPHABET[choose(len(ALPHABET))] for _ in range(LENGTH - 1))
    return word + _check_symbol(word)


def _check_symbol(word: str) -> str:
    total = sum(weight * ALPHABET.index(symbol) for weight, symbol in enumerate(word, 1))
    return ALPHABET[total % len(ALPHABET)]


def _grouped(word: str) -> str:
    return "-".join(word[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def _word(code: str) -> str:
    """Take what was typed apart, and put the code together again."""
    if len(code) > 4 * LENGTH:
        raise Mistyped(f"a release code has {LENGTH} symbols")
    word = "".join(code.lower().replace("-", " ").split())
    if any(symbol not in ALPHABET for symbol in word):
        raise Mistyped("release codes are made of small letters and digits, without 0, 1, i, l and o")
    if len(word) != LENGTH:
        raise Mistyped(f"a release code has {LENGTH} symbols, and this has {len(word)}")
    if _check_symbol(word[:-1]) != word[-1]:
        raise Mistyped("a symbol is wrong, or two changed places; compare it with the paper")
    return word


def _hash(code_set: str, word: str) -> str:
    return hashlib.sha256(f"gatedog release code\0{code_set}\0{word}".encode("ascii")).hexdigest()


def _read(path: Path, euid: int | None) -> tuple[str, tuple[str, ...]]:
    """Read the name of the set and its ten hashes."""
    raw = read_trusted(path, bytes_max=CODES_BYTES_MAX, euid=euid)
    lines = [line for line in raw.decode("utf-8", "replace").splitlines() if line.strip() and not line.startswith("#")]
    first = _FIRST_LINE.fullmatch(lines[0]) if lines else None
    found = [_LINE.fullmatch(line) for line in lines[1:]]
    hashes = tuple(line[2] for line in found if line is not None)
    numbers = [int(line[1]) for line in found if line is not None]
    if first is None or None in found or numbers != list(range(1, COUNT + 1)):
        raise Untrusted(f"{path} is no whole file of release codes; make a new set")
    return first[1], hashes
