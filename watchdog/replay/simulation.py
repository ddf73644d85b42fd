"""Simulate: what would gatedog have said and done in a recorded history?

Theory of operation. A recording is open-loop: it holds what happened under another manager, and what gatedog decides
cannot change it. The recorded manager's automatic starts therefore stand in for gatedog's own, with the recorded
delay in place of the backoff; a start by a second manager stays a foreign start, one by a human a human's. From a hold
on, the recorded automatic starts are the ones gatedog would not have made: they are counted as avoided and the lives
they began are passed over. What a recording cannot say is read in the plainest way:

- A request of origin `scheduled` comes from a schedule that somebody declared; it is taken as listed in the policy.
- A human's request whose ending no start follows (but for one by a human) was a stop.
- A request that no ending follows within ten minutes had no effect.
- A forward jump of the wall clock is a resume from suspend; a backward one is a step.
- An ending that nobody's manager follows up within fifteen minutes stays down, and the ordered start goes unanswered.

How probes and metrics are read is in replay/soundings.py.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from watchdog.core.decisions import AnswerRequest, HoldPlaced, Outcome, QueuePage, Severity, SlowEntered
from watchdog.core.endings import ExitRecord, Sender
from watchdog.core.events import (
    ActionFailed,
    ActionRequested,
    ClockStepped,
    Failure,
    GatewayObserved,
    GatewayReady,
    HostShutdownBegan,
    MainProcessExited,
    MainProcessStarted,
    PolicyLoaded,
    Starter,
    SupervisorStarted,
)
from watchdog.core.identity import FOREIGN_LIFE, ActionId, GatewayName, LifeId, ProcessRef
from watchdog.core.peer import Ancestor, Peer
from watchdog.core.policy import BackoffPolicy, CommandPolicy, EscalationPolicy, GatewayPolicy, Policy
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import Hold, Phase
from watchdog.core.timeline import MINUTE
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb
from watchdog.replay.recording import Moment, Recording, read_recording
from watchdog.replay.soundings import Soundings, probes_of
from watchdog.replay.world import Hear, World

NO_EFFECT_USEC = 10 * MINUTE
LATE_START_USEC = 15 * MINUTE
TICKS_PER_SECOND = 100
BOOT_TICKS = 1_000
"""Start ticks of the recorded host's oldest processes; lives are born later."""

_SENDERS = {
    "self": Sender.SELF,
    "peer-instance": Sender.PEER_INSTANCE,
    "second-manager": Sender.SECOND_MANAGER,
    "kernel-oom": Sender.KERNEL_OOM,
    "human": Sender.HUMAN,
    "agent": Sender.SUPERVISED,
    "watchdog": Sender.WATCHDOG,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """What gatedog would have said. Times are seconds of the recording."""

    trace: str
    pages: tuple[tuple[float, str, str, str], ...]
    """(t, incident, severity, rule)"""
    refusals: tuple[tuple[float, str], ...]
    """(t, rule)"""
    held_t: float | None
    restarts_avoided: int

    def to_json(self) -> dict[str, Any]:
        """Return the contract of `gatedog simulate --json`, one object a trace."""
        return {
            "trace": self.trace,
            "pages": [
                {"t": t, "incident": incident, "severity": severity, "rule": rule}
                for t, incident, severity, rule in self.pages
            ],
            "refusals": [{"t": t, "rule": rule} for t, rule in self.refusals],
            "held_t": self.held_t,
            "restarts_avoided": self.restarts_avoided,
        }


def simulate_file(path: Path, policy: Policy | None) -> SimulationResult:
    """Simulate one file; RecordingError when it is none."""
    return simulate(read_recording(path), policy)


def simulate(recording: Recording, policy: Policy | None, hear: Hear | None = None) -> SimulationResult:
    """Play a recording to the core under a policy (its first gateway's rules), or under the defaults.

    `hear` is told of every record as it is made, for whoever writes a journal of it.
    """
    player = _Player(recording, policy, hear)
    player.play()
    taken = player.world.taken
    pages = tuple(
        (_seconds(at), page.incident or "", page.severity.value, page.rule.value)
        for at, page in taken
        if isinstance(page, QueuePage) and page.severity is not Severity.INFO
    )
    refusals = tuple(
        (_seconds(at), answer.rule.value)
        for at, answer in taken
        if isinstance(answer, AnswerRequest) and answer.outcome is Outcome.REFUSED
    )
    stops = [at for at, decision in taken if isinstance(decision, HoldPlaced | SlowEntered)]
    return SimulationResult(
        trace=recording.name,
        pages=pages,
        refusals=refusals,
        held_t=_seconds(stops[0]) if stops else None,
        restarts_avoided=player.avoided,
    )


def _seconds(usec: int) -> float:
    return round(usec / 1_000_000, 3)


class _Player:
    """Feeds one recording to one world."""

    def __init__(self, recording: Recording, policy: Policy | None, hear: Hear | None = None) -> None:
        self.world = World(hear)
        self.moments = recording.moments
        self.policy = _recorded_policy(recording, policy)
        self.name: GatewayName = self.policy.gateways[0].name
        self.soundings = Soundings(self.name)
        self.avoided = 0
        self._next_pid = 100
        self._passing_over = False

    def play(self) -> None:
        """Play the whole recording."""
        self.world.feed(SupervisorStarted(version="simulation", rules=RULES_VERSION))
        self.world.feed(PolicyLoaded(policy=self.policy, digest="simulation"))
        self.world.feed(GatewayObserved(gateway=self.name, process=None))
        for index, moment in enumerate(self.moments):
            self._let_time_pass(index, moment.at_usec)
            self._take(index, moment)

    def _let_time_pass(self, index: int, until_usec: int) -> None:
        besides = {TimerId(kind=TimerKind.STOP_DEADLINE, subject=self.name)}
        if self._manager_will_start(index):
            besides.add(TimerId(kind=TimerKind.START_DEADLINE, subject=self.name))
        for _ in self.world.alarms_until(until_usec, besides=frozenset(besides)):
            pass

    def _manager_will_start(self, index: int) -> bool:
        """Say whether the next recorded start is the owning manager's, and soon: its delay replaces our deadline."""
        if self.world.gateway().life is not None:
            return False
        for moment in self.moments[index:]:
            if moment.at_usec - self.world.now_usec > LATE_START_USEC:
                return False
            if moment.kind == "start":
                return moment.text("by") != "human"
        return False

    def _take(self, index: int, moment: Moment) -> None:
        match moment.kind:
            case "start":
                self._start(moment)
            case "ready" if not self._passing_over:
                life = self.world.gateway().life
                if life is not None:
                    self.world.feed(GatewayReady(gateway=self.name, process=life.process))
            case "exit" if not self._passing_over:
                self._exit(moment)
            case "restart-request":
                self._request(index, moment)
            case "clock-jump":
                self._jump(round(float(moment.fields.get("delta", 0)) * 1_000_000))
            case "probe" | "metric" if not self._passing_over:
                self._sound(moment)
            case _:
                pass  # kinds that this version does not know, and the lives gatedog would not have started

    # -- starts and ends -------------------------------------------------------------------------------------------

    def _start(self, moment: Moment) -> None:
        by = moment.text("by")
        if by == "human":
            self._start_by_human(moment)
        if by == "reboot" and self.world.gateway().life is None and self.world.seq > 3:
            self.world.reboot()
            self.world.feed(GatewayObserved(gateway=self.name, process=None))
        gateway = self.world.gateway()
        stopped_by_gatedog = gateway.hold is Hold.HELD or gateway.phase is Phase.SLOW
        if stopped_by_gatedog and by != "second-manager":
            self._passing_over = True
            self.avoided += 1
            return
        self._passing_over = False
        self.soundings.begin(moment.at_usec)
        foreign = by == "second-manager" or gateway.start_life is None
        self.world.feed(
            MainProcessStarted(
                gateway=self.name,
                process=self._new_process(),
                life=FOREIGN_LIFE if foreign else LifeId(gateway.start_life or 0),
                starter=Starter.FOREIGN if foreign else Starter.GATEDOG,
            )
        )

    def _start_by_human(self, moment: Moment) -> None:
        gateway = self.world.gateway()
        if gateway.life is not None or gateway.phase is Phase.STARTING:
            return
        verb = Verb.RELEASE if gateway.hold is Hold.HELD else Verb.START
        self.world.feed(self._ask(verb, self._peer("human", moment), "recorded start by a human"))

    def _exit(self, moment: Moment) -> None:
        life = self.world.gateway().life
        if life is None:
            return
        code = moment.fields.get("code")
        record = ExitRecord(
            code=code if isinstance(code, int) else None,
            signal=moment.text("signal") or None,
            by=_SENDERS.get(moment.text("by"), Sender.UNKNOWN),
            last_line=moment.text("log"),
        )
        self.world.feed(MainProcessExited(gateway=self.name, process=life.process, exit=record))

    def _new_process(self) -> ProcessRef:
        self._next_pid += 1
        ticks = BOOT_TICKS + 1 + self.world.now_usec * TICKS_PER_SECOND // 1_000_000
        return ProcessRef(pid=self._next_pid, start_ticks=ticks, boot=self.world.boot)

    def _sound(self, moment: Moment) -> None:
        life = self.world.gateway().life
        if life is None:
            return
        for event in self.soundings.due(moment.at_usec, life.process):
            self.world.feed(event)
        if moment.kind == "metric":
            self.soundings.metric(moment)
        elif moment.text("name"):
            self.world.feed(self.soundings.probe(moment, life.process))

    # -- requests and the clock ------------------------------------------------------------------------------------

    def _request(self, index: int, moment: Moment) -> None:
        if moment.text("route") == "reboot":
            self.world.feed(HostShutdownBegan(reason="recorded reboot"))
            return
        origin = moment.text("origin")
        verb = Verb.STOP if origin == "human" and self._stays_down(index) else Verb.RESTART
        self.world.feed(self._ask(verb, self._peer(origin, moment), f"recorded request by {moment.text('route')}"))
        gateway = self.world.gateway()
        if gateway.phase is Phase.STOPPING and not self._has_effect(index):
            action = ActionId(f"{self.world.seq}.stop")
            detail = "the recording shows no ending after this request"
            failed = ActionFailed(gateway=self.name, action=action, failure=Failure.REFUSED, detail=detail)
            self.world.feed(failed)

    def _has_effect(self, index: int) -> bool:
        asked = self.moments[index].at_usec
        later = self.moments[index + 1 :]
        return any(each.kind == "exit" and each.at_usec - asked <= NO_EFFECT_USEC for each in later)

    def _stays_down(self, index: int) -> bool:
        ended_usec: int | None = None
        for moment in self.moments[index + 1 :]:
            if moment.kind == "exit" and ended_usec is None:
                ended_usec = moment.at_usec
            elif moment.kind == "start" and ended_usec is not None:
                return moment.text("by") == "human" and moment.at_usec - ended_usec > MINUTE
        return ended_usec is not None

    def _ask(self, verb: Verb, peer: Peer, reason: str) -> ActionRequested:
        return ActionRequested(gateway=self.name, verb=verb, reason=reason, peer=peer)

    def _peer(self, origin: str, moment: Moment) -> Peer:
        boot = self.world.boot
        me = ProcessRef(pid=self._next_pid + 50_000, start_ticks=self._new_process().start_ticks, boot=boot)
        old = Ancestor(process=ProcessRef(pid=2, start_ticks=BOOT_TICKS, boot=boot), comm="sshd", cgroup="/")
        life = self.world.gateway().life
        inside = ((str(self.name), life.life if life else FOREIGN_LIFE),)
        match origin:
            case "supervised":
                return Peer(process=me, uid=1001, gid=1001, comm="agent", alive=True, in_life=inside)
            case "human":
                return Peer(
                    process=me, uid=1000, gid=1000, comm="bash", alive=True, tty=1, session_leader=me, ancestors=(old,)
                )
            case "scheduled":
                return Peer(
                    process=me, uid=0, gid=0, comm="sh", alive=True, cgroup=f"/system.slice/{_schedule_unit(moment)}"
                )
            case _:
                return Peer(process=me, uid=1001, gid=1001, comm="unknown", alive=True)

    def _jump(self, delta_usec: int) -> None:
        if delta_usec > 0:
            self.world.suspend(delta_usec)
        else:
            self.world.wall_offset_usec += delta_usec
            self.world.feed(ClockStepped(delta_usec=delta_usec))


def _schedule_unit(moment: Moment) -> str:
    return f"recorded-{moment.text('route') or 'schedule'}.service"


def _recorded_policy(recording: Recording, policy: Policy | None) -> Policy:
    """Return the policy to play under: the recorded delay replaces the backoff, declared schedules are listed."""
    schedules = tuple(
        sorted({_schedule_unit(moment) for moment in recording.moments if moment.text("origin") == "scheduled"})
    )
    base = policy.gateways[0] if policy is not None else _default_gateway()
    gateway = replace(
        base,
        trusted_units=(*base.trusted_units, *schedules),
        probes=probes_of(recording),
        backoff=BackoffPolicy(first_usec=0, max_usec=0, stable_after_usec=base.backoff.stable_after_usec),
    )
    escalation = policy.escalation if policy is not None else EscalationPolicy()
    return Policy(gateways=(gateway,), escalation=escalation)


def _default_gateway() -> GatewayPolicy:
    return GatewayPolicy(name=GatewayName("gateway"), command=CommandPolicy(argv=("recorded",)))
