"""Groups that are as good as root, and sockets of container engines, which are as well.

Invariant: whoever may write a socket may connect to it; the folders on the way must let it through.
"""

from watchdog.origin.enforcing.access import may_pass, may_write
from watchdog.origin.enforcing.accounts import ROOT_GROUPS, Account, other_sources
from watchdog.origin.enforcing.judgement import Check, Condition, checked
from watchdog.origin.host import Host, Step

SOCKETS = (
    *("/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock"),
    *("/run/crio/crio.sock", "/run/cri-dockerd.sock", "/run/k3s/containerd/containerd.sock"),
    *("/run/buildkit/buildkitd.sock", "/run/balena-engine.sock", "/run/libvirt/libvirt-sock"),
    *("/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket", "/run/lxd/unix.socket"),
    *("/var/lib/incus/unix.socket", "/run/incus/unix.socket"),
)


def check_groups(host: Host, account: Account) -> Check:
    """Look at the groups of the account, its unit's included."""
    found = [f"{account.name} is in the group {name}" for name in sorted(account.groups & ROOT_GROUPS)]
    if 0 in account.gids and "root" not in account.groups:
        found.append(f"{account.name} is in group 0")
    unread: list[str] = []
    try:
        foreign = other_sources(host, "group")
        if foreign:
            unread.append(f"groups from {', '.join(foreign)}")
    except OSError as error:
        unread.append(f"/etc/nsswitch.conf ({error.strerror or error})")
    return checked(Condition.GROUPS, found, unread)


def check_engines(host: Host, account: Account) -> Check:
    """Look for a socket that the account can open."""
    found: list[str] = []
    unread: list[str] = []
    for path in SOCKETS:
        try:
            trail = host.trail(path)
            if trail.exists and _opens(host, trail.steps, account):
                found.append(f"{account.name} can open the container engine's socket {trail.real}")
        except OSError as error:
            unread.append(f"{path} ({error.strerror or error})")
    return checked(Condition.ENGINES, found, unread)


def _opens(host: Host, steps: tuple[Step, ...], account: Account) -> bool:
    *folders, last = steps
    return may_write(host, last, account) and all(may_pass(host, step, account) for step in folders)
