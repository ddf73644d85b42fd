"""A stage for the core: words for what can happen to a gateway, a clock, and alarms that go off when they are due.

Screenplays (tests/unit/conftest.py) and golden scenarios (tests/scenario_language.py) are both played on it. Time only
moves when it is told to; nothing is performed unless a test says that the world did it.
"""

import re
from collections.abc import Iterator
from typing import Any

from askers import asker
from sensing import Sensing

from watchdog.core.decisions import Decision, StartGateway
from watchdog.core.endings import ExitRecord, Sender
from watchdog.core.engine import step
from watchdog.core.events import (
    ActionFailed,
    ActionRequested,
    BreakGlassUsed,
    ClockStepped,
    EnforcementObserved,
    Event,
    Failure,
    ForeignJobSeen,
    GatewayObserved,
    GatewayReady,
    HostShutdownBegan,
    HostShutdownCancelled,
    JournalDamageFound,
    MainProcessExited,
    MainProcessStarted,
    NetworkObserved,
    OwnershipObserved,
    PageAcknowledged,
    PageDelivered,
    PageFailed,
    PageStuck,
    PolicyLoaded,
    SocketLost,
    Stamp,
    Stamped,
    Starter,
    SupervisorStarted,
    SystemdObserved,
    TimerFired,
)
from watchdog.core.identity import (
    FOREIGN_LIFE,
    ActionId,
    BootId,
    GatewayName,
    IncidentId,
    LifeId,
    PageId,
    ProcessRef,
    Seq,
)
from watchdog.core.peer import Peer
from watchdog.core.policy import CommandPolicy, EscalationPolicy, GatewayPolicy, Policy
from watchdog.core.rival import JobKind, Rival, RivalKind
from watchdog.core.rules import RULES_VERSION
from watchdog.core.runbookpolicy import MachineRunbook
from watchdog.core.state import EMPTY, GatewayState, Incident, PendingPage, State
from watchdog.core.timeline import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Usec
from watchdog.core.timer import TimerId
from watchdog.core.turn import Step
from watchdog.core.verbs import Verb

EPOCH_USEC = 1_742_947_200_000_000
"""26 March 2025, 00:00 UTC."""

MAIN = GatewayName("main")
TRUSTED_UNIT = "deploy.service"
_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": MILLISECOND}
_ALARMS_MAX = 10_000
"""Alarms in one wait; more means that two alarms keep waking each other."""


def usec(text: str) -> int:
    """Read a duration as people write it: "31s", "1h 20m", "-2h"."""
    sign = -1 if text.startswith("-") else 1
    words = text.lstrip("-").split()
    parts = [re.fullmatch(r"(\d+)(ms|d|h|m|s)", word) for word in words]
    assert parts, f"{text!r} is no duration"
    assert all(parts), f"{text!r} is no duration"
    return sign * sum(int(part[1]) * _UNITS[part[2]] for part in parts if part)


def gateway_policy(name: str = MAIN, **rules: object) -> GatewayPolicy:
    """Return the default rules of a gateway but for `rules`."""
    command = CommandPolicy(argv=("gateway",))
    return GatewayPolicy(name=GatewayName(name), command=command, trusted_units=(TRUSTED_UNIT,), **rules)


class Stage(Sensing):
    """One core, one host, and whatever runs on it."""

    def __init__(self) -> None:
        self.state: State = EMPTY
        self.steps: list[tuple[int, Event, Step]] = []
        self.now_usec = 0
        self.wall_offset_usec = 0
        self.booted_usec = -HOUR
        self.boot_count = 1
        self.synchronised = True
        self.answers_starts = False
        self.runbooks: tuple[MachineRunbook, ...] = ()
        self.break_glass_usec = Usec(0)
        self.taken: PageAcknowledged | None = None
        self._pid = 1000
        self._last_fed_usec = 0

    # -- time ------------------------------------------------------------------------------------------------------

    @property
    def boot(self) -> BootId:
        """The present boot."""
        return BootId(f"boot-{self.boot_count}")

    def feed(self, event: Event) -> Step:
        """Step the core over an event that happens now."""
        stamp = Stamp(
            seq=Seq(len(self.steps) + 1),
            wall_usec=Usec(EPOCH_USEC + self.now_usec + self.wall_offset_usec),
            boot=self.boot,
            uptime_usec=Usec(self.now_usec - self.booted_usec),
            synchronised=self.synchronised,
        )
        stepped = step(self.state, Stamped(stamp=stamp, event=event))
        self.state = stepped.state
        self.steps.append((self.now_usec, event, stepped))
        self._last_fed_usec = self.now_usec
        if self.answers_starts:
            for order in stepped.decisions:
                if isinstance(order, StartGateway):
                    self.begins(order.gateway)
        return stepped

    def wait(self, span_usec: int) -> None:
        """Let time pass, alarms going off when they are due."""
        until = self.now_usec + span_usec
        for _ in range(_ALARMS_MAX):
            due = min(self._due(until), default=None, key=lambda each: (each[0], each[1].kind.value, each[1].subject))
            if due is None:
                self.now_usec = until
                return
            self.now_usec = max(self.now_usec, due[0])
            self.feed(TimerFired(timer=due[1]))
        raise AssertionError(f"more than {_ALARMS_MAX} alarms in one wait")

    def _due(self, until: int) -> Iterator[tuple[int, TimerId]]:
        for alarm in self.state.timers:
            at = self._last_fed_usec + alarm.due_usec - self.state.clock.now_usec
            if at <= until:
                yield at, alarm.timer

    def decisions(self) -> list[Decision]:
        """Return every decision so far."""
        return [decision for _, _, stepped in self.steps for decision in stepped.decisions]

    # -- gatedog and its host --------------------------------------------------------------------------------------

    def gatedog_starts(self) -> None:
        """Let the daemon come up."""
        self.feed(SupervisorStarted(version="test", rules=RULES_VERSION))

    def policy_loads(self, *gateways: GatewayPolicy, escalation: EscalationPolicy | None = None) -> None:
        """Put a policy in force."""
        ordered = tuple(sorted(gateways, key=lambda each: each.name))
        policy = Policy(gateways=ordered, escalation=escalation or EscalationPolicy(), runbooks=self.runbooks)
        self.feed(PolicyLoaded(policy=policy, digest=f"digest-{len(self.steps)}"))

    def journal_damaged(self, record: str, *held: str) -> None:
        """Find the journal damaged at a record, "file" for all of it, with holds still readable behind that."""
        seq = None if record == "file" else Seq(int(record))
        names = tuple(GatewayName(name) for name in held)
        reason = "it does not follow from the record before it"
        kept_as = "/state/journal.damaged-1"
        self.feed(JournalDamageFound(record=seq, reason=reason, kept_as=kept_as, held=names))

    def host_shuts_down(self) -> None:
        """Announce the end of this boot."""
        self.feed(HostShutdownBegan())

    def host_stays_up(self) -> None:
        """Call the shutdown off."""
        self.feed(HostShutdownCancelled())

    def manager(self, *, reachable: bool) -> None:
        """Find the service manager answering, or silent."""
        self.feed(SystemdObserved(reachable=reachable, detail="" if reachable else "no answer for 30s"))

    def host_reboots(self, *, down: str = "1m", synchronised: bool = True, wall: str = "0s") -> None:
        """Begin a new boot after `down`, the wall clock wrong by `wall`. gatedog starts, and has not looked yet."""
        self.now_usec += usec(down)
        self.boot_count += 1
        self.booted_usec = self.now_usec - 10 * SECOND
        self.synchronised = synchronised
        self.wall_offset_usec += usec(wall)
        self.gatedog_starts()

    def clock_steps(self, delta: str) -> None:
        """Move the wall clock."""
        self.wall_offset_usec += usec(delta)
        self.feed(ClockStepped(delta_usec=usec(delta)))

    def socket_lost(self, *, made_again: bool) -> None:
        """Take gatedog's socket away, in a place where another can or cannot be made."""
        reason = "" if made_again else "no space left on device"
        self.feed(SocketLost(path="/run/gatedog/control.sock", made_again=made_again, reason=reason))

    def network(self, *, there: bool) -> None:
        """Take the network away, or bring it back."""
        self.feed(NetworkObserved(has_route=there, has_dns=there))

    def enforcement(self, *, binds: bool, reason: str = "", name: str = MAIN, uid: int | None = None) -> None:
        """Find the origin rules binding, or not."""
        self.feed(EnforcementObserved(gateway=GatewayName(name), enforcing=binds, reason=reason, uid=uid))

    # -- the gateway -----------------------------------------------------------------------------------------------

    def gateway(self, name: str = MAIN) -> GatewayState:
        """Return what the core remembers of a gateway."""
        return next(each for each in self.state.gateways if each.name == name)

    def process(self, name: str = MAIN) -> ProcessRef:
        """Return the process of the present life."""
        life = self.gateway(name).life
        assert life is not None, f"{name} has no life at {self.now_usec}"
        return life.process

    def new_process(self) -> ProcessRef:
        """Make up a process that is younger than all before it."""
        self._pid += 1
        return ProcessRef(pid=self._pid, start_ticks=(self.now_usec - self.booted_usec) // 10_000, boot=self.boot)

    def ordered_life(self, name: str = MAIN) -> LifeId:
        """Return the life that was ordered and has not begun."""
        life = self.gateway(name).start_life
        assert life is not None, f"no start of {name} is under way"
        return life

    def begins(self, name: str = MAIN, *, foreign: bool = False, process: ProcessRef | None = None) -> None:
        """Begin a life: the ordered one, or somebody else's."""
        life = FOREIGN_LIFE if foreign else self.ordered_life(name)
        starter = Starter.FOREIGN if foreign else Starter.GATEDOG
        process = process or self.new_process()
        self.feed(MainProcessStarted(gateway=GatewayName(name), process=process, life=life, starter=starter))

    def gets_ready(self, name: str = MAIN, process: ProcessRef | None = None) -> None:
        """Let the present life serve."""
        self.feed(GatewayReady(gateway=GatewayName(name), process=process or self.process(name)))

    def ends(
        self,
        name: str = MAIN,
        *,
        code: int | None = None,
        signal: str | None = None,
        by: str = "unknown",
        saying: str = "",
        process: ProcessRef | None = None,
    ) -> None:
        """End the present life."""
        record = ExitRecord(code=code, signal=signal, by=Sender(by), last_line=saying)
        process = process or self.process(name)
        self.feed(MainProcessExited(gateway=GatewayName(name), process=process, exit=record))

    def looks(
        self,
        name: str = MAIN,
        *,
        process: ProcessRef | None = None,
        life: LifeId | None = None,
        traceable: bool = True,
    ) -> None:
        """Take a full look at the gateway; without a process, nothing is there."""
        observed = GatewayObserved(gateway=GatewayName(name), process=process, life=life, traceable=traceable)
        self.feed(observed)

    def foreign_job(self, job: str, name: str = MAIN) -> None:
        """Let the service manager take on a job that nobody here asked for."""
        number = 100 + len(self.steps)
        self.feed(ForeignJobSeen(gateway=GatewayName(name), job=JobKind(job), job_id=number))

    def rivals(self, *found: str, name: str = MAIN) -> None:
        """Find other owners, each as "kind=subject"; none at all without one."""
        pairs = sorted(each.partition("=")[::2] for each in found)
        rivals = tuple(Rival(kind=RivalKind(kind), subject=subject, detail="seen") for kind, subject in pairs)
        self.feed(OwnershipObserved(gateway=GatewayName(name), rivals=rivals))

    def break_glass(self, verb: str, name: str = MAIN, used_usec: Usec | None = None) -> None:
        """Let root go past gatedog, now or as an earlier record says."""
        self.break_glass_usec = used_usec or Usec(EPOCH_USEC + self.now_usec)
        who = "root (sudo alice, pts/0)"
        self.feed(BreakGlassUsed(gateway=GatewayName(name), verb=verb, who=who, wall_usec=self.break_glass_usec))

    def start_fails(self, detail: str, failure: Failure = Failure.SPAWN, name: str = MAIN) -> None:
        """Answer the ordered start: it did not happen."""
        action = self.gateway(name).start_action
        assert action is not None, f"no start of {name} is under way"
        self.feed(ActionFailed(gateway=GatewayName(name), action=action, failure=failure, detail=detail))

    def stop_fails(self, detail: str, failure: Failure = Failure.REFUSED, name: str = MAIN) -> None:
        """Answer the ordered stop: it could not be carried out."""
        action = ActionId(f"{len(self.steps)}.stop")
        self.feed(ActionFailed(gateway=GatewayName(name), action=action, failure=failure, detail=detail))

    # -- people and pages ------------------------------------------------------------------------------------------

    def peer(self, who: str, name: str = MAIN) -> Peer:
        """Return the evidence on an asker (tests/askers.py)."""
        return asker(who, self.new_process(), gateway=name, life=lambda: self.process(name))

    def asks(
        self,
        who: str,
        verb: str,
        reason: str = "because",
        *,
        name: str = MAIN,
        incident: str = "",
        lasting: str = "",
        severity: str = "",
        subject: str = "",
        **more: Any,
    ) -> None:
        """Let somebody ask for something; `more` are further fields of the request (proofs, permits)."""
        asked = ActionRequested(
            gateway=GatewayName(name),
            verb=Verb(verb),
            reason=reason,
            peer=self.peer(who, name),
            incident=IncidentId(incident) if incident else None,
            for_usec=usec(lasting) if lasting else None,
            severity=severity,
            subject=subject,
            **more,
        )
        self.feed(asked)

    def incident(self, name: str = "INC-1") -> Incident:
        """Return an incident that the core remembers."""
        return next(each for each in self.state.incidents if each.incident == name)

    def waiting_page(self, channel: str) -> PendingPage:
        """Return the oldest page that waits for a channel."""
        return next(each for each in self.state.outbox if channel in each.waiting)

    def delivers(self, channel: str, reference: str = "") -> None:
        """Let a channel take the oldest page that waits for it."""
        page = self.waiting_page(channel).page.page
        self.feed(PageDelivered(page=page, channel=channel, reference=reference))

    def is_stuck(self, channel: str, detail: str = "no answer") -> None:
        """Let a channel fail for a while with the oldest page that waits for it."""
        waiting = [each for each in self.state.outbox if channel in each.waiting and channel not in each.stuck]
        self.feed(PageStuck(page=waiting[0].page.page, channel=channel, detail=detail))

    def contact_takes(self, incident: str, by: str = "alice", *, ago: str = "", again: bool = False) -> None:
        """Let a person take the last page of an incident by phone, at once or `ago`; or let that be said again."""
        if not again:
            latest = next((each.latest for each in self.state.incidents if each.incident == incident), None)
            given = Usec(EPOCH_USEC + self.now_usec - usec(ago)) if ago else Usec(0)
            page = latest.page.page if latest is not None else PageId("0.0")
            self.taken = PageAcknowledged(
                incident=IncidentId(incident), page=page, channel="phone", by=by, wall_usec=given
            )
        assert self.taken is not None, "nobody has taken anything yet"
        self.feed(self.taken)

    def channel_fails(self, channel: str, detail: str = "no such number") -> None:
        """Let a channel give up on the oldest page that waits for it."""
        self.feed(PageFailed(page=self.waiting_page(channel).page.page, channel=channel, detail=detail))
