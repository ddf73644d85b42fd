"""One seed, one story: a time of faults in which nothing forbidden may happen, then calm, in which all must come right.

Theory of operation. A seed decides the human's policy, the natures of the gateways, and every fault with its time.
During the faults the observer (observer.py) fails the story at the first broken promise. Then the faults stop: disk,
pagers, clock and network are well, nobody else starts anything, and gateways that start are healthy. Within
`CALM_USEC` each gateway must serve, or be held or stopped with people told of it, and no page may still wait.

Invariant: the same seed tells the same story; the real clock, the real network and the order of hashes play no part.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

from brokendisk import BrokenDisk, Killed, let_go
from faults import Faults
from illness import PROBES, health_rules
from incarnation import Incarnation, Surroundings
from observer import Observer
from people import TRUSTED_UNIT, Asked
from phones import Phones
from programs import Program
from virtualtime import Scope, VirtualTime

from watchdog.core.endings import ExitRecord, Sender
from watchdog.core.events import Event, HostShutdownBegan
from watchdog.core.healthstate import Health
from watchdog.core.identity import GatewayName
from watchdog.core.incident import Matter
from watchdog.core.policy import (
    BackoffPolicy,
    BudgetPolicy,
    CommandPolicy,
    EscalationPolicy,
    GatewayPolicy,
    OnExhausted,
    Policy,
    SpiralPolicy,
    Window,
)
from watchdog.core.state import IncidentPhase
from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.journal.errors import JournalUnwritable
from watchdog.journal.verification import verify as verify_chain
from watchdog.replay.verification import verify as verify_decisions

CALM_USEC = 5 * HOUR
"""Longer than a chain or a row of dips reaches back."""
WAITING_USEC_MAX = 5 * MINUTE
_QUIET = SpiralPolicy(page_at=99, identical_page_at=99)
"""Detectors out of reach, so that the budget alone must stop a row of restarts."""


class Simulation:
    """The world of one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = Random(seed)  # noqa: S311  a seeded story, no secret
        self.time = VirtualTime()
        self.disk = BrokenDisk()
        policy = _policy(self.chance)
        self.observer = Observer(policy, self.time)
        self.phones = Phones(self.time, self.chance, self.observer)
        self.programs = {
            gateway.name: Program(gateway.name, self.time, self.chance, self.observer) for gateway in policy.gateways
        }
        self.around = Surroundings(
            folder=folder,
            policy=policy,
            time=self.time,
            chance=self.chance,
            disk=self.disk,
            programs=self.programs,
            phones=self.phones,
            observer=self.observer,
            guard=self.guard,
        )
        self.daemon: Incarnation | None = None
        self.is_host_up = True
        self.lasts_usec = self.chance.randint(2, 10) * HOUR

    def run(self) -> None:
        """Tell the story; Broken (observer.py) at the first broken promise."""
        faults = Faults(self)
        self.start_daemon()
        faults.begin()
        self.time.run_until(self.lasts_usec)
        self.observer.note("-- calm --")
        faults.stop()
        self.time.run_until(self.lasts_usec + CALM_USEC)
        self._check_liveness()
        self._check_memory()

    def close(self) -> None:
        """Let go of the files."""
        if self.daemon is not None:
            let_go(self.daemon.journal, self.chance)
            self.daemon = None

    # -- the daemon's life and death -------------------------------------------------------------------------------

    def guard(self, call: Callable[[], None]) -> None:
        """Run a piece of the daemon; if it is killed there, bury it and let it be started again."""
        try:
            call()
        except Killed:
            self.kill_daemon()

    def start_daemon(self) -> None:
        """Start gatedog, as its service manager would."""
        try:
            self.daemon = Incarnation(self.around)
        except (Killed, JournalUnwritable) as error:
            self.observer.note(f"gatedog cannot start: {type(error).__name__}")
            self._start_again()
            return
        self.observer.note("gatedog starts")
        self.guard(self.daemon.begin)

    def kill_daemon(self) -> None:
        """End gatedog at this very point."""
        if self.daemon is not None:
            self.observer.note("gatedog is killed")
            self._bury()
            self._start_again()

    def stop_daemon(self) -> None:
        """End gatedog as an upgrade does."""
        if self.daemon is not None:
            self.observer.note("gatedog is stopped")
            self.guard(self.daemon.end)
            if self.daemon is not None:
                self._bury()
                self._start_again()

    def _bury(self) -> None:
        assert self.daemon is not None
        let_go(self.daemon.journal, self.chance)
        self.daemon = None
        self.disk.live_on()
        self.time.forget(Scope.DAEMON)
        for program in self.programs.values():
            program.backend = None
        self.observer.died()

    def _start_again(self) -> None:
        self.time.after(self.chance.choice((SECOND, 5 * SECOND, MINUTE)), self.start_daemon, Scope.HOST)

    # -- the host --------------------------------------------------------------------------------------------------

    def reboot(self, *, announced: bool, down_usec: int, clock_lost: bool) -> None:
        """Take the host down, and up again after a while."""
        if not self.is_host_up:
            return
        self.observer.note(f"the host goes down, {'announced' if announced else 'unannounced'}")
        if announced and self.daemon is not None:
            self.daemon.hear(HostShutdownBegan(reason="simulated"))
            self.time.after(5 * SECOND, lambda: self._go_down(down_usec, clock_lost=clock_lost))
        else:
            self._go_down(down_usec, clock_lost=clock_lost)

    def _go_down(self, down_usec: int, *, clock_lost: bool) -> None:
        if not self.is_host_up:
            return
        self.is_host_up = False
        for program in self.programs.values():
            program.host_goes(ExitRecord(signal="SIGKILL", by=Sender.HOST))
        if self.daemon is not None:
            self._bury()
        self.time.forget(Scope.DAEMON, Scope.HOST)
        self.time.after(down_usec, lambda: self._come_up(clock_lost=clock_lost))

    def _come_up(self, *, clock_lost: bool) -> None:
        self.observer.note("the host is up")
        self.is_host_up = True
        self.time.reboot(clock_lost=clock_lost)
        self._start_again()

    def tell(self, event: Event) -> None:
        """Let the daemon hear of something; without one nobody does."""
        if self.daemon is not None:
            self.daemon.hear(event)

    def ask(self, asked: Asked) -> None:
        """Let somebody ask; without a daemon there is nobody to hear it."""
        if self.daemon is not None:
            self.daemon.ask(asked)

    # -- how it must end -------------------------------------------------------------------------------------------

    def _check_liveness(self) -> None:
        observer = self.observer
        observer.demand(that=self.daemon is not None, otherwise="gatedog does not run")
        assert self.daemon is not None
        now_wall = self.time.read().wall_usec
        for pending in self.daemon.supervisor.state.outbox:
            is_fresh = now_wall - pending.queued_wall_usec < WAITING_USEC_MAX
            observer.demand(that=is_fresh, otherwise=f"page {pending.page.page} still waits")
        for name, program in self.programs.items():
            process = program.process
            serves = process is not None and process.alive and process.serves
            accounted = serves or observer.was_stopped_by_people(name) or observer.was_held_by_people(name)
            since = observer.held_since_usec(name)
            knows = observer.was_paged(name, since) or observer.was_closed_by_people(name, since)
            told = observer.is_held(name) and knows
            observer.demand(that=accounted or told, otherwise=f"{name} is down, and that is not as it should be")
            if serves:
                self._check_health(name)
        missing = observer.missing_pages(self.time.now_usec - WAITING_USEC_MAX)
        observer.demand(that=not missing, otherwise=f"pages were lost: {missing}")

    def _check_health(self, name: GatewayName) -> None:
        assert self.daemon is not None
        state = self.daemon.supervisor.state
        gateway = next(each for each in state.gateways if each.name == name)
        otherwise = f"{name} is well, and called {gateway.health.health.value}"
        self.observer.demand(that=gateway.health.health is Health.HEALTHY, otherwise=otherwise)
        about = f"{name}:{Matter.DEGRADATION.value}"
        stories = [each for each in state.incidents if each.fingerprint == about]
        is_over = all(each.phase is IncidentPhase.RESOLVED for each in stories)
        self.observer.demand(that=is_over, otherwise=f"{name} is well, and the story of its degradation is not over")

    def _check_memory(self) -> None:
        self.close()
        folder = self.around.folder
        for journal in (folder, *folder.parent.glob(f"{folder.name}.*")):  # the present one, and those kept aside
            chain = verify_chain(journal)
            self.observer.demand(that=not chain.problems, otherwise=f"{journal} is damaged: {chain.problems}")
            replayed = verify_decisions(journal)
            otherwise = f"a replay of {journal} decides otherwise: {replayed.differences[:1]}"
            self.observer.demand(that=not replayed.differences, otherwise=otherwise)


def _policy(chance: Random) -> Policy:
    small = BudgetPolicy(
        windows=(Window(starts=3, per_usec=10 * MINUTE), Window(starts=5, per_usec=2 * HOUR)),
        self_restart=(Window(starts=2, per_usec=20 * MINUTE), Window(starts=3, per_usec=4 * HOUR)),
        on_exhausted=chance.choice(tuple(OnExhausted)),
    )
    gateways = tuple(
        GatewayPolicy(
            name=GatewayName(name),
            command=CommandPolicy(argv=("gateway",)),
            trusted_units=(TRUSTED_UNIT,),
            budget=chance.choice((small, small, BudgetPolicy())),
            spiral=chance.choice((_QUIET, SpiralPolicy())),
            backoff=chance.choice((BackoffPolicy(), BackoffPolicy(max_usec=20 * SECOND))),
            probes=PROBES,
            health=health_rules(chance),
        )
        for name in ("alpha", "beta")[: chance.randint(1, 2)]
    )
    people = EscalationPolicy(tiers=(("phone", "chat"), ("call",)), notices=("mail",))
    return Policy(gateways=gateways, escalation=people)
