"""Whether a program is only ever what root, or gatedog's own account, put there (law 11).

Invariant: the file, where its links lead, and every folder above both are looked at; a question that the kernel does
not answer is a no. Deliberately not here: what a program reads when it runs.
"""

import os
import stat
from pathlib import Path


class Unfit(Exception):  # noqa: N818 - said of the program
    """A program cannot be run, and only a human's change ends that.

    The text names it as it is called, in whatever letters: whoever tells it makes it one line.
    """


def check_program(program: Path, owners: frozenset[int] | None = None) -> None:
    """Refuse a program that a stranger could have written, or could put another in place of.

    `owners` are no strangers: root and this process's own user unless said otherwise. Raises Unfit.
    """
    trusted = frozenset({0, os.geteuid()}) if owners is None else owners
    if not program.is_absolute():
        raise Unfit(f"argv[0] must be an absolute path, not {program}")
    try:
        real = program.resolve(strict=True)
        for path in (program, *program.parents, real, *real.parents):
            _check_owner(path, trusted)
    except OSError as error:
        raise Unfit(f"{program}: {error.strerror}") from error


def _check_owner(path: Path, trusted: frozenset[int]) -> None:
    status = path.stat()
    if status.st_uid not in trusted:
        raise Unfit(f"{path} belongs to uid {status.st_uid}, who could change what gatedog runs")
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if shared and not sticky:
        raise Unfit(f"{path} can be written by others; run: chmod go-w {path}")
