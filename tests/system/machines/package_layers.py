"""Layers: Debian packages of a suite, fetched and unpacked, to lay over its tree; nothing of them is installed.

A layer has the packages themselves as well, in /srv/packages, for a test that installs them.

Invariant: a layer is whole or absent, and lies outside of any checkout. Its name carries what is in it.
"""

import sys
from pathlib import Path

from machine_tree import CHECKOUT, debian_mirror

sys.path.insert(0, str(CHECKOUT / "packaging"))
from suite_room import Room, keep

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
    with Room(suite) as room:
        environment = {"MIRROR": debian_mirror(), "SUITE": suite, "NAMES": " ".join(names)}
        recipe = repr((FETCH, names)).encode()
        return keep(room, "layer", recipe, lambda folder: room.run(FETCH, {"layer": folder}, environment, network=True))
