"""The bundle: all files by which a human rules, read once, as one value.

Theory of operation. Whoever digests a file and then opens it again parses a file that nobody digested. So the folder is
read once, each file under the guard, and everything after that is about the bytes in hand: they are parsed, digested,
compared, kept and committed. Names outside of the bundle (credentials, release codes, a journal of the editor) are
never opened.

Invariant: the digest covers the names and all bytes; equal digests are the same rules, but for what gatedog itself
ships below them. Deliberately not here: what the bytes mean (load.py), and which bundle counts (core/proposals.py).
"""

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from watchdog.core.values import dataclass
from watchdog.policyfile.guard import SIZE_MAX, check_folder, read_guarded
from watchdog.policyfile.problems import PolicyProblems, Problem

POLICY_FILE = "policy.toml"
PAGER_FILE = "pager.toml"
SIGNERS_FILE = "allowed_signers"
REVOKED_FILE = "revoked_keys"
PROFILES, RUNBOOKS = "profiles", "runbooks"
FOLDERS = (PROFILES, RUNBOOKS)

FILES_MAX = 64
"""Files in a bundle."""
REVOKED_MAX = 1024 * 1024
"""A list of revoked keys may be larger than anything that people write by hand."""

_SINGLE = (POLICY_FILE, PAGER_FILE, SIGNERS_FILE, REVOKED_FILE)
_IN_FOLDER = re.compile(r"[a-z0-9][a-z0-9-]{0,30}\.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Files by their names in the bundle ("policy.toml", "profiles/mine.toml"), sorted by name."""

    files: tuple[tuple[str, bytes], ...]

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None when the bundle has no such file."""
        return next((raw for each, raw in self.files if each == name), None)

    def below(self, folder: str) -> tuple[tuple[str, bytes], ...]:
        """Return the files of a folder, by their names in it."""
        start = f"{folder}/"
        return tuple((name.removeprefix(start), raw) for name, raw in self.files if name.startswith(start))

    @property
    def digest(self) -> str:
        """The SHA-256 of names and bytes, in hex; lengths go in, so no byte moves to another file unseen."""
        digest = hashlib.sha256()
        for name, raw in self.files:
            for part in (name.encode(), raw):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)
        return digest.hexdigest()

    def with_files(self, offered: Iterable[tuple[str, bytes]]) -> "Bundle":
        """Return the bundle with these files in place of those of their names; an empty one takes its name out."""
        merged = {**dict(self.files), **dict(offered)}
        return bundle_of(merged.items())


def bundle_of(files: Iterable[tuple[str, bytes]]) -> Bundle:
    """Make a bundle; a file without a byte is no file."""
    return Bundle(files=tuple(sorted((name, raw) for name, raw in files if raw)))


def belongs(name: str) -> bool:
    """Whether a file of this name is part of a bundle."""
    folder, slash, file = name.rpartition("/")
    return _IN_FOLDER.fullmatch(file) is not None if slash and folder in FOLDERS else name in _SINGLE


def read_bundle(folder: Path, *, policy_file: str = POLICY_FILE, euid: int | None = None) -> Bundle:
    """Read all files of the bundle in `folder`, its policy from `policy_file`.

    Raises:
        PolicyProblems: a file or a folder of it could have been written by others than root and `euid`, or cannot be
            read; all such problems at once.
    """
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    for name, place in _places(folder, policy_file, problems):
        try:
            size_max = REVOKED_MAX if name == REVOKED_FILE else SIZE_MAX
            files[name] = read_guarded(place, euid=euid, size_max=size_max)
        except PolicyProblems as refused:
            problems += (each for each in refused.problems if (each.what, each.how) not in _said(problems))
    for below in FOLDERS:
        problems += check_folder(folder / below, euid=euid)
    if len(files) > FILES_MAX:
        what = f"The bundle has {len(files)} files; at most {FILES_MAX} are read"
        problems.append(Problem(file=str(folder), line=0, what=what, how="Take out what is not needed"))
    if problems:
        raise PolicyProblems(tuple(problems))
    return bundle_of(files.items())


def glance(folder: Path) -> tuple[object, ...]:
    """Return something that differs when the bundle may have become another, or could be believed no more.

    It opens no file: a change of a byte shows in the times of its file, a change of an owner in its status.
    """
    above = (folder, *folder.absolute().parents, *(folder / each for each in FOLDERS))
    places = [place for _, place in _places(folder, POLICY_FILE, [])]
    return tuple(_status(place, contents=False) for place in above) + tuple(
        _status(place, contents=True) for place in places
    )


def is_written(file: Path) -> bool:
    """Tell whether the file is there, or may be: where nobody lets us look, reading it shall say so."""
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _places(folder: Path, policy_file: str, problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    yield POLICY_FILE, folder / policy_file
    for name in _SINGLE[1:]:
        if is_written(folder / name):
            yield name, folder / name
    for below in FOLDERS:
        for file in _listed(folder / below, problems):
            yield f"{below}/{file}", folder / below / file


def _listed(folder: Path, problems: list[Problem]) -> tuple[str, ...]:
    try:
        return tuple(sorted(name for name in os.listdir(folder) if _IN_FOLDER.fullmatch(name)))  # noqa: PTH208 - names
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        what = f"The folder cannot be read ({error.strerror or errno.errorcode.get(error.errno or 0, 'error')})"
        how = "Run the command as the user who owns it, or as root"
        problems.append(Problem(file=str(folder), line=0, what=what, how=how))
        return ()


def _said(problems: Iterable[Problem]) -> frozenset[tuple[str, str]]:
    """What the folder above two files has to be mended for is said once."""
    return frozenset((each.what, each.how) for each in problems if each.how.startswith("Run:"))


def _status(place: Path, *, contents: bool) -> tuple[object, ...]:
    try:
        linked, status = place.lstat(), place.stat()
    except OSError as error:
        return (str(place), error.errno)
    who = (str(place), linked.st_uid, linked.st_mode, linked.st_ino, status.st_uid, status.st_mode, status.st_dev)
    if not contents:
        return who
    return (*who, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
