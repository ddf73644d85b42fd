# noqa: INP001 - found by the scripts beside it, and by the tests that name this folder
"""A room in a Debian suite: an overlay over its tree, in which root runs a script, and of which nothing stays.

Invariant: the tree below is never written to, and is not removed while a room is open. What a script leaves behind is
what it wrote into the folders that it was given, which it sees as /build/NAME.

Not here: the tree. It is the one that the machines of the system tests boot (tests/system/machines/machine_tree.py).
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "tests/system/machines"))
from machine_tree import (  # noqa: E402 - found by the line above
    HOST_INSIDE,
    SUITES,
    build_tree,
    cache_folder,
    missing_packages,
    network_settings,
)

__all__ = ["CHECKOUT", "KEPT", "SUITES", "Room", "keep", "missing_packages"]

KEPT = cache_folder().parent / "gatedog-deb"
"""Where what was fetched for a suite is kept: outside of any checkout."""

ENTER = f"""
layers=$1 room=$2 network=$3 script=$4
shift 4
mount -t tmpfs -o mode=755 room "$room"
mkdir "$room/upper" "$room/work" "$room/all"
mount -t overlay -o "lowerdir=$layers,upperdir=$room/upper,workdir=$room/work" room "$room/all"
cd "$room/all"
mkdir build
while [ $# -gt 0 ]; do
    mkdir "build/$1"
    mount --bind "$2" "build/$1"
    shift 2
done
mount -t proc proc proc
mount --rbind /dev dev
if [ "$network" = yes ]; then
    cp -L /etc/hosts /etc/resolv.conf /etc/nsswitch.conf etc/
    mkdir {HOST_INSIDE}
    mount --rbind / {HOST_INSIDE}
fi
exec chroot . sh -c "$script"
"""


class Room:
    """Made in a `with` block; every `run` begins with the tree as it is."""

    def __init__(self, suite: str, *layers: Path) -> None:
        """Lay folders over the tree, the first on top, each as a part of the whole file system."""
        self.suite = suite
        self.tree = build_tree(suite)
        self._layers = layers
        self._made = tempfile.TemporaryDirectory(prefix="gatedog-room-")
        self.folder = Path(self._made.name)
        """On this host, for what goes in and comes out; it goes with the room."""
        (self.folder / "root").mkdir()
        self._in_use = os.open(self.tree, os.O_RDONLY)
        fcntl.flock(self._in_use, fcntl.LOCK_SH)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._in_use)
        self._made.cleanup()

    def run(
        self, script: str, folders: Mapping[str, Path], environment: Mapping[str, str], *, network: bool = False
    ) -> str:
        """Run a shell script as root and return what it said.

        With `network` it sees this host's, and this host itself in HOST_INSIDE; without it, no network at all.

        Raises:
            subprocess.CalledProcessError: it failed; what it said last is on stderr as well.
        """
        apart = ["--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
        layers = ":".join(map(str, (*self._layers, self.tree)))
        binds = [str(each) for pair in folders.items() for each in pair]
        words = [layers, str(self.folder / "root"), "yes" if network else "no", script, *binds]
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        settings = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "TZ": "UTC", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(  # noqa: S603 - the caller's script is what this is for
            ["unshare", *apart, "sh", "-ec", ENTER, "sh", *words],  # noqa: S607 - root's own PATH
            env=settings | (network_settings() if network else {}) | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            sys.stderr.write(done.stdout[-4000:])
        done.check_returncode()
        return done.stdout


def keep(room: Room, kind: str, recipe: bytes, fill: Callable[[Path], object]) -> Path:
    """Return the folder of what a recipe makes in this suite; `fill` it when it is not there, once for all who ask.

    It is whole or absent: it is renamed at the end, under a lock. Its name carries the recipe and the tree.
    """
    digest = hashlib.sha256(room.tree.name.encode() + recipe).hexdigest()
    kept = KEPT / f"{room.suite}-{kind}-{digest[:16]}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f".{room.suite}-{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            part = Path(tempfile.mkdtemp(prefix=".part-", dir=KEPT))
            try:
                fill(part)
                part.chmod(0o755)
                part.rename(kept)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    os.utime(kept)
    return kept
