"""Installing this checkout's gatedog into a machine, as a package would: an environment of its own, owned by root.

Invariant: what is installed is the wheel that would be published, built from the files as they are now, once for each
test run; nothing of the network and nothing of the checkout itself is seen by the machine.
"""

import functools
import io
import subprocess
import tarfile
from pathlib import Path

from machine import Machine
from machine_tree import CHECKOUT, build_tree

HOME = Path("/usr/lib/gatedog")
"""The environment inside."""
BUILD_SUITE = "bookworm"
"""Whose build backend makes the wheel; it is the same for all."""
NOT_BUILT = ("tests", "benchmarks", "dist")
"""Folders of the checkout that no wheel needs, besides those that begin with a dot."""

BUILD = """
mount -t tmpfs build "$0/mnt" && exec chroot "$0" sh -ec '
    cd /mnt
    tar --extract --no-same-owner
    PYTHONDONTWRITEBYTECODE=1 /usr/lib/gatedog-build/bin/python -m hatchling build --target wheel >&2
    cd dist
    echo *.whl
    cat *.whl
'
"""
INSTALL = f"""
rm -rf {HOME}
python3 -m venv --without-pip {HOME}
cp -a /usr/lib/gatedog-deps/lib/. {HOME}/lib/
/usr/lib/gatedog-build/bin/pip --python {HOME}/bin/python install \
    --quiet --no-input --disable-pip-version-check --root-user-action=ignore --no-index --no-deps "$1"
rm "$1"
ln -sf {HOME}/bin/gatedog /usr/bin/gatedog
"""


REPLACE = f"""
/usr/lib/gatedog-build/bin/pip --python {HOME}/bin/python install \
    --quiet --no-input --disable-pip-version-check --root-user-action=ignore --no-index --no-deps "$1"
rm "$1"
"""
Edits = tuple[tuple[str, str, str], ...]
"""What another version says differently: file, words, words in their place."""


def install_gatedog(machine: Machine) -> None:
    """Install gatedog with its libraries into /usr/lib/gatedog, and the command as /usr/bin/gatedog."""
    machine.run(["sh", "-ec", INSTALL, "sh", _bring_wheel(machine, ())])


def replace_gatedog(machine: Machine, edits: Edits = ()) -> None:
    """Install this checkout, with these edits, over the gatedog that is there, and restart nothing: what pip does."""
    machine.run(["sh", "-ec", REPLACE, "sh", _bring_wheel(machine, edits)])


def _bring_wheel(machine: Machine, edits: Edits) -> str:
    name, wheel = _wheel(edits)
    (Path(f"/proc/{machine.leader}/root/run") / name).write_bytes(wheel)
    return f"/run/{name}"


@functools.cache
def _wheel(edits: Edits) -> tuple[str, bytes]:
    """Build the wheel in a tree, on a tmpfs that vanishes with the mount namespace; return its name and content."""
    built = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", BUILD, build_tree(BUILD_SUITE)],
        input=pack_sources(edits),
        capture_output=True,
        check=False,
    )
    assert built.returncode == 0, f"the wheel could not be built:\n{built.stderr.decode()}"
    name, _, wheel = built.stdout.partition(b"\n")
    return name.decode(), wheel


def pack_sources(edits: Edits) -> bytes:
    """Pack the files of the checkout, edited and new ones too, that a wheel may be made of, as a tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for top in sorted(CHECKOUT.iterdir()):
            if top.name.startswith(".") or top.name in NOT_BUILT:
                continue
            for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
                if path.is_file() and path.suffix != ".pyc":
                    member = tarfile.TarInfo(str(path.relative_to(CHECKOUT)))
                    content = _edited(path, edits)  # read first: an editor may change its length meanwhile
                    member.size = len(content)
                    member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                    tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _edited(path: Path, edits: Edits) -> bytes:
    content = path.read_bytes()
    for file, old, new in edits:
        if path == CHECKOUT / file:
            assert content.count(old.encode()) == 1, f"{file} does not say {old!r} once"
            content = content.replace(old.encode(), new.encode())
    return content
