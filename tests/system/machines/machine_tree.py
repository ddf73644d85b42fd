#!/usr/bin/env python3
"""Trees: cached root file systems of Debian releases, for machines to boot.

Run as a program it builds those that are missing and prints their paths: `machine_tree.py [SUITE...]`; with
`--missing` it only prints the Debian packages that this host lacks.

Invariant: a tree is whole or absent. It is built under a name of its own and renamed at the end; its final name
carries the checksum of the recipe, so a change of the recipe can never meet an old tree. Nobody writes into a tree
once it is there: machines put an overlay on it.

Not here: which mirror and package index to use. Both come from this host's own configuration (apt's sources, pip's
settings), and none of it remains in the tree.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]
FURNISH = HERE / "furnish_tree.sh"
SUITES = ("bookworm", "trixie")
PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
"""What machines need of this host, and the Debian package it is in."""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

PACKAGES = (
    *("systemd", "systemd-sysv", "libpam-systemd", "dbus", "dbus-user-session", "polkitd", "libsystemd0"),
    *("libpam-runtime", "login", "cron", "at", "openssh-server", "openssh-client", "sudo", "tmux", "iproute2"),
    *("procps", "ca-certificates", "python3", "python3-venv", "gcc", "libc6-dev", "python3-dev", "libsystemd-dev"),
    *("pkg-config", "systemd-container", "screen", "socat", "pkexec"),
)
HOST_INSIDE = "host"
"""The folder of a tree in which this host is seen during the build."""
KEEP_DAYS = 7
"""How long a tree of another recipe is kept after its last use: branches change back and forth."""


def missing_packages() -> list[str]:
    """Return the Debian packages that this host lacks to build and boot trees."""
    missing = {package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    return sorted(missing if KEYRING.exists() else missing | {"debian-archive-keyring"})


def cache_folder() -> Path:
    """Return where trees are kept: outside of any checkout, so that all of them share the trees."""
    return Path(os.environ.get("GATEDOG_TREES") or "/var/cache/gatedog-trees")


def requirements() -> dict[str, str]:
    """Return what gatedog needs to run and to be built, as its pyproject.toml says, in the words of furnish_tree.sh."""
    said = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    needs = [*said["project"]["dependencies"], *said["project"]["optional-dependencies"]["systemd"]]
    return {"GATEDOG_NEEDS": " ".join(needs), "GATEDOG_BUILDS": " ".join(said["build-system"]["requires"])}


def tree_path(suite: str) -> Path:
    """Return the path that the suite's tree has, or will have once it is built."""
    recipe = hashlib.sha256(FURNISH.read_bytes())
    recipe.update(repr((suite, PACKAGES, requirements())).encode())
    return cache_folder() / f"{suite}-{recipe.hexdigest()[:16]}"


def build_tree(suite: str) -> Path:
    """Return the suite's tree; build it when it is not there, once for all who ask at the same time.

    Raises:
        subprocess.CalledProcessError: the build failed; its output is in the exception and on stderr.
    """
    tree = tree_path(suite)
    if not tree.exists():
        tree.parent.mkdir(parents=True, exist_ok=True)
        with _locked(tree.parent / f".{suite}.lock"):
            if not tree.exists():
                _build(suite, tree)
                _forget_old(suite, tree)
    os.utime(tree)
    return tree


def _build(suite: str, tree: Path) -> None:
    print(f"machines: building the {suite} tree in {tree.parent}, once (two minutes) ...", file=sys.stderr, flush=True)
    for left_over in tree.parent.glob(f".{suite}-*.part"):  # of a build that was killed; we hold the lock
        shutil.rmtree(left_over)
    part = Path(tempfile.mkdtemp(prefix=f".{suite}-", suffix=".part", dir=tree.parent))
    try:
        part.chmod(0o755)
        include = f"--include={','.join(PACKAGES)}"
        _run(["debootstrap", "--variant=minbase", include, suite, str(part), *_mirror()], os.environ | _proxies())
        _furnish(part)
        part.rename(tree)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _furnish(part: Path) -> None:
    """Run furnish_tree.sh inside, with this host's network and package index, in namespaces that end with it."""
    for name in ("hosts", "resolv.conf"):  # furnish_tree.sh writes its own at the end
        shutil.copyfile(Path("/etc", name), part / "etc" / name)
    shutil.copyfile(FURNISH, part / "furnish")
    (part / HOST_INSIDE).mkdir()
    script = f'mount --rbind / "$0/{HOST_INSIDE}" && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && '
    script += 'exec chroot "$0" sh /furnish'
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    environment |= network_settings() | requirements()  # not as arguments: an address may hold a password
    _run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, str(part)], environment)
    (part / "furnish").unlink()
    (part / HOST_INSIDE).rmdir()


def _run(argv: list[str], environment: Mapping[str, str]) -> None:
    """Run a step of the build; show what it said only if it failed."""
    done = subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout[-4000:], file=sys.stderr)
    done.check_returncode()


def _mirror() -> list[str]:
    """Return the Debian mirror that this host's apt uses, or nothing: debootstrap has a default."""
    folder = Path("/etc/apt")
    for file in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        text = file.read_text(encoding="utf-8") if file.suffix in (".list", ".sources") and file.is_file() else ""
        for uri in re.findall(r"^(?:deb\s+(?:\[.*?\]\s+)?|URIs:\s*)(\S+)", text, re.MULTILINE):
            if uri.rstrip("/").endswith("/debian"):
                return [uri]
    return []


def network_settings() -> dict[str, str]:
    """Return this host's way to the package index, as variables for a program that sees this host in HOST_INSIDE."""
    return _pip_settings() | _proxies()


def debian_mirror() -> str:
    """Return where this host gets Debian from."""
    return next(iter(_mirror()), "http://deb.debian.org/debian")


def _proxies() -> dict[str, str]:
    """Return the proxy variables of this environment; apt's own setting counts where there is none."""
    names = ("http_proxy", "https_proxy", "no_proxy")
    found = {name: value for name in (*names, *map(str.upper, names)) if (value := os.environ.get(name))}
    if "http_proxy" not in found:
        said = subprocess.run(
            ["apt-config", "shell", "proxy", "Acquire::http::Proxy"], capture_output=True, text=True, check=False
        )
        if match := re.fullmatch(r"proxy='(.+)'\s*", said.stdout):
            found["http_proxy"] = match[1]
    return found


def _pip_settings() -> dict[str, str]:
    """Return pip's settings here as variables: its files are not visible inside, and must not be left there."""
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    listed = re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", said, re.MULTILINE)
    settings = {f"PIP_{name.upper().replace('-', '_')}": value.replace("\\n", " ") for name, value in listed}
    certificates = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
    settings |= {name: value for name in certificates if (value := os.environ.get(name))}
    return {name: _as_seen_inside(value) for name, value in settings.items()}


def _as_seen_inside(setting: str) -> str:
    """Rewrite the paths of this host in a setting: during the build its root is a folder of the tree."""
    local = re.compile(r"(?<!\S)(file://)?(/\S+)")
    return local.sub(lambda found: f"{found[1] or ''}/{HOST_INSIDE}{Path(found[2]).resolve()}", setting)


def _forget_old(suite: str, tree: Path) -> None:
    """Remove trees of other recipes that nobody used for a while and nobody uses now."""
    for other in tree.parent.glob(f"{suite}-*"):
        if other == tree or time.time() - other.stat().st_mtime < KEEP_DAYS * 86_400:
            continue
        folder = os.open(other, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a machine on it holds the shared lock
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(other)
        finally:
            os.close(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(suites: list[str]) -> int:
    """Build what is missing, all suites at once, and print the paths."""
    if suites == ["--missing"]:
        print(*missing_packages())
        return 0
    try:
        with ThreadPoolExecutor() as pool:
            for tree in pool.map(build_tree, suites or SUITES):
                print(tree)
    except subprocess.CalledProcessError as error:
        print(f"machines: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
