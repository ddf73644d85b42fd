# shellcheck shell=sh
# One for each machine, started by machine.py in a mount and a network namespace of its own:
#     machine_keeper.sh PLACE TREE HIERARCHY HOME NAME
# It holds what must outlive a reboot of the machine (its disk, the network of the remote host), says "ready", and
# waits on stdin for the end of its owner.
#
# Invariant: when the owner is gone, however it went, all is gone. The disk is a tmpfs in this mount namespace, the
# remote host is this network namespace, so both go with the last process; processes go by cgroup.kill. No signal of
# the owner's terminal and no death of a thread is taken for its end, as PR_SET_PDEATHSIG would.
set -eu

place=$1 # a folder, hidden below by the tmpfs
tree=$2
hierarchy=$3 # where cgroup version 2 is mounted
home=/sys/fs/cgroup/$4
cgroup=$home/$5 # with the groups keeper, boot (nspawn and the machine) and elsewhere (the remote host)

# A host that mounts version 2 beside version 1 looks here as if it had version 2 alone: else nspawn would mirror its
# groups into the other hierarchy and leave them there.
mount --rbind "$hierarchy" /sys/fs/cgroup
echo $$ >"$cgroup/keeper/cgroup.procs"
mount -t tmpfs -o mode=755,size=4g machine "$place"
for name in root elsewhere; do
    mkdir "$place/$name" "$place/$name.upper" "$place/$name.work"
    mount -t overlay -o "lowerdir=$tree,upperdir=$place/$name.upper,workdir=$place/$name.work" "$name" "$place/$name"
done
mount --rbind /dev "$place/elsewhere/dev"
tr -d - </proc/sys/kernel/random/uuid >"$place/root/etc/machine-id"
# nspawn leaves folders there when it is killed.
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=755 nspawn /run/systemd/nspawn
ip link set lo up
echo ready

read -r _ || true # until end of file: nobody writes

for group in elsewhere boot; do
    echo 1 >"$cgroup/$group/cgroup.kill"
done
until grep -q 'populated 0' "$cgroup/boot/cgroup.events" && grep -q 'populated 0' "$cgroup/elsewhere/cgroup.events"; do
    sleep 0.01
done
echo $$ >"$home/cgroup.procs"
find "$cgroup" -depth -type d -exec rmdir {} +
umount -l "$place"
rm "$place/owner"
rmdir "$place" || [ ! -e "$place" ] # the next machine removes an empty place, too
