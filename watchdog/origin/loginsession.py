"""The login session that holds a process: logind's record of it, and what the kernel says about its leader.

A session is found by the scope that holds the process, which nobody but root leaves, and not by its pid. The record is
the file that libsystemd's own sd_session_*() reads; asking logind over D-Bus was rejected, because it waits for a
process that whoever asks can keep busy. The file differs between releases: systemd 252 has AUDIT= and TTY=, 257 in a
container has neither and calls its sessions c1, c2, ... So audit session and terminal are read from the leader, and
the terminal from its child where the leader let go of it.

Invariant: a scope whose record cannot be read, or does not fit it, is a session that is over, never no session at all.
Deliberately not here: whose session makes a person (core/origin.py).
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from watchdog.core.identity import BootId, ProcessRef
from watchdog.core.peer import UNSET_ID, LoginSession
from watchdog.core.values import dataclass
from watchdog.origin import pidfd, procfs

SESSIONS = Path("/run/systemd/sessions")
RECORD_BYTES_MAX = 64 * 1024
SESSIONS_MAX = 500
"""How many sessions are looked through for one at this machine's own screen."""

_SCOPE = re.compile(r"(/user\.slice/user-(\d+)\.slice/session-([A-Za-z0-9]+)\.scope)(?:/.*)?")
"""Whole paths only: whoever may make cgroups below their own can call one of them session-3.scope."""
_USER_UNITS = re.compile(r"/user\.slice/user-(\d+)\.slice/user@(\d+)\.service(?:/.*)?")
_GRAPHICAL = frozenset({"x11", "wayland", "mir"})
_OPEN_STATES = frozenset({"opening", "online", "active"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """The process that opened a session, as it is now."""

    process: ProcessRef
    program: str
    audit_session: int
    tty: int
    cgroup: str


FindLeader = Callable[[int], Leader | None]


def find_leader(boot: BootId) -> FindLeader:
    """Return what looks a leader up by its pid in this boot; None for one that ended, or cannot be read."""

    def find(pid: int) -> Leader | None:
        try:
            descriptor = os.pidfd_open(pid)
        except (OSError, ValueError):
            return None
        try:
            stat = procfs.read_stat(pid)
            leader = Leader(
                process=stat.reference(boot),
                program=procfs.program_name(pid) or stat.comm,
                audit_session=procfs.read_audit_id(pid, "sessionid"),
                tty=stat.tty or _terminal_of_child(pid),
                cgroup=procfs.read_cgroup(pid),
            )
            return leader if pidfd.is_alive(descriptor) else None
        except OSError:
            return None
        finally:
            os.close(descriptor)

    return find


def _terminal_of_child(pid: int) -> int:
    """Return the terminal of the eldest child; 0 for none.

    login(1) of util-linux, Debian 13's, lets go of the terminal once its child has it; shadow's, 12's, keeps it.
    """
    children = (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text(encoding="ascii").split()
    stats = (procfs.read_stat(int(child)) for child in children[:1])
    return next((stat.tty for stat in stats if stat.parent_pid == pid), 0)


def scope_of(cgroup: str, above: tuple[str, ...]) -> str:
    """Choose the cgroup that tells a process's login: its own, or that of the nearest above it that is in a session.

    tmux (since 3.4) and some terminals start what runs in them as a scope of the user's own service manager, next to
    the session that they themselves are in. That such a process was moved there from elsewhere shows in its audit
    session. `above` are the cgroups of its ancestors, nearest first.
    """
    owner = desktop_owner(cgroup)
    sessions = (each for each in above if (matched := _SCOPE.fullmatch(each)) and matched[2] == str(owner))
    return cgroup if owner is None else next(sessions, cgroup)


def read_login(cgroup: str, peer_start_ticks: int, find: FindLeader, sessions: Path = SESSIONS) -> LoginSession | None:
    """Describe the session in whose scope this cgroup is; None where it is in none. Never raises OSError."""
    matched = _SCOPE.fullmatch(cgroup)
    if matched is None:
        return None
    scope, uid, name = matched[1], int(matched[2]), matched[3]
    record = _read_record(sessions / name)
    if record.get("UID") != str(uid) or record.get("SCOPE") != f"session-{name}.scope":
        return LoginSession(name=name, session_class="", program="", uid=uid, leader=None, closing=True)
    leader = _fitting_leader(record, find, scope, peer_start_ticks)
    return LoginSession(
        name=name,
        session_class=record.get("CLASS", ""),
        program=record.get("SERVICE", ""),
        uid=uid,
        leader=None if leader is None else leader.process,
        leader_audit_session=UNSET_ID if leader is None else leader.audit_session,
        leader_program="" if leader is None else leader.program,
        leader_tty=0 if leader is None else leader.tty,
        virtual_terminal=_number(record, "VTNR"),
        remote_host=record.get("REMOTE_HOST", ""),
        closing=record.get("STATE") not in _OPEN_STATES,
    )


def desktop_owner(cgroup: str) -> int | None:
    """Say whose user@ holds this cgroup, which is where a desktop starts its terminals; None for nobody's."""
    matched = _USER_UNITS.fullmatch(cgroup)
    return int(matched[1]) if matched is not None and matched[1] == matched[2] else None


def has_desktop(uid: int, find: FindLeader, sessions: Path = SESSIONS) -> bool:
    """Tell whether this uid has a graphical session at a seat of this machine, with a live leader. Never raises."""
    try:
        names = sorted(os.listdir(sessions))[:SESSIONS_MAX]  # noqa: PTH208 - names, not Path objects
    except OSError:
        return False
    return any(_is_desktop(_read_record(sessions / name), uid, find) for name in names if name.isalnum())


def _is_desktop(record: dict[str, str], uid: int, find: FindLeader) -> bool:
    return (
        record.get("UID") == str(uid)
        and record.get("CLASS") == "user"
        and record.get("TYPE") in _GRAPHICAL
        and record.get("REMOTE") == "0"
        and record.get("SEAT", "") != ""
        and record.get("STATE") in _OPEN_STATES
        and find(_number(record, "LEADER")) is not None
    )


def _fitting_leader(record: dict[str, str], find: FindLeader, scope: str, peer_start_ticks: int) -> Leader | None:
    """Look at the leader; one that is younger than the peer, or in another scope, has only got the leader's pid."""
    leader = find(_number(record, "LEADER"))
    if leader is None or leader.process.start_ticks > peer_start_ticks:
        return None
    return leader if procfs.is_within(leader.cgroup, (scope,)) else None


def _read_record(path: Path) -> dict[str, str]:
    """Read KEY=VALUE lines; nothing at all where the file cannot be read, or is longer than any such file."""
    try:
        with path.open("rb") as file:
            raw = file.read(RECORD_BYTES_MAX + 1)
    except OSError:
        return {}
    if len(raw) > RECORD_BYTES_MAX:
        return {}
    lines = (line.partition("=") for line in raw.decode("utf-8", "replace").splitlines() if not line.startswith("#"))
    return {key: procfs.one_line(value.strip('"')) for key, _, value in lines}


def _number(record: dict[str, str], key: str) -> int:
    value = record.get(key, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
