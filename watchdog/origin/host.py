"""The files of one host, below a root folder: `/` in production, a made-up tree in tests.

Invariant: a path is walked component by component within the root, so a symlink's absolute target stays below it;
reads are bounded, never follow a link the caller did not resolve, and never block on a FIFO.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from watchdog.core.values import dataclass

FILE_BYTES_MAX = 1024 * 1024
LINKS_MAX = 40
"""As the kernel's own limit."""

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing passed on the way to a path: its place on the host, and what lstat said."""

    path: str
    status: os.stat_result


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The way from `/` to a path: every folder and link passed, then the thing itself when it `exists`."""

    real: str
    """The path without any link; with the missing rest as it was written when it does not exist."""
    steps: tuple[Step, ...]
    exists: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host's file tree."""

    root: Path = Path("/")

    def place(self, path: str) -> Path:
        """Say where an absolute path of the host lies here."""
        return self.root / path.lstrip("/")

    def trail(self, path: str) -> Trail:
        """Walk to an absolute path. Raises OSError where that cannot be looked at, or links go round."""
        steps = [Step(path="/", status=self.root.lstat())]
        waiting = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        here, links = "", 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                here = here.rpartition("/")[0]
                continue
            there = f"{here}/{part}"
            try:
                status = self.place(there).lstat()
            except (FileNotFoundError, NotADirectoryError):
                rest = "/".join(reversed(waiting))
                return Trail(real=f"{there}/{rest}" if rest else there, steps=tuple(steps), exists=False)
            steps.append(Step(path=there, status=status))
            if not stat.S_ISLNK(status.st_mode):
                here = there
                continue
            links += 1
            if links > LINKS_MAX:
                raise OSError(f"too many symbolic links in {path}")
            target = str(self.place(there).readlink())
            here = "" if target.startswith("/") else here
            waiting.extend(part for part in reversed(target.split("/")) if part not in ("", "."))
        return Trail(real=here or "/", steps=tuple(steps), exists=True)

    def read(self, path: str, bytes_max: int = FILE_BYTES_MAX) -> str | None:
        """Read a text file; None when it is not there. Raises OSError when it is no plain file, or too long."""
        trail = self.trail(path)
        if not trail.exists:
            return None
        descriptor = os.open(self.place(trail.real), _OPEN)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{path} is not a plain file")
            raw = file.read(bytes_max + 1)
        if len(raw) > bytes_max:
            raise OSError(f"{path} is longer than {bytes_max} bytes")
        return raw.decode("utf-8", "replace")

    def list(self, path: str) -> tuple[str, ...]:
        """List the names in a folder, sorted; none when it is not there. Raises OSError when it cannot be read."""
        trail = self.trail(path)
        if not trail.exists:
            return ()
        try:
            return tuple(sorted(os.listdir(self.place(trail.real))))  # noqa: PTH208 - names, not Path objects
        except NotADirectoryError:
            return ()

    def exists(self, path: str) -> bool:
        """Tell whether something is there. Raises OSError where nobody lets us look."""
        return self.trail(path).exists

    def processes(self) -> Iterator[int]:
        """Yield the pids in /proc."""
        for name in self.list("/proc"):
            if name.isdigit():
                yield int(name)


def words(text: str, comment: str = "#") -> Iterator[tuple[int, str]]:
    """Yield (line number, line) of what is written: no empty line, no comment, continued lines joined."""
    joined, began = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        began = began or number
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        whole = (joined + line).strip()
        if whole and not whole.startswith(comment):
            yield began, whole
        joined, began = "", 0
    if joined.strip():
        yield began, joined.strip()
