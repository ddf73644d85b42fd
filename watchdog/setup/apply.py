"""Carrying out a plan: all of it, or nothing.

Theory of operation. Files of one stretch of the plan are written beside their places and synced before the first is
renamed, since a full disk or a read-only folder shows there. Every place is remembered as it was found; when a change
fails, or a human presses Ctrl-C, everything is put back in the opposite order.

Invariant: a place is changed only after it was remembered.
"""

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import assert_never

from watchdog.setup.change import Change, Drop, Put, PutFile, PutFolder, PutLink, PutMode, Run
from watchdog.setup.host import Found, Host


class NotApplied(Exception):  # noqa: N818 - what the person reads
    """A change failed. `left` names what could not be put back, which is nothing almost always."""

    def __init__(self, what: str, left: tuple[str, ...]) -> None:
        back = f"these could not be put back: {'; '.join(left)}" if left else "everything was put back as it was"
        super().__init__(f"{what}; {back}")
        self.left = left


class _Failed(Exception):  # noqa: N818 - never leaves this module
    """One change could not be made."""


def carry_out(changes: Iterable[Change], host: Host) -> None:
    """Make the changes. Raises NotApplied after putting everything back."""
    work = _Work(host)
    why = "interrupted"
    try:
        for is_file, stretch in groupby(changes, key=lambda change: not isinstance(change, Run | PutFolder)):
            batch = list(stretch)
            if is_file:
                work.stage(each for each in batch if isinstance(each, PutFile))
            for change in batch:
                work.make(change)
    except _Failed as failed:
        why = str(failed)
    except OSError as error:
        why = f"{error.filename or 'a file'}: {error.strerror}"
    except KeyError as error:
        why = f"no such account: {error.args[0]}"
    else:
        work.done = True
    finally:
        left = () if work.done else work.put_back()
    if not work.done:
        raise NotApplied(why, left)


class _Work:
    """What was done so far, and how it was before."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._staged: dict[Path, Path] = {}
        self._before: list[tuple[Path, Found]] = []
        self._ran: list[Run] = []
        self.done = False

    def stage(self, files: Iterable[PutFile]) -> None:
        """Write new files beside their places."""
        for file in files:
            place = self._host.at(file.path)
            fresh = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
            self._staged[file.path] = fresh
            write(fresh, file.body, file.mode, self._host.ids(file.owner, file.group))

    def make(self, change: Change) -> None:
        """Make one change."""
        if isinstance(change, Run):
            self._ran.append(change)
            answer = self._host.run(change.argv)
            if answer.code and not change.may_fail:
                raise _Failed(
                    f"`{' '.join(change.argv)}` failed ({answer.code}): {answer.said or 'it did not say why'}"
                )
            return
        found = self._host.look(change.path)
        if found.kind == "other":
            raise _Failed(f"{change.path} is neither file, folder nor link")
        self._before.append((change.path, found))
        self._put(change, found)

    def _put(self, change: Put, found: Found) -> None:
        place = self._host.at(change.path)
        match change:
            case PutFile():
                if found.kind == "folder":
                    raise _Failed(f"{change.path} is a folder")
                self._staged.pop(change.path).replace(place)
            case PutLink(target=target):
                if found.kind in ("file", "link"):
                    place.unlink()
                place.symlink_to(target)
            case PutFolder(mode=mode, owner=owner, group=group, keep=keep):
                if found.kind == "absent":
                    place.mkdir()
                elif keep:
                    return
                os.chown(place, *self._host.ids(owner, group))
                place.chmod(mode)
            case PutMode(mode=mode, owner=owner, group=group):
                os.chown(place, *self._host.ids(owner, group))
                place.chmod(mode)
            case Drop():
                _remove(place, found)
            case _:
                assert_never(change)
        _sync_folder(place.parent)

    def put_back(self) -> tuple[str, ...]:
        """Put everything back; return what could not be."""
        left = self._run_all(each.undo for each in reversed(self._ran))
        for fresh in self._staged.values():
            with suppress(OSError):  # never written, where the folder cannot be
                fresh.unlink(missing_ok=True)
        for path, found in reversed(self._before):
            try:
                restore(self._host.at(path), found)
            except OSError as error:
                left.append(f"{path}: {error.strerror}")
        left += self._run_all(each.settle for each in self._ran)
        return tuple(left)

    def _run_all(self, commands: Iterable[tuple[str, ...]]) -> list[str]:
        answers = ((argv, self._host.run(argv)) for argv in commands if argv)
        return [f"`{' '.join(argv)}`: {answer.said}" for argv, answer in answers if answer.code]


def write(place: Path, body: bytes, mode: int, owners: tuple[int, int]) -> None:
    """Write a new file, whole and synced."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fchown(descriptor, *owners)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def restore(place: Path, found: Found) -> None:
    """Make a place as it was found."""
    now = place.lstat() if os.path.lexists(place) else None
    if found.kind == "folder":
        if now is None:
            place.mkdir()
    elif found.kind in ("file", "link"):
        fresh = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        if found.kind == "file":
            write(fresh, found.body, found.mode, (found.uid, found.gid))
        else:
            fresh.symlink_to(os.fsdecode(found.body))
        fresh.replace(place)
    elif now is not None:
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        else:
            place.unlink()
    if found.kind in ("file", "folder", "link"):
        os.chown(place, found.uid, found.gid, follow_symlinks=False)
    if found.kind in ("file", "folder"):
        place.chmod(found.mode)


def _remove(place: Path, found: Found) -> None:
    if found.kind in ("file", "link"):
        place.unlink()
    elif found.kind == "folder" and not any(place.iterdir()):
        place.rmdir()


def _sync_folder(folder: Path) -> None:
    if not folder.is_dir():
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
