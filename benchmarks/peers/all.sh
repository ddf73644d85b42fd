#!/bin/bash
# all.sh ROOTFS [measure.py's options]: everything in one run. Makes the tree if it is missing, boots it, measures every
# peer side by side, leaves the figures in ./figures.json and prints them as the table of README.md. As root.
set -eu
root=$1; shift
here=$(dirname "$(realpath "$0")")
"$here/make_tree.sh" "$root"
PEERS_PATH=/opt/gatedog/bin "$here/in_container.sh" "$root" measure.py --json /mnt/figures.json "$@"
python3 "$here/table.py" figures.json
