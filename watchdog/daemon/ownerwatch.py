"""Who else could start the gateways, and whether the origin rules bind: looked at again and again.

Theory of operation. Three pairs of eyes: systemd's own word on the unit (gateway/), files and ports that gatedog can
read (sensors/), and what root's inspection left in /run (origin/enforcing). Their sum is one observation per gateway;
one that says nothing new is folded. Files are compared in a thread, every few minutes; the rest is cheap and looked at
with every round. After a life has started, root is asked to look again, at most once a minute. Of a child gateway only
the port is looked at: what else could start it is the human's own command line.

Invariant: nothing here decides, and a look that could not be taken changes nothing that is known.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from watchdog.core.events import Event, MainProcessStarted, OwnershipObserved
from watchdog.core.identity import GatewayName
from watchdog.core.policy import GatewayPolicy, Policy
from watchdog.core.rival import Rival
from watchdog.core.timeline import SECOND
from watchdog.daemon import enforcement
from watchdog.daemon.backends import Backends
from watchdog.daemon.enforcement import InspectionDesk, Standpoint
from watchdog.gateway.backend import Report
from watchdog.gateway.observe import Glimpse, Observer
from watchdog.gateway.process import read_age_usec
from watchdog.origin.enforcing.factsfile import read_moment
from watchdog.origin.host import Host
from watchdog.sensors import lockowner, portowner, rivals
from watchdog.sensors.clocks import Reading
from watchdog.sensors.rivals import FileLook

LOOKS_PER_FILE_LOOK = 15
"""Files are compared every five minutes, the rest with every round."""
NEWBORN_USEC = 2 * SECOND


_NOTHING_SEEN = FileLook(rivals=(), unread=())


@dataclass(slots=True, kw_only=True)
class _Watched:
    """One gateway that is a unit."""

    policy: GatewayPolicy
    observer: Observer | None
    files: FileLook = _NOTHING_SEEN
    outsiders: tuple[Rival, ...] = ()
    glimpses: tuple[Glimpse, ...] = ()


class OwnerWatch:
    """Looks, and reports what it sees."""

    def __init__(self, policy: Policy, backends: Backends, report: Report, read_clocks: Callable[[], Reading]) -> None:
        self._policy = policy
        self._backends = backends
        self._report = report
        self._read_clocks = read_clocks
        self._errands: set[asyncio.Task[None]] = set()
        self._desk = InspectionDesk(self._inspect)
        self._watched = {
            gateway.name: _Watched(policy=gateway, observer=self._observer(gateway))
            for gateway in policy.gateways
            if gateway.unit
        }
        self._children = tuple(
            gateway
            for gateway in policy.gateways
            if gateway.command is not None and gateway.port and gateway.ready.owned
        )
        self._looks = 0

    def begin(self) -> list[Event]:
        """Take the first look and return it, to be taken in before anything is offered.

        What root did while no gatedog was there comes first: a gateway that a human stopped is not to be started.
        """
        used = [event for backend in self._backends.units.values() for event in backend.break_glass_used()]
        return [*used, *(self._binding(gateway) for gateway in self._policy.gateways)]

    def hear(self, event: Event) -> None:
        """Hear what the backends report: a life that starts is to be inspected, and looked at with its own eyes."""
        if not isinstance(event, MainProcessStarted) or event.gateway not in self._watched:
            return
        self._desk.life_started()
        self._spawn(self._look_inside(self._watched[event.gateway]))

    def tend(self) -> None:
        """Ask for an inspection that is owed. Called every few seconds."""
        self._desk.tend(self._read_clocks().uptime_usec)

    async def look(self) -> None:
        """Take a round: files now and then, the rest always."""
        if self._looks % LOOKS_PER_FILE_LOOK == 0:
            for watched in self._watched.values():
                await asyncio.to_thread(self._look_at_files, watched)
        self._looks += 1
        for name, watched in self._watched.items():
            if not self._is_newborn(name):
                self._report(self._binding(watched.policy))
            self._report(OwnershipObserved(gateway=name, rivals=self._rivals(name, watched)))
        for child in self._children:
            marks = self._backends.by_name[child.name].life_marks()
            at_port = await asyncio.to_thread(portowner.look_at_port_of_child, child.port, marks)
            self._report(OwnershipObserved(gateway=child.name, rivals=at_port))

    def glimpses(self, name: GatewayName) -> tuple[Glimpse, ...]:
        """Return what the gateway's own commands said last."""
        watched = self._watched.get(name)
        return () if watched is None else watched.glimpses

    async def close(self) -> None:
        """Stop looking."""
        for task in tuple(self._errands):
            task.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)

    # -- looking ---------------------------------------------------------------------------------------------------

    def _binding(self, gateway: GatewayPolicy) -> Event:
        backend = self._backends.units.get(gateway.name)
        if backend is None:
            return enforcement.look(gateway)
        return enforcement.look(gateway, backend.observe().process, self._standpoint())

    def _is_newborn(self, name: GatewayName) -> bool:
        """Say whether the service manager may still be busy with the process: it forks, then marks, then executes."""
        process = self._backends.units[name].observe().process
        return process is not None and read_age_usec(process) < NEWBORN_USEC

    def _rivals(self, name: GatewayName, watched: _Watched) -> tuple[Rival, ...]:
        by_root = enforcement.rivals_seen_by_root(watched.policy, self._standpoint())
        return rivals.join(watched.files, by_root, (*watched.outsiders, *self._backends.units[name].rivals))

    def _look_at_files(self, watched: _Watched) -> None:
        host = Host()
        others = [gateway.unit for gateway in self._policy.gateways if gateway.unit != watched.policy.unit]
        try:
            claim = rivals.claim_of(host, watched.policy, others)
        except OSError:
            return  # the unit cannot be read: what is known stands, and the inspection says why it is not enforcing
        watched.files = rivals.look_at_files(host, claim)
        own = tuple(mark.cgroup for mark in self._backends.units[watched.policy.name].life_marks() if mark.cgroup)
        at_port = portowner.look_at_port(watched.policy.port, own)
        watched.outsiders = (*at_port, *lockowner.look_at_lock(watched.policy.lock, own))

    def _standpoint(self) -> Standpoint:
        return Standpoint(now=read_moment())

    # -- errands ---------------------------------------------------------------------------------------------------

    def _observer(self, gateway: GatewayPolicy) -> Observer | None:
        return Observer(gateway, self._backends.run_errand) if gateway.observe else None

    async def _look_inside(self, watched: _Watched) -> None:
        if watched.observer is not None:
            watched.glimpses = await watched.observer.look()

    def _inspect(self, unit: str) -> None:
        self._spawn(self._send(unit))

    async def _send(self, unit: str) -> None:
        try:
            await self._backends.run_errand(unit)
        except OSError:
            return  # root's own timer looks every hour; until then the facts grow old, and too old is not enforcing

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
