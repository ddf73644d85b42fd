"""Who besides root could put other bytes in the place of a program.

Theory of operation. A path is followed link by link, as the kernel would; every link, the folders that hold it, and the
file at the end must belong to root and be writable by root alone. A sticky folder may be shared: in it nobody renames
what another owns.

Invariant: a path that cannot be looked at is told as a fault, never as fine.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

LINKS_MAX = 16
FILES_MAX = 50_000
"""An environment of gatedog's has some thousand files; beyond this bound, something else lies there."""

_SHARED = stat.S_IWGRP | stat.S_IWOTH


def exposed_path(path: Path, root: Path = Path("/")) -> Iterator[str]:
    """Yield what is wrong on the way to one file. `root` is where the machine's tree begins, for tests."""
    seen: set[Path] = set()
    here = path
    for _ in range(LINKS_MAX):
        for folder in reversed(here.parents):
            if folder not in seen:
                seen.add(folder)
                yield from _fault(folder, root)
        try:
            target = (root / str(here).lstrip("/")).readlink()
        except OSError:
            break
        yield from _fault(here, root)
        here = Path(os.path.normpath(here.parent / target))
    yield from _fault(here, root)


def exposed_tree(folder: Path) -> Iterator[str]:
    """Yield what is wrong below a folder, the folder included; at most the first few."""
    looked = told = 0
    for base, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            looked += 1
            if looked > FILES_MAX:
                yield f"{folder} holds more than {FILES_MAX} files, so it is no environment of gatedog's own"
                return
            for fault in _fault(Path(os.path.normpath(Path(base) / name)), Path("/"), links=False):
                yield fault
                told += 1
                if told >= 3:
                    return


def _fault(path: Path, root: Path, *, links: bool = True) -> Iterator[str]:
    place = root / str(path).lstrip("/")
    try:
        status = place.lstat()
    except FileNotFoundError:
        yield f"{path} is not there"
        return
    except OSError as error:
        yield f"{path} cannot be looked at ({error.strerror})"
        return
    if stat.S_ISLNK(status.st_mode):
        if links and status.st_uid != 0:
            yield f"{path} is a link made by uid {status.st_uid}"
        return
    if status.st_uid != 0:
        yield f"{path} belongs to uid {status.st_uid}"
    elif status.st_mode & _SHARED and not (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX):
        yield f"{path} can be written by others than root (mode {stat.S_IMODE(status.st_mode):04o})"
