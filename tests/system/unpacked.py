"""Debian's servers for tests, fetched and unpacked, and never installed: installing would start them on this host.

Invariant: an unpacked package is whole or absent: it is renamed at the end, under a lock. It lies outside of any
checkout, and is fetched once.
"""

import fcntl
import os
import platform
import subprocess
import tempfile
from pathlib import Path


class Unavailable(Exception):  # noqa: N818 - the name is the fact
    """There is none here; the text says why, and what would help."""


def unpacked(package: str) -> Path:
    """Return the folder in which a package lies unpacked; fetch it first when it is missing. Raises Unavailable."""
    if os.geteuid() != 0:
        raise Unavailable(f"needs Debian's {package}, or root to fetch it: apt-get install {package}")
    cache = Path(os.environ.get("GATEDOG_TREES") or "/var/cache/gatedog-trees")
    try:
        release = platform.freedesktop_os_release().get("VERSION_CODENAME", "debian")
    except OSError:
        release = "unknown"
    folder = cache / f"{package}-{release}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f".{package}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _fetch(package, folder)
    return folder


def _fetch(package: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{package}-") as part:
        # Without its sandbox, which may not write into a folder of root's.
        download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package]
        if _fails(download, part):
            _fails(["apt-get", "-qq", "update"], part)  # the package lists of a fresh machine are empty or old
            if why := _fails(download, part):
                raise Unavailable(f"{package} could not be fetched: {why}")
        (file,) = Path(part).glob("*.deb")
        if why := _fails(["dpkg", "-x", str(file), f"{part}/whole"], part):
            raise Unavailable(f"{package} could not be unpacked: {why}")
        Path(part, "whole").rename(folder)


def _fails(argv: list[str], folder: str) -> str:
    """Run a command; return what it complained of, "" if it was well."""
    try:
        done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip()[-400:] or f"exit status {done.returncode}"
