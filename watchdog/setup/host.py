"""The machine that is installed on: its files, its accounts, its commands.

Invariant: every path goes through `Host.at`, so a test hands in a folder and a list of answers and touches nothing
else.
"""

import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from watchdog.core.values import dataclass

PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a command ended: `said` is its stdout and stderr."""

    code: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One row of the account database."""

    name: str
    uid: int
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is at a path: `kind` is absent, file, folder, link or other; `body` a file's bytes or a link's target."""

    kind: str
    body: bytes = b""
    mode: int = 0
    uid: int = 0
    gid: int = 0


ABSENT = Found(kind="absent")


def run(argv: Sequence[str]) -> Answer:
    """Run a command to its end, at most two minutes; one that cannot be run answers 127."""
    try:
        done = subprocess.run(  # noqa: S603 - argv is written here, never by a shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_S,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"},
        )
    except subprocess.TimeoutExpired:
        return Answer(code=124, said=f"no answer within {PATIENCE_S:.0f} s")
    except OSError as error:
        return Answer(code=127, said=f"{argv[0]}: {error.strerror}")
    return Answer(code=done.returncode, said=done.stdout.decode(errors="replace").strip())


def ids(owner: str, group: str) -> tuple[int, int]:
    """Return uid and gid of two names or numbers; KeyError when there is no such account."""
    uid = int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
    gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    return uid, gid


def account(name: str) -> Account | None:
    """Look up an account by name or number."""
    try:
        row = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name=row.pw_name, uid=row.pw_uid, home=row.pw_dir)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """This machine, unless a test says otherwise."""

    root: Path = Path("/")
    run: Callable[[Sequence[str]], Answer] = run
    ids: Callable[[str, str], tuple[int, int]] = ids
    account: Callable[[str], Account | None] = account
    uid: int = 0

    def at(self, path: Path | str) -> Path:
        """Say where an absolute path of the machine is."""
        return self.root / str(path).lstrip("/")

    def look(self, path: Path) -> Found:
        """Look at a path, not following a link in the last place. Raises PermissionError where only root may look."""
        place = self.at(path)
        try:
            status = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT
        kind, body = "other", b""
        if stat.S_ISLNK(status.st_mode):
            kind, body = "link", os.fsencode(place.readlink())
        elif stat.S_ISDIR(status.st_mode):
            kind = "folder"
        elif stat.S_ISREG(status.st_mode):
            kind, body = "file", place.read_bytes()
        mode = 0 if kind == "link" else stat.S_IMODE(status.st_mode)
        return Found(kind=kind, body=body, mode=mode, uid=status.st_uid, gid=status.st_gid)
