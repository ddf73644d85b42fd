"""Which processes are a life's: those of its cgroup, or without one the main process and what descends from it.

Invariant: nothing is signalled by what is found here; it is for looking only, so a process that comes or goes meanwhile
does no harm. Bounded by MEMBERS_MAX.
"""

from pathlib import Path

from watchdog.origin import procfs
from watchdog.origin.marks import LifeMark

MEMBERS_MAX = 512
_DEPTH_MAX = 64


def list_members(mark: LifeMark, mount: Path | None) -> tuple[int, ...]:
    """List the pids of a life, the main process first; `mount` is where cgroups lie (procfs.find_cgroup_mount)."""
    main = mark.process.pid
    found = _of_cgroup(mount / mark.cgroup.lstrip("/")) if mark.cgroup and mount is not None else _of_tree(main)
    return (main, *(pid for pid in found if pid != main))[:MEMBERS_MAX]


def is_member(pid: int, mark: LifeMark) -> bool:
    """Tell whether a process is of the life."""
    try:
        if mark.cgroup:
            cgroup = procfs.read_cgroup(pid)
            return cgroup == mark.cgroup or cgroup.startswith(f"{mark.cgroup}/")
        for _ in range(_DEPTH_MAX):
            if pid == mark.process.pid:
                return True
            if pid <= 1:
                return False
            pid = procfs.read_stat(pid).parent_pid
    except OSError:
        return False  # it has ended
    return False


def _of_cgroup(folder: Path) -> tuple[int, ...]:
    found: list[int] = []
    waiting = [folder]
    while waiting and len(found) < MEMBERS_MAX:
        place = waiting.pop()
        try:
            found += [int(word) for word in (place / "cgroup.procs").read_text(encoding="ascii").split()]
            waiting += [entry for entry in place.iterdir() if entry.is_dir()]
        except OSError:
            continue  # removed meanwhile, or a threaded cgroup, whose processes its parent lists
    return tuple(found)


def _of_tree(main: int) -> tuple[int, ...]:
    found: list[int] = []
    waiting = [main]
    while waiting and len(found) < MEMBERS_MAX:
        pid = waiting.pop()
        found.append(pid)
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(word) for word in (task / "children").read_text(encoding="ascii").split()]
        except OSError:
            continue  # ended meanwhile
    return tuple(found)
