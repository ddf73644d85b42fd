"""What is looked at again and again: full looks, clocks, network, chores, the ping.

Theory of operation. Deaths come as edges, from pidfds, at once. The rounds are the level behind them: every ten
seconds the chores, every twenty a full look at each gateway, the clocks and the status file, and a network look that
is frequent only while something is wrong. Each look is an event; one that changes nothing is folded, so an idle day
costs the journal nothing.

Invariant: nothing here decides, and the systemd ping is sent from here, after the loop has taken its turn.
"""

import asyncio
from collections.abc import Callable, Mapping

from watchdog.core.identity import GatewayName
from watchdog.core.state import Phase
from watchdog.core.timeline import SECOND
from watchdog.daemon.heap import return_heap
from watchdog.daemon.ownerwatch import OwnerWatch
from watchdog.daemon.statusfile import STATUS_EVERY_S, StatusFile
from watchdog.daemon.supervisor import Supervisor
from watchdog.gateway.backend import Backend
from watchdog.pager.deadman import DeadMan, fault_of
from watchdog.sensors import network
from watchdog.sensors.alarm import AlarmClock
from watchdog.sensors.clocks import Reading, StepWatch

CHORES_EVERY_S = 10.0
CHORES_PER_LOOK = int(STATUS_EVERY_S / CHORES_EVERY_S)
SLEPT_USEC_MIN = SECOND
EVENTS_PER_HEAP_RETURN = 2_000
"""Only thousands of events leave holes worth ten milliseconds; an idle daemon never pays them."""
LOOKS_PER_NETWORK_LOOK = 15
"""With all gateways up, the network is looked at every five minutes; with one down, at every look."""


class Rounds:
    """The slow pulse of the daemon."""

    def __init__(
        self,
        supervisor: Supervisor,
        backends: Mapping[GatewayName, Backend],
        owners: OwnerWatch,
        alarms: AlarmClock,
        status: StatusFile,
        chores: tuple[Callable[[], None], ...],
        read_clocks: Callable[[], Reading],
        *,
        deadman: DeadMan,
    ) -> None:
        self._supervisor = supervisor
        self._backends = backends
        self._owners = owners
        self._alarms = alarms
        self._status = status
        self._chores = chores
        self._read_clocks = read_clocks
        self._deadman = deadman
        self._steps = StepWatch()
        self._slept_usec = self._time_asleep()
        self._looks = 0
        self._heap_returned_at = 0

    async def run(self) -> None:
        """Go round until cancelled."""
        await self._look_at_network()
        await self._owners.look()
        while True:
            for _ in range(CHORES_PER_LOOK):
                await asyncio.sleep(CHORES_EVERY_S)
                for backend in self._backends.values():
                    backend.tend()
                self._owners.tend()
                for chore in self._chores:
                    chore()
                self._deadman.turn(self._supervisor.taken, fault_of(self._supervisor.state))
            await self._look()

    def rearm(self) -> None:
        """Set the alarm clock by the core's own list of alarms: at the start, and when a clock did not just run."""
        state = self._supervisor.state
        clock, reading = state.clock, self._read_clocks()
        passed = max(0, reading.uptime_usec - clock.uptime_usec) if reading.boot == clock.boot else 0
        now = clock.now_usec + passed
        self._alarms.rearm((timer.timer, timer.due_usec - now) for timer in state.timers)

    async def _look(self) -> None:
        self._looks += 1
        stepped, slept_usec = self._steps.look(self._read_clocks()), self._time_asleep()
        if stepped is not None:
            self._supervisor.inbox.put(stepped)
        if stepped is not None or slept_usec - self._slept_usec > SLEPT_USEC_MIN:
            self.rearm()  # the alarm clock sleeps by the monotonic clock, which stands still in a suspended host
        self._slept_usec = slept_usec
        for backend in self._backends.values():
            self._supervisor.inbox.put(backend.observe())
        await self._owners.look()
        if self._supervisor.taken - self._heap_returned_at > EVENTS_PER_HEAP_RETURN:
            self._heap_returned_at = self._supervisor.taken
            return_heap()
        if self._something_is_down() or self._looks % LOOKS_PER_NETWORK_LOOK == 0:
            await self._look_at_network()
        self._supervisor.commit()
        self._status.write()

    async def _look_at_network(self) -> None:
        self._supervisor.inbox.put(await network.look())

    def _time_asleep(self) -> int:
        return self._read_clocks().uptime_usec - round(asyncio.get_running_loop().time() * SECOND)

    def _something_is_down(self) -> bool:
        return any(gateway.wanted_up and gateway.phase is not Phase.UP for gateway in self._supervisor.state.gateways)
