# shellcheck shell=sh
# Run by machine_tree.py as root inside a new tree, before it is cached: what makes a plain Debian a quick test machine.
#
# Invariant: part of the recipe. A change here gives trees another name, so no test ever runs in a half-new tree.
set -eu

DEPS=/usr/lib/gatedog-deps   # an environment with gatedog's libraries and nothing else; machine_install.py copies it
BUILD=/usr/lib/gatedog-build # one with pip and the build backend
systemctl set-default multi-user.target

# Boot in a second or two: nothing that waits for hardware, networks or the small hours.
for unit in \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer logrotate.timer man-db.timer systemd-tmpfiles-clean.timer \
    console-getty.service container-getty@.service getty.target getty@.service serial-getty@.service \
    dev-hugepages.mount ldconfig.service networking.service \
    systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service systemd-resolved.service \
    systemd-pstore.service systemd-timesyncd.service systemd-hwdb-update.service systemd-firstboot.service \
    systemd-journal-catalog-update.service systemd-update-done.service systemd-sysctl.service \
    systemd-sysusers.service systemd-network-generator.service tpm2.target; do
    ln -sfn /dev/null "/etc/systemd/system/$unit"
done
systemctl enable cron.service atd.service ssh.service

# The journal is read by a failing test, so it keeps all; in /run it costs no fsync, in /var it survives a reboot.
mkdir -p /etc/systemd/journald.conf.d /var/log/journal /etc/ssh/sshd_config.d
printf '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nSystemMaxUse=64M\nForwardToConsole=no\n' \
    >/etc/systemd/journald.conf.d/machine.conf
printf 'UseDNS no\nPrintMotd no\nPrintLastLog no\n' >/etc/ssh/sshd_config.d/machine.conf
: >/etc/motd
rm -f /etc/update-motd.d/*

# pystemd has no wheels: it is compiled here, once, against the libsystemd of this Debian.
python3 -m venv "$BUILD"
python3 -m venv --without-pip "$DEPS"
# shellcheck disable=SC2086  # a list of words by intention
"$BUILD/bin/pip" install --quiet --no-input --disable-pip-version-check $GATEDOG_BUILDS
# shellcheck disable=SC2086
"$BUILD/bin/pip" --python "$DEPS/bin/python" install --quiet --no-input --disable-pip-version-check $GATEDOG_NEEDS
"$BUILD/bin/python" -c 'import hatchling'
"$DEPS/bin/python" -c 'import pystemd.systemd1, psutil'

# The mirror of whoever built the tree is nobody else's.
rm -f /etc/apt/sources.list /etc/resolv.conf
# Names are looked up here alone, or sudo and sshd wait for a resolver that does not exist.
printf '127.0.0.1 localhost\n10.11.12.1 machine\n10.11.12.2 elsewhere\n' >/etc/hosts
echo machine >/etc/hostname
sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf
rm -f /var/log/*.log
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /root/.cache /etc/machine-id /var/lib/dbus/machine-id
: >/etc/machine-id
