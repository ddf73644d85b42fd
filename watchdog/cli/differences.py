"""What a proposal changes, in full: from the copies of both bundles, and not from the few sentences in the journal.

Theory of operation. The journal holds a few sentences of a proposal, each cut to one line; whoever writes the proposal
chooses what is among the rest. So whoever reviews it, and may read the copies, is told every difference in words and
shown every line that differs. What the journal says besides, such as defaults that another version brought, stays.

Invariant: it only adds. Without the copies the journal's sentences stand as they are.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from watchdog.cli.committing import text_of
from watchdog.cli.trouble import Trouble
from watchdog.policyfile.bundle import Bundle
from watchdog.policyfile.bundlechange import compare_bundles, differing
from watchdog.policyfile.bundlestore import BundleStore
from watchdog.policyfile.load import parse_bundle
from watchdog.policyfile.policychange import Direction
from watchdog.policyfile.problems import PolicyProblems

CUT = "…"
_MORE = ("and ", " more")
"""How the journal's list begins and ends the sentence that stands for what did not fit."""


def in_full(rules: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the proposal with every difference, and the lines that differ; as it was, where a copy cannot be read."""
    try:
        after = text_of(rules, known)
    except Trouble:
        return dict(known), []
    bases = [each for each in rules["revisions"] if each["revision"] == known["base"]]
    store = BundleStore(Path(rules["store"]))
    before = store.revision(known["base"], bases[0]["digest"]) if bases else None
    if before is None:
        return dict(known), []
    try:
        changes = compare_bundles(parse_bundle(before, Path()), parse_bundle(after, Path()))
    except PolicyProblems:  # of another version; the lines can be read all the same
        changes = ()
    loosens = [each.what for each in changes if each.direction is Direction.LOOSENS]
    others = [f"{each.direction.value} {each.what}" for each in changes if each.direction is not Direction.LOOSENS]
    full = {"loosens": _joined(loosens, known["loosens"]), "changes": _joined(others, known["changes"])}
    return {**known, **full}, list(_lines(before, after))


def _joined(full: list[str], journaled: list[str]) -> list[str]:
    """Return all sentences, and of the journal's those that are not among them."""
    extra = [each for each in journaled if not any(whole.startswith(each.removesuffix(CUT)) for whole in full)]
    if full:
        extra = [each for each in extra if not (each.startswith(_MORE[0]) and each.endswith(_MORE[1]))]
    return [*full, *extra]


def _lines(before: Bundle, after: Bundle) -> Iterator[str]:
    for name in differing(before, after):
        old, new = ((each.read(name) or b"").decode("utf-8", "backslashreplace") for each in (before, after))
        yield from difflib.unified_diff(old.split("\n"), new.split("\n"), name, name, n=0, lineterm="")
