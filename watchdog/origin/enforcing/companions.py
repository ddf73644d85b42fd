"""Who else uses the gateway's uid: other units, other processes, a user's service manager, jobs of cron and at.

A uid that something else uses cannot stand for the agent: what asks under it may be anybody. gatedog's own eyes inside
(`gatedog-observe@...`) run under it by design and are left out; what they ask for is refused as the agent's anyway.

Invariant: a process that ends while it is looked at is nobody; any other trouble is told as unread.
"""

from watchdog.core.values import dataclass
from watchdog.origin.cronjobs import read_jobs
from watchdog.origin.enforcing.accounts import Account, read_users
from watchdog.origin.enforcing.judgement import Check, Condition, checked
from watchdog.origin.host import Host
from watchdog.origin.unitfiles import UnitFile, UnitTree

LINGER_FOLDER = "/var/lib/systemd/linger"
OBSERVER_PREFIX = "gatedog-observe@"
_INIT_SCOPE = "/init.scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    pid: int
    comm: str
    uids: frozenset[int]
    capable: bool
    cgroup: str


def check_account(host: Host, unit: UnitFile, account: Account, own_users: frozenset[str]) -> Check:
    """Look at the uid itself. `own_users` are the names and uids that gatedog runs as."""
    found: list[str] = []
    unread: list[str] = []
    if account.uid == 0:
        found.append("the gateway runs as root")
    if own_users & {account.name, str(account.uid)}:
        found.append("the gateway runs as the same user as gatedog")
    if unit.all("AmbientCapabilities"):
        found.append("the unit gives its program capabilities (AmbientCapabilities=)")
    try:
        twins = [user.name for user in read_users(host) if user.uid == account.uid and user.name != account.name]
        found += [f"{account.name} and {twin} are one uid" for twin in twins]
        found += [
            f"process {process.pid} of {account.name} has capabilities"
            for process in _processes(host, account.uid)
            if process.capable
        ]
    except OSError as error:
        unread.append(f"accounts and processes ({error.strerror or error})")
    return checked(Condition.ACCOUNT, found, unread)


def check_alone(host: Host, tree: UnitTree, unit: UnitFile, account: Account) -> Check:
    """Look for everything else that runs, or would run, under the uid."""
    found: list[str] = []
    unread: list[str] = []
    mine = {account.name, str(account.uid)}
    try:
        found += [
            f"{name} runs as {account.name}, too"
            for name in tree.names()
            if name != unit.name and not name.startswith(OBSERVER_PREFIX) and _runs_as(tree, name, mine)
        ]
        if host.exists(f"{LINGER_FOLDER}/{account.name}"):
            found.append(f"{account.name} lingers: it has a service manager of its own (loginctl disable-linger)")
        beneath = _manager_root(host)
        found += [
            f"process {process.pid} ({process.comm}) of {account.name} is outside the gateway: {process.cgroup}"
            for process in _processes(host, account.uid)
            if not _is_inside(process.cgroup, beneath, unit.name)
        ]
    except OSError as error:
        unread.append(f"units and processes ({error})")
    jobs = read_jobs(host)
    found += [f"{account.name} has a scheduled job: {job.place}" for job in jobs.jobs if job.user in mine]
    unread += jobs.unread
    return checked(Condition.ALONE, found, unread)


def _runs_as(tree: UnitTree, name: str, mine: set[str]) -> bool:
    """Tell whether a unit names the user. A template whose user is its instance's name is no unit yet."""
    unit = tree.load(name)
    return unit is not None and not unit.masked and unit.expanded(unit.last("User")) in mine


def _manager_root(host: Host) -> str:
    """Return the cgroup below which the service manager works: "" on a host, something else in some containers."""
    return _cgroup(host.read("/proc/1/cgroup") or "").removesuffix(_INIT_SCOPE).rstrip("/")


def _is_inside(cgroup: str, beneath: str, unit: str) -> bool:
    """Tell whether a cgroup is the unit's or below it. A unit of the same name of a user's manager is another one."""
    if not cgroup.startswith(f"{beneath}/"):
        return False
    for part in cgroup.removeprefix(beneath).strip("/").split("/"):
        if part == unit or part.startswith(OBSERVER_PREFIX):
            return True
        if not part.endswith(".slice"):
            return False
    return False


def _processes(host: Host, uid: int) -> list[_Process]:
    """Read all living processes of which any of the four uids is `uid`. Raises OSError."""
    found: list[_Process] = []
    for pid in host.processes():
        try:
            status = _fields(host.read(f"/proc/{pid}/status") or "")
            uids = frozenset(int(word) for word in status.get("Uid", "").split())
            if uid not in uids or status.get("State", "Z")[:1] in "ZX":
                continue
            found.append(
                _Process(
                    pid=pid,
                    comm=status.get("Name", ""),
                    uids=uids,
                    capable=int(status.get("CapEff", "0"), 16) != 0,
                    cgroup=_cgroup(host.read(f"/proc/{pid}/cgroup") or ""),
                )
            )
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _fields(status: str) -> dict[str, str]:
    lines = (line.partition(":") for line in status.splitlines())
    return {name: value.strip() for name, _, value in lines}


def _cgroup(text: str) -> str:
    """Return the unified path, or that of the named hierarchy on a hybrid host."""
    named = ""
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            return path
        if controllers == "name=systemd":
            named = path
    return named
