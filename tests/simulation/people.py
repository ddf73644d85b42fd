"""Who asks for things, and the evidence that the kernel would give on each of them."""

from dataclasses import dataclass, replace
from random import Random

from watchdog.core.decisions import OriginKind
from watchdog.core.events import ActionRequested
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef, incident_id
from watchdog.core.peer import Ancestor, Peer
from watchdog.core.timeline import HOUR
from watchdog.core.verbs import Verb

TRUSTED_UNIT = "deploy.service"

_BY_TRUSTED = (Verb.START, Verb.STOP, Verb.RESTART, Verb.HOLD)
_BY_HUMAN = tuple(verb for verb in Verb if verb is not Verb.ASK_RESTART)

WHO = (OriginKind.HUMAN,) * 4 + (OriginKind.SUPERVISED,) * 3 + (
    OriginKind.UNKNOWN,
    OriginKind.SCHEDULED,
    OriginKind.AUTOMATION,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, and who really stands behind it."""

    event: ActionRequested
    who: OriginKind
    trusted: bool = False

    @property
    def may_be_granted(self) -> bool:
        """Say whether the rules let this person have this at all, whatever else stands in the way."""
        if self.who is OriginKind.HUMAN:
            return self.event.verb in _BY_HUMAN
        return self.trusted and self.event.verb in _BY_TRUSTED

    @property
    def may_be_permitted(self) -> bool:
        """Say whether a person's permit for this account may let the request through."""
        peer = self.event.peer
        is_somebody = peer.alive and peer.same_writer and peer.same_pid_namespace
        return self.who is not OriginKind.SUPERVISED and is_somebody and self.event.verb in (Verb.START, Verb.RESTART)


def somebody_asks(chance: Random, name: GatewayName, boot: BootId) -> Asked:
    """Make up a request."""
    who = chance.choice(WHO)
    trusted = who is OriginKind.AUTOMATION and chance.random() < 0.7
    verbs = (Verb.ASK_RESTART, Verb.RESTART, Verb.RELEASE, *Verb) if who is OriginKind.SUPERVISED else tuple(Verb)
    event = ActionRequested(
        gateway=name,
        verb=chance.choice(verbs),
        reason="it is time",
        peer=_peer(chance, who, name, boot, trusted=trusted),
        incident=incident_id(chance.randint(1, 12)),
        for_usec=chance.choice((None, HOUR)),
    )
    return Asked(event=event, who=who, trusted=trusted)


def a_human_asks(name: GatewayName, verb: Verb, boot: BootId) -> Asked:
    """Let a human at a terminal ask."""
    peer = _peer(Random(0), OriginKind.HUMAN, name, boot, trusted=False)  # noqa: S311  one of one choice
    event = ActionRequested(gateway=name, verb=verb, reason="I have looked", peer=peer)
    return Asked(event=event, who=OriginKind.HUMAN)


def a_human_permits(name: GatewayName, boot: BootId, *, uid: int, starts: int) -> Asked:
    """Let a human at a terminal let an account in."""
    asked = a_human_asks(name, Verb.PERMIT, boot)
    return replace(asked, event=replace(asked.event, uid=uid, starts=starts, for_usec=HOUR))


def a_tool_deploys(chance: Random, name: GatewayName, boot: BootId) -> Asked:
    """Let somebody without a terminal restart a gateway: a tool over ssh, a schedule, or who only has its account."""
    who = chance.choice((OriginKind.UNKNOWN, OriginKind.UNKNOWN, OriginKind.SCHEDULED, OriginKind.SUPERVISED))
    peer = _peer(chance, who, name, boot, trusted=False)
    verb = chance.choice((Verb.START, Verb.RESTART, Verb.STOP))
    return Asked(event=ActionRequested(gateway=name, verb=verb, reason="v2", peer=peer), who=who)


def an_agent_asks(name: GatewayName, boot: BootId) -> Asked:
    """Let the agent inside a gateway ask for its restart."""
    peer = _peer(Random(0), OriginKind.SUPERVISED, name, boot, trusted=False)  # noqa: S311  one of one choice
    event = ActionRequested(gateway=name, verb=Verb.ASK_RESTART, reason="an update", peer=peer)
    return Asked(event=event, who=OriginKind.SUPERVISED)


def _peer(chance: Random, who: OriginKind, name: GatewayName, boot: BootId, *, trusted: bool) -> Peer:
    me = ProcessRef(pid=chance.randint(50_000, 60_000), start_ticks=1 << 40, boot=boot)
    login = Ancestor(process=ProcessRef(pid=700, start_ticks=0, boot=boot), comm="sshd", cgroup="/")
    match who:
        case OriginKind.HUMAN:
            return Peer(
                process=me, uid=1000, gid=1000, comm="bash", alive=True, tty=1, session_leader=me, ancestors=(login,)
            )
        case OriginKind.SUPERVISED:
            return Peer(process=me, uid=1001, gid=1001, comm="node", alive=True, in_life=((name, LifeId(1)),))
        case OriginKind.SCHEDULED:
            return Peer(process=me, uid=0, gid=0, comm="sh", alive=True, cgroup="/system.slice/cron.service")
        case OriginKind.AUTOMATION:
            unit = TRUSTED_UNIT if trusted else "backup.service"
            return Peer(process=me, uid=0, gid=0, comm="sh", alive=True, cgroup=f"/system.slice/{unit}")
        case _:
            return chance.choice(
                (
                    Peer(process=me, uid=1002, gid=1002, comm="curl", alive=True),
                    Peer(process=None, uid=1002, gid=1002),
                    Peer(process=me, uid=1002, gid=1002, comm="curl", alive=True, same_writer=False),
                    Peer(process=me, uid=0, gid=0, comm="curl", alive=True, same_pid_namespace=False),
                    Peer(process=me, uid=1001, gid=1001, comm="tmux", alive=True, tty=1, session_leader=me),
                )
            )
