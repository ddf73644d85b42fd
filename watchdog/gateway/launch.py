"""From the policy's command to a process that waits, recorded and contained, for its program to begin.

Theory of operation. A start must be on record, with its pid, before the program runs (law 4), and no Python may run
between fork and exec, because the daemon has threads. So a one-line shell is started in the gateway's place: it
drops to the gateway's user, blocks reading its standard input, and execs the program, keeping its pid, once the
daemon has written the life record and sent the word, which is the life's mark. If the daemon dies first, the read ends
and the program never runs. Because it waits for a word, it can be started before anybody has decided to start
anything: the next launcher is made ready while a death is still being journaled (launcher.py).

Rejected: letting the launcher write its record and join its cgroup through inherited descriptors. Between setuid and
exec another process of the same user can open /proc/PID/fd and keep them; with the record's it chooses whom a root
daemon kills, with the cgroup's, opened by root, it moves any process of the host in there.

Invariant: whatever goes wrong becomes a `LaunchRefused` whose text says what and what to do; nothing else leaves.
"""

import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from watchdog.core.policy import CommandPolicy
from watchdog.core.values import dataclass

_SHELL = "/bin/sh"
_SCRIPT = 'read -r GATEDOG_LIFE && export GATEDOG_LIFE && exec "$@" </dev/null'
_PATH_DEFAULT = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INHERITED = ("PATH", "LANG", "TZ")
_OURS = frozenset({"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"})
"""What systemd tells gatedog and nobody else: a gateway that pings our manager in our name would hide our death."""
_REAPED_ELSEWHERE = 0


class LaunchRefused(Exception):  # noqa: N818 - a launch is refused, the error is the world's
    """The program could not be started; the text is for the person on call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The user a gateway runs as."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Everything a start needs, checked as far as it can be before trying."""

    argv: tuple[str, ...]
    directory: str
    account: Account
    environment: Mapping[str, str]


@dataclass(slots=True)
class Gate:
    """A launcher that waits. Exactly one of `open` and `abandon` ends it."""

    pid: int
    _word: int

    def open(self, mark: str) -> None:
        """Let the program begin, `mark` as its GATEDOG_LIFE; a launcher that was killed meanwhile shows as an exit."""
        try:
            os.write(self._word, f"{mark}\n".encode())
        except BrokenPipeError:
            pass
        finally:
            os.close(self._word)

    def abandon(self) -> None:
        """Let the launcher end without ever running the program."""
        os.close(self._word)


def plan_launch(
    command: CommandPolicy, *, own: Mapping[str, str], inherit_all: bool, extra: Mapping[str, str]
) -> Launch:
    """Check the command and put its surroundings together.

    `own` is the daemon's environment; `extra` holds what gatedog itself tells the gateway and wins over the policy.

    Raises:
        LaunchRefused: no such command, folder or user, or they may not be used.
    """
    if not command.argv:
        raise LaunchRefused(
            "the policy's command is empty. Fill in `command` in policy.toml, then: gatedog policy check"
        )
    account = find_account(command.user)
    directory = command.directory or (account.home if command.user and Path(account.home).is_dir() else "/")
    if inherit_all and not command.directory:
        directory = str(Path.cwd())
    if not Path(directory).is_dir():
        raise LaunchRefused(
            f"its folder {directory} does not exist. Make it, or correct `directory` in policy.toml, "
            f"then: gatedog policy check"
        )
    environment = _environment(command, account, own, inherit_all=inherit_all) | dict(extra)
    _check_program(command.argv[0], directory, environment.get("PATH", _PATH_DEFAULT), account)
    return Launch(argv=command.argv, directory=directory, account=account, environment=environment)


def spawn(launch: Launch, log: int) -> Gate:
    """Start the launcher in a session of its own, with output to the descriptor `log`, and hold it at the gate.

    Raises:
        LaunchRefused: the kernel would not.
    """
    try:
        word_read, word_write = os.pipe2(os.O_CLOEXEC)
    except OSError as error:
        raise LaunchRefused(_spawn_sentence(error, launch)) from error
    account = launch.account if launch.account.uid != os.geteuid() else None
    try:
        process = subprocess.Popen(  # noqa: S603 - argv is the human's policy; starting it is the purpose
            [_SHELL, "-c", _SCRIPT, "gatedog-launch", *launch.argv],
            stdin=word_read,
            stdout=log,
            stderr=log,
            cwd=launch.directory,
            env=dict(launch.environment),
            start_new_session=True,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else account.groups,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        os.close(word_write)
        raise LaunchRefused(_spawn_sentence(error, launch)) from error
    finally:
        os.close(word_read)
    # The exit is read through a pidfd. A Popen that thinks it is still waiting would complain when it is collected
    # and reap the child in somebody else's next Popen(); one that thinks it is done does nothing.
    process.returncode = _REAPED_ELSEWHERE
    return Gate(process.pid, word_write)


def find_account(user: str) -> Account:
    """Look up the user a command runs as; empty is gatedog's own.

    Raises:
        LaunchRefused: there is no such user, or gatedog may not become it.
    """
    own = os.geteuid()
    try:
        entry = pwd.getpwnam(user) if user else pwd.getpwuid(own)
    except KeyError as error:
        if not user:  # a container without a passwd entry for its uid
            return Account(name=str(own), uid=own, gid=os.getegid(), groups=(), home="/")
        raise LaunchRefused(
            f"there is no user {user!r} on this host. Correct `user` in policy.toml, then: gatedog policy check"
        ) from error
    if own not in (0, entry.pw_uid):
        raise LaunchRefused(
            f"gatedog runs as uid {own} and cannot become user {user!r}. Run it as root, or remove `user` from "
            f"policy.toml, then: gatedog policy check"
        )
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)) if own == 0 else tuple(os.getgroups())
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, groups=groups, home=entry.pw_dir)


def _environment(
    command: CommandPolicy, account: Account, own: Mapping[str, str], *, inherit_all: bool
) -> dict[str, str]:
    if inherit_all:
        environment = {name: text for name, text in own.items() if name not in _OURS}
    else:
        environment = {name: own[name] for name in _INHERITED if name in own}
        environment.setdefault("PATH", _PATH_DEFAULT)
        environment |= {"HOME": account.home, "USER": account.name, "LOGNAME": account.name}
    return environment | dict(command.environment)


def _check_program(program: str, directory: str, path: str, account: Account) -> None:
    """Find the program the way exec will, so that a typing error is a sentence and not an exit code 127."""
    places = [Path(directory, program)] if "/" in program else [Path(place, program) for place in path.split(":")]
    found = [place for place in places if place.is_file()]
    if not found:
        where = f"{places[0]} does not exist" if "/" in program else f"{program!r} is not in its PATH ({path})"
        raise LaunchRefused(
            f"its command cannot be found: {where}. Correct `command` in policy.toml, then: gatedog policy check"
        )
    if not any(_may_execute(place, account) for place in found):
        raise LaunchRefused(
            f"user {account.name} may not execute {found[0]}. Try: chmod a+x {found[0]}, or correct `command` in "
            f"policy.toml"
        )


def _may_execute(file: Path, account: Account) -> bool:
    """Judge by the mode bits. Folders on the way and ACLs are left to exec: what they refuse ends with code 126."""
    status = file.stat()
    if account.uid == 0:
        return bool(status.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))
    if account.uid == status.st_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid or status.st_gid in account.groups:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _spawn_sentence(error: Exception, launch: Launch) -> str:
    groups = ", ".join(_group_name(group) for group in launch.account.groups[:8])
    match error:
        case PermissionError() if error.filename == launch.directory:
            return (
                f"user {launch.account.name} may not enter its folder {launch.directory}. "
                f"Try: sudo -u {launch.account.name} ls {launch.directory}"
            )
        case PermissionError():
            return f"becoming user {launch.account.name} (groups {groups}) was refused: {error}. Run gatedog as root"
        case BlockingIOError() | MemoryError():
            return f"the host has no room for one more process: {error}. Look at: systemctl status, ulimit -u, free -m"
        case ValueError():
            return f"its command or environment holds a character no program can be given: {error}. Correct policy.toml"
        case _:
            return f"it could not be started: {error}. Look at: gatedog policy check"


def _group_name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)
