"""Whether the code on disk is the one that runs: "the next restart will run different code", told before the restart.

Theory of operation. An update replaces files under a running process, which goes on with what it has in memory; the new
code shows at the next restart, at night, when nobody remembers the update. What a process runs is found from /proc: its
program, the script it was given, the package around the script (package.json, lockfiles, dist, node_modules), the
virtual environment around its interpreter. What identifies each of them (inode, size, time of change) is noted when the
life is first seen, and compared from then on.

A life that was already old when it was first seen (gatedog itself was restarted) has no such note. For it, times of
change are compared with its start, by the wall clock: a file whose content is older than the process, and whose inode
was merely linked once more (package stores do that), does not count.

Invariants: names and times only; of contents nothing is read but the version in a package.json, as JSON, bounded.
Nothing is executed or imported. A walk ends at FILES_MAX.
"""

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.observations import CodeObserved
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.core.values import dataclass
from watchdog.sensors.probes.outcome import plain

FILES_MAX = 2000
CHANGED_MAX = 8
SETTLED_USEC = 2 * MINUTE
"""A life this young may still be writing files of its own: builds, caches, lockfiles."""
_MANIFEST_BYTES = 256 * 1024
_UPWARD_MAX = 6
_MANIFESTS = (
    *("package.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lockb", "npm-shrinkwrap.json"),
    *(f"node_modules/{name}" for name in (".package-lock.json", ".modules.yaml", ".yarn-state.yml")),
    *("dist", "build", "lib", "pyproject.toml", "poetry.lock", "uv.lock", "requirements.txt", "go.sum"),
)
_INSTALLED = (".package-lock.json", ".modules.yaml", ".yarn-state.yml")
"""What npm, pnpm and yarn leave in node_modules when they are done."""
_ROOT_MARKS = ("package.json", "pyproject.toml", "setup.py", "go.mod", "Cargo.toml")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

Trace = tuple[int, int, int]
"""Inode, size, time of change: what another content cannot have all of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a process runs, as /proc says it. Empty texts where one may not look."""

    program: str
    program_deleted: bool
    script: str
    start_wall_ns: int


class Freshness:
    """The code of one life. Looks block: call them aside."""

    def __init__(self, gateway: GatewayName, process: ProcessRef, extra: tuple[str, ...] = ()) -> None:
        """`extra`: further files and folders that count."""
        self._gateway = gateway
        self._process = process
        self._extra = extra
        self._noted: dict[str, Trace] | None = None
        self._versions: dict[str, str] = {}
        self._old: set[str] = set()

    def look(self) -> CodeObserved | None:
        """Compare once; None when the process is gone or hides what it runs."""
        running = read_running(self._process)
        if running is None:
            return None
        places = tuple(dict.fromkeys((*code_places(running), *self._extra)))[:FILES_MAX]
        traces = {place: found for place in places if (found := _trace(place)) is not None}
        if self._noted is None:
            self._note(running, places, traces)
        noted = self._noted or {}
        changed = {place for place, before in noted.items() if traces.get(place, before) != before} | self._old
        gone = {place for place in noted if place not in traces and not Path(place).exists()}
        if running.program_deleted:
            changed.add(running.program)
        return CodeObserved(
            gateway=self._gateway,
            process=self._process,
            changed=tuple(sorted(plain(place) for place in changed | gone)[:CHANGED_MAX]),
            detail=self._tell_versions(),
        )

    def _note(self, running: Running, places: tuple[str, ...], traces: dict[str, Trace]) -> None:
        self._noted = dict(traces)
        self._versions = {place: read_version(place) for place in places if place.endswith("/package.json")}
        if time.time_ns() - running.start_wall_ns > SETTLED_USEC * 1_000:
            since_ns = running.start_wall_ns + SETTLED_USEC * 1_000
            self._old = {place for place in traces if _is_newer(place, since_ns)}

    def _tell_versions(self) -> str:
        for place, before in self._versions.items():
            now = read_version(place)
            if before and now and now != before:
                return plain(f"{Path(place).parent.name} {before} runs, {now} is on disk")
        return ""


def read_running(process: ProcessRef) -> Running | None:
    """Read what a process runs; None when it is gone or its program may not be seen."""
    folder = Path(f"/proc/{process.pid}")
    try:
        program = str((folder / "exe").readlink())
        words = (folder / "cmdline").read_bytes().split(b"\0")[:8]
        directory = str((folder / "cwd").readlink())
        deleted = program.endswith(" (deleted)")
        program = program.removesuffix(" (deleted)")
        if not deleted:
            deleted = (folder / "exe").stat().st_ino != Path(program).stat().st_ino
    except FileNotFoundError:
        return None if not folder.exists() else Running(program="", program_deleted=False, script="", start_wall_ns=0)
    except OSError:
        return None
    script = next((found for word in words[1:] if (found := _script(os.fsdecode(word), directory))), "")
    uptime_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - process.start_ticks * 1_000_000_000 // TICKS_PER_SECOND
    return Running(program=program, program_deleted=deleted, script=script, start_wall_ns=time.time_ns() - uptime_ns)


def code_of_command(argv: tuple[str, ...], directory: str) -> tuple[str, ...]:
    """List the code that a command line names: a program that writes its title into its own words hides it later."""
    script = next((found for word in argv[1:8] if (found := _script(word, directory))), "")
    return tuple(code_places(Running(program="", program_deleted=False, script=script, start_wall_ns=0)))


def code_places(running: Running) -> Iterator[str]:
    """Yield the files and folders whose change means other code."""
    if running.program:
        yield running.program
        yield from _of_environment(Path(running.program))
    if not running.script:
        return
    yield running.script
    folder = Path(running.script).parent
    for _ in range(_UPWARD_MAX):
        if any((folder / mark).exists() for mark in _ROOT_MARKS) or folder.name == "site-packages":
            for name in _MANIFESTS:
                if (folder / name).exists():
                    yield str(folder / name)
        if folder.name in {"bin", "Scripts"} and (folder.parent / "pyvenv.cfg").exists():
            yield from _of_environment(Path(running.script))
            return
        if folder.name in {"node_modules", "site-packages"}:
            yield str(folder)
            yield from (str(folder / name) for name in _INSTALLED if (folder / name).exists())
            return
        if folder == folder.parent:
            return
        folder = folder.parent


def _of_environment(program: Path) -> Iterator[str]:
    """Yield what a virtual environment around a program has installed: one record for each distribution."""
    root = program.parent.parent
    if not (root / "pyvenv.cfg").exists():
        return
    yield str(root / "pyvenv.cfg")
    for packages in sorted(root.glob("lib/python3.*/site-packages"))[:2]:
        yield str(packages)
        try:
            with os.scandir(packages) as entries:
                yield from (entry.path for entry in entries if entry.name.endswith(".dist-info"))
        except OSError:
            continue


def read_version(manifest: str) -> str:
    """Read the version in a package.json; "" when it says none."""
    try:
        descriptor = os.open(manifest, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        try:
            value = json.loads(file.read(_MANIFEST_BYTES))
        except (OSError, ValueError, RecursionError):
            return ""
    version = value.get("version", "") if isinstance(value, dict) else ""
    return plain(version, 40) if isinstance(version, str) else ""


def _script(word: str, directory: str) -> str:
    if not word or word.startswith("-"):
        return ""
    path = Path(directory, word)
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return ""
    return str(real) if real.is_file() else ""


def _trace(place: str) -> Trace | None:
    try:
        status = os.stat(place)  # noqa: PTH116 - thousands of them
    except (OSError, ValueError):
        return None
    return status.st_ino, 0 if stat.S_ISDIR(status.st_mode) else status.st_size, status.st_mtime_ns


def _is_newer(place: str, since_ns: int) -> bool:
    try:
        status = os.stat(place)  # noqa: PTH116 - as above
    except (OSError, ValueError):
        return False
    now_ns = time.time_ns()
    if status.st_mtime_ns > since_ns:
        return status.st_mtime_ns <= now_ns + SECOND * 1_000
    return since_ns < status.st_ctime_ns <= now_ns + SECOND * 1_000 and status.st_nlink == 1
