"""A package index in a folder: every file that an installation from a checkout asks for, so that it needs no network.

Invariant: whole or absent, and outside of any checkout, as all that is kept for a suite (packaging/suite_room.py).
"""

import shutil
import sys
import zipfile
from pathlib import Path

from machine import Machine
from machine_tree import CHECKOUT, requirements

sys.path.insert(0, str(CHECKOUT / "packaging"))
from build_deb import RECIPES, kept_wheels
from suite_room import Room, keep

INDEX = "/srv/index"
"""Where a machine has it."""
TOOLS = "pip setuptools wheel editables aiohttp uv"
"""What pipx wants for itself, pip for an editable installation, the extra [web], and uv."""
FETCH = """
set -eu
/usr/lib/gatedog-build/bin/pip download --disable-pip-version-check --quiet --no-input --no-cache-dir \
    --only-binary :all: --find-links /build/wheels/run --dest /build/index $GATEDOG_NEEDS $GATEDOG_BUILDS $TOOLS
"""
PIP = f"[global]\nno-index = true\nfind-links = {INDEX}\n"
UV = f'no-index = true\noffline = true\nfind-links = ["{INDEX}"]\n'


def bring_index(machine: Machine) -> None:
    """Give a machine the index and uv, and let pip and uv there ask nobody else."""
    root = Path(f"/proc/{machine.leader}/root")
    index = root / INDEX.lstrip("/")
    shutil.copytree(_index(machine.suite), index)
    machine.write("/etc/pip.conf", PIP)
    machine.write("/etc/uv/uv.toml", UV)
    (wheel,) = index.glob("uv-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (each for each in packed.namelist() if each.endswith("/scripts/uv"))
        program = root / "usr/local/bin/uv"
        program.write_bytes(packed.read(name))
        program.chmod(0o755)


def _index(suite: str) -> Path:
    """Return the folder of the index; fetch it first when it is not there. What has no wheel, the package has made."""
    with Room(suite) as room:
        wheels = kept_wheels(room, RECIPES)
        wanted = requirements() | {"TOOLS": TOOLS}
        recipe = repr((FETCH, wanted, wheels.name)).encode()

        def fetch(folder: Path) -> None:
            room.run(FETCH, {"wheels": wheels, "index": folder}, wanted, network=True)

        return keep(room, "index", recipe, fetch)
