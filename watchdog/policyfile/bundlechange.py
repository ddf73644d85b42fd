"""What a change of a bundle amounts to: of the policy in it, of its channels, and of the lists of who may sign.

The lists are compared line by line and not by what they mean: a line that comes in new, or that is another by one
letter, lets somebody sign; one that goes from the revoked keys makes a key good again. Striking somebody off tightens
as long as somebody is left: where nobody is listed a terminal alone is enough. Who may sign comes first, then who is
reached, then all else, each of it what loosens before the rest: a reader who stops early has read the worst.

Invariant: as in policychange.py, what cannot be told loosens. No secret is shown: of a channel its kind, and the
program or the people and hosts that it reaches.
"""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from watchdog.policyfile.bundle import REVOKED_FILE, SIGNERS_FILE, Bundle
from watchdog.policyfile.channelwords import Row, reached_by
from watchdog.policyfile.load import LoadedPolicy
from watchdog.policyfile.pagersettings import PagerSettings
from watchdog.policyfile.policychange import Change, Direction, compare
from watchdog.policyfile.policywords import shown

KEY_SHOWN = 12
"""Characters at the end of a key, by which people tell keys apart."""
KEY_BEGINS = "AAAA"
"""Every public key does, in base64: the length of its type's name comes first."""
LINE_SHOWN = 160
"""Characters of a line of who may sign, or may no more."""
ROWS = {"channels": "channel", "deadman": "deadman"}
"""Parts of pager.toml that are rows with names, and what a row is called. Any other part loosens as a whole."""
IN_THE_POLICY = ("escalation",)
"""What is compared as a part of the policy."""


def compare_bundles(before: LoadedPolicy, after: LoadedPolicy) -> tuple[Change, ...]:
    """Return every difference, what loosens first."""
    found = [
        *_lists(before.bundle, after.bundle),
        *_pager(before.pager, after.pager),
        *compare(before.policy, after.policy),
    ]
    if not found:
        found += _files(before.bundle, after.bundle)
    return tuple(sorted(found, key=lambda change: list(Direction).index(change.direction)))


def differing(before: Bundle, after: Bundle) -> tuple[str, ...]:
    """Return the names of files that are not the same in both."""
    names = sorted({name for name, _ in (*before.files, *after.files)})
    return tuple(name for name in names if before.read(name) != after.read(name))


def _pager(before: PagerSettings, after: PagerSettings) -> Iterator[Change]:
    for field in fields(PagerSettings):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if field.name in IN_THE_POLICY or old == new:
            continue
        if field.name in ROWS:
            yield from _rows(ROWS[field.name], {row.name: row for row in old}, {row.name: row for row in new})
        else:
            words = " -> ".join(shown(str(each)) or "nothing" for each in (old, new))
            yield Change(direction=Direction.LOOSENS, what=f"message.{field.name}: {words}")


def _rows(word: str, old: dict[str, Row], new: dict[str, Row]) -> Iterator[Change]:
    """Compare rows of pager.toml. Each tells other people, runs something, or takes another's word for theirs."""
    for name in sorted({**old, **new}):
        here = f"{word}.{shown(name)}"
        if name not in old:
            what = f"{here}: is new: {reached_by(new[name])}"
        elif name not in new:
            what = f"{here}: goes: {reached_by(old[name])}"
        elif old[name] != new[name]:
            what = f"{here}: reaches somebody else, or else how: {reached_by(new[name])}"
        else:
            continue
        yield Change(direction=Direction.LOOSENS, what=what)


def _lists(before: Bundle, after: Bundle) -> Iterator[Change]:
    is_anybody_left = bool(_lines(after.read(SIGNERS_FILE)))
    for name, coming, going in (
        (SIGNERS_FILE, Direction.LOOSENS, Direction.TIGHTENS if is_anybody_left else Direction.LOOSENS),
        (REVOKED_FILE, Direction.TIGHTENS, Direction.LOOSENS),
    ):
        old, new = _lines(before.read(name)), _lines(after.read(name))
        if old is None or new is None:
            if before.read(name) != after.read(name):
                yield Change(direction=Direction.LOOSENS, what=f"{name}: other bytes, which are no lines of text")
            continue
        yield from (Change(direction=coming, what=f"{name}: is new: {_key(each)}") for each in new if each not in old)
        yield from (Change(direction=going, what=f"{name}: goes: {_key(each)}") for each in old if each not in new)


def _lines(raw: bytes | None) -> tuple[str, ...] | None:
    """Return the lines that say something, as ssh-keygen tells lines and comments apart; None for a binary list.

    Python knows more ends of a line than ssh-keygen: what looked like a key behind one of them was a comment.
    """
    try:
        text = (raw or b"").decode()
    except UnicodeDecodeError:
        return None
    lines = (line.strip(" \t") for line in text.split("\n"))
    return None if "\0" in text else tuple(line for line in lines if line and not line.startswith("#"))


def _key(line: str) -> str:
    """Say a line with its keys cut short. Its first word is no key: it says who."""
    first, *words = line.split()
    short = (f"...{word[-KEY_SHOWN:]}" if word.startswith(KEY_BEGINS) else word for word in words)
    return shown(" ".join((first, *short)), LINE_SHOWN)


def _files(before: Bundle, after: Bundle) -> Iterator[Change]:
    """What has no effect now, such as a comment, or a profile that no gateway uses."""
    for name in differing(before, after):
        yield Change(direction=Direction.OTHER, what=f"{Path(name)}: its text, without any effect")
