"""One cgroup for each life: the only container a process cannot leave by forking.

Invariant: everything here is best effort at start (without a writable cgroup2 tree there is simply no `LifeCgroup`)
and exact afterwards: a cgroup's name carries its life, and cgroup.kill ends all of it at once. Deliberately not
here: limits on memory or cpu; they belong to the host's administrator.
"""

import os
from pathlib import Path

from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.values import dataclass
from watchdog.gateway.process import read_kernel_file

_REMOVABLE_MAX = 256
"""Folders one removal takes away at most: a gateway may have made cgroups of its own below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeCgroup:
    """The cgroup of one life. `name` is what /proc/PID/cgroup says for a member."""

    folder: Path
    name: str

    def identity(self) -> int:
        """Return the cgroup's id, 0 when it is gone."""
        try:
            return self.folder.stat().st_ino
        except FileNotFoundError:
            return 0

    def admit(self, pid: int) -> None:
        """Move a process in.

        Raises:
            OSError: the kernel refused, or the process is gone.
        """
        (self.folder / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def holds(self, pid: int) -> bool:
        """Tell whether a process is a member, of this cgroup or one below."""
        found = read_cgroup_name(f"/proc/{pid}/cgroup")
        return found is not None and (found == self.name or found.startswith(self.name + "/"))

    def is_populated(self) -> bool:
        """Tell whether any member lives, here or below. Zombies do not count."""
        return self._count("cgroup.events", "populated") != 0

    def kill(self) -> None:
        """Kill every member at once, also those that fork meanwhile.

        Raises:
            OSError: the kernel refused.
        """
        try:
            (self.folder / "cgroup.kill").write_text("1", encoding="ascii")
        except FileNotFoundError:
            return  # the cgroup is gone, so nobody is in it

    def oom_kills(self) -> int:
        """Count the members the kernel killed for want of memory; 0 without a memory controller."""
        return self._count("memory.events", "oom_kill")

    def remove(self) -> bool:
        """Remove the empty cgroup and the empty ones below; False when something is still in it."""
        folders = [Path(folder) for folder, _, _ in os.walk(self.folder, topdown=False)]
        try:
            for folder in folders[:_REMOVABLE_MAX]:
                folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False  # EBUSY: a member, perhaps a zombie. tend() comes again.
        return len(folders) <= _REMOVABLE_MAX

    def _count(self, file: str, key: str) -> int:
        try:
            text = read_kernel_file(f"{self.folder}/{file}").decode("ascii")
        except OSError:
            return 0  # ENOENT without controller or cgroup, ENODEV while it is being removed
        for line in text.splitlines():
            word, _, number = line.partition(" ")
            if word == key:
                return int(number)
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCgroup:
    """The parent of one gateway's life cgroups, below the daemon's own."""

    folder: Path
    name: str

    def make(self, life: LifeId) -> LifeCgroup | None:
        """Make the cgroup of a life; None when that is not possible now."""
        made = self.of(life)
        try:
            self.folder.mkdir(exist_ok=True)
            made.folder.mkdir()  # one that exists is not ours to share: cgroup.kill would end whoever is in it
        except OSError:
            return None
        return made

    def of(self, life: LifeId) -> LifeCgroup:
        """Name the cgroup of a life, made or not."""
        return LifeCgroup(folder=self.folder / f"life-{life}", name=f"{self.name}/life-{life}")

    def clean(self) -> None:
        """Remove the cgroups of lives that are over."""
        for folder in self.folder.glob("life-*"):
            LifeCgroup(folder=folder, name="").remove()

    def remove(self) -> None:
        """Remove the parent, if no life is left in it."""
        try:
            self.folder.rmdir()
        except OSError:
            return  # a gateway runs on in it, or it is gone


def gateway_cgroup(gateway: GatewayName, instance: str) -> GatewayCgroup | None:
    """Make the place for a gateway's lives below our own cgroup, or None: no cgroup2, hidden, or not ours to write.

    `instance` tells apart two gatedogs in one cgroup (two terminals of one session): their lives have equal numbers.
    """
    own = read_cgroup_name("/proc/self/cgroup")
    folder = _own_folder(own, Path("/proc/self/mountinfo").read_text(encoding="utf-8")) if own is not None else None
    if own is None or folder is None:
        return None
    part = f"gatedog-{gateway}-{instance}"
    place = GatewayCgroup(folder=folder / part, name=f"{own.rstrip('/')}/{part}")
    try:
        place.folder.mkdir(exist_ok=True)
        with (place.folder / "cgroup.kill").open("w", encoding="ascii"):
            pass  # opening is the question: Linux 5.14, and the right to write
    except OSError:
        return None
    _ask_for_memory_events(place.folder)
    return place


def _ask_for_memory_events(folder: Path) -> None:
    """Let each life have memory.events, where the host gave us the controller; oom kills stay unnamed otherwise."""
    try:
        if "memory" in (folder / "cgroup.controllers").read_text(encoding="ascii").split():
            (folder / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
    except OSError:
        return


def read_cgroup_name(file: str) -> str | None:
    """Return the cgroup2 path in a /proc/PID/cgroup file; None when there is none or the process is gone."""
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for line in lines:
        if line.startswith("0::"):
            return line[3:].removesuffix(" (deleted)")
    return None


def find_cgroup(pid: int) -> LifeCgroup | None:
    """Find the cgroup of a process that somebody else put there; None without cgroup2, or when it is hidden or gone."""
    name = read_cgroup_name(f"/proc/{pid}/cgroup")
    if name is None:
        return None
    folder = _own_folder(name, Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    return None if folder is None else LifeCgroup(folder=folder, name=name)


def _own_folder(own: str, mountinfo: str) -> Path | None:
    """Find where a cgroup is mounted. A cgroup namespace or a bind mount may hide it ("/..")."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if not after.startswith("cgroup2 "):
            continue
        root, mount = before.split(" ")[3:5]
        base = root.rstrip("/")
        if own.startswith("/..") or not (own + "/").startswith(base + "/"):
            return None
        return Path(mount + own[len(base) :])
    return None
