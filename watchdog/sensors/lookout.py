"""The eyes of the daemon: probes and vitals of every gateway, begun and ended with its lives.

Theory of operation. The daemon says, after every step, which process each gateway has; `follow` is level-triggered, so
saying it again costs nothing and a lost word is made up by the next. From where a gateway is looked at (its marks, its
log, who runs programs beside it) is given once, as a Vantage, by who built its backend.

Invariant: everything seen leaves by `report`, as an event; nothing is judged, and nothing here raises into the loop.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from watchdog.core.events import Event
from watchdog.core.identity import GatewayName, LifeId, ProcessRef
from watchdog.core.policy import GatewayPolicy
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.core.values import dataclass
from watchdog.origin.marks import LifeMark
from watchdog.sensors.aside import Aside
from watchdog.sensors.freshness import TICKS_PER_SECOND
from watchdog.sensors.logtail import Tail
from watchdog.sensors.prober import Look, Prober, ProbeStanding
from watchdog.sensors.probes.program import Runner
from watchdog.sensors.probes.words import AskPulse
from watchdog.sensors.vitals import Places, Point, Vitals

NEW_USEC = MINUTE
"""A life younger than this is looked at from its begin: its log is news from the first line on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """From where one gateway is looked at."""

    marks: Callable[[], tuple[LifeMark, ...]]
    """As Backend.life_marks: called at every look, because a life gets its cgroup a little after its begin."""
    runner: Runner | None = None
    """Runs programs beside it; None: exec probes are errors."""
    log: Callable[[LifeId], Path | None] = lambda _: None
    """Where a life's output lies."""
    pulse: AskPulse | None = None
    """Asks systemd what the gateway said over sd_notify; None: it speaks to gatedog itself, and `hear` is told."""
    tail: Tail | None = None
    """The log of all its lives, where they share one: read in place of `log`, closed with the lookout's owner."""
    state_folder: Callable[[], str] = lambda: ""
    """Whose disk is looked at; called when a life begins, because systemd is asked for it."""
    code: tuple[str, ...] = ()
    """Files and folders that are its code besides what is found by itself."""


def read_uptime_usec() -> int:
    """Read CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000


class Lookout:
    """Looks at all gateways of one daemon. Lives on the loop it is made in."""

    def __init__(
        self,
        report: Callable[[Event], None],
        vantages: Mapping[GatewayName, Vantage],
        *,
        on_restart: Callable[[GatewayName, ProcessRef, str], None] | None = None,
        now_usec: Callable[[], int] = read_uptime_usec,
    ) -> None:
        """`report` is the daemon's inbox; `on_restart` hears of a restart in place (an uptime that dropped)."""
        aside = Aside()
        runners = {name: vantage.runner for name, vantage in vantages.items() if vantage.runner is not None}
        self._vantages = vantages
        self._now_usec = now_usec
        self._followed: dict[GatewayName, ProcessRef] = {}
        pulses = {name: vantage.pulse for name, vantage in vantages.items() if vantage.pulse is not None}
        self._prober = Prober(report, now_usec, runners=runners, pulses=pulses, on_restart=on_restart, aside=aside)
        self._vitals = Vitals(report, now_usec, aside=aside)

    def adopt(self, gateways: Iterable[GatewayPolicy]) -> None:
        """Take up the probes and log lines of a policy, at the start and after each reload."""
        known = tuple(gateways)
        self._prober.adopt(known)
        self._vitals.adopt(known)

    def follow(self, gateway: GatewayName, process: ProcessRef | None) -> None:
        """Say which process a gateway has now; None: it has none."""
        if self._followed.get(gateway) == process or gateway not in self._vantages:
            return
        if process is None:
            del self._followed[gateway]
            self._prober.life_ended(gateway)
            self._vitals.life_ended(gateway)
            return
        self._followed[gateway] = process
        vantage = self._vantages[gateway]

        def find_mark() -> LifeMark | None:
            return next((mark for mark in vantage.marks() if mark.process == process), None)

        mark = find_mark()
        places = Places(
            log=None if mark is None else vantage.log(mark.life),
            tail=vantage.tail,
            state_folder=vantage.state_folder(),
            code=vantage.code,
        )
        age_usec = self._now_usec() - process.start_ticks * SECOND // TICKS_PER_SECOND
        self._prober.life_began(gateway, process, find_mark)
        self._vitals.life_began(gateway, process, find_mark, places, is_new=age_usec < NEW_USEC)

    def hear(self, gateway: GatewayName, message: bytes) -> None:
        """Take what a process of the present life said to its notify socket."""
        self._prober.hear(gateway, message)

    def standings(self) -> tuple[ProbeStanding, ...]:
        """List all probes: `gatedog probe list`."""
        return self._prober.standings()

    def history(self, gateway: GatewayName, probe: str) -> tuple[Look, ...] | None:
        """Return the looks that are remembered, oldest first: `gatedog probe history`. None: no such probe."""
        return self._prober.history(gateway, probe)

    def witnessed(self, gateway: GatewayName) -> dict[str, tuple[Look, ...]]:
        """Return what the probes of a gateway saw, by name, oldest first: evidence."""
        return self._prober.witnessed(gateway)

    def curve(self, gateway: GatewayName) -> tuple[Point, ...]:
        """Return the last samples of what a gateway uses, oldest first: evidence."""
        return self._vitals.curve(gateway)

    async def look_now(self, gateway: GatewayName, probe: str) -> Look | None:
        """Look once, now: `gatedog probe run`. None: no such probe, or no process to look at."""
        return await self._prober.look_now(gateway, probe)

    async def close(self) -> None:
        """Look no more, and wait until everything is given back."""
        await self._prober.close()
        await self._vitals.close()
