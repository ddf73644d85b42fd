"""Who asks: the judgement on a peer's evidence, at the embedded level.

Theory of operation. An agent that wants its gateway restarted can run any program its account may run, so what a
program says about itself is worth nothing. What counts is what the agent cannot choose: the cgroup and the tree its
processes are born in, and what was already there before its gateway's life began. The rules are read from top to
bottom and the first that matches decides.

1. *A dead or unreadable peer* is unknown: its pid may be anybody's by now.
2. *Inside a life*, of any gateway, not only of the one addressed, is supervised: an agent that cannot restart itself
   might ask for its neighbour. The evidence is its cgroup, its ancestry, or the daemon as its subreaper (origin/).
   This comes before the next two because it is the more telling of the answers that all mean no.
3. *Another writer* than the process that connected is unknown: the socket was handed over, so every other fact below
   is about the wrong process. *Another pid namespace* is unknown: ancestry ends at its wall.
4. *The gateway's uid*, where it is used for nothing else, is supervised, however the process was started.
5. *A scheduler* (cron, at, a transient or timer unit) runs things with nobody present. An agent reaches all of them.
6. *A named system unit* is automation. It is trusted only if a human listed it and it runs as root, because any other
   account may be talked into asking on the agent's behalf.
7. *A life adopted without a cgroup* left descendants that nothing tells apart from strangers, so nobody is human.
8. *A human* needs positive evidence: a controlling terminal, the live leader of its session, and an ancestor that is
   no pid 1, not gatedog and no starter of other people's programs, and that was there before the eldest life began that
   gatedog knows of: what a former life left behind is older than the present one. The agent can open a terminal
   (script, tmux) but cannot have been born before itself.

Everything else is unknown. Start times compare only within one boot. When that life ran in an earlier boot, or no
gateway ever lived, nothing of it can be left in this one, and any such ancestor speaks for the terminal.

Invariant: HUMAN comes out of rule 8 alone. What this level cannot see (keys typed into a person's terminal by
`tmux send-keys`, a long-lived program of the same account talked into opening a shell, a login relayed through another
host) is why over-budget actions can be made to need a signature. A sentence for the refused tells what would be needed,
never which ancestor, cgroup or number gave them away.
"""

from dataclasses import dataclass

from watchdog.core.decisions import OriginKind
from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.peer import Ancestor, Peer
from watchdog.core.rules import RuleId

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
"""Units whose children are logins on hosts without session scopes: rule 8 decides on those."""


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
    gateway: GatewayName,
    life_began: ProcessRef | None,
    life_has_cgroup: bool,
    gateway_uid: int | None,
    uid_is_dedicated: bool,
    trusted_units: tuple[str, ...],
) -> Judgement:
    """Judge a peer by the rules above.

    `life_began` is the main process of the eldest life known of any gateway in this boot; None when none ever lived.
    `life_has_cgroup` is False only when a life was adopted and has no cgroup of its own; a child that this daemon
    started without one is still told apart, because its orphans become the daemon's children.
    """
    decided = _judge_supervised(peer, life_began) or _judge_standing(peer)
    if decided is None and uid_is_dedicated and gateway_uid is not None and peer.uid == gateway_uid:
        decided = Judgement(
            origin=OriginKind.SUPERVISED,
            rule=RuleId.ORIGIN_UID,
            because=f"the asking process runs under the account that is reserved for {gateway or 'the gateway'}",
        )
    if decided is None:
        decided = _judge_unattended(peer, trusted_units)
    return decided or _judge_terminal(peer, life_began, life_has_cgroup=life_has_cgroup)


def _judge_supervised(peer: Peer, life_began: ProcessRef | None) -> Judgement | None:
    """Rules 1 and 2."""
    if not peer.alive or peer.process is None:
        return Judgement(
            origin=OriginKind.UNKNOWN,
            rule=RuleId.ORIGIN_DEAD_PEER,
            because="the asking process ended, or could not be read, before it was identified",
        )
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
        return Judgement(
            origin=OriginKind.UNKNOWN,
            rule=RuleId.ORIGIN_OTHER_WRITER,
            because="one process opened the connection and another one wrote the request",
        )
    if not peer.same_pid_namespace or peer.cgroup.startswith("/.."):
        return Judgement(
            origin=OriginKind.UNKNOWN,
            rule=RuleId.ORIGIN_OTHER_NAMESPACE,
            because="the asking process runs in another container or pid namespace than gatedog",
        )
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


def _judge_terminal(peer: Peer, life_began: ProcessRef | None, *, life_has_cgroup: bool) -> Judgement:
    """Rules 7 and 8."""
    if life_began is not None and not life_has_cgroup:
        return Judgement(
            origin=OriginKind.UNKNOWN,
            rule=RuleId.ORIGIN_NO_LIFE_EVIDENCE,
            because="the gateway was taken over without a cgroup of its own, so nobody can be told apart from it",
        )
    if peer.tty == 0 or peer.session_leader is None:
        return Judgement(
            origin=OriginKind.UNKNOWN,
            rule=RuleId.ORIGIN_NO_TTY,
            because="the asking process has no terminal with a live session behind it",
        )
    if not any(_speaks_for_human(ancestor, life_began) for ancestor in peer.ancestors):
        return Judgement(
            origin=OriginKind.UNKNOWN,
            rule=RuleId.ORIGIN_YOUNG,
            because="nothing behind this terminal is older than the gateway; ask from a login that was there before it",
        )
    return Judgement(
        origin=OriginKind.HUMAN,
        rule=RuleId.ORIGIN_TTY,
        because="a terminal whose session was there before the gateway",
    )


def _speaks_for_human(ancestor: Ancestor, life_began: ProcessRef | None) -> bool:
    """Tell whether this ancestor shows that the terminal is not the gateway's doing."""
    process = ancestor.process
    if process.pid == 1 or ancestor.comm in _PROGRAM_STARTERS:
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
