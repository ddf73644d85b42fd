"""The runbooks for people, as they came with this version: docs/runbooks/, one file for a family of rules.

A runbook's first line names its rules ("rules: spiral.chain, spiral.identical-endings"), the heading after it is its
title; the rest is for a person who was asleep a minute ago. `NAME` and `INC-n` in it stand for the gateway and the
incident, and are filled in where they are known.

Invariant: reading is total. A file without a first line of that form is a runbook for no rule; that every rule which
can page has exactly one is shown by tests/test_runbooks.py. Deliberately not here: steps that a machine takes.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import watchdog
from watchdog.core.rules import RuleId
from watchdog.core.values import dataclass

_RULES = "rules: "
_TITLE = "# "
_GATEWAY = re.compile(r"\bNAME\b")
_INCIDENT = re.compile(r"\bINC-n\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """One runbook. `text` is Markdown without the line of rules."""

    name: str
    """Of its file, without the ending."""
    title: str
    rules: tuple[str, ...]
    text: str

    @property
    def file(self) -> str:
        """The name of its file, which links end in."""
        return f"{self.name}.md"

    def about(self, gateway: str, incident: str) -> str:
        """Return the text with its commands filled in; what is "" stays to be filled in by the reader."""
        text = _GATEWAY.sub(lambda _: shlex.quote(gateway), self.text) if gateway else self.text
        return _INCIDENT.sub(lambda _: incident, text) if incident else text


def runbooks_folder() -> Path:
    """Return the folder: inside the package when installed, in docs/ in a checkout."""
    package = Path(watchdog.__file__).resolve().parent
    installed = package / "runbooks"
    return installed if installed.is_dir() else package.parent / "docs" / "runbooks"


def read_runbooks() -> tuple[Runbook, ...]:
    """Return all of them, by name. Raises OSError for a file that cannot be read."""
    return tuple(_parse(file.stem, file.read_text(encoding="utf-8")) for file in sorted(runbooks_folder().glob("*.md")))


def runbook_links(base: str) -> Callable[[RuleId], str]:
    """Return what makes the link for a rule: the human's own address and the runbook's file; "" without an address.

    A rule without a runbook is linked to the address itself. Raises OSError, and only when there is an address.
    """
    files = {rule: runbook.file for runbook in read_runbooks() for rule in runbook.rules} if base else {}

    def link(rule: RuleId) -> str:
        return f"{base}{files.get(rule.value, '')}"

    return link


def _parse(name: str, whole: str) -> Runbook:
    first, _, rest = whole.partition("\n")
    text = (rest if first.startswith(_RULES) else whole).lstrip("\n")
    named = first.removeprefix(_RULES) if first.startswith(_RULES) else ""
    return Runbook(
        name=name,
        title=text.partition("\n")[0].removeprefix(_TITLE),
        rules=tuple(rule.strip() for rule in named.split(",") if rule.strip()),
        text=text,
    )
