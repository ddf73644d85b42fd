"""Whether a file may be believed: only what root or gatedog itself could have put there.

Theory of operation. The path is walked from the root, folder by folder, each opened relative to the one before it and
checked once it is open, so nobody can swap a part between the look and the use. A folder on the way may be shared only
if it is sticky, like /tmp: there, nobody renames what another owns. Links are refused wherever they stand: whoever can
place one could choose which believable file is read, an old list of signers for example. A second name (hard link) of
a file may lie in a folder that was not checked.

Invariant: the bytes that are returned are those of the file that was checked; use them and do not open the path again.
Stricter than the policy's guard (policyfile/guard.py), which follows links made by an owner.
"""

import errno
import os
import shlex
import stat
from pathlib import Path

PROGRAM_FOLDERS = (Path("/usr/bin"), Path("/usr/local/bin"))
"""Where programs are looked for. Not PATH: that is the caller's word."""

_SHARED = stat.S_IWGRP | stat.S_IWOTH
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Untrusted(Exception):  # noqa: N818 - said of the file
    """A file that may not be believed, or cannot be read. The text says why, and the command that helps."""


def read_trusted(path: Path, *, bytes_max: int, euid: int | None = None) -> bytes:
    """Return the file's bytes.

    `euid` is the user besides root who may own the file and its folders; the caller's own by default.

    Raises:
        Untrusted: somebody else could have written it, or it is absent, too large or no regular file.
    """
    owners = _owners(euid)
    try:
        folder = _open_folder(path, owners)
        try:
            descriptor = os.open(path.name, _READ, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            _check_file(path, os.fstat(descriptor), owners)
            return _read(path, descriptor, bytes_max)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(path, error) from error


def trusted_program(name: str, *, folders: tuple[Path, ...] = PROGRAM_FOLDERS, euid: int | None = None) -> Path:
    """Return the absolute path of a program that only root or gatedog could have written.

    A bare name is looked for in `folders`; an absolute path is checked as it is.

    Raises:
        Untrusted: there is none.
    """
    if "/" in name and not name.startswith("/"):
        raise Untrusted(f"{name} is neither the bare name of a program nor an absolute path")
    owners = _owners(euid)
    places = (Path(name),) if name.startswith("/") else tuple(folder / name for folder in folders)
    for place in places:
        try:
            folder = _open_folder(place, owners)
            try:
                status = os.stat(place.name, dir_fd=folder, follow_symlinks=False)
            finally:
                os.close(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise _unreadable(place, error) from error
        _check_owner(place, place, status, owners)
        if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o111:
            raise Untrusted(f"{place} is no program; install it anew")
        return place
    looked = " and ".join(str(place) for place in places)
    raise Untrusted(f"{looked} not found; on Debian run: apt install openssh-client")


def _owners(euid: int | None) -> frozenset[int]:
    return frozenset({0, os.geteuid() if euid is None else euid})


def _open_folder(path: Path, owners: frozenset[int]) -> int:
    """Walk to the folder that holds the file, checking every step; return its descriptor."""
    parent = path.absolute().parent
    here = Path(parent.anchor)
    descriptor = os.open(here, _LOOK)
    try:
        for name in parent.parts[1:]:
            _check_folder(path, here, os.fstat(descriptor), owners, may_be_sticky=True)
            here /= name
            descriptor, left = os.open(name, _LOOK, dir_fd=descriptor), descriptor
            os.close(left)
        _check_folder(path, here, os.fstat(descriptor), owners, may_be_sticky=False)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_folder(
    path: Path, here: Path, status: os.stat_result, owners: frozenset[int], *, may_be_sticky: bool
) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise Untrusted(f"{path}: {here} is a symlink; name the folder that it leads to")
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(here))
    if may_be_sticky and status.st_mode & stat.S_ISVTX and status.st_uid in owners:
        return
    _check_owner(path, here, status, owners)


def _check_file(path: Path, status: os.stat_result, owners: frozenset[int]) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Untrusted(f"{path} is not a regular file; put one there")
    _check_owner(path, path, status, owners)
    if status.st_nlink != 1:
        name = shlex.quote(str(path))
        raise Untrusted(f"{path} has {status.st_nlink} names; run: cp -p {name} {name}.new && mv {name}.new {name}")


def _check_owner(path: Path, thing: Path, status: os.stat_result, owners: frozenset[int]) -> None:
    what = str(path) if thing == path else f"{path}: {thing}"
    name = shlex.quote(str(thing))
    if stat.S_ISLNK(status.st_mode):
        raise Untrusted(f"{what} is a symlink; name the file that it leads to")
    if status.st_uid not in owners:
        raise Untrusted(f"{what} belongs to uid {status.st_uid}; run: chown root {name}")
    if status.st_mode & _SHARED:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise Untrusted(f"{what} can be written by others than its owner (mode {mode}); run: chmod go-w {name}")


def _read(path: Path, descriptor: int, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    left = bytes_max + 1
    while left > 0 and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise Untrusted(f"{path} is larger than {bytes_max} bytes; check that it is the right file")
    return b"".join(parts)


def _unreadable(path: Path, error: OSError) -> Untrusted:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return Untrusted(f"{path} is not there")
        case errno.ELOOP:
            return Untrusted(f"{path} is a symlink; name the file that it leads to")
        case errno.EACCES | errno.EPERM:
            return Untrusted(f"{path} may not be read by uid {os.geteuid()}; give its group the right to read it")
        case _:
            return Untrusted(f"{path} cannot be read ({error.strerror or error})")
