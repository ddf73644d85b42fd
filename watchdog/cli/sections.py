"""The sections of a postmortem that a person writes, as one text for an editor, and back.

Invariant: what is read back is what stands between the headings, letter for letter but for tabs and empty lines at the
edges. Nothing of the supervised side is in the template: an editor may obey what it reads.
"""

import click

from watchdog.core.enclosure import PostmortemOffered
from watchdog.report.postmortempapers import SECTIONS

_COMMENT = "%"
_HINTS = {
    "cause": "Why it happened, as far as you know; what the evidence shows, and what it does not.",
    "trigger": "What set it off this time.",
    "lessons": "What went well, what went badly, where you were lucky.",
    "actions": "What is to be done, by whom, until when, and how it will be checked.",
}


def template(identity: str, known: PostmortemOffered | None) -> str:
    """Write what is known under its headings, with a hint for each."""
    lines = [f"{_COMMENT} {identity}: what only a person writes. Lines that begin with {_COMMENT} are dropped."]
    for heading, field in SECTIONS:
        said = "" if known is None else getattr(known, field)
        lines += ["", f"## {heading}", f"{_COMMENT} {_HINTS[field]}", said]
    return "\n".join(lines) + "\n"


def parse(written: str) -> PostmortemOffered:
    """Read the sections. Raises a usage error for text that stands under none."""
    headings = {f"## {heading}".casefold(): field for heading, field in SECTIONS}
    found: dict[str, list[str]] = {}
    field = ""
    for line in written.replace("\r\n", "\n").expandtabs(4).split("\n"):
        named = headings.get(line.strip().casefold())
        if named is not None:
            if named in found:
                raise click.UsageError(f"The section {line.strip()} stands there twice.")
            field = named
            found[field] = []
        elif line.startswith(_COMMENT):
            continue
        elif field:
            found[field].append(line.rstrip())
        elif line.strip():
            names = ", ".join(f"## {heading}" for heading, _ in SECTIONS)
            raise click.UsageError(f"Text before the first heading; the headings are {names}.")
    return PostmortemOffered(**{name: "\n".join(lines).strip("\n") for name, lines in found.items()})


def shown(text: PostmortemOffered) -> str:
    """Write the sections as they are signed."""
    return "\n\n".join(f"## {heading}\n{getattr(text, field) or '(empty)'}" for heading, field in SECTIONS)
