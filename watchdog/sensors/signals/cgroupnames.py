"""Which cgroup a number means: the kernel notes the sender's cgroup by its id, people know it by its path.

Theory of operation. The id is the inode of the cgroup's folder. A sender that lives tells its path itself; for one that
is gone, the folders are searched, at once, because a cgroup may be gone soon after its last process. What was found is
kept: ids are not used twice within a boot. Rejected: to know all cgroups beforehand. What is there for long is found
when it is needed, what is short-lived would not be known either, and thousands of paths cost half a megabyte.

Invariant: bounded: FOLDERS_MAX folders a search, one search in SEARCH_USEC at most, NAMES_MAX names kept.
"""

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from watchdog.core.timeline import SECOND
from watchdog.origin import procfs

FOLDERS_MAX = 4096
SEARCH_USEC = SECOND // 4
NAMES_MAX = 256
_LINKS_OF_LEAF = 2
"""A folder has two links, and one more for each folder in it: what has none need not be opened."""


class CgroupNames:
    """The cgroups below one mount."""

    def __init__(self, mount: Path | None, now_usec: Callable[[], int]) -> None:
        """Know no name yet. `mount` None: there is no cgroup2 here, and no id has a name."""
        self._mount = mount
        self._now_usec = now_usec
        self._searched_usec = -SEARCH_USEC
        self._names: dict[int, str] = {}

    def learn(self, path: str) -> int:
        """Take note of a cgroup by its path, as /proc has it; return its id, 0 when it is gone."""
        number = procfs.cgroup_id(self._mount, path)
        if number:
            self._keep(number, path)
        return number

    def name(self, number: int) -> str:
        """Return the path of a cgroup; empty when it is gone, or is not to be seen from here."""
        now = self._now_usec()
        if number and number not in self._names and now - self._searched_usec >= SEARCH_USEC:
            self._searched_usec = now
            found = self._search(number)
            if found:
                self._keep(number, procfs.one_line(found, procfs.PATH_MAX))
        return self._names.get(number, "")

    def _keep(self, number: int, path: str) -> None:
        if len(self._names) >= NAMES_MAX and number not in self._names:
            del self._names[next(iter(self._names))]  # the one that is known for longest
        self._names[number] = path

    def _search(self, number: int) -> str:
        """Search breadth first: units and sessions are not deep."""
        if self._mount is None:
            return ""
        if procfs.cgroup_id(self._mount, "/") == number:
            return "/"
        waiting, left = deque([""]), FOLDERS_MAX
        while waiting and left > 0:
            path = waiting.popleft()
            for name, status in _folders_in(f"{self._mount}{path}"):
                left -= 1
                if status.st_ino == number:
                    return f"{path}/{name}"
                if status.st_nlink != _LINKS_OF_LEAF:
                    waiting.append(f"{path}/{name}")
        return ""


def _folders_in(folder: str) -> list[tuple[str, os.stat_result]]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                with suppress(FileNotFoundError):  # removed meanwhile
                    if each.is_dir():
                        found.append((each.name, each.stat()))
    except OSError:
        pass  # removed meanwhile as well
    return found
