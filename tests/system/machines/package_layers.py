"""Layers: Debian packages of a suite, fetched and unpacked, to lay over its tree; nothing of them is installed.

A layer has the packages themselves as well, in /srv/packages, for a test that installs them.

Invariant: a layer is whole or absent, and lies outside of any checkout. Its name carries what is in it.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from machine_tree import CHECKOUT, debian_mirror

sys.path.insert(0, str(CHECKOUT / "packaging"))
from suite_room import KEPT, Room

FETCH = """
set -eu
echo "deb $MIRROR $SUITE main" >/etc/apt/sources.list
apt-get -qq -o APT::Sandbox::User=root update
apt-get -qq -o APT::Sandbox::User=root install --yes --download-only --no-install-recommends $NAMES
for package in /var/cache/apt/archives/*.deb; do
    dpkg-deb --extract "$package" /build/layer
done
mkdir -p /build/layer/srv/packages
mv /var/cache/apt/archives/*.deb /build/layer/srv/packages/
cd /build/layer
# A folder here would hide the link that stands in its place in the tree.
for folder in bin sbin lib lib64; do
    if [ -d "$folder" ]; then
        mkdir -p "usr/$folder"
        cp -a "$folder/." "usr/$folder/"
        rm -r "$folder"
    fi
done
"""


def layer(suite: str, *names: str) -> Path:
    """Return the layer with these packages and what they depend on; fetch it first when it is not there."""
    digest = hashlib.sha256(FETCH.encode())
    with Room(suite) as room:
        digest.update(repr((room.tree.name, names)).encode())
        kept = KEPT / f"{suite}-layer-{digest.hexdigest()[:16]}"
        KEPT.mkdir(parents=True, exist_ok=True)
        with (KEPT / f".{suite}-layer.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                part = Path(tempfile.mkdtemp(prefix=".part-", dir=KEPT))
                try:
                    environment = {"MIRROR": debian_mirror(), "SUITE": suite, "NAMES": " ".join(names)}
                    room.run(FETCH, {"layer": part}, environment, network=True)
                    part.chmod(0o755)
                    part.rename(kept)
                finally:
                    shutil.rmtree(part, ignore_errors=True)
    os.utime(kept)
    return kept
