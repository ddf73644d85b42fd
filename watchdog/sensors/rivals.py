"""Who else starts or restarts the gateway's program: units, users' units, jobs of cron.

Theory of operation. First the claim: what the gateway itself executes, as real paths (origin/commandline.py). Then
every unit that is enabled or active, of the system and of each user, and every job of cron is compared with it: it is
a rival when it starts the same program with the same first word, or when it asks systemctl to start or restart the
gateway's unit, be it through a script of one level. What one may not read is said, not guessed: root's inspection looks
at the same places and leaves what it finds in its facts (origin/enforcing), and `join` puts the two together.

Invariants: text is read, nothing is executed; a look is bounded in files and bytes, blocks, and belongs into a thread;
the same tree gives the same tuple, sorted, so an unchanged world is folded. Deliberately not here: what systemd itself
says about the unit (gateway/), and what follows from a rival (core/).
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from watchdog.core.policy import GatewayPolicy
from watchdog.core.rival import Rival, RivalKind
from watchdog.core.values import dataclass
from watchdog.origin.commandline import CommandLine, understand
from watchdog.origin.cronjobs import read_jobs
from watchdog.origin.enforcing.accounts import read_users
from watchdog.origin.host import Host
from watchdog.origin.procfs import one_line
from watchdog.origin.unitfiles import HOME_FOLDERS, USER_FOLDERS, UnitFile, UnitTree

RIVALS_MAX = 16
SCRIPT_BYTES_MAX = 64 * 1024
_OURS = "gatedog"
_ASKING = frozenset({"start", "restart", "try-restart", "reload-or-restart", "stop", "kill", "isolate", "enable"})
_TOOLS = frozenset({"systemctl", "service"})
_OPERATORS = re.compile(r"[;&|(){}<>`$\"']+")
_RUNTIME_FOLDERS = ("systemd/transient", "systemd/user.control", "systemd/generator", "systemd/user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the gateway is: everybody else who starts this is a rival."""

    unit: str
    identities: frozenset[tuple[str, ...]]
    names: frozenset[str]
    """Last parts of the paths of its program: a command without any of them needs no closer look."""
    trusted: frozenset[str] = frozenset()
    """Units that may: those of the policy, and other gateways' own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLook:
    """What the files said, and the places that could not be read."""

    rivals: tuple[Rival, ...]
    unread: tuple[str, ...]


def claim_of(host: Host, gateway: GatewayPolicy, others: Iterable[str] = ()) -> Claim:
    """Say what the gateway executes; `others` are the units of other gateways. Raises OSError."""
    argvs: list[tuple[str, ...]] = []
    directory = "/"
    if gateway.command is not None:
        argvs, directory = [gateway.command.argv], gateway.command.directory or "/"
    elif (unit := UnitTree(host).load(gateway.unit)) is not None:
        argvs = list(unit.commands())
        directory = unit.expanded(unit.last("WorkingDirectory")).lstrip("-~") or "/"
    lines = [understand(host, argv, directory) for argv in argvs]
    names = {PurePosixPath(path).name for line in lines for path in (*line.files, *line.identity[:1])}
    return Claim(
        unit=gateway.unit,
        identities=frozenset(line.identity for line in lines if line.identity),
        names=frozenset(names),
        trusted=frozenset((*gateway.trusted_units, *others)),
    )


def look_at_files(host: Host, claim: Claim) -> FileLook:
    """Compare all units and jobs with the claim. Blocks for some tenths of a second; never raises."""
    found: list[Rival] = []
    unread: list[str] = []
    active = _active_units(host)
    try:
        tree = UnitTree(host)
        found += _of_units(host, tree, claim, active, "", unread)
    except OSError as error:
        unread.append(str(error.filename or "/etc/systemd/system"))
    for user, tree in _user_trees(host, unread):
        found += _of_units(host, tree, claim, active, user, unread)
    jobs = read_jobs(host)
    unread += jobs.unread
    for job in jobs.jobs:
        why = _why_text(host, job.command, claim)
        if why:
            found.append(_rival(job.place, f"a job of {job.user} {why}: {job.command}"))
    return FileLook(rivals=_sorted(found), unread=tuple(sorted(set(unread))))


def join(look: FileLook, seen_by_root: tuple[Rival, ...], more: tuple[Rival, ...] = ()) -> tuple[Rival, ...]:
    """Put looks together. Of root's, which may be an hour old, only what lies where this look could not read."""
    hidden = [rival for rival in seen_by_root if any(_is_below(rival.subject, place) for place in look.unread)]
    return _sorted([*look.rivals, *hidden, *more])


def _is_below(subject: str, place: str) -> bool:
    return subject == place or subject.startswith((f"{place}/", f"{place}:"))


def _sorted(rivals: list[Rival]) -> tuple[Rival, ...]:
    first: dict[tuple[str, str], Rival] = {}
    for rival in rivals:
        first.setdefault((rival.kind.value, rival.subject), rival)
    return tuple(first[key] for key in sorted(first))[:RIVALS_MAX]


def _rival(subject: str, detail: str) -> Rival:
    return Rival(kind=RivalKind.OTHER_UNIT, subject=one_line(subject), detail=one_line(detail))


# -- units ---------------------------------------------------------------------------------------------------------


def _of_units(
    host: Host, tree: UnitTree, claim: Claim, active: dict[str, str], user: str, unread: list[str]
) -> Iterator[Rival]:
    """Yield the units of one service manager that are rivals; `user` is whose it is, "" for the system's."""
    try:
        wanted = tree.wanted()
        names = tree.names()
    except OSError as error:
        unread.append(str(error.filename or user))
        return
    for name in names:
        own = not user and (name == claim.unit or name in claim.trusted or name.startswith(_OURS))
        if own or name.endswith("@.service"):
            continue
        where = active.get(_key(name, user), "")
        if not where and name not in wanted:
            continue
        try:
            unit = tree.load(name)
            why = "" if unit is None or unit.masked else _why_unit(host, unit, claim)
        except OSError as error:
            unread.append(str(error.filename or name))
            continue
        if unit is not None and why:
            whose = f"user unit {name} of {user}" if user else name
            state = f"active: {where}" if where else "enabled"
            yield _rival(unit.path, f"{whose} {why} ({state})")


def _why_unit(host: Host, unit: UnitFile, claim: Claim) -> str:
    for argv in unit.commands(("ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload")):
        why = _why_words(host, argv, claim)
        if why:
            return why
    return ""


def _user_trees(host: Host, unread: list[str]) -> Iterator[tuple[str, UnitTree]]:
    """Yield the unit files of each user's own service manager, as far as they can be listed."""
    try:
        users = [user for user in read_users(host) if user.home.startswith("/") and len(user.home) > 1]
    except OSError:
        unread.append("/etc/passwd")
        return
    for user in users:
        own = (
            *(f"{user.home}/{folder}" for folder in HOME_FOLDERS),
            *(f"/run/user/{user.uid}/{folder}" for folder in _RUNTIME_FOLDERS),
        )
        readable: list[str] = []
        for folder in own:
            try:
                if host.list(folder):
                    readable.append(folder)
            except OSError:
                unread.append(folder)
        if readable:
            try:
                yield user.name, UnitTree(host, (*readable, *USER_FOLDERS))
            except OSError as error:
                unread.append(str(error.filename or user.home))


def _active_units(host: Host) -> dict[str, str]:
    """Map the units that have a process to "pid N since TICKS in CGROUP"; a user's are told apart by their manager."""
    found: dict[str, str] = {}
    try:
        for pid in sorted(host.processes()):
            cgroup = _read(host, f"/proc/{pid}/cgroup").rpartition(":")[2].strip()
            user = re.search(r"/user-(\d+)\.slice/", f"{cgroup}/")
            for part in cgroup.split("/"):
                if part.endswith(".service") and not part.startswith("user@"):
                    key = _key(part, _name_of(host, user[1]) if user else "")
                    found.setdefault(key, one_line(f"pid {pid}, started {_started(host, pid)}, in {cgroup}"))
    except OSError:
        return found
    return found


def _key(unit: str, user: str) -> str:
    return f"{user}:{unit}"


def _name_of(host: Host, uid: str) -> str:
    return next((user.name for user in read_users(host) if str(user.uid) == uid), uid)


def _started(host: Host, pid: int) -> str:
    """Say when a process started: seconds since boot, which no clock step changes."""
    fields = _read(host, f"/proc/{pid}/stat").rpartition(")")[2].split()
    return f"{int(fields[19]) / 100:.2f} s after boot" if len(fields) > 19 else "at an unknown time"


def _read(host: Host, path: str) -> str:
    try:
        return host.read(path) or ""
    except OSError:
        return ""  # it ended meanwhile


# -- commands ------------------------------------------------------------------------------------------------------


def _why_words(host: Host, argv: tuple[str, ...], claim: Claim) -> str:
    """Say what one argv does to the gateway; "" when it leaves it alone. Raises OSError."""
    if not argv:
        return ""
    if _asks(argv, claim.unit):
        return f"runs systemctl on {claim.unit}"
    line = understand(host, argv)
    if line.identity in claim.identities:
        return "starts the same program"
    if line.identity[1:2] in (("-c",), ("-e",)):
        return _why_text(host, line.identity[2], claim)
    return _why_script(host, line, claim)


def _why_script(host: Host, line: CommandLine, claim: Claim) -> str:
    """Look into the script that a command runs, if it is one, line by line and no deeper."""
    path = line.identity[0] if line.identity else ""
    if not path.startswith("/"):
        return ""
    try:
        text = host.read(path, SCRIPT_BYTES_MAX) or ""
    except OSError:
        return ""  # longer than a script, or none
    if not text.startswith("#!") or "\0" in text:
        return ""
    for number, each in enumerate(text.splitlines(), 1):
        if not each.lstrip().startswith("#") and (why := _why_text(host, each, claim, deep=False)):
            return f"{why} (line {number} of {path})"
    return ""


def _why_text(host: Host, text: str, claim: Claim, *, deep: bool = True) -> str:
    """Say what shell text does to the gateway, by its words."""
    words = _OPERATORS.sub(" ", text).split()
    if _asks(tuple(words), claim.unit):
        return f"runs systemctl on {claim.unit}"
    for index, word in enumerate(words):
        name = PurePosixPath(word).name
        try:
            if name in claim.names and understand(host, tuple(words[index:])).identity in claim.identities:
                return "starts the same program"
            if deep and word.startswith("/") and (why := _why_script(host, understand(host, (word,)), claim)):
                return why
        except OSError:
            continue
    return ""


def _asks(words: tuple[str, ...], unit: str) -> bool:
    """Recognise `systemctl [options] restart X` and `service X restart`, whatever stands before them."""
    if not unit:
        return False
    names = {unit, unit.removesuffix(".service")}
    for index, word in enumerate(words):
        if PurePosixPath(word).name in _TOOLS:
            rest = set(words[index + 1 :])
            return bool(rest & names) and bool(rest & _ASKING)
    return False
