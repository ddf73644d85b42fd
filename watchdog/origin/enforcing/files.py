"""Whether an account may change the unit that runs it, or what the unit executes.

Theory of operation. Every place that could hold a setting of the unit counts, also one that does not exist yet: a
folder that lets the account make `X.service.d` is as good as a drop-in. Of a program, the file, its interpreter and
its script count, with all on the way to them; and everything in its package (the outermost `node_modules`, or the
outermost folder with a package.json or pyvenv.cfg), because that is loaded by the program itself.

Invariant: a package too large to be walked is told as unread.
"""

import os
import stat

from watchdog.origin.commandline import understand
from watchdog.origin.enforcing.access import may_write, way_in
from watchdog.origin.enforcing.accounts import Account
from watchdog.origin.enforcing.judgement import Check, Condition, checked
from watchdog.origin.host import Host, Step
from watchdog.origin.unitfiles import EXEC_KEYS, UnitFile, unit_places

ENTRIES_MAX = 200_000
_PACKAGE_MARKS = ("package.json", "pyvenv.cfg")
_MODULES = "node_modules"


def check_unit_files(host: Host, unit: UnitFile, account: Account) -> Check:
    """Look at every place of the unit's settings."""
    found: list[str] = []
    unread: list[str] = []
    for path in dict.fromkeys((unit.path, *unit.drop_ins, *unit_places(unit.name))):
        try:
            place = way_in(host, path, account)
        except OSError as error:
            unread.append(f"{path} ({error.strerror or error})")
            continue
        if place:
            found.append(f"{account.name} can change its unit through {place}")
    return checked(Condition.UNIT_FILES, found, unread)


def check_program(host: Host, unit: UnitFile, account: Account) -> Check:
    """Look at every file that the unit's commands execute, and at the packages around them."""
    found: list[str] = []
    unread: list[str] = []
    if unit.last("RootDirectory") or unit.last("RootImage"):
        unread.append("the unit runs its program in another root folder")
    directory = unit.expanded(unit.last("WorkingDirectory")).lstrip("-") or "/"
    directory = account.home if directory == "~" else directory
    packages: dict[str, None] = {}
    for argv in unit.commands(EXEC_KEYS):
        try:
            line = understand(host, argv, directory)
            if line.unsure:
                unread.append(line.unsure)
            for path in line.files:
                place = way_in(host, path, account)
                if place:
                    found.append(f"{account.name} can change what its unit executes: {place}")
                packages |= dict.fromkeys(_packages(host, path))
        except OSError as error:
            unread.append(f"{argv[0]} ({error.strerror or error})")
    if not found:
        for package in packages:
            _walk(host, package, account, found, unread)
    return checked(Condition.PROGRAM, found, unread)


def _packages(host: Host, path: str) -> tuple[str, ...]:
    """Return the outermost folders that the program at `path` would load from: by its name, and by its real path."""
    return tuple(
        dict.fromkeys(root for each in (path, host.trail(path).real) for root in (_package(host, each),) if root)
    )


def _package(host: Host, path: str) -> str:
    parts = path.strip("/").split("/")[:-1]
    if _MODULES in parts:
        return "/" + "/".join(parts[: parts.index(_MODULES) + 1])
    for depth in range(1, len(parts) + 1):
        folder = "/" + "/".join(parts[:depth])
        if any(host.exists(f"{folder}/{mark}") for mark in _PACKAGE_MARKS):
            return folder
    return ""


def _walk(host: Host, package: str, account: Account, found: list[str], unread: list[str]) -> None:
    """Find the first thing in a package that the account may write."""
    waiting, seen = [host.trail(package).real], 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(host.place(folder)) as entries:
                for entry in entries:
                    seen += 1
                    if seen > ENTRIES_MAX:
                        unread.append(f"{package} has more than {ENTRIES_MAX} files")
                        return
                    status = entry.stat(follow_symlinks=False)
                    path = f"{folder}/{entry.name}"
                    if may_write(host, Step(path=path, status=status), account):
                        found.append(f"{account.name} can change what its unit executes: {path}")
                        return
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(path)
        except OSError as error:
            unread.append(f"{folder} ({error.strerror or error})")
            return
