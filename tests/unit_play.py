"""A play with one gateway that is a unit: its backend, a systemd that is a simulation, and what was reported."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from fake_systemd import UNIT, FakeSystemd

from watchdog.core.decisions import Charge, StartGateway
from watchdog.core.events import (
    Event,
)
from watchdog.core.identity import ActionId, GatewayName, LifeId
from watchdog.core.policy import GatewayPolicy, ReadyPolicy
from watchdog.core.rules import RuleId
from watchdog.gateway.systemdlink import SystemdLink
from watchdog.gateway.unit import UnitBackend, UnitPlaces

EventT = TypeVar("EventT")
NAME = GatewayName("gw")
WAIT = 5.0
ORDER: dict[str, Any] = {"gateway": NAME, "rule": RuleId.START_FIRST, "because": "a test"}


class Play:
    """One backend, one systemd, and what was reported."""

    def __init__(self, folder: Path) -> None:
        self.tickets = folder / "tickets"
        self.tickets.mkdir(exist_ok=True)
        self.glass = folder / "glass"
        self.systemd = FakeSystemd(self.tickets / "nest")
        self.events: list[Event] = []
        self.places = UnitPlaces(state_folder=folder / "state", tickets=self.tickets, break_glass_folders=(self.glass,))

    async def begin(self) -> None:
        """Connect and look, as a daemon does at its start."""
        loop = asyncio.get_running_loop()
        self.link = SystemdLink(self.systemd, self.events.append, loop, silence_seconds=0.05)
        policy = GatewayPolicy(name=NAME, unit=UNIT, ready=ReadyPolicy(delay_usec=0))
        self.backend = UnitBackend(policy, self.places, self.link, self.events.append, loop)
        self.link.begin(WAIT)
        self.found = self.backend.recover()

    async def end(self) -> None:
        """Let go of everything."""
        await self.backend.close()
        await self.link.close()

    def start(self, life: int) -> None:
        """Order a start."""
        action = ActionId(f"{life}.0")
        self.backend.start(StartGateway(action=action, life=LifeId(life), charge=Charge.AUTOMATIC, **ORDER))

    async def wait(self, kind: type[EventT]) -> EventT:
        """Wait for the next event of a kind and take everything up to it away."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            for index, event in enumerate(self.events):
                if isinstance(event, kind):
                    del self.events[: index + 1]
                    return event
            await asyncio.sleep(0.001)
        raise AssertionError(f"no {kind.__name__} among {self.events}")


def act(play: Play, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Begin, tell the story, end."""

    async def whole() -> None:
        await play.begin()
        await story()
        await play.end()

    asyncio.run(asyncio.wait_for(whole(), 4 * WAIT))
