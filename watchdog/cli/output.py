"""Writing to terminals, pipes and files that cannot show everything.

Invariant: a reader that has gone away (`| head`) ends the command quietly, and a terminal without UTF-8 gets plain
letters, not a traceback. Colour only on a terminal that wants it: never into a pipe, never against NO_COLOR.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from click.exceptions import Exit

PIPE_CLOSED = 141
"""As a shell reports a program that SIGPIPE ended."""

_PLAIN = str.maketrans(
    {"\u2716": "X", "\u25b2": "!", "\u25d0": "~", "\u25a0": "=", "\u25cf": "*", "\u2026": "..."}  # our own signs
    | {chr(0x2581 + height): str(height + 1) for height in range(8)}  # and bars
)


def say(text: str) -> None:
    """Write to stdout, now."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would raise again when the interpreter ends; it goes nowhere instead.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise Exit(PIPE_CLOSED) from None


def say_json(thing: Any) -> None:
    """Write one object on one line of stdout, in ASCII: safe on any terminal."""
    say(json.dumps(thing) + "\n")


def wants_colour(environ: Mapping[str, str]) -> bool:
    """Tell whether stdout is a terminal whose owner did not ask for none."""
    return sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"


def page_width() -> int:
    """Return the width to draw for: the terminal's, or 80 in a pipe; $COLUMNS overrules."""
    return shutil.get_terminal_size((80, 24)).columns
