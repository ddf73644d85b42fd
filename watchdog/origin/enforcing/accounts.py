"""Users and groups, read from the host's own files.

Invariant: an account that the files do not know whole (another source in nsswitch.conf, a dynamic user) is told as
unread; nothing is asked of a name server, because that would need the network and its answer would differ by the hour.
"""

from collections.abc import Iterable

from watchdog.core.values import dataclass
from watchdog.origin.host import Host, words

ROOT_GROUPS = frozenset(
    "root docker lxd lxc incus incus-admin libvirt disk sudo wheel adm admin kvm shadow".split()  # noqa: SIM905 - a row of names reads better than eleven quoted ones
)
"""Groups by which one becomes root, or reads what makes one root."""

_PLAIN_SOURCES = frozenset({"files", "compat", "systemd", "altfiles", "mymachines", "db"})
NOLOGIN = frozenset({"nologin", "false", "true", "sync", "git-shell"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user, with every group it is in."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    groups: frozenset[str] = frozenset()
    gids: frozenset[int] = frozenset()

    @property
    def may_log_in(self) -> bool:
        """Whether its shell is one: an empty field is /bin/sh."""
        return self.shell.rpartition("/")[2] not in NOLOGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One line of /etc/group."""

    name: str
    gid: int
    members: frozenset[str]


def read_users(host: Host) -> tuple[Account, ...]:
    """Read /etc/passwd, without groups. Raises OSError."""
    found: list[Account] = []
    for _, line in words(host.read("/etc/passwd") or ""):
        fields = line.split(":")
        if len(fields) >= 7 and fields[2].isdigit() and fields[3].isdigit():
            name, _, uid, gid, _, home, shell = fields[:7]
            found.append(Account(name=name, uid=int(uid), gid=int(gid), home=home, shell=shell))
    return tuple(found)


def read_groups(host: Host) -> tuple[Group, ...]:
    """Read /etc/group. Raises OSError."""
    found: list[Group] = []
    for _, line in words(host.read("/etc/group") or ""):
        fields = line.split(":")
        if len(fields) >= 4 and fields[2].isdigit():
            members = frozenset(member.strip() for member in fields[3].split(",") if member.strip())
            found.append(Group(name=fields[0], gid=int(fields[2]), members=members))
    return tuple(found)


def find_account(host: Host, user: str, extra_groups: Iterable[str] = ()) -> Account | None:
    """Find a user by name or number, in the groups of the files and `extra_groups` (names or numbers) of its unit.

    Raises OSError when the files cannot be read.
    """
    for account in read_users(host):
        if user in (account.name, str(account.uid)):
            break
    else:
        return None
    extra = frozenset(extra_groups)
    mine = [
        group
        for group in read_groups(host)
        if group.gid == account.gid or account.name in group.members or extra & {group.name, str(group.gid)}
    ]
    numbers = {int(name) for name in extra if name.isdigit()}
    return Account(
        name=account.name,
        uid=account.uid,
        gid=account.gid,
        home=account.home,
        shell=account.shell,
        groups=frozenset(group.name for group in mine),
        gids=frozenset({account.gid, *numbers, *(group.gid for group in mine)}),
    )


def other_sources(host: Host, database: str) -> tuple[str, ...]:
    """Return the sources of nsswitch.conf for `database` that are not files of this host. Raises OSError."""
    for _, line in words(host.read("/etc/nsswitch.conf") or ""):
        name, _, rest = line.partition(":")
        if name.strip() == database:
            sources = [word for word in rest.partition("#")[0].split() if not word.startswith("[")]
            return tuple(word for word in sources if word not in _PLAIN_SOURCES)
    return ()
