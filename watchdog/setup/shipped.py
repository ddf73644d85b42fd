"""The files of units/, as installed with this version, and filling in their blanks.

Invariant: a blank is `@WORD@`; a text with a blank that nobody filled, or a value that no blank takes, is an error of
this program and never reaches a disk.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import watchdog

_BLANK = re.compile(r"@([A-Z][A-Z_]*)@")


def units_folder() -> Path:
    """Return the folder: inside the package when installed, beside it in a checkout."""
    package = Path(watchdog.__file__).resolve().parent
    installed = package / "units"
    return installed if installed.is_dir() else package.parent / "units"


def shipped(name: str) -> str:
    """Return one shipped file as it is."""
    return (units_folder() / name).read_text(encoding="utf-8")


def filled(name: str, blanks: Mapping[str, str]) -> str:
    """Return one shipped file with its blanks filled."""
    text = shipped(name)
    wanted = set(_BLANK.findall(text))
    if wanted != set(blanks):
        raise ValueError(f"units/{name} has the blanks {sorted(wanted)}, filled were {sorted(blanks)}")
    return _BLANK.sub(lambda blank: blanks[blank.group(1)], text)
