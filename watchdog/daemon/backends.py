"""Build what runs the gateways: children of this daemon, and units of systemd's.

Invariant: what a kind of gateway alone needs is loaded and opened only where there is one: a daemon of children needs
no systemd, no D-Bus and no pystemd.
"""

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from watchdog.core.events import HostShutdownBegan
from watchdog.core.identity import GatewayName
from watchdog.core.policy import GatewayPolicy
from watchdog.core.values import dataclass
from watchdog.daemon.options import DaemonOptions
from watchdog.gateway.backend import Backend, Report
from watchdog.gateway.child import ChildBackend
from watchdog.gateway.launcher import Surroundings
from watchdog.gateway.logwatch import LogWatch
from watchdog.gateway.orphans import Orphans
from watchdog.gateway.witness import NoWitness, Witness
from watchdog.sensors.signals.perf import PerfRefused
from watchdog.sensors.signals.tracepoints import find_tracepoints
from watchdog.sensors.signals.witness import SignalWitness

if TYPE_CHECKING:
    from watchdog.gateway.systemdlink import SystemdLink
    from watchdog.gateway.unit import UnitBackend


class NoSystemd(Exception):  # noqa: N818 - what the person reads
    """There is no way to systemd; the text says why, and what helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """Every gateway's backend, and what they share."""

    by_name: Mapping[GatewayName, Backend]
    units: "Mapping[GatewayName, UnitBackend]"
    """Of these, the ones that are units of systemd's."""
    log_watch: LogWatch
    orphans: Orphans
    link: "SystemdLink | None"
    """The one way to systemd; None when no gateway is a unit."""
    signals: SignalWitness | None
    """Who sees the signals that are sent to the gateways; None where the kernel does not let us."""
    blind_because: str
    """Why nobody sees them; empty when somebody does."""

    def begin(self) -> None:
        """Open the way to systemd, before anything is looked at. Raises NoSystemd."""
        if self.link is None:
            return
        from watchdog.gateway.bus import BusLost  # noqa: PLC0415 - a daemon of children needs no systemd

        try:
            self.link.begin()
        except BusLost as error:
            raise NoSystemd(str(error)) from error

    def shutdown_under_way(self) -> HostShutdownBegan | None:
        """Say whether the host goes down, for a daemon that was told to end."""
        return None if self.link is None else self.link.shutdown_under_way()

    async def run_errand(self, unit: str) -> None:
        """Start a oneshot unit of gatedog's own and wait for its end. Raises OSError."""
        if self.link is None:
            raise OSError("no gateway is a unit, so nobody speaks to systemd")
        from watchdog.gateway import errand  # noqa: PLC0415 - loads the bus, which a daemon of children does not need

        await errand.run(self.link, unit)

    async def close(self) -> None:
        """Stop watching; every gateway runs on."""
        for backend in self.by_name.values():
            await backend.close()
        self.log_watch.close()
        if self.signals is not None:
            self.signals.close()
        if self.link is not None:
            await self.link.close()


def build_backends(options: DaemonOptions, loop: asyncio.AbstractEventLoop, report: Report) -> Backends:
    """Build them all; nothing is started, looked at or spoken to.

    Raises:
        OSError: a folder cannot be made.
        NoSystemd: a gateway is a unit, and there is no way to systemd here; the text says what helps.
    """
    children = [gateway for gateway in options.policy.gateways if not gateway.unit]
    units = [gateway for gateway in options.policy.gateways if gateway.unit]
    orphans, log_watch = Orphans(loop), LogWatch(loop)
    signals, blind_because = _open_signals(loop)
    witness: Witness = signals if signals is not None else NoWitness()
    surroundings = Surroundings(
        state_folder=options.state_folder,
        runtime_folder=options.runtime_folder,
        control_socket=options.runtime_folder / "control.sock",
        environment=dict(os.environ),
        inherit_environment=options.foreground_command,
        witness=witness,
    )
    built: dict[GatewayName, Backend] = {
        gateway.name: ChildBackend(gateway, surroundings, report, loop, orphans, log_watch) for gateway in children
    }
    link, owned = _build_units(units, options, witness, loop, report)
    return Backends(
        by_name=built | owned,
        units=owned,
        log_watch=log_watch,
        orphans=orphans,
        link=link,
        signals=signals,
        blind_because=blind_because,
    )


def _open_signals(loop: asyncio.AbstractEventLoop) -> tuple[SignalWitness | None, str]:
    """Look for who sends signals to the gateways, where the kernel lets us; else say why it does not."""
    try:
        return SignalWitness(find_tracepoints(), loop), ""
    except PerfRefused as refused:
        return None, str(refused)


def _build_units(
    policies: list[GatewayPolicy],
    options: DaemonOptions,
    witness: Witness,
    loop: asyncio.AbstractEventLoop,
    report: Report,
) -> "tuple[SystemdLink | None, dict[GatewayName, UnitBackend]]":
    if not policies:
        return None, {}
    # Needed only hours later, when an upgrade on disk may have taken the files of the version that runs away.
    import watchdog.gateway.errand  # noqa: F401, PLC0415 - likewise
    from watchdog.gateway.bus import BusLost, PystemdBus  # noqa: PLC0415 - a daemon of children needs no systemd
    from watchdog.gateway.systemdlink import SystemdLink  # noqa: PLC0415 - likewise
    from watchdog.gateway.unit import UnitBackend, UnitPlaces  # noqa: PLC0415 - likewise

    try:
        link = SystemdLink(PystemdBus(loop), report, loop)
    except BusLost as error:
        raise NoSystemd(str(error)) from error
    places = UnitPlaces(state_folder=options.state_folder, witness=witness)
    return link, {policy.name: UnitBackend(policy, places, link, report, loop) for policy in policies}
