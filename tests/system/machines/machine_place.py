"""Where machines lie on this host: a cgroup and a place for each, and the sweeping up of those whose owner is gone.

Invariant: a place belongs to who holds the lock on its file `owner`, which names the cgroup. The lock and not the
process number in its name decides: in another pid namespace that number is another process. The machine's keeper holds
the lock as well, so that nobody sweeps while it does.
"""

import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path

PLACES = Path("/run/gatedog-machines")
"""A folder for each machine: its owner's lock, and the mount point of its disk."""
SWEEP_S = 20.0


def own_start_ticks() -> int:
    """Return when this process began, for names: its number alone comes again."""
    return int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])


def own_cgroup() -> tuple[Path, str]:
    """Return where cgroup version 2 is mounted, and this process's own group in it."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    found = re.search(r"^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 ", mounts, re.MULTILINE)
    assert found, "no cgroup2 hierarchy is mounted here"
    path = re.search(r"^0::/(.*)$", Path("/proc/self/cgroup").read_text(encoding="utf-8"), re.MULTILINE)
    assert path is not None
    return Path(found[1]), path[1]


def claim(place: Path, cgroup: Path) -> int:
    """Make the machine's place, hold its lock and return it; sweep up places whose owner is gone."""
    PLACES.mkdir(parents=True, exist_ok=True)
    with (PLACES / ".lock").open("w") as everybody:
        fcntl.flock(everybody, fcntl.LOCK_EX)
        for other in PLACES.iterdir():
            if other.is_dir():
                with suppress(FileNotFoundError):  # its keeper was just about to remove it
                    _sweep(other)
        place.mkdir()
        owner = os.open(place / "owner", os.O_RDWR | os.O_CREAT, 0o600)
        os.write(owner, os.fsencode(cgroup))
        fcntl.flock(owner, fcntl.LOCK_EX)
    return owner


def _sweep(place: Path) -> None:
    """Remove what is left of a machine when its owner and its keeper are gone: both hold the lock."""
    owner = place / "owner"
    if owner.exists():
        with owner.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            name = file.read()
        if name and (cgroup := Path(name)).exists():
            (cgroup / "cgroup.kill").write_text("1")
            until = time.monotonic() + SWEEP_S
            while "populated 0" not in (cgroup / "cgroup.events").read_text() and time.monotonic() < until:
                time.sleep(0.01)
            remove_groups(cgroup)
        owner.unlink()
    place.rmdir()


def remove_groups(top: Path) -> None:
    """Remove a cgroup and those in it, all of them without processes."""
    for folder, _, _ in os.walk(top, topdown=False):
        Path(folder).rmdir()
