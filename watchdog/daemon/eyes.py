"""Where each gateway is looked at from, for its probes and vitals.

Invariant: a gateway is looked at while it has a process, and by eyes of its own account; what is seen is an event, and
nothing is judged here.
"""

import os
from collections.abc import Callable
from pathlib import Path

from watchdog.control.wire import LookStatus, ProbeRow
from watchdog.core.events import Event
from watchdog.core.identity import GatewayName, LifeId, ProcessRef
from watchdog.core.policy import GatewayPolicy, Policy
from watchdog.core.selfrestart import SelfRestartMeans, SelfRestartSeen
from watchdog.core.state import Phase, State
from watchdog.daemon.backends import Backends
from watchdog.daemon.options import DaemonOptions
from watchdog.daemon.probeview import look_status, memory_cells, probe_row
from watchdog.daemon.scene import Witnessed
from watchdog.gateway.child import ChildBackend
from watchdog.gateway.programs import ChildPrograms, UnitPrograms
from watchdog.sensors.freshness import code_of_command
from watchdog.sensors.journaltail import JournalTail
from watchdog.sensors.lookout import Lookout, Vantage, read_uptime_usec
from watchdog.sensors.probes.words import Pulse

_PHASES_WITH_PROCESS = frozenset({Phase.STARTING, Phase.UP})


class Eyes:
    """The lookout, and the programs it runs beside child gateways."""

    def __init__(self, options: DaemonOptions, backends: Backends, report: Callable[[Event], None]) -> None:
        self._backends = backends
        self._options = options
        self._programs: list[ChildPrograms] = []
        self._tails: list[JournalTail] = []
        vantages = {gateway.name: self._vantage(gateway) for gateway in options.policy.gateways}
        self._lookout = Lookout(report, vantages, on_restart=lambda *seen: report(_restarted_in_place(*seen)))
        self._lookout.adopt(options.policy.gateways)
        for backend in backends.by_name.values():
            if isinstance(backend, ChildBackend):
                backend.hear = self._lookout.hear

    def follow(self, state: State) -> None:
        """Look at the processes that are there now. Costs nothing when they are the same."""
        for gateway in state.gateways:
            life = gateway.life if gateway.phase in _PHASES_WITH_PROCESS else None
            self._lookout.follow(gateway.name, None if life is None else life.process)

    def adopt(self, policy: Policy) -> None:
        """Take up another policy's probes; those that are the same keep their history and rhythm."""
        self._lookout.adopt(policy.gateways)

    def probes(self) -> list[ProbeRow]:
        """List all probes, each with its last look."""
        now_usec = read_uptime_usec()
        return [probe_row(standing, now_usec) for standing in self._lookout.standings()]

    def probe_history(self, gateway: GatewayName, probe: str) -> list[LookStatus] | None:
        """Return the remembered looks of a probe, oldest first. None: no such probe."""
        looks, now_usec = self._lookout.history(gateway, probe), read_uptime_usec()
        return None if looks is None else [look_status(look, now_usec) for look in looks]

    async def probe_run(self, gateway: GatewayName, probe: str) -> LookStatus | None:
        """Look once, now. None: no such probe, or no process to look at."""
        look = await self._lookout.look_now(gateway, probe)
        return None if look is None else look_status(look, read_uptime_usec())

    def witnessed(self, gateway: GatewayName) -> Witnessed:
        """Return what was seen of a gateway so far, to be kept as evidence."""
        return Witnessed(
            looks=self._lookout.witnessed(gateway),
            curve=self._lookout.curve(gateway),
            marks=self._backends.by_name[gateway].life_marks() if gateway in self._backends.by_name else (),
        )

    def memory(self, now_usec: int) -> tuple[tuple[GatewayName, tuple[int, ...]], ...]:
        """Return what each gateway's memory was over the last two hours; `now_usec` is CLOCK_BOOTTIME."""
        return tuple((name, memory_cells(self._lookout.curve(name), now_usec)) for name in self._backends.by_name)

    async def close(self) -> None:
        """Look no more, and end what runs beside the gateways on our account."""
        await self._lookout.close()
        for programs in self._programs:
            programs.close()
        for tail in self._tails:
            tail.close()

    async def _pulse(self, unit: GatewayName) -> Pulse:
        beat_usec, status = await self._backends.units[unit].heard()
        return Pulse(beat_usec=beat_usec, status=status)

    def _vantage(self, gateway: GatewayPolicy) -> Vantage:
        backend = self._backends.by_name[gateway.name]
        if gateway.command is None:
            tail = JournalTail(gateway.unit)
            self._tails.append(tail)
            return Vantage(
                marks=backend.life_marks,
                runner=UnitPrograms(gateway, self._backends.run_errand),
                pulse=lambda: self._pulse(gateway.name),
                tail=tail,
                state_folder=lambda: self._backends.units[gateway.name].state_folder,
            )
        programs = ChildPrograms(
            gateway.name,
            gateway.command,
            self._backends.orphans,
            environment=dict(os.environ),
            inherit_environment=self._options.foreground_command,
        )
        self._programs.append(programs)
        logs = self._options.state_folder / "log" / gateway.name
        folder = gateway.command.directory or str(Path.cwd())

        def log(life: LifeId) -> Path:
            return logs / f"{life}.log"

        return Vantage(
            marks=backend.life_marks,
            runner=programs,
            log=log,
            state_folder=lambda: folder,
            code=code_of_command(gateway.command.argv, folder),
        )


def _restarted_in_place(gateway: GatewayName, process: ProcessRef, evidence: str) -> SelfRestartSeen:
    """Say that the program started over; who noticed remembers it, so one restart is reported once."""
    return SelfRestartSeen(gateway=gateway, process=process, means=SelfRestartMeans.SAME_PID, evidence=evidence)
