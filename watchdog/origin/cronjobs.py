"""The jobs of cron and at: whose they are, and what they run.

Invariant: only text is read. Folders of run-parts (cron.hourly and its like) hold jobs of root, one per file.
Of at, only the owner is told: its spool file is a shell script with the whole environment of its author in it.
"""

from collections.abc import Iterator

from watchdog.core.values import dataclass
from watchdog.origin.host import Host, words

SYSTEM_TABLES = ("/etc/crontab",)
SYSTEM_FOLDERS = ("/etc/cron.d",)
RUN_PARTS = ("/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly")
USER_TABLES = ("/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron")
AT_SPOOLS = ("/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs")
_TIME_FIELDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job. `user` is a name, or a uid in digits; `command` is shell text, empty where it is not read."""

    place: str
    user: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """All jobs that could be read, and the places that could not."""

    jobs: tuple[Job, ...]
    unread: tuple[str, ...]


def read_jobs(host: Host) -> Jobs:
    """Read them all; never raises."""
    jobs: list[Job] = []
    unread: list[str] = []
    for path, user in _tables(host, unread):
        try:
            jobs += _entries(host.read(path) or "", path, user)
        except OSError:
            unread.append(path)
    for folder in RUN_PARTS:
        jobs += [
            Job(place=f"{folder}/{name}", user="root", command=f"{folder}/{name}")
            for name in _list(host, folder, unread)
        ]
    for folder in AT_SPOOLS:
        for name in _list(host, folder, unread):
            path = f"{folder}/{name}"
            if name.startswith("."):
                continue
            try:
                jobs.append(Job(place=path, user=str(host.trail(path).steps[-1].status.st_uid), command=""))
            except OSError:
                unread.append(path)
    return Jobs(jobs=tuple(jobs), unread=tuple(dict.fromkeys(unread)))


def _tables(host: Host, unread: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (file, owner); an empty owner means that each line names its own."""
    yield from ((path, "") for path in SYSTEM_TABLES)
    for folder in SYSTEM_FOLDERS:
        yield from ((f"{folder}/{name}", "") for name in _list(host, folder, unread) if not name.startswith("."))
    for folder in USER_TABLES:
        for name in _list(host, folder, unread):
            path = f"{folder}/{name}"
            if path not in (*USER_TABLES, *AT_SPOOLS) and not name.startswith(".") and not _is_folder(host, path):
                yield path, name


def _list(host: Host, folder: str, unread: list[str]) -> tuple[str, ...]:
    try:
        return host.list(folder)
    except OSError:
        unread.append(folder)
        return ()


def _is_folder(host: Host, path: str) -> bool:
    try:
        return host.place(path).is_dir()
    except OSError:
        return False


def _entries(text: str, path: str, owner: str) -> Iterator[Job]:
    for number, line in words(text):
        fields = line.split()
        if "=" in fields[0] or (len(fields) > 1 and fields[1] == "="):
            continue  # a variable
        skipped = 1 if fields[0].startswith("@") else _TIME_FIELDS
        rest = fields[skipped:]
        user = owner or (rest[0] if rest else "")
        command = " ".join(rest if owner else rest[1:])
        if user:
            yield Job(place=f"{path}:{number}", user=user, command=command)
