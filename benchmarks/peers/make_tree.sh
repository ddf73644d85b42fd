#!/bin/bash
# make_tree.sh ROOTFS: make (or complete) the Debian tree that in_container.sh boots: systemd, monit, supervisor, runit,
# s6 and pm2 as Debian 12 and npm have them, and this checkout's gatedog in /opt/gatedog. As root; needs debootstrap, npm
# and a network. What is there already is kept, gatedog excepted, which is installed anew each time.
set -eu
root=$(realpath -m "$1")
here=$(dirname "$(realpath "$0")")
checkout=$(realpath "$here/../..")
case $root/ in "$checkout"/*) echo "make_tree.sh: $root is inside the checkout; name a folder outside it" >&2; exit 2 ;; esac

if [ ! -e "$root/etc/debian_version" ]; then
    debootstrap --variant=minbase bookworm "$root"
fi
if [ ! -x "$root/usr/bin/s6-svscan" ] || [ ! -x "$root/usr/bin/node" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"     # start nothing in a chroot
    chmod +x "$root/usr/sbin/policy-rc.d"
    chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get -q update && apt-get -qy --no-install-recommends \
        install systemd systemd-sysv dbus procps python3-venv monit supervisor runit s6 nodejs'
    rm "$root/usr/sbin/policy-rc.d"
fi
# Each is started by measure.py; as services of the tree they would be measured as well, or be in the way.
for unit in monit supervisor runit; do ln -sf /dev/null "$root/etc/systemd/system/$unit.service"; done
if [ ! -e "$root/usr/local/bin/pm2" ]; then
    npm install --global --no-fund --no-audit --prefix "$root/usr/local" pm2
fi

# Built and fetched outside, where pip is set up; the tree has the same Python (3.11).
wheels=$root/opt/wheels
rm -rf "$wheels" "$root/opt/gatedog"
"$checkout/.venv/bin/python" -m pip wheel -q -w "$wheels" "$checkout"
chroot "$root" python3 -m venv /opt/gatedog
chroot "$root" /opt/gatedog/bin/pip install -q --no-index --find-links /opt/wheels gatedog
chroot "$root" /opt/gatedog/bin/gatedog --version
