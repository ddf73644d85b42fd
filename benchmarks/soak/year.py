"""How much a year costs the journal: the real core, loop, journal and recovery on a simulated host.

Run: .venv/bin/python benchmarks/soak/year.py (some minutes). Prints one JSON line for every thirty days and a verdict
as the last one; ends with 1 when a bound was broken. A fortnight of it is part of ./check
(tests/system/test_soak_short.py).

The gateway is looked at every 20 s, dies twice a day and loops once a week until it is held and a human releases it; a
human restarts it daily and the agent asks for it daily; the network flaps, and five probes' worth of blips come in as
network looks, because they are observations of the same size. gatedog is restarted every month, now and then by a
crash, and the host boots every other time. More than 13 months by default, so that old segments are pruned as well.
"""

import argparse
import heapq
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from watchdog.core.decisions import (
    CancelTimer,
    CollectEvidence,
    Decision,
    KillGateway,
    SetTimer,
    StartGateway,
    StopGateway,
)
from watchdog.core.endings import ExitRecord
from watchdog.core.events import (
    ActionRequested,
    EnforcementObserved,
    Event,
    GatewayObserved,
    GatewayReady,
    MainProcessExited,
    MainProcessStarted,
    NetworkObserved,
    PageDelivered,
    PolicyLoaded,
    Starter,
    SupervisorStarted,
    TimerFired,
)
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.peer import Ancestor, Peer
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import State
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND, Usec
from watchdog.core.timer import TimerId
from watchdog.core.verbs import Verb
from watchdog.daemon.inbox import Arrival, Inbox
from watchdog.daemon.recovery import Memory, remember
from watchdog.daemon.supervisor import Supervisor
from watchdog.journal.retention import KEEP_USEC
from watchdog.journal.schema import FILE_NAME
from watchdog.journal.store import Journal
from watchdog.journal.verification import verify
from watchdog.sensors.clocks import Reading

NAME = GatewayName("gateway")
POLICY = Policy(gateways=(GatewayPolicy(name=NAME, command=CommandPolicy(argv=("agent", "gateway"))),))
BEGAN_WALL_USEC = 1_800_000_000 * SECOND
MONTH = 30
KEPT_DAYS = KEEP_USEC // DAY
PROBES = 5
BLIPS_PER_PROBE_A_DAY = 4
KEPT_IN_THE_END_USEC = 3 * DAY
JOURNAL_BYTES_MAX = 200_000_000
RECOVERY_S_MAX = 3.0
RSS_KIB_PER_MONTH = 256.0


class Host:
    """Virtual time, one gateway, one human, one agent. Implements `Performer` and the clocks."""

    def __init__(self) -> None:
        self.now_usec = 0
        self.supervisor: Supervisor | None = None
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._boots = 1
        self._booted_usec = 0
        self._process: ProcessRef | None = None
        self._life = LifeId(0)
        self._alarms: dict[TimerId, int] = {}
        self._offered: set[str] = set()

    # -- time ------------------------------------------------------------------------------------------------------

    def at(self, when_usec: int, call: Callable[[], None]) -> int:
        """Call at a moment of virtual time."""
        number = next(self._order)
        heapq.heappush(self._due, (when_usec, number, call))
        return number

    def run_until(self, end_usec: int) -> None:
        """Let time pass."""
        while self._due and self._due[0][0] <= end_usec:
            self.now_usec, _, call = heapq.heappop(self._due)
            call()
        self.now_usec = end_usec

    def read_clocks(self) -> Reading:
        """Read the virtual clocks."""
        return Reading(
            wall_usec=Usec(BEGAN_WALL_USEC + self.now_usec),
            uptime_usec=Usec(self.now_usec - self._booted_usec),
            boot=self._boot(),
            synchronised=True,
        )

    def call_later(self, delay_s: float, call: Callable[[], None]) -> object:
        """Stand in for the event loop."""
        return self.at(self.now_usec + round(delay_s * SECOND), call)

    def _boot(self) -> BootId:
        return BootId(f"boot-{self._boots}")

    # -- the daemon ------------------------------------------------------------------------------------------------

    def begin(self, memory: Memory, *, booted: bool) -> None:
        """Start the daemon, after a boot of the host or without one."""
        if booted:
            self._boots, self._booted_usec, self._process = self._boots + 1, self.now_usec - MINUTE, None
        self._due.clear()
        self._alarms.clear()
        self._offered.clear()
        self.supervisor = Supervisor(memory.state, memory.journal, self, self.read_clocks, Inbox(), self.call_later)
        self.report(SupervisorStarted(version="soak", rules=RULES_VERSION))
        if memory.state.policy != POLICY:
            self.report(PolicyLoaded(policy=POLICY, digest="soak"))
        self.report(EnforcementObserved(gateway=NAME, enforcing=True, reason=""))
        self._look()
        clock = self.supervisor.state.clock
        for timer in self.supervisor.state.timers:
            self._ring_at(timer.timer, timer.due_usec - clock.now_usec)
        self.settle(self.supervisor.state)

    def report(self, event: Event) -> None:
        """Let the supervisor take an event, and what it tells itself about it."""
        assert self.supervisor is not None  # noqa: S101 - begun before anything can happen
        self.supervisor.take(Arrival(event))
        while (own := self.supervisor.inbox.next()) is not None:
            self.supervisor.take(own)

    def _look(self) -> None:
        assert self.supervisor is not None  # noqa: S101 - likewise
        self.report(GatewayObserved(gateway=NAME, process=self._process, life=self._life or None))
        if self.now_usec % (5 * MINUTE) < 20 * SECOND:
            self.report(NetworkObserved(has_route=True, has_dns=True))
        if self.now_usec % HOUR < 20 * SECOND:
            self.report(EnforcementObserved(gateway=NAME, enforcing=True, reason=""))
        self.supervisor.commit()
        self.at(self.now_usec + 20 * SECOND, self._look)

    # -- performing ------------------------------------------------------------------------------------------------

    def perform(self, decision: Decision, state: State) -> None:
        """See `Performer.perform`."""
        match decision:
            case StartGateway(life=life):
                self.at(self.now_usec + 4_000, lambda: self._started(life))
            case StopGateway() | KillGateway():
                self.at(self.now_usec + 2 * SECOND, lambda: self.die(0))
            case SetTimer(timer=timer, due_usec=due):
                self._ring_at(timer, due - state.clock.now_usec)
            case CancelTimer(timer=timer):
                self._alarms.pop(timer, None)
            case CollectEvidence(incident=incident, action=action):
                kept = EvidenceCollected(
                    gateway=NAME, incident=incident, folder=f"incidents/{action}", digest="0" * 64, size_bytes=20_000
                )
                self.at(self.now_usec + SECOND, lambda: self.report(kept))
            case _:
                pass

    def settle(self, state: State) -> None:
        """See `Performer.settle`: every page arrives two seconds after it was queued."""
        for pending in state.outbox:
            if pending.page.page not in self._offered:
                self._offered.add(pending.page.page)
                for channel in pending.waiting:
                    told = PageDelivered(page=pending.page.page, channel=channel, detail="queued as 250 2.0.0")
                    self.at(self.now_usec + 2 * SECOND, lambda told=told: self.report(told))

    def _ring_at(self, timer: TimerId, delay_usec: int) -> None:
        def ring() -> None:
            if self._alarms.get(timer) == number:
                del self._alarms[timer]
                self.report(TimerFired(timer=timer))

        number = self.at(self.now_usec + max(0, delay_usec), ring)
        self._alarms[timer] = number

    def _started(self, life: LifeId) -> None:
        process = ProcessRef(pid=1000 + life % 30_000, start_ticks=self.now_usec // 10_000, boot=self._boot())
        self._process, self._life = process, life
        self.report(MainProcessStarted(gateway=NAME, process=process, life=life, starter=Starter.GATEDOG))
        self.at(self.now_usec + 5 * SECOND, lambda: self._ready(process))

    def _ready(self, process: ProcessRef) -> None:
        if self._process == process:
            self.report(GatewayReady(gateway=NAME, process=process))

    # -- what happens ----------------------------------------------------------------------------------------------

    def die(self, code: int) -> None:
        """End the gateway, if it runs."""
        if self._process is not None:
            process, self._process = self._process, None
            line = f"Error: connect ECONNREFUSED 127.0.0.1:18789 after {self.now_usec // SECOND} s, giving up"
            exited = ExitRecord(code=code, last_line=line)
            self.report(MainProcessExited(gateway=NAME, process=process, exit=exited))

    def ask(self, verb: Verb, reason: str, *, by_agent: bool) -> None:
        """Let the human or the agent ask for something."""
        me = ProcessRef(pid=50_000, start_ticks=1 << 40, boot=self._boot())
        login = Ancestor(process=ProcessRef(pid=700, start_ticks=0, boot=self._boot()), comm="sshd", cgroup="/")
        human = Peer(
            process=me, uid=1000, gid=1000, comm="bash", alive=True, tty=1, session_leader=me, ancestors=(login,)
        )
        agent = Peer(process=me, uid=1001, gid=1001, comm="node", alive=True, in_life=((NAME, self._life),))
        peer = agent if by_agent else human
        self.report(ActionRequested(gateway=NAME, verb=verb, reason=reason, peer=peer))

    def plan_day(self, day: int) -> None:
        """Write down what happens on a day of the simulation."""
        midnight = day * DAY
        for hour in (3, 15):
            self.at(midnight + hour * HOUR, lambda: self.die(1))
        self.at(midnight + 10 * HOUR, lambda: self.ask(Verb.RESTART, "new configuration", by_agent=False))
        self.at(midnight + 20 * HOUR, lambda: self.ask(Verb.ASK_RESTART, "I feel slow today", by_agent=True))
        for number in range(PROBES * BLIPS_PER_PROBE_A_DAY):
            self._blip(midnight + number * HOUR + 7 * MINUTE, 40 * SECOND)
        self._blip(midnight + 23 * HOUR, 5 * MINUTE)
        if day % 7 == 6:
            for minute in range(6):
                self.at(midnight + 6 * HOUR + minute * MINUTE, lambda: self.die(1))
            self.at(midnight + 7 * HOUR, lambda: self.ask(Verb.RELEASE, "the model endpoint is back", by_agent=False))

    def _blip(self, when_usec: int, lasts_usec: int) -> None:
        self.at(when_usec, lambda: self.report(NetworkObserved(has_route=True, has_dns=False)))
        self.at(when_usec + lasts_usec, lambda: self.report(NetworkObserved(has_route=True, has_dns=True)))


def main() -> int:
    """Let the time pass, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=430)
    parser.add_argument("--every", type=int, default=MONTH, help="days between two samples and restarts of gatedog")
    wanted = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        samples, recoveries, agreed = live(Path(name) / "journal", wanted.days, wanted.every)
        verdict = finish(Path(name) / "journal", samples, recoveries)
    verdict |= {"recovered_the_same_state": agreed, "wall_s": round(time.monotonic() - began, 1)}
    kept = verdict["journal_bytes_a_year"] <= JOURNAL_BYTES_MAX and verdict["recovery_s_max"] <= RECOVERY_S_MAX
    sound = agreed and verdict["intact"] and verdict["pruned_to_three_days"]["intact"]
    verdict["kept"] = bool(kept and sound and verdict["rss_kib_a_month"] <= RSS_KIB_PER_MONTH)
    print(json.dumps({"verdict": verdict}))
    return 0 if verdict["kept"] else 1


def live(folder: Path, days: int, every: int) -> tuple[list[dict[str, int]], list[float], bool]:
    """Let the days pass; return the samples, how long each recovery took, and whether each led to the same state."""
    host, samples, recoveries, agreed = Host(), [], [], True
    memory = remember(folder)
    for month, first_day in enumerate(range(0, days, every)):
        host.begin(memory, booted=month % 2 == 1)
        last_day = min(first_day + every, days)
        for day in range(first_day, last_day):
            host.plan_day(day)
            host.run_until((day + 1) * DAY)
        assert host.supervisor is not None  # noqa: S101 - begun above
        host.supervisor.commit()
        samples.append(look(folder, memory.journal, last_day))
        print(json.dumps(samples[-1]), flush=True)
        if month % 3:  # every third time it crashes, and the next start steps through the open segment
            host.supervisor.seal()
        before = host.supervisor.state
        memory.journal.close()
        began = time.perf_counter()
        memory = remember(folder)
        recoveries.append(time.perf_counter() - began)
        agreed = agreed and replace(memory.state, clock=before.clock) == before
    memory.journal.close()
    return samples, recoveries, agreed


def look(folder: Path, journal: Journal, days: int) -> dict[str, int]:
    """Take one sample."""
    rss = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return {
        "days": days,
        "journal_bytes": size_of(folder),
        "db_bytes": (folder / FILE_NAME).stat().st_size,
        "records": journal.last_seq,
        "segments": len(journal.segments()),
        "pruned_segments": sum(segment.pruned for segment in journal.segments()),
        "folded": sum(fold.count for fold in journal.folds()),
        "rss_kib": int(rss.split()[1]),
    }


def size_of(folder: Path) -> int:
    """Return what the journal takes on disk, log and ballast included."""
    return sum(file.stat().st_size for file in folder.iterdir())


def finish(folder: Path, samples: list[dict[str, int]], recoveries: list[float]) -> dict[str, object]:
    """Judge the samples, verify the journal, and verify it again with all but its last three days pruned."""
    last, settled = samples[-1], samples[min(1, len(samples) - 1) :]
    began = time.perf_counter()
    whole = verify(folder)
    verified_s = time.perf_counter() - began
    before = remember(folder)
    removed = before.journal.prune(Usec(BEGAN_WALL_USEC + last["days"] * DAY), KEPT_IN_THE_END_USEC)
    before.journal.close()
    after = remember(folder)
    after.journal.close()
    kept_days = min(last["days"], KEPT_DAYS)
    months = max(1.0, (settled[-1]["days"] - settled[0]["days"]) / MONTH)
    return {
        "journal_bytes_a_year": last["journal_bytes"] + last["db_bytes"] * (365 - kept_days) // kept_days,
        "journal_bytes": last["journal_bytes"],
        "records": last["records"],
        "rss_kib_a_month": round((settled[-1]["rss_kib"] - settled[0]["rss_kib"]) / months, 1),
        "recovery_s_max": round(max(recoveries), 3),
        "intact": whole.intact,
        "verify_s": round(verified_s, 2),
        "pruned_to_three_days": {
            "removed": removed,
            "journal_bytes": size_of(folder),
            "intact": verify(folder).intact and after.state == before.state,
        },
    }


if __name__ == "__main__":
    sys.exit(main())
