"""Whatever happens, in whatever order: the promises of the core hold.

Hypothesis plays histories that no world would play: exits reported twice or never, alarms early, late and unheard of,
reboots, clocks that jump, policies that come and go; the same ones every time. promises.py is checked after each event.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Phases
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from promises import NAMES, SELF_WINDOWS, WINDOWS, Promises
from senses import PROBES, RESTARTING, Senses

from watchdog.core import events as happened
from watchdog.core.endings import ExitRecord, Sender
from watchdog.core.engine import step
from watchdog.core.events import Event, Failure, Stamp, Stamped, Starter
from watchdog.core.identity import FOREIGN_LIFE, ActionId, BootId, GatewayName, LifeId, PageId, ProcessRef, Seq
from watchdog.core.peer import Ancestor, Peer
from watchdog.core.policy import (
    BudgetPolicy,
    CommandPolicy,
    EscalationPolicy,
    GatewayPolicy,
    OnExhausted,
    Policy,
    SpiralPolicy,
)
from watchdog.core.rival import JobKind, Rival, RivalKind
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import EMPTY, GatewayState, Hold, State
from watchdog.core.timeline import HOUR, MINUTE, SECOND, Usec
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Step
from watchdog.core.verbs import Verb
from watchdog.journal.codec import canonical, parse, state_from_json, state_to_json

A, B = NAMES
QUIET = SpiralPolicy(page_at=99, identical_page_at=99)  # out of reach, so that the budget stops a row of restarts

names = st.sampled_from(NAMES)
spans = st.sampled_from((0, 1, SECOND, 20 * SECOND, MINUTE, 190 * SECOND, 4 * MINUTE, 11 * MINUTE, HOUR, 5 * HOUR))
records = st.builds(
    ExitRecord,
    code=st.sampled_from((None, 0, 1, 2, 78, 300)),
    signal=st.sampled_from((None, None, "SIGKILL", "SIGTERM", "SIGSTKFLT")),
    by=st.sampled_from(Sender),
)
FATES = (happened.PageDelivered, happened.PageFailed, happened.PageStuck)
askers = st.sampled_from(("human", "human", "agent", "stranger", "deploy", "cron"))


class CoreMachine(Senses, RuleBasedStateMachine):
    """One core and an unfair world."""

    make_promises: Callable[[], Promises] = Promises

    def __init__(self) -> None:
        super().__init__()
        self.state: State = EMPTY
        self.history: list[Stamped] = []
        self.taken: list[Step] = []
        self.promises = self.make_promises()
        self.wall_usec = HOUR
        self.uptime_usec = HOUR
        self.boot = 1
        self.synchronised = True
        self.pid = 10
        self.ended: list[ProcessRef] = []

    # -- feeding ---------------------------------------------------------------------------------------------------

    def feed(self, event: Event) -> Step:
        """Step the core over an event that happens now, and check every promise."""
        stamp = Stamp(
            seq=Seq(len(self.history) + 1),
            wall_usec=Usec(self.wall_usec),
            boot=BootId(f"boot-{self.boot}"),
            uptime_usec=Usec(self.uptime_usec),
            synchronised=self.synchronised,
        )
        before, stamped = self.state, Stamped(stamp=stamp, event=event)
        after = step(before, stamped)
        self.state = after.state
        self.history.append(stamped)
        self.taken.append(after)
        self.promises.check(before, event, after)
        return after

    def gateway(self, name: GatewayName) -> GatewayState | None:
        """Return what the core knows of a gateway."""
        return next((each for each in self.state.gateways if each.name == name), None)

    def present(self, name: GatewayName) -> ProcessRef | None:
        """Return the process that the core believes in."""
        gateway = self.gateway(name)
        return gateway.life.process if gateway is not None and gateway.life is not None else None

    def new_process(self) -> ProcessRef:
        """Make up a process."""
        self.pid += 1
        return ProcessRef(pid=self.pid, start_ticks=self.uptime_usec // 10_000, boot=BootId(f"boot-{self.boot}"))

    def pass_time(self, span: int) -> None:
        """Move both clocks."""
        self.wall_usec += span
        self.uptime_usec += span

    # -- the world -------------------------------------------------------------------------------------------------

    @initialize(exhausted=st.sampled_from(OnExhausted), quiet=st.booleans())
    def begin(self, exhausted: OnExhausted, *, quiet: bool) -> None:
        """Start gatedog under some policy."""
        budget = BudgetPolicy(windows=WINDOWS, self_restart=SELF_WINDOWS, on_exhausted=exhausted)
        rules = GatewayPolicy(
            name=A,
            command=CommandPolicy(argv=("x",)),
            trusted_units=("deploy.service",),
            budget=budget,
            spiral=QUIET if quiet else SpiralPolicy(),
            probes=PROBES,
        )
        people = EscalationPolicy(tiers=(("phone", "chat"), ("call",)), notices=("mail",))
        self.policy = Policy(gateways=(rules, replace(rules, name=B, health=RESTARTING)), escalation=people)
        self.feed(happened.SupervisorStarted(version="x", rules=RULES_VERSION))
        self.feed(happened.PolicyLoaded(policy=self.policy, digest="x"))
        for name in NAMES:
            self.feed(happened.GatewayObserved(gateway=name, process=None))

    @rule(name=names, how=st.sampled_from(("ordered", "ordered", "foreign", "late")))
    def life_begins(self, name: GatewayName, how: str) -> None:
        """Begin the ordered life, somebody else's, or one that was given up long ago."""
        gateway = self.gateway(name)
        life = {"foreign": FOREIGN_LIFE, "late": LifeId(2)}.get(how) or (gateway and gateway.start_life)
        starter = Starter.FOREIGN if life is None else Starter.GATEDOG
        started = happened.MainProcessStarted(
            gateway=name, process=self.new_process(), life=life or FOREIGN_LIFE, starter=starter
        )
        self.feed(started)

    @rule(name=names, stale=st.booleans())
    def becomes_ready(self, name: GatewayName, *, stale: bool) -> None:
        """Report readiness, of the present life or of none."""
        process = (None if stale else self.present(name)) or self.new_process()
        self.feed(happened.GatewayReady(gateway=name, process=process))

    @rule(name=names, record=records, stale=st.integers(min_value=0, max_value=5))
    def life_ends(self, name: GatewayName, record: ExitRecord, stale: int) -> None:
        """Report an ending, now and then of a life that ended before."""
        process = self.present(name)
        if stale == 0 or process is None:
            process = self.ended[-1] if self.ended else self.new_process()
        self.ended.append(process)
        self.feed(happened.MainProcessExited(gateway=name, process=process, exit=record))

    @rule(name=names, record=records, lived=spans, times=st.integers(min_value=1, max_value=4))
    def lives_end_in_a_row(self, name: GatewayName, record: ExitRecord, lived: int, times: int) -> None:
        """Let life after life begin and end, the alarms between them going off when they are due."""
        for _ in range(times):
            gateway = self.gateway(name)
            if gateway is not None and gateway.start_action is not None and gateway.start_life is not None:
                life, process = gateway.start_life, self.new_process()
                self.feed(
                    happened.MainProcessStarted(gateway=name, process=process, life=life, starter=Starter.GATEDOG)
                )
            self.pass_time(lived)
            process = self.present(name)
            if process is not None:
                self.feed(happened.MainProcessExited(gateway=name, process=process, exit=record))
            self.next_alarm_goes_off(kind=TimerKind.START_DUE)

    @rule(name=names, sight=st.sampled_from(("nothing", "nothing", "present", "stranger", "ordered", "ended")))
    def look(self, name: GatewayName, sight: str) -> None:
        """Take a full look."""
        gateway = self.gateway(name)
        ordered = gateway.start_life if gateway is not None else None
        process = {"present": self.present(name), "stranger": self.new_process(), "ordered": self.new_process()}.get(
            sight
        )
        life = ordered if sight in ("ordered", "ended") else None
        self.feed(happened.GatewayObserved(gateway=name, process=process, life=life, traceable=sight != "stranger"))

    @rule(record=st.sampled_from((None, Seq(7))), held=st.sampled_from(((), (), (A, GatewayName("ghost")))))
    def journal_is_found_damaged(self, record: Seq | None, held: tuple[GatewayName, ...]) -> None:
        """Lose part of the memory."""
        self.feed(happened.JournalDamageFound(record=record, reason="bit flip", kept_as="x", held=held))

    @rule(span=spans)
    def time_passes(self, span: int) -> None:
        """Let time pass with every alarm late."""
        self.pass_time(span)
        self.feed(happened.SupervisorStopping(reason="not really"))

    @rule(kind=st.sampled_from((None, None, *TimerKind)))
    def next_alarm_goes_off(self, kind: TimerKind | None) -> None:
        """Let time pass to the next alarm, and let it go off."""
        clock = self.state.clock
        due = [each for each in self.state.timers if kind in (None, each.timer.kind)]
        if due:
            first = min(due, key=lambda each: (each.due_usec, each.timer.kind.value, each.timer.subject))
            passed = self.uptime_usec - clock.uptime_usec
            self.pass_time(max(0, first.due_usec - clock.now_usec - passed))
            self.feed(happened.TimerFired(timer=first.timer))

    @rule(kind=st.sampled_from(TimerKind), subject=st.sampled_from(("a", "b", "ghost", "INC-1", "INC-99")))
    def alarm_goes_off_unasked(self, kind: TimerKind, subject: str) -> None:
        """Let an alarm go off early, twice, or without ever having been set."""
        self.feed(happened.TimerFired(timer=TimerId(kind=kind, subject=subject)))

    @rule(
        who=askers,
        verb=st.sampled_from(Verb),
        name=st.sampled_from((A, A, A, B, GatewayName("ghost"))),
        reason=st.sampled_from(("why", "")),
        number=st.integers(min_value=1, max_value=3),
    )
    def somebody_asks(self, who: str, verb: Verb, name: GatewayName, reason: str, number: int) -> None:
        """Let anybody ask for anything."""
        self.feed(
            happened.ActionRequested(
                gateway=name,
                verb=verb,
                reason=reason,
                peer=self.peer(who),
                incident=f"INC-{number}",
                for_usec=None if reason else HOUR,
                severity="critical" if reason else "",
            )
        )

    @rule(
        name=names, verb=st.sampled_from((Verb.RELEASE, Verb.RELEASE, Verb.START, Verb.RESTART, Verb.HOLD, Verb.STOP))
    )
    def human_asks(self, name: GatewayName, verb: Verb) -> None:
        """Let a human take a hand."""
        peer = self.peer("human")
        self.feed(happened.ActionRequested(gateway=name, verb=verb, reason="why", peer=peer))

    def peer(self, who: str) -> Peer:
        """Return an asker; its program is called by who it is."""
        me = self.new_process()
        login = Ancestor(process=replace(me, pid=7, start_ticks=1), comm="sshd", cgroup="/")
        common = {"process": me, "uid": 0, "gid": 0, "comm": who, "alive": True}
        special: dict[str, dict[str, Any]] = {
            "human": {"tty": 1, "session_leader": me, "ancestors": (login,)},
            "agent": {"in_life": (("a", LifeId(1)),)},
            "deploy": {"cgroup": "/system.slice/deploy.service"},
            "cron": {"cgroup": "/system.slice/cron.service"},
        }
        return Peer(**(common | special.get(who, {})))

    @rule(name=names, failure=st.sampled_from(Failure), order=st.booleans())
    def order_fails(self, name: GatewayName, failure: Failure, *, order: bool) -> None:
        """Report that an order failed, the one under way or another."""
        action = self.promises.counted[name].under_way if order else ActionId("1.9")
        self.feed(happened.ActionFailed(gateway=name, action=action or ActionId("1.8"), failure=failure, detail="no"))

    @precondition(lambda self: self.state.outbox)
    @rule(which=st.integers(min_value=0, max_value=99), fate=st.sampled_from(FATES), right=st.booleans())
    def page_moves(self, which: int, fate: type[Any], *, right: bool) -> None:
        """Let a channel take a page, give it up or be stuck with it; now and then a channel that was never asked."""
        pending = self.state.outbox[which % len(self.state.outbox)]
        channel = pending.waiting[0] if right else "pigeon"
        self.feed(fate(page=pending.page.page, channel=channel, detail="so it is"))

    @rule(wall=st.integers(min_value=-3 * HOUR, max_value=30 * HOUR), synchronised=st.booleans(), told=st.booleans())
    def host_reboots(self, wall: int, *, synchronised: bool, told: bool) -> None:
        """Go down, announced or not, and come back with whatever the clock then says."""
        if told:
            self.feed(happened.HostShutdownBegan())
        self.boot += 1
        self.wall_usec = max(0, self.wall_usec + wall)
        self.uptime_usec = 5 * SECOND
        self.synchronised = synchronised
        self.feed(happened.SupervisorStarted(version="x", rules=RULES_VERSION))

    @rule(delta=st.integers(min_value=-30 * HOUR, max_value=30 * HOUR), falls=st.booleans())
    def clock_steps(self, delta: int, *, falls: bool) -> None:
        """Step the wall clock, and now and then let a stamp of the boot clock fall back, which no kernel does."""
        self.wall_usec = max(0, self.wall_usec + delta)
        self.uptime_usec -= MINUTE if falls else 0
        self.feed(happened.ClockStepped(delta_usec=delta))
        self.uptime_usec += MINUTE if falls else 0

    @rule(left_out=st.sampled_from((None, None, A, B)))
    def policy_changes(self, left_out: GatewayName | None) -> None:
        """Load a policy that names fewer gateways, or all again."""
        kept = tuple(each for each in self.policy.gateways if each.name != left_out)
        self.feed(happened.PolicyLoaded(policy=replace(self.policy, gateways=kept), digest=str(left_out)))

    @rule(event=st.deferred(lambda: _OTHER_EVENTS))
    def something_else(self, event: Event) -> None:
        """Let anything else of the union happen."""
        self.feed(event)

    @rule()
    def memory_is_written_and_read(self) -> None:
        """Go on from a snapshot: what is not written there would change the decisions that follow."""
        read = state_from_json(parse(canonical(state_to_json(self.state))))

        assert read == self.state
        self.state = read

    def teardown(self) -> None:
        """Replay the whole history from nothing: the same memory and the same decisions, byte for byte."""
        state = EMPTY
        for stamped, taken in zip(self.history, self.taken, strict=True):
            again = step(state, stamped)
            assert again == taken
            state = again.state
        assert state == self.state


_OTHER_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(happened.NetworkObserved, has_route=st.booleans(), has_dns=st.booleans()),
    st.builds(happened.JournalGapFound, after_seq=st.just(Seq(1)), lost=st.integers(0, 2), reason=st.just("full")),
    st.builds(happened.SystemdObserved, reachable=st.booleans(), detail=st.just("as it says")),
    st.builds(happened.EnforcementObserved, gateway=names, enforcing=st.booleans(), reason=st.just("uid 0")),
    st.sampled_from(
        (
            happened.HostShutdownBegan(),
            happened.SupervisorStarted(version="x", rules=RULES_VERSION),
            happened.PolicyRejected(problems=("line 1",)),
            happened.LimitReached(limit="inbox", subject="", dropped=1),
            happened.JournalFailed(reason="disk full"),
            happened.JournalRenewed(reason="another machine", kept_as="x"),
            happened.ActionSucceeded(gateway=A, action=ActionId("1.0")),
            happened.EvidenceCollected(gateway=A, incident="INC-1", folder="x", digest="x", size_bytes=1),
            happened.EvidenceFailed(reason="no space left on device"),
            happened.EvidenceTooOld(folders=("incidents/INC-1/9.1", "incidents/INC-2/9.1", "elsewhere")),
            happened.GatewayObserved(gateway=GatewayName("ghost"), process=None),
            happened.PageDelivered(page=PageId("0.0"), channel="phone"),
            happened.PageAcknowledged(incident="INC-1", page=PageId("1.0"), channel="phone", by="alice"),
            happened.HostShutdownCancelled(),
            happened.ForeignJobSeen(gateway=A, job=JobKind.STOP, job_id=7),
            happened.OwnershipObserved(gateway=A, rivals=(Rival(kind=RivalKind.PORT, subject="1", detail="x"),)),
            happened.OwnershipObserved(gateway=A),
            happened.BreakGlassUsed(gateway=A, verb="start", who="root", wall_usec=Usec(1)),
            happened.BreakGlassUsed(gateway=A, verb="stop", who="root", wall_usec=Usec(2)),
        )
    ),
)

REPEATABLE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=400,
    stateful_step_count=60,
    suppress_health_check=list(HealthCheck),
)


SHORT = settings(REPEATABLE, phases=(Phases.generate,))


def test_the_promises_hold_in_every_history() -> None:
    """No order of events makes the core break a promise."""
    run_state_machine_as_test(CoreMachine, settings=REPEATABLE)


class StricterMachine(CoreMachine):
    """Believes that the policy allows one start less than it does."""

    make_promises = staticmethod(
        lambda: Promises(windows=tuple(replace(each, starts=each.starts - 1) for each in WINDOWS))
    )


class StricterSelfMachine(CoreMachine):
    """Believes that a gateway may restart itself once less than it may."""

    make_promises = staticmethod(
        lambda: Promises(self_windows=tuple(replace(each, starts=each.starts - 1) for each in SELF_WINDOWS))
    )


@pytest.mark.parametrize("machine", [StricterMachine, StricterSelfMachine])
def test_one_start_too_many_is_found(machine: type[CoreMachine]) -> None:
    """The histories reach the edge of the budgets: against a budget smaller by one, a breach is found."""
    with pytest.raises(AssertionError, match="overspent"):
        run_state_machine_as_test(machine, settings=SHORT)


def test_a_core_that_starts_while_held_is_found() -> None:
    """A promise is checked, not assumed: a step with a start on a held gateway is refused."""
    machine = CoreMachine()
    machine.begin(exhausted=OnExhausted.HOLD, quiet=True)
    before, ordered = EMPTY, machine.taken[2]
    held = tuple(replace(each, hold=Hold.HELD) for each in ordered.state.gateways)

    with pytest.raises(AssertionError, match="while held"):
        Promises().check(
            before, machine.history[2].event, replace(ordered, state=replace(ordered.state, gateways=held))
        )
