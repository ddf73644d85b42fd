"""Copies of bundles that outlive the files they were read from: revisions that were committed, and proposals.

Theory of operation. A copy lies in a folder of its own, written beside its place and renamed into it, so it is whole or
not there. Whoever reads one says which digest it must have; that digest comes from the journal, or from what a person
has reviewed. So nothing here needs to be believed: a copy that was spoiled is a copy that is not there.

Invariant: nothing is followed that is no regular file below the store, and nothing is kept that nobody asks for any
more. Deliberately not here: which digest counts.
"""

import errno
import os
import secrets
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from watchdog.policyfile.bundle import FILES_MAX, REVOKED_MAX, Bundle, belongs, bundle_of

REVISIONS_KEPT = 8
"""Copies of revisions. Older ones are known by their digest, and cannot be reverted to by command."""
OFFERED = ".offered"
"""In a proposal's folder: the names that were offered; all others were taken from the revision it was made on."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class BundleStore:
    """The copies below a state folder."""

    def __init__(self, state_folder: Path) -> None:
        self._revisions = state_folder / "bundle"
        self._proposals = state_folder / "proposals"

    @property
    def is_empty(self) -> bool:
        """Whether no revision was ever kept here."""
        return not self._numbers()

    def keep(self, number: int, bundle: Bundle) -> None:
        """Keep the newest revision, and drop those that are too old, or newer: another journal counted those.

        Raises OSError.
        """
        place = self._revisions / f"r{number}"
        if _read_copy(place) != bundle:
            _write_copy(place, bundle)
        for each in self._numbers():
            if not number - REVISIONS_KEPT < each <= number:
                _remove(self._revisions / f"r{each}")

    def revision(self, number: int, digest: str) -> Bundle | None:
        """Return a revision's bundle; None when no copy of that digest is left."""
        return _of_digest(self._revisions / f"r{number}", digest)

    def offer(self, bundle: Bundle, names: Collection[str]) -> None:
        """Keep a proposed bundle, of which these files were offered. Raises OSError."""
        place = self._proposals / bundle.digest
        if _read_copy(place) != bundle:
            _write_copy(place, bundle, "".join(f"{name}\n" for name in sorted(names)))

    def proposal(self, digest: str) -> Bundle | None:
        """Return a proposed bundle; None when no copy of that digest is left."""
        return _of_digest(self._proposals / digest, digest)

    def offered_names(self, digest: str) -> tuple[str, ...]:
        """Return the files that were offered with a proposal; those that are gone from it included."""
        try:
            text = _read_file(self._proposals / digest / OFFERED).decode("utf-8", "replace")
        except OSError:
            return ()
        return tuple(name for name in text.splitlines() if belongs(name))

    def drop_proposals(self, keep: Collection[str]) -> None:
        """Remove the copies of all proposals but those of these digests."""
        with suppress(OSError):
            for name in os.listdir(self._proposals):  # noqa: PTH208 - names
                if name not in keep:
                    _remove(self._proposals / name)

    def _numbers(self) -> tuple[int, ...]:
        try:
            names = os.listdir(self._revisions)  # noqa: PTH208 - names
        except OSError:
            return ()
        return tuple(sorted(int(name[1:]) for name in names if name[:1] == "r" and name[1:].isdecimal()))


def write_bundle(bundle: Bundle, folder: Path, *, like: Path) -> None:
    """Put a bundle's files in place of those in `folder`, one by one, each whole; take out those it has not.

    A file that is there keeps its owner and mode; a new one gets those of `like`, and a new folder those of `folder`. A
    link is replaced and never followed: what it leads to is not ours to write. Interrupted, it leaves files of both;
    done again, it completes. Raises OSError.
    """
    pattern = like.lstat()
    for name, raw in bundle.files:
        place = folder / name
        _make_folder(place.parent, like=folder)
        there = place.lstat() if os.path.lexists(place) else None
        status = there if there is not None and stat.S_ISREG(there.st_mode) else pattern
        if status is there and status.st_nlink == 1 and _read_file(place) == raw:
            continue
        fresh = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        try:
            _write_file(fresh, raw, stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))
            fresh.replace(place)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        _sync(place.parent)
    kept = {name for name, _ in bundle.files}
    for name in _names_below(folder):
        if belongs(name) and name not in kept:
            (folder / name).unlink()
            _sync((folder / name).parent)


def _make_folder(folder: Path, *, like: Path) -> None:
    if folder.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
    if not folder.is_dir():
        folder.mkdir()
        above = like.stat()
        os.chown(folder, above.st_uid, above.st_gid)
        folder.chmod(stat.S_IMODE(above.st_mode))


def _of_digest(place: Path, digest: str) -> Bundle | None:
    copy = _read_copy(place)
    return copy if copy is not None and copy.digest == digest else None


def _read_copy(place: Path) -> Bundle | None:
    try:
        names = [name for name in _names_below(place) if belongs(name)]
        if len(names) > FILES_MAX:
            return None
        return bundle_of((name, _read_file(place / name)) for name in names) if names else None
    except OSError:
        return None


def _names_below(folder: Path) -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from (f"{entry.name}/{inner.name}" for inner in os.scandir(entry.path))
        else:
            yield entry.name


def _read_file(file: Path) -> bytes:
    descriptor = os.open(file, _READ)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(file)
        return opened.read(REVOKED_MAX + 1)


def _write_copy(place: Path, bundle: Bundle, offered: str | None = None) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    fresh.mkdir(mode=0o700)
    try:
        for name, raw in bundle.files:
            (fresh / name).parent.mkdir(mode=0o700, exist_ok=True)
            _write_file(fresh / name, raw, 0o600, None)
        if offered is not None:
            _write_file(fresh / OFFERED, offered.encode(), 0o600, None)
        if os.path.lexists(place):
            _remove(place)
        fresh.rename(place)
    except BaseException:
        _remove(fresh)
        raise
    _sync(place.parent)


def _write_file(place: Path, raw: bytes, mode: int, owners: tuple[int, int] | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(place, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        if owners is not None:
            os.fchown(descriptor, *owners)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(place: Path) -> None:
    """Remove a copy, as far as that is possible. Not by shutil: a daemon that needs it for nothing else is smaller."""
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
        return
    with suppress(OSError):  # what is left is no copy of any digest, and goes with the next
        for entry in tuple(os.scandir(place)):
            _remove(Path(entry.path))
        place.rmdir()
