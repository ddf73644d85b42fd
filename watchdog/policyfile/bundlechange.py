"""What a change of a bundle amounts to: of the policy in it, of its channels, and of the lists of who may sign.

The lists are compared line by line and not by what they mean: a line that comes in new lets somebody sign, whatever
else changed in it, and one that goes from the revoked keys makes a key good again. Invariant: as in policychange.py,
what cannot be told loosens. No secret is shown: a channel is named, and its settings are not.
"""

from collections.abc import Iterator
from pathlib import Path

from watchdog.policyfile.bundle import REVOKED_FILE, SIGNERS_FILE, Bundle
from watchdog.policyfile.load import LoadedPolicy
from watchdog.policyfile.policychange import Change, Direction, compare
from watchdog.policyfile.policywords import SHOWN_MAX, shown

KEY_SHOWN = 12
"""Characters at the end of a key, by which people tell keys apart."""


def compare_bundles(before: LoadedPolicy, after: LoadedPolicy) -> tuple[Change, ...]:
    """Return every difference, what loosens first."""
    found = [*compare(before.policy, after.policy), *_channels(before, after), *_lists(before.bundle, after.bundle)]
    if not found:
        found += _files(before.bundle, after.bundle)
    return tuple(sorted(found, key=lambda change: list(Direction).index(change.direction)))


def differing(before: Bundle, after: Bundle) -> tuple[str, ...]:
    """Return the names of files that are not the same in both."""
    names = sorted({name for name, _ in (*before.files, *after.files)})
    return tuple(name for name in names if before.read(name) != after.read(name))


def _channels(before: LoadedPolicy, after: LoadedPolicy) -> Iterator[Change]:
    for word, old_rows, new_rows in (
        ("channel", before.pager.channels, after.pager.channels),
        ("deadman", before.pager.deadman, after.pager.deadman),
    ):
        old: dict[str, object] = {row.name: row for row in old_rows}
        new: dict[str, object] = {row.name: row for row in new_rows}
        for name in sorted({**old, **new}):
            if name not in old:
                yield Change(direction=Direction.OTHER, what=f"{word}.{shown(name)}: is new")
            elif name not in new:
                yield Change(direction=Direction.LOOSENS, what=f"{word}.{shown(name)}: goes")
            elif old[name] != new[name]:
                yield Change(
                    direction=Direction.LOOSENS, what=f"{word}.{shown(name)}: reaches somebody else, or else how"
                )
    if before.pager.runbook != after.pager.runbook:
        what = (
            f"message.runbook: {shown(before.pager.runbook) or 'nothing'} -> {shown(after.pager.runbook) or 'nothing'}"
        )
        yield Change(direction=Direction.OTHER, what=what)


def _lists(before: Bundle, after: Bundle) -> Iterator[Change]:
    for name, coming, going in (
        (SIGNERS_FILE, Direction.LOOSENS, Direction.TIGHTENS),
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
    """Return the lines that say something; None for a binary list."""
    try:
        text = (raw or b"").decode()
    except UnicodeDecodeError:
        return None
    lines = (" ".join(line.split()) for line in text.splitlines())
    return None if "\0" in text else tuple(line for line in lines if line and not line.startswith("#"))


def _key(line: str) -> str:
    words = line.split()
    key = max(words, key=len)
    others = " ".join(word for word in words if word != key)
    return f"{shown(others[: SHOWN_MAX - KEY_SHOWN])} ...{shown(key[-KEY_SHOWN:])}".strip()


def _files(before: Bundle, after: Bundle) -> Iterator[Change]:
    """What has no effect now, such as a comment, or a profile that no gateway uses."""
    for name in differing(before, after):
        yield Change(direction=Direction.OTHER, what=f"{Path(name)}: its text, without any effect")
