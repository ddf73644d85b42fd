"""Who asks: the judgement on a peer's evidence.

Theory of operation. An agent that wants its gateway restarted can run any program its account may run, so what a
program says about itself is worth nothing. What counts is what the agent cannot choose: the cgroup, the audit session
and the tree its processes are born in, the login that a person made, and what was already there before its gateway's
life began. The rules are read from top to bottom and the first that matches decides.

1. *A dead or unreadable peer* is unknown: its pid may be anybody's by now.
2. *Inside a life*, of any gateway, not only of the one addressed, is supervised: an agent that cannot restart itself
   might ask for its neighbour. The evidence is its cgroup, its audit session, its ancestry, or the daemon as its
   subreaper (origin/). This comes before the next two because it is the more telling of the answers that all mean no.
3. *Another writer* than the process that connected is unknown: the socket was handed over, so every other fact below
   is about the wrong process. *Another pid namespace* is unknown: ancestry ends at its wall.
4. *A gateway's uid*, where it is used for nothing else, is supervised, however the process was started.
5. *A scheduler* (cron, at, a transient or timer unit) runs things with nobody present. An agent reaches all of them.
6. *A named system unit* is automation. It is trusted only if a human listed it and it runs as root, because any other
   account may be talked into asking on the agent's behalf.
7. *Nobody at a terminal* is unknown: without a controlling terminal there is nobody to be asked "are you sure".
8. *A login session* (logind) decides where there is one. A person's is of class user, its leader lives, the peer has
   its leader's audit session, and what opened it was sshd for somebody on another host, a display manager, or login on
   a terminal of the kernel's own (a virtual or serial console). Each is shown by what its leader executes, because
   root opens a session of any name, and claims any virtual terminal, with `systemd-run -p PAMName=`. `login` on a
   pseudo-terminal is what an agent makes with `login -f` or `machinectl shell`; `su`, `sudo -i` and `run0` open
   sessions for whoever calls them. A terminal under user@ has no session of its own and counts while the same account
   has a local graphical session open.
9. *A life adopted without a cgroup* left descendants that nothing tells apart from strangers, so nobody else is human.
10. *A terminal without a login session* (hosts without logind, gateways that are gatedog's own children) needs an
   ancestor that is no pid 1, not gatedog, no starter of other people's programs and in no system unit, and that was
   there before the eldest life began that gatedog knows of: what a former life left behind is older than the present
   one. The agent can open a terminal (script, tmux) but cannot have been born before itself. Where logind keeps the
   logins and a gateway is a unit, a person has a session, and a terminal without one is nobody's.

Everything else is unknown. Start times compare only within one boot. When that life ran in an earlier boot, or no
gateway ever lived, nothing of it can be left in this one, and any such ancestor speaks for the terminal.

Invariant: HUMAN comes out of rules 8 and 10 alone, or of what core/proof.py accepts. What this level cannot see (keys
typed into a person's terminal by `tmux send-keys`, a long-lived program of the same account talked into opening a
shell, a login relayed through another host) is why over-budget actions can be made to need a signature. A sentence for
the refused tells what would be needed, never which ancestor, cgroup or number gave them away.
"""

from watchdog.core.decisions import OriginKind
from watchdog.core.identity import ProcessRef
from watchdog.core.peer import Ancestor, LoginSession, Peer, RemoteEnd
from watchdog.core.rules import RuleId
from watchdog.core.values import dataclass

_SCHEDULERS = frozenset({"cron", "crond", "anacron", "atd", "fcron", "fcrond", "dcron", "bcron-exec", "systemd-cron"})
_SCHEDULER_UNITS = frozenset({f"{name}.service" for name in _SCHEDULERS})
_TRANSIENT_PREFIXES = ("run-u", "run-r")
"""systemd-run names what it makes run-uN, run-rHEX or run-pPID-iINODE, as .service, .scope or .timer."""

_PROGRAM_STARTERS = frozenset((
    "systemd", "init", "(sd-pam)", "launchd", "dumb-init", "tini", "docker-init", "catatonit", "runit", "runsv",
    "runsvdir", "s6-svscan", "s6-supervise", "supervisord", "circusd", "pm2", "monit", "openrc", "procd", "dockerd",
    "containerd", "containerd-shim", "conmon", "crun", "runc", "podman", "dbus-daemon", "dbus-broker",
    "dbus-broker-lau", "polkitd", "xinetd", "inetd", "gatedog",
))  # fmt: skip
"""Processes that run other people's programs: being older than a life, they say nothing about who asked them to."""

_LOGIN_UNITS = ("ssh.service", "sshd.service", "ssh@", "sshd@", "getty@", "serial-getty@", "console-getty.service",
                "container-getty@", "gdm.service", "lightdm.service", "sddm.service")  # fmt: skip
"""Units whose children are logins on hosts without session scopes: rule 10 decides on those."""

_REMOTE_LOGINS = frozenset({"sshd", "dropbear"})
_SSH_LEADERS = frozenset({"sshd", "sshd-session", "dropbear"})
_CONSOLE_LOGINS = frozenset({"login"})
_DISPLAY_MANAGERS = frozenset({
    "gdm-password", "gdm-fingerprint", "gdm-smartcard", "gdm-autologin", "lightdm", "lightdm-autologin", "sddm",
    "sddm-autologin", "greetd", "ly", "xdm",
})  # fmt: skip
_PSEUDO_TERMINAL_MAJORS = frozenset({2, 3, *range(136, 144)})
"""2 and 3 are those of BSD: a program opens their other end as it does that of the others."""
_DISPLAY_LEADERS = frozenset({
    "gdm-session-worker", "gdm-session-wor", "lightdm", "sddm-helper", "greetd", "ly", "ly-dm", "xdm",
})  # fmt: skip
"""What leads a session that a display manager opened; one of them as the 15 bytes that are left of its name."""

_WITHOUT_A_TRACE = frozenset({RuleId.ORIGIN_DEAD_PEER, RuleId.ORIGIN_OTHER_WRITER, RuleId.ORIGIN_OTHER_NAMESPACE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Who the requester was found to be, by which rule, and the sentence for them."""

    origin: OriginKind
    rule: RuleId
    because: str
    trusted: bool = False
    """Only for AUTOMATION: a human listed this unit, and it runs as root."""


def judge(
    peer: Peer,
    *,
    life_began: ProcessRef | None,
    life_has_cgroup: bool,
    owns_units: bool,
    dedicated_uids: tuple[int, ...],
    trusted_units: tuple[str, ...],
) -> Judgement:
    """Judge a peer by the rules above.

    `life_began` is the main process of the eldest life known of any gateway in this boot; None when none ever lived.
    `life_has_cgroup` is False only when a life was adopted and has no cgroup of its own; a child that this daemon
    started without one is still told apart, because its orphans become the daemon's children. `owns_units`: some
    gateway is a unit of the system's service manager.
    """
    decided = _judge_supervised(peer, life_began) or _judge_standing(peer)
    if decided is None and peer.uid in dedicated_uids:
        decided = Judgement(
            origin=OriginKind.SUPERVISED,
            rule=RuleId.ORIGIN_UID,
            because="the asking process runs under an account that is reserved for a gateway",
        )
    if decided is None:
        decided = _judge_unattended(peer, trusted_units)
    if decided is not None:
        return decided
    if peer.tty == 0 or peer.session_leader is None:
        return _unknown(RuleId.ORIGIN_NO_TTY, "the asking process has no terminal with a live session behind it")
    if peer.login is not None:
        return _judge_login(peer, peer.login)
    if peer.has_local_desktop and _is_under_user_manager(peer):
        return _human(RuleId.ORIGIN_DESKTOP, "a terminal of somebody who is logged in at this machine's own screen")
    if peer.has_logind and owns_units:
        return _unknown(RuleId.ORIGIN_NO_LOGIN, "the asking process belongs to no login session")
    return _judge_terminal(peer, life_began, life_has_cgroup=life_has_cgroup)


def may_be_inside(judgement: Judgement) -> bool:
    """Say whether somebody is the supervised side, or left so little of themselves that they cannot be told from it.

    For what is kept from the supervised side alone: a helper of the agent's that asks and dies before it is looked at
    is judged unknown, and not by mistake.
    """
    return judgement.origin is OriginKind.SUPERVISED or judgement.rule in _WITHOUT_A_TRACE


def _judge_supervised(peer: Peer, life_began: ProcessRef | None) -> Judgement | None:
    """Rules 1 and 2."""
    if not peer.alive or peer.process is None:
        because = "the asking process ended, or could not be read, before it was identified"
        return _unknown(RuleId.ORIGIN_DEAD_PEER, because)
    if life_began is not None and any(ancestor.process == life_began for ancestor in peer.ancestors):
        return Judgement(
            origin=OriginKind.SUPERVISED,
            rule=RuleId.ORIGIN_ANCESTOR,
            because="the asking process was started by the gateway",
        )
    if peer.in_life or peer.process == life_began:
        return Judgement(
            origin=OriginKind.SUPERVISED,
            rule=RuleId.ORIGIN_IN_LIFE,
            because="the asking process runs inside a supervised gateway, or was reached from one",
        )
    return None


def _judge_standing(peer: Peer) -> Judgement | None:
    """Rule 3."""
    if not peer.same_writer:
        return _unknown(
            RuleId.ORIGIN_OTHER_WRITER, "one process opened the connection and another one wrote the request"
        )
    if not peer.same_pid_namespace or peer.cgroup.startswith("/.."):
        because = "the asking process runs in another container or pid namespace than gatedog"
        return _unknown(RuleId.ORIGIN_OTHER_NAMESPACE, because)
    return None


def _judge_unattended(peer: Peer, trusted_units: tuple[str, ...]) -> Judgement | None:
    """Rules 5 and 6."""
    if any(_is_scheduled(name) for name in peer.cgroup.split("/")) or any(
        ancestor.comm.lower() in _SCHEDULERS or any(_is_scheduled(name) for name in ancestor.cgroup.split("/"))
        for ancestor in peer.ancestors
    ):
        return Judgement(
            origin=OriginKind.SCHEDULED,
            rule=RuleId.ORIGIN_SCHEDULER,
            because="the asking process was started by a scheduler or as a transient unit, with nobody present",
        )
    unit = _system_unit(peer.cgroup)
    if unit is None:
        return None
    trusted = peer.uid == 0 and unit in trusted_units
    return Judgement(
        origin=OriginKind.AUTOMATION,
        rule=RuleId.ORIGIN_UNIT,
        because=f"the asking process belongs to {unit}, which is {'' if trusted else 'not '}a trusted unit",
        trusted=trusted,
    )


def _judge_login(peer: Peer, login: LoginSession) -> Judgement:
    """Rule 8."""
    if login.session_class != "user":
        return _unknown(RuleId.ORIGIN_NO_LOGIN, "the session behind this terminal was not opened by a login")
    if login.leader is None or login.closing:
        return _unknown(RuleId.ORIGIN_LOGIN_OVER, "the login behind this terminal is over; log in again")
    if login.leader_audit_session != peer.audit_session:
        return _unknown(RuleId.ORIGIN_BORROWED_LOGIN, "the asking process was moved into a login that is not its own")
    if login.program in _REMOTE_LOGINS and login.leader_program in _SSH_LEADERS:
        if peer.remote_end is RemoteEnd.ELSEWHERE:
            return _human(RuleId.ORIGIN_REMOTE_LOGIN, "a terminal of somebody who logged in over ssh from another host")
        return _unknown(RuleId.ORIGIN_SSH_FROM_HERE, "an ssh login counts only when it comes from another host")
    if login.program in _DISPLAY_MANAGERS and login.leader_program in _DISPLAY_LEADERS:
        return _human(RuleId.ORIGIN_DESKTOP, "a terminal of somebody who is logged in at this machine's own screen")
    if login.program in _CONSOLE_LOGINS and login.leader_program in _CONSOLE_LOGINS and _is_console(login.leader_tty):
        return _human(RuleId.ORIGIN_CONSOLE, "a login at this machine's console")
    return _unknown(RuleId.ORIGIN_NO_LOGIN, "the session behind this terminal was not opened by a login")


def _judge_terminal(peer: Peer, life_began: ProcessRef | None, *, life_has_cgroup: bool) -> Judgement:
    """Rules 9 and 10."""
    if life_began is not None and not life_has_cgroup:
        because = "the gateway was taken over without a cgroup of its own, so nobody can be told apart from it"
        return _unknown(RuleId.ORIGIN_NO_LIFE_EVIDENCE, because)
    if peer.remote_end in (RemoteEnd.HERE, RemoteEnd.UNKNOWN):
        return _unknown(RuleId.ORIGIN_SSH_FROM_HERE, "an ssh login counts only when it comes from another host")
    if not any(_speaks_for_human(ancestor, life_began) for ancestor in peer.ancestors):
        because = "nothing behind this terminal is older than the gateway; ask from a login that was there before it"
        return _unknown(RuleId.ORIGIN_YOUNG, because)
    return _human(RuleId.ORIGIN_TTY, "a terminal whose session was there before the gateway")


def _human(rule: RuleId, because: str) -> Judgement:
    return Judgement(origin=OriginKind.HUMAN, rule=rule, because=because)


def _unknown(rule: RuleId, because: str) -> Judgement:
    return Judgement(origin=OriginKind.UNKNOWN, rule=rule, because=because)


def _is_console(tty: int) -> bool:
    """Say whether a tty_nr of /proc/PID/stat is a terminal of the kernel's own: no program can make one."""
    return tty != 0 and (tty >> 8) & 0xFFF not in _PSEUDO_TERMINAL_MAJORS


def _is_under_user_manager(peer: Peer) -> bool:
    """Say whether the peer is below a user@; root may be (sudo), another account than its owner may not."""
    owners = [name for name in peer.cgroup.split("/") if name.startswith("user@")]
    return owners[:1] == [f"user@{peer.uid}.service"] or (peer.uid == 0 and bool(owners))


def _speaks_for_human(ancestor: Ancestor, life_began: ProcessRef | None) -> bool:
    """Tell whether this ancestor shows that the terminal is not the gateway's doing."""
    process = ancestor.process
    if process.pid == 1 or ancestor.comm in _PROGRAM_STARTERS or _system_unit(ancestor.cgroup) is not None:
        return False
    if life_began is None or life_began.boot != process.boot:
        return True
    return process.start_ticks < life_began.start_ticks


def _is_scheduled(name: str) -> bool:
    if name in _SCHEDULER_UNITS or name.endswith(".timer"):
        return True
    return name.startswith(_TRANSIENT_PREFIXES) or (name.startswith("run-") and name.endswith(".service"))


def _system_unit(cgroup: str) -> str | None:
    """Find the named unit under system.slice that holds the peer; None for logins and everything elsewhere."""
    names = cgroup.strip("/").split("/")
    if names[0] != "system.slice":
        return None
    unit = next((name for name in names if name.endswith(".service")), None)
    return None if unit is None or unit.startswith(_LOGIN_UNITS) else unit
