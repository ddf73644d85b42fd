"""Where a gatedog of this user keeps its state and its socket.

Invariant: root never follows XDG variables: under sudo they may point into the home of whom gatedog supervises. For
everybody else the socket's place is the one the client looks in (control/places.py).
"""

import os
from collections.abc import Mapping
from pathlib import Path

from watchdog.cli.trouble import Trouble
from watchdog.control.places import find_socket, socket_path
from watchdog.core.values import dataclass

SYSTEM_STATE = Path("/var/lib/gatedog")
SYSTEM_RUNTIME = "/run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Who runs this command, and with which variables. `socket` is what --socket named."""

    environ: Mapping[str, str]
    uid: int
    socket: str | None = None

    def socket_path(self) -> Path:
        """Find the socket to ask. Raises Unreachable when several are there and none was named."""
        return find_socket(self.socket, self._places(), self.uid)

    def state_folder(self, name: str = "") -> Path:
        """Return the state folder of the system's or user's daemon, or of `run --name NAME`."""
        if self.uid == 0:
            return SYSTEM_STATE / name
        configured = self.environ.get("XDG_STATE_HOME", "")
        home = Path(self.environ.get("HOME") or "/")
        base = Path(configured) if configured.startswith("/") else home / ".local" / "state"
        return base / "gatedog" / name

    def runtime_folder(self, name: str = "") -> Path:
        """Return the folder of socket and status.json, likewise."""
        return socket_path(name, self._places(), self.uid).parent

    def _places(self) -> Mapping[str, str]:
        if self.uid != 0:
            return self.environ
        named = self.environ.get("GATEDOG_SOCKET")
        return {"XDG_RUNTIME_DIR": SYSTEM_RUNTIME, **({"GATEDOG_SOCKET": named} if named else {})}


def claim_folder(folder: Path, uid: int) -> None:
    """Make a folder below /tmp ours before anything is put there, or raise Trouble: there, anybody may come first."""
    if not folder.is_relative_to("/tmp"):  # noqa: S108 - the owner is checked below
        return
    base = Path(*folder.parts[:3])
    try:
        base.mkdir(mode=0o700, exist_ok=True)
        status = base.lstat()
    except OSError as error:
        raise Trouble(f"cannot make {base}: {error.strerror}", next_=(f"ls -ld {base}",)) from None
    if base.is_symlink() or status.st_uid != uid or status.st_mode & 0o022:
        why = f"{base} belongs to somebody else, or others can write it, so the socket could be forged there"
        raise Trouble(why, code="unsafe-folder", next_=(f"ls -ld {base}", "XDG_RUNTIME_DIR=... gatedog run ..."))


def surroundings_of_this_process(socket: str | None) -> Surroundings:
    """Look at who we are."""
    return Surroundings(environ=dict(os.environ), uid=os.geteuid(), socket=socket)
