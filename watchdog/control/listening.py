"""The listening socket in the filesystem: made, taken over when stale, removed when ours.

Everybody may connect (0666): authority comes from who the peer is found to be, not from who may open a file. The
folder is 0755 and belongs to us, so nobody else can put a socket of their own in the place of ours.

Invariant: a socket file is removed only when nobody answers on it, or when it is the very one made here.
"""

import errno
import os
import socket
import stat
from pathlib import Path

from watchdog.core.values import dataclass
from watchdog.origin.pidfd import peer_credentials

PATH_BYTES_MAX = 107
"""sun_path holds 108 bytes with its closing NUL."""
BACKLOG = 256


class AlreadyServed(Exception):  # noqa: N818  (a fact about the world, not a defect)
    """Another process answers on this socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"another gatedog answers on {path}; see it with 'gatedog --socket {path} status', or choose another --name"
        )


class SocketPathUnusable(Exception):  # noqa: N818  (a fact about the world, not a defect)
    """A socket cannot be made at this path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """An open listening socket, and which file it is."""

    listener: socket.socket
    path: Path
    identity: tuple[int, int]
    """Inode and time of change: an inode number alone is given out again at once."""

    def is_in_place(self) -> bool:
        """Tell whether whoever opens the path reaches this very socket."""
        try:
            return _identity(self.path) == self.identity or self._answers()
        except OSError:
            return False

    def _answers(self) -> bool:
        """Connect, and see who listens: a change of the file's mode or owner has made it look like another."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as probe:
            probe.connect(os.fspath(self.path))
            return peer_credentials(probe).pid == os.getpid()

    def close(self) -> None:
        """Stop listening and remove the file, unless somebody replaced it meanwhile."""
        self.listener.close()
        try:
            if _identity(self.path) == self.identity:
                self.path.unlink()
        except FileNotFoundError:
            return


def listen(path: Path) -> Listening:
    """Make the socket. Raises AlreadyServed, SocketPathUnusable, and OSError for what the filesystem refuses."""
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        raise SocketPathUnusable(f"{path} is longer than the {PATH_BYTES_MAX} bytes a unix socket may have; shorten it")
    _make_folder(path.parent)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        # Accepted sockets inherit the option, so that not one byte arrives without the writer's credentials.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        listener.bind(os.fspath(path))
        # Nobody can connect before listen(), so the mode is set by name and the process-wide umask is left alone.
        path.chmod(0o666)
        listener.listen(BACKLOG)
        return Listening(listener=listener, path=path, identity=_identity(path))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AlreadyServed(path) from error
        raise


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_ino, found.st_ctime_ns


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    found = folder.stat()
    if found.st_uid not in {0, os.geteuid()} or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SocketPathUnusable(
            f"{folder} can be written by others, who could put their own socket there; "
            f"make it yours alone (chmod 755 {folder}) or choose another folder"
        )


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketPathUnusable(f"{path} exists and is no socket; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass  # somebody listens whose queue is full
    raise AlreadyServed(path)
