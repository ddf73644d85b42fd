"""Where the socket is: for the daemon that makes it, and for the client that looks for it.

Invariant: a socket is only believed when its file, and the process that listens on it, belong to root or to us; else
anybody could answer "all is well" in gatedog's name. Light imports: this runs before every command.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

SYSTEM_SOCKET = Path("/run/gatedog/control.sock")
SOCKET_NAME = "control.sock"


class Unreachable(Exception):  # noqa: N818  (what happened to the caller; the class is shown to no one)
    """gatedog cannot be asked: where it was looked for, why not, and the next command."""

    def __init__(self, path: str, why: str, next_command: str) -> None:
        super().__init__(f"gatedog cannot be reached at {path}: {why}. Next: {next_command}")
        self.path = path
        self.why = why
        self.next_command = next_command


def socket_path(name: str, environ: Mapping[str, str], uid: int | None = None) -> Path:
    """Say where `run --name NAME` of a user makes its socket."""
    return _user_folder(environ, os.geteuid() if uid is None else uid) / name / SOCKET_NAME


def find_socket(
    explicit: str | None, environ: Mapping[str, str], uid: int | None = None, system: Path = SYSTEM_SOCKET
) -> Path:
    """Find the one to ask: --socket, then $GATEDOG_SOCKET, then our own, then the system's.

    Raises Unreachable when several of our own exist and none was named. A path that was named, or the system's, is
    returned whether or not something is there: the caller's attempt to connect says it best.
    """
    named = explicit or environ.get("GATEDOG_SOCKET")
    if named:
        return Path(named)
    own_uid = os.geteuid() if uid is None else uid
    found = [path for path in _own_sockets(_user_folder(environ, own_uid)) if is_trusted(path, own_uid)]
    if len(found) > 1:
        listed = ", ".join(str(path) for path in found)
        why = f"several gatedogs of yours run ({listed})"
        raise Unreachable(str(found[0].parent.parent), why, f"gatedog --socket {found[0]} status")
    return found[0] if found else system


def is_trusted(path: Path, own_uid: int) -> bool:
    """Tell whether this is a socket in a folder where only root, we, or whom root put there could have made it."""
    try:
        file, folder = path.lstat(), path.parent.stat()
    except OSError:
        return False
    if not stat.S_ISSOCK(file.st_mode):
        return False
    owners = trusted_uids(path, own_uid)
    return file.st_uid in owners and folder.st_uid in owners and not folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def trusted_uids(path: Path, own_uid: int) -> frozenset[int]:
    """List whose answers on this socket are believed: root's, ours, and those of the account that root gave it to.

    The daemon of the system may run under an account of its own. Its folder lies in /run, where nobody but root makes
    folders, so whoever owns that folder was chosen by root.
    """
    ours = frozenset({0, own_uid})
    if path != SYSTEM_SOCKET:
        return ours
    try:
        return ours | {path.parent.stat().st_uid}
    except OSError:
        return ours


def _user_folder(environ: Mapping[str, str], uid: int) -> Path:
    runtime = environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "gatedog" if runtime else Path(f"/tmp/gatedog-{uid}")  # noqa: S108  (owner is checked)


def _own_sockets(folder: Path) -> list[Path]:
    try:
        return sorted([*folder.glob(SOCKET_NAME), *folder.glob(f"*/{SOCKET_NAME}")])
    except OSError:
        return []  # `su` leaves XDG_RUNTIME_DIR as it was: another user's, closed to us, with nothing of ours in it
