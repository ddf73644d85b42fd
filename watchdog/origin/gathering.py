"""Gather the evidence on one requester.

The order is the point. First what the kernel fixed when the peer connected (SO_PEERCRED, SO_PEERPIDFD), then one
atomic call on the pidfd, only then /proc, and at the end the pidfd once more: if the process still lives, every read
between was of that process, although pids are recycled. A peer that ended meanwhile is reported as not alive and gets
no benefit of the doubt; a short-lived `gatedog` that a person typed is alive, because it waits for its answer.

Invariant: a fact that could not be read never makes the peer look better. Deliberately not here: judging (core/).
"""

import os
import socket
from pathlib import Path

from watchdog.core.identity import FOREIGN_LIFE, NOBODY, BootId, LifeId, ProcessRef
from watchdog.core.peer import UNSET_ID, Ancestor, LoginSession, Peer, RemoteEnd
from watchdog.core.values import dataclass
from watchdog.origin import loginsession, pidfd, procfs, remoteend
from watchdog.origin.marks import LifeMark
from watchdog.origin.pidfd import Credentials, Facilities

ANCESTORS_MAX = 64
"""Deepest tree walked. An agent that nests deeper hides only its elders, and elders are what speaks for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterCredentials:
    """Who wrote a message, by SCM_CREDENTIALS: the kernel's word for each message, not only for connect(2)."""

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standpoint:
    """From where evidence is gathered: facts about ourselves and this kernel, read once."""

    own_pid: int
    boot: BootId
    namespace: str | None
    namespace_depth: int
    cgroup_mount: Path | None
    facilities: Facilities
    own_audit_session: int
    sessions: Path = loginsession.SESSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """The peer and everybody above it."""

    peer: ProcessRef
    cgroup: str
    cgroup_id: int
    ancestors: tuple[Ancestor, ...]
    audit_session: int


def take_standpoint() -> Standpoint:
    """Look at ourselves. Raises OSError when /proc is not mounted, without which nobody can be identified."""
    pid = os.getpid()
    return Standpoint(
        own_pid=pid,
        boot=procfs.read_boot(),
        namespace=procfs.pid_namespace(pid),
        namespace_depth=procfs.namespace_depth(pid),
        cgroup_mount=procfs.find_cgroup_mount(),
        facilities=pidfd.probe_facilities(),
        own_audit_session=procfs.read_audit_id(pid, "sessionid"),
    )


def gather(
    connection: socket.socket, writer: WriterCredentials, marks: tuple[LifeMark, ...], standpoint: Standpoint
) -> Peer:
    """Say everything the kernel knows about the process that connected and the one that wrote. Never raises OSError.

    `marks` are the lives that may still have processes in the world: those running, and those ended whose cgroup or
    orphans may linger.
    """
    credentials = pidfd.peer_credentials(connection)
    with pidfd.peer_pidfd(connection, credentials.pid, standpoint.facilities) as fd:
        if fd is None:
            return _unread(credentials, writer, standpoint)
        try:
            peer = _read(fd, credentials, writer, marks, standpoint)
        except (OSError, ValueError):
            return _unread(credentials, writer, standpoint)
        return peer if pidfd.is_alive(fd) else _unread(credentials, writer, standpoint)


def _unread(credentials: Credentials, writer: WriterCredentials, standpoint: Standpoint) -> Peer:
    return Peer(
        process=None,
        uid=credentials.uid,
        gid=credentials.gid,
        alive=False,
        same_writer=writer.pid == credentials.pid,
        same_pid_namespace=credentials.pid != 0,
        sure=standpoint.facilities.text,
    )


def _read(
    fd: int,
    credentials: Credentials,
    writer: WriterCredentials,
    marks: tuple[LifeMark, ...],
    standpoint: Standpoint,
) -> Peer:
    """Read everything; raises OSError as soon as the process cannot be read."""
    info = pidfd.read_info(fd) if standpoint.facilities.info else None
    pid = info.pid if info is not None else pidfd.pid_of(fd)
    if pid <= 0:
        raise ProcessLookupError("the peer is gone, or in a pid namespace we cannot see into")
    stat = procfs.read_stat(pid)
    cgroup = procfs.read_cgroup(pid)
    family = _Family(
        peer=stat.reference(standpoint.boot),
        cgroup=cgroup,
        cgroup_id=info.cgroup_id if info is not None else procfs.cgroup_id(standpoint.cgroup_mount, cgroup),
        ancestors=_climb(stat, standpoint.boot),
        audit_session=procfs.read_audit_id(pid, "sessionid"),
    )
    find = loginsession.find_leader(standpoint.boot)
    scope = loginsession.scope_of(cgroup, tuple(ancestor.cgroup for ancestor in family.ancestors))
    login = loginsession.read_login(scope, stat.start_ticks, find, standpoint.sessions)
    remote = _trace(login, family, standpoint)
    peer = Peer(
        process=family.peer,
        uid=credentials.uid,
        gid=credentials.gid,
        comm=stat.comm,
        cgroup=family.cgroup,
        cgroup_id=family.cgroup_id,
        ancestors=family.ancestors,
        tty=stat.tty,
        session_leader=_session_leader(stat, standpoint.boot),
        login_uid=procfs.read_audit_id(pid, "loginuid"),
        audit_session=family.audit_session,
        alive=True,
        same_writer=writer.pid == credentials.pid,
        same_pid_namespace=_same_namespace(pid, standpoint),
        in_life=_lives(family, marks, standpoint, remote.end),
        has_logind=standpoint.sessions.is_dir(),
        login=login,
        remote_end=remote.end,
        connected_from=remote.cgroup,
        has_local_desktop=_has_desktop(cgroup, marks, find, standpoint),
        sure=standpoint.facilities.text,
    )
    # The fallback opened its pidfd by number. A pid that was recycled between connect(2) and then shows here at the
    # latest when it is recycled again; the moment between the two is why `sure` says "peercred" on such kernels.
    if procfs.read_stat(pid).start_ticks != stat.start_ticks:
        raise ProcessLookupError("the pid was recycled while it was read")
    return peer


def _climb(stat: procfs.ProcessStat, boot: BootId) -> tuple[Ancestor, ...]:
    """Walk up to pid 1. A parent younger than its child is a recycled pid: the walk ends before it."""
    found: list[Ancestor] = []
    child = stat
    while child.parent_pid > 0 and len(found) < ANCESTORS_MAX:
        try:
            parent = procfs.read_stat(child.parent_pid)
            cgroup = procfs.read_cgroup(child.parent_pid)
        except OSError:
            break
        if parent.start_ticks > child.start_ticks:
            break
        found.append(Ancestor(process=parent.reference(boot), comm=parent.comm, cgroup=cgroup))
        child = parent
    return tuple(found)


def _session_leader(stat: procfs.ProcessStat, boot: BootId) -> ProcessRef | None:
    if stat.session <= 0:
        return None
    try:
        leader = procfs.read_stat(stat.session)
    except OSError:
        return None
    if leader.session != leader.pid or leader.start_ticks > stat.start_ticks:
        return None
    return leader.reference(boot)


def _same_namespace(pid: int, standpoint: Standpoint) -> bool:
    """Compare identities where both may be read, else depths: a process in a container is one level deeper."""
    theirs = procfs.pid_namespace(pid)
    if theirs is not None and standpoint.namespace is not None:
        return theirs == standpoint.namespace
    return procfs.namespace_depth(pid) == standpoint.namespace_depth


def _trace(login: LoginSession | None, family: _Family, standpoint: Standpoint) -> remoteend.Remote:
    """Find out from where an ssh login came: by the leader of its session, without one by the ssh daemons above it."""
    if login is not None and remoteend.is_ssh_daemon(login.program):
        if login.leader is None or not remoteend.is_ssh_daemon(login.leader_program):
            return remoteend.Remote(end=RemoteEnd.UNKNOWN)
        daemons: tuple[int, ...] = (login.leader.pid,)
    else:
        daemons = tuple(a.process.pid for a in reversed(family.ancestors) if remoteend.is_ssh_daemon(a.comm))
    if not daemons:
        return remoteend.Remote(end=RemoteEnd.NONE)
    return remoteend.trace(
        daemons,
        "" if login is None else login.remote_host,
        facilities=standpoint.facilities,
        cgroup_mount=standpoint.cgroup_mount,
    )


def _has_desktop(
    cgroup: str, marks: tuple[LifeMark, ...], find: loginsession.FindLeader, standpoint: Standpoint
) -> bool:
    """See Peer.has_local_desktop. Where a gateway runs as its owner, a terminal there may be the gateway's as well."""
    owner = loginsession.desktop_owner(cgroup)
    if owner is None or any(procfs.owner_of(mark.process.pid) in (owner, None) for mark in marks):
        return False
    return loginsession.has_desktop(owner, find, standpoint.sessions)


def _lives(
    family: _Family, marks: tuple[LifeMark, ...], standpoint: Standpoint, remote_end: RemoteEnd
) -> tuple[tuple[str, LifeId], ...]:
    """Find the lives that hold the peer.

    Two peers count as inside every life, because nobody can say inside which. One is a descendant of this very
    daemon: it is the subreaper of its gateways, so an orphan of a life (double fork, setsid) becomes our child, and
    nothing else that we start ever asks us for anything. The other is a login over ssh from this host: an agent that
    may log in to its own account would get a person's terminal from the ssh listener. Denied by default.
    """
    ours = any(ancestor.process.pid == standpoint.own_pid for ancestor in family.ancestors)
    if ours or remote_end is RemoteEnd.HERE:
        every = tuple((str(mark.gateway), mark.life) for mark in marks)
        return every or ((str(NOBODY), FOREIGN_LIFE),)
    own = standpoint.own_audit_session
    return tuple((str(mark.gateway), mark.life) for mark in marks if _holds(mark, family) or _bears(mark, family, own))


def _bears(mark: LifeMark, family: _Family, own_audit_session: int) -> bool:
    """Match by the audit session, which outlasts a change of cgroup, uid and parent. Ours would match everybody's."""
    return mark.audit_session not in (UNSET_ID, own_audit_session) and mark.audit_session == family.audit_session


def _holds(mark: LifeMark, family: _Family) -> bool:
    """Match by cgroup id, by cgroup path (its own, an ancestor's, or below), or by the life's main process.

    The root of the hierarchy marks nobody: on a host without a delegated cgroup everything is in it.
    """
    processes = (family.peer, *(ancestor.process for ancestor in family.ancestors))
    if mark.process in processes:
        return True
    if mark.cgroup == "/":
        return False
    if mark.cgroup_id and mark.cgroup_id == family.cgroup_id:
        return True
    paths = (family.cgroup, *(ancestor.cgroup for ancestor in family.ancestors))
    return bool(mark.cgroup) and any(path == mark.cgroup or path.startswith(mark.cgroup + "/") for path in paths)
