"""An agent's action in words: its own, so they are quoted and never stand in a title or beside a command."""

import shlex

from watchdog.core.enclosure import ACTION_CHARACTERS_MAX, ActionOffered

WHOLE = 16 * ACTION_CHARACTERS_MAX
"""Longer than any action in words, with every letter escaped and quoted: who agrees to one reads all of it."""


def action_words(offered: ActionOffered) -> str:
    """Say an action as it was described, on one line or several; whoever shows it makes it harmless."""
    words = (shlex.join(offered.argv), *(f"writes {path}" for path in offered.paths))
    where = f" (in {offered.directory})" if offered.directory else ""
    return f"{offered.action}: {', '.join(word for word in words if word)}{where}"
