"""Who stands at the door: the evidence on every kind of asker, as the kernel would give it."""

from collections.abc import Callable
from dataclasses import replace

from watchdog.core.identity import LifeId, ProcessRef
from watchdog.core.peer import Ancestor, LoginSession, Peer, RemoteEnd

PTS = 34816
CONSOLE, SERIAL, BSD_PTY = 1025, 1088, 769
"""tty_nr of /dev/pts/0, of /dev/tty1, of /dev/ttyS0, and of the other end of /dev/ptyp1, which any program may open."""
SCOPE = "/user.slice/user-1000.slice/session-3.scope"
WINDOW = "/user.slice/user-1000.slice/user@1000.service/app.slice/vte-1.scope"


def asker(who: str, me: ProcessRef, *, gateway: str, life: Callable[[], ProcessRef]) -> Peer:
    """Return the evidence on somebody. `life` gives the main process of the gateway."""
    if who == "descendant":
        parent = Ancestor(process=life(), comm="node", cgroup="/")
        return Peer(process=me, uid=1001, gid=1001, comm="sh", alive=True, ancestors=(parent,))
    everybody = _without_login(me, gateway) | _logged_in(me)
    assert who in everybody, f"nobody is called {who!r}"
    return everybody[who]


def _without_login(me: ProcessRef, gateway: str) -> dict[str, Peer]:
    someone = Peer(process=me, uid=1002, gid=1002, comm="curl", alive=True)
    root = replace(someone, uid=0, gid=0, comm="sh")
    account = replace(someone, uid=1001, gid=1001, comm="sh")
    sshd = Ancestor(process=ProcessRef(pid=700, start_ticks=1, boot=me.boot), comm="sshd", cgroup="/")
    return {
        "human": replace(someone, uid=1000, gid=1000, comm="bash", tty=1, session_leader=me, ancestors=(sshd,)),
        "agent": replace(account, comm="node", in_life=((gateway, LifeId(1)),)),
        "reserved-account": account,
        "young-terminal": replace(account, comm="tmux", tty=1, session_leader=me),
        "cron": replace(root, cgroup="/system.slice/cron.service"),
        "deploy": replace(root, cgroup="/system.slice/deploy.service"),
        "backup": replace(root, cgroup="/system.slice/backup.service"),
        "stranger": someone,
        "nobody-left": Peer(process=None, uid=1002, gid=1002),
        "passed-on": replace(someone, same_writer=False),
        "container": replace(root, comm="curl", same_pid_namespace=False),
    }


def _logged_in(me: ProcessRef) -> dict[str, Peer]:
    """Return everybody whose login session decides."""
    login = LoginSession(name="3", session_class="user", program="sshd", uid=1000, leader=me, leader_audit_session=3)
    login = replace(login, leader_program="sshd-session")
    login_program = replace(login, program="login", leader_program="login", leader_tty=PTS)
    peer = Peer(
        process=me,
        uid=1000,
        gid=1000,
        comm="bash",
        alive=True,
        cgroup=SCOPE,
        tty=PTS,
        session_leader=me,
        audit_session=3,
        login=login,
        remote_end=RemoteEnd.ELSEWHERE,
    )
    here = replace(peer, remote_end=RemoteEnd.NONE)
    from_here = "/system.slice/openclaw.service"
    return {
        "remote-human": replace(peer, login=replace(login, remote_host="192.0.2.7")),
        "ansible": replace(peer, tty=0),
        "logged-out": replace(peer, login=replace(login, leader=None)),
        "logging-out": replace(peer, login=replace(login, closing=True)),
        "borrower": replace(peer, audit_session=9),
        "ssh-from-here": replace(peer, remote_end=RemoteEnd.HERE, connected_from=from_here),
        "ssh-from-somewhere": replace(peer, remote_end=RemoteEnd.UNKNOWN),
        "ssh-without-logind": replace(peer, login=None, remote_end=RemoteEnd.UNKNOWN),
        "su-session": replace(peer, login=replace(login, session_class="background", program="su-l")),
        "su-login": replace(here, login=replace(login, program="su-l")),
        "machinectl-shell": replace(here, login=login_program),
        "forged-ssh": replace(peer, login=replace(login, leader_program="bash")),
        "forged-desktop": replace(here, login=replace(login, program="gdm-password", leader_program="bash")),
        "forged-console": replace(here, login=replace(login_program, virtual_terminal=7)),
        "forged-login": replace(here, tty=CONSOLE, login=replace(login_program, leader_program="bash")),
        "console": replace(here, tty=CONSOLE, login=replace(login_program, leader_tty=CONSOLE)),
        "console-tmux": replace(here, tty=PTS, login=replace(login_program, leader_tty=CONSOLE)),
        "serial-console": replace(here, tty=SERIAL, login=replace(login_program, leader_tty=SERIAL)),
        "bsd-terminal": replace(here, tty=BSD_PTY, login=replace(login_program, leader_tty=BSD_PTY)),
        "screen-login": replace(here, login=replace(login, program="gdm-password", leader_program="gdm-session-wor")),
        "terminal-window": replace(here, login=None, cgroup=WINDOW, has_local_desktop=True),
        "terminal-window-sudo": replace(here, uid=0, login=None, cgroup=WINDOW, has_local_desktop=True),
        "terminal-of-another": replace(here, uid=1001, login=None, cgroup=WINDOW, has_local_desktop=True),
        "moved-terminal": replace(here, login=None, cgroup="/user.slice/evil", has_logind=True),
    }
