"""Whether a file may be believed: only what a human with the right to it could have written.

Theory of operation. The policy says when a gateway is restarted, so whoever can write it holds the pen. The bytes
are read from a descriptor that was checked after it was opened, relative to a folder that was opened before it, so
nobody can swap either between the look and the read. Folders further up may be shared only if they are sticky, like
/tmp: in any other, a stranger could put another folder in the way. (The same rule as sshd's StrictModes.)

Invariant: no byte is returned from a file that root or the caller does not own alone, or that has a second name (hard
link). A symlink in the last place is followed only when root or the caller made it.
"""

import errno
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from watchdog.policyfile.problems import PolicyProblems, Problem

SIZE_MAX = 256 * 1024
LINKS_MAX = 8

_SHARED = stat.S_IWGRP | stat.S_IWOTH
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def read_guarded(path: Path, *, euid: int | None = None, size_max: int = SIZE_MAX) -> bytes:
    """Return the file's bytes, or raise PolicyProblems with the commands that make it believable.

    `euid` is the user besides root who may own the file; the caller's own by default. `size_max` is in bytes.
    """
    owners = frozenset({0, os.geteuid() if euid is None else euid})
    try:
        real = _follow(path.absolute(), owners)
        folder = os.open(real.parent.resolve(), os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        problems = tuple(_folder_problems(path, real.parent.resolve(), os.fstat(folder), owners))
        found, raw = _read(path, real, folder, owners, size_max)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(folder)
    if problems or found:
        raise PolicyProblems(problems + found)
    return raw


def check_folder(folder: Path, *, euid: int | None = None) -> tuple[Problem, ...]:
    """Say what is wrong with a folder from which files are taken by their names; nothing where there is none."""
    owners = frozenset({0, os.geteuid() if euid is None else euid})
    try:
        real = folder.resolve()
        return tuple(_folder_problems(folder, real, real.stat(), owners))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        return _unreadable(folder, error).problems


def _follow(path: Path, owners: frozenset[int]) -> Path:
    """Follow symlinks in the last place that an owner made."""
    for _ in range(LINKS_MAX):
        status = path.lstat()
        if not stat.S_ISLNK(status.st_mode):
            return path
        if status.st_uid not in owners:
            what = f"{path} is a symlink made by uid {status.st_uid}"
            how = "Put a regular file there, or make the link as root"
            raise PolicyProblems((Problem(file=str(path), line=0, what=what, how=how),))
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _read(
    path: Path, real: Path, folder: int, owners: frozenset[int], size_max: int
) -> tuple[tuple[Problem, ...], bytes]:
    descriptor = os.open(real.name, _OPEN, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        problems = tuple(_file_problems(path, real, status, owners, size_max))
        raw = b"" if problems else _read_all(descriptor, size_max)
    finally:
        os.close(descriptor)
    if len(raw) > size_max:
        problems = (_too_large(path, len(raw), size_max),)
    return problems, raw


def _read_all(descriptor: int, size_max: int) -> bytes:
    parts: list[bytes] = []
    left = size_max + 1
    while left > 0 and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _file_problems(
    path: Path, real: Path, status: os.stat_result, owners: frozenset[int], size_max: int
) -> Iterator[Problem]:
    if not stat.S_ISREG(status.st_mode):
        yield Problem(file=str(path), line=0, what="This is not a regular file", how="Put a regular file there")
        return
    if status.st_size > size_max:
        yield _too_large(path, status.st_size, size_max)
    if status.st_nlink > 1:
        name = shlex.quote(str(real))
        what = f"The file has {status.st_nlink} names, and the others may lie where nobody looked"
        yield Problem(file=str(path), line=0, what=what, how=f"Run: cp -p {name} {name}.new && mv {name}.new {name}")
    yield from _ownership(path, real, status, owners)


def _folder_problems(path: Path, folder: Path, status: os.stat_result, owners: frozenset[int]) -> Iterator[Problem]:
    yield from _ownership(path, folder, status, owners)
    for parent in folder.parents:
        above = parent.stat()
        if above.st_uid not in owners or (above.st_mode & _SHARED and not above.st_mode & stat.S_ISVTX):
            yield from _ownership(path, parent, above, owners)


def _ownership(path: Path, thing: Path, status: os.stat_result, owners: frozenset[int]) -> Iterator[Problem]:
    word = "folder" if stat.S_ISDIR(status.st_mode) else "file"
    name = shlex.quote(str(thing))
    if status.st_uid not in owners:
        what = f"The {word} {thing} belongs to uid {status.st_uid}, who could rewrite the policy"
        yield Problem(file=str(path), line=0, what=what, how=f"Run: sudo chown root: {name}")
    if status.st_mode & _SHARED:
        what = f"The {word} {thing} can be written by others than its owner (mode {stat.S_IMODE(status.st_mode):04o})"
        yield Problem(file=str(path), line=0, what=what, how=f"Run: chmod go-w {name}")


def _too_large(path: Path, size: int, size_max: int) -> Problem:
    what = f"The file is larger than {size_max >> 10} KiB ({size} bytes or more)"
    return Problem(file=str(path), line=0, what=what, how="Check that it is the right file, and shorten it")


def _unreadable(path: Path, error: OSError) -> PolicyProblems:
    match error.errno:
        case errno.ENOENT:
            how = f"Copy the commented example there, or name another place; looked for {path}"
        case errno.EACCES | errno.EPERM:
            how = "Run the command as the user who owns it, or as root"
        case errno.ELOOP:
            how = "Too many symlinks, or one put there just now: put a regular file there"
        case _:
            how = "Check the path and the disk"
    what = f"The file cannot be read ({error.strerror or error})"
    return PolicyProblems((Problem(file=str(path), line=0, what=what, how=how),))
