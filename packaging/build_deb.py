#!/usr/bin/env python3
"""Build the Debian package of one suite: `packaging/build-deb SUITE [OUTDIR]`, as root. It prints the package's path.

Theory of operation. Both steps run in an overlay over the suite's tree (suite_room.py). `fetch.sh` has the network: it
takes every file by its digest (pins.txt), compiles what has no wheel, and its wheels are kept below
/var/cache/gatedog-deb. `assemble.sh` has none: it makes gatedog's own wheel, installs all of them where they will lie
on a user's machine, and packs that.

Invariant: the same sources and the same SOURCE_DATE_EPOCH make the same bytes, wherever and whenever that is. The tree
is never written to.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from suite_room import CHECKOUT, SUITES, Room, keep, missing_packages

RECIPES = Path(__file__).resolve().parent / "debian"
SOURCES = (
    *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "watchdog", "config", "units", "docs/runbooks"),
    *("docs/man", "packaging/completions", "packaging/debian"),
)
"""What the package is made of."""
FETCHING = ("fetch.sh", "pins.txt", "pins-build.txt")
"""What decides about the wheels, beside the tree."""


def main() -> int:
    """Read the words, build, and say where the package is."""
    words = argparse.ArgumentParser(prog="packaging/build-deb", description=(__doc__ or "").partition(".")[0])
    words.add_argument("suite", choices=SUITES)
    words.add_argument("outdir", nargs="?", type=Path, default=CHECKOUT / "dist", help="default: dist/")
    words.add_argument("--source", type=Path, default=CHECKOUT, help="another checkout to build from")
    words.add_argument("--no-cache", action="store_true", help="fetch and compile again, and keep none of it")
    asked = words.parse_args()
    if os.geteuid() != 0:
        return _refuse("a Debian tree is entered by root alone", f"sudo packaging/build-deb {asked.suite}")
    if missing := missing_packages():
        return _refuse("the tree of a suite cannot be made here", f"apt-get install -y {' '.join(missing)}")
    if not (epoch := os.environ.get("SOURCE_DATE_EPOCH") or _committed(asked.source)):
        return _refuse(f"{asked.source} is no git checkout, so its date is unknown", "SOURCE_DATE_EPOCH=... and again")
    try:
        made = build(asked.suite, asked.outdir, source=asked.source, epoch=int(epoch), cached=not asked.no_cache)
    except subprocess.CalledProcessError:
        return _refuse(f"a step failed in {asked.suite}; what it said stands above", "mend that and again")
    sys.stdout.write(f"{made}\n")
    return 0


def build(suite: str, outdir: Path, *, source: Path, epoch: int, cached: bool = True) -> Path:
    """Build the package from these sources, with this date on every file of it; return its path.

    Raises:
        subprocess.CalledProcessError: a step failed; what it said is on stderr.
    """
    outdir.mkdir(parents=True, exist_ok=True)
    with Room(suite) as room:
        for name in ("in", "out", "wheels"):
            (room.folder / name).mkdir()
        _copy(source, room.folder / "in")
        recipe = room.folder / "in/packaging/debian"
        wheels = kept_wheels(room, recipe) if cached else _fetch(room, recipe, room.folder / "wheels")
        binds = {"in": room.folder / "in", "out": room.folder / "out", "wheels": wheels}
        environment = {"SOURCE_DATE_EPOCH": str(epoch), "SUITE": suite}
        room.run((recipe / "assemble.sh").read_text(encoding="utf-8"), binds, environment)
        (made,) = (room.folder / "out").glob("*.deb")
        return Path(shutil.copy(made, outdir))


def _copy(source: Path, place: Path) -> None:
    """Copy what a package is made of, and nothing that an editor, a test run or another branch left beside it."""
    for name in SOURCES:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, place / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        elif (source / name).exists():
            shutil.copy(source / name, place / name)


def kept_wheels(room: Room, recipe: Path) -> Path:
    """Return the folder of this recipe's wheels, fetched once."""
    decisive = b"".join((recipe / name).read_bytes() for name in FETCHING)
    return keep(room, "wheels", decisive, lambda folder: _fetch(room, recipe, folder))


def _fetch(room: Room, recipe: Path, wheels: Path) -> Path:
    script = (recipe / "fetch.sh").read_text(encoding="utf-8")
    room.run(script, {"in": recipe, "wheels": wheels}, {}, network=True)
    return wheels


def _committed(source: Path) -> str:
    """Return when the checkout was last committed to, in seconds; "" when git does not know."""
    asked = ["git", "-c", f"safe.directory={source.resolve()}", "-C", str(source), "log", "-1", "--format=%ct"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - git, as written here


def _refuse(why: str, command: str) -> int:
    sys.stderr.write(f"build-deb: {why}. Run:\n    {command}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
