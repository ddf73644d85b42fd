"""Read the few files of /proc that the evidence needs.

Invariant: every reader either returns what the kernel wrote or raises OSError; nothing is guessed, and a file the
kernel never formats that way is an OSError, too. A pid read here means little by itself: the caller holds a pidfd and
asks it again after the last read. Deliberately not here: psutil, which caches and swallows errors.
"""

import signal
from pathlib import Path

from watchdog.core.events import TEXT_MAX
from watchdog.core.identity import BootId, ProcessRef
from watchdog.core.peer import UNSET_ID
from watchdog.core.values import dataclass

_PROC = Path("/proc")

KERNEL_TICKS_MAX = 1000
"""Ten seconds: no kernel needs that long until its PID 1, so one that is younger is a container's."""

PATH_MAX = 1000
"""Longest cgroup path kept. Longer than any text from the supervised side, because it is compared, not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStat:
    """The fields of /proc/PID/stat that identify a process and place it in its tree and session."""

    pid: int
    comm: str
    parent_pid: int
    session: int
    tty: int
    start_ticks: int

    def reference(self, boot: BootId) -> ProcessRef:
        """Name the process for ever."""
        return ProcessRef(pid=self.pid, start_ticks=self.start_ticks, boot=boot)


def read_boot() -> BootId:
    """Name this boot: the kernel's id, and in a container the start of its PID 1 as well.

    A container is booted many times under one kernel. nspawn gives each of its boots an id by a mount below /proc/sys,
    but a unit with ProtectKernelTunables= may see the host's id instead (systemd 252), which outlives the container.

    Raises:
        OSError: /proc is not mounted.
    """
    kernel = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    first_ticks = read_stat(1).start_ticks
    return BootId(kernel if first_ticks < KERNEL_TICKS_MAX else f"{kernel}+{first_ticks}")


def read_stat(pid: int) -> ProcessStat:
    """Read /proc/PID/stat. The name stands in parentheses and may itself hold any of them: cut at the last."""
    text = (_PROC / str(pid) / "stat").read_bytes()
    opened, closed = text.find(b"("), text.rfind(b")")
    fields = text[closed + 2 :].split()
    try:
        return ProcessStat(
            pid=pid,
            comm=one_line(text[opened + 1 : closed].decode("utf-8", "replace")),
            parent_pid=int(fields[1]),
            session=int(fields[3]),
            tty=int(fields[4]),
            start_ticks=int(fields[19]),
        )
    except (IndexError, ValueError) as error:
        raise OSError(f"/proc/{pid}/stat is not in the kernel's format") from error


def read_cgroup(pid: int) -> str:
    """Read the process's cgroup path; the unified line where there is one, also on hybrid hosts; "" if neither."""
    named = ""
    for line in (_PROC / str(pid) / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            return one_line(path, PATH_MAX)
        if controllers == "name=systemd":
            named = one_line(path, PATH_MAX)
    return named


def read_audit_id(pid: int, name: str) -> int:
    """Read `loginuid` or `sessionid`; a kernel without audit has neither file, which is the same as unset."""
    try:
        return int((_PROC / str(pid) / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return UNSET_ID


def program_name(pid: int) -> str:
    """Read the file name of the program that a process executes; "" where we may not look (as `pid_namespace`)."""
    try:
        return one_line((_PROC / str(pid) / "exe").readlink().name.removesuffix(" (deleted)"))
    except OSError:
        return ""


def owner_of(pid: int) -> int | None:
    """Read the effective uid of a process; None when it is gone."""
    try:
        return (_PROC / str(pid)).stat().st_uid
    except OSError:
        return None


def namespace_depth(pid: int) -> int:
    """Count the pid namespaces the process is in, as seen from this /proc. World-readable, unlike ns/pid."""
    for line in (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("NSpid:"):
            return len(line.split()) - 1
    return 1


def pid_namespace(pid: int) -> str | None:
    """Read the identity of the pid namespace; None where we may not look (another user's process, not as root)."""
    try:
        return str((_PROC / str(pid) / "ns/pid").readlink())
    except PermissionError:
        return None


def find_cgroup_mount() -> Path | None:
    """Find where the unified hierarchy is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified on hybrid hosts."""
    for line in (_PROC / "self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        mount, _, source = line.partition(" - ")
        if source.startswith("cgroup2 "):
            return Path(mount.split(" ")[4])
    return None


def cgroup_id(mount: Path | None, path: str) -> int:
    """Look up the kernel's id of a cgroup, which is the inode number of its folder; 0 when it cannot be seen."""
    if mount is None or not path.startswith("/"):
        return 0
    try:
        return (mount / path.lstrip("/")).stat().st_ino
    except OSError:
        return 0


def socket_inodes(pid: int) -> frozenset[int] | None:
    """List the inodes of the sockets a process has open; None where that cannot be seen."""
    found: set[int] = set()
    try:
        links = list((_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return None
    for link in links:
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue  # closed since the folder was listed
        except OSError:
            return None
        if target.startswith("socket:["):
            found.add(int(target[8:-1]))
    return frozenset(found)


def is_within(cgroup: str, owned: tuple[str, ...]) -> bool:
    """Say whether a cgroup is one of these or lies below one. Pure."""
    return any(cgroup == own or cgroup.startswith(f"{own.rstrip('/')}/") for own in owned)


def signal_name(number: int) -> str:
    """Name a signal; real-time ones have only numbers."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def one_line(text: str, length_max: int = TEXT_MAX) -> str:
    """Make a foreign text harmless to show: printable characters of one line, at most `length_max` of them."""
    return "".join(character if character.isprintable() else "?" for character in text[:length_max])
