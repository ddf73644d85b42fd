"""The seam between the daemon and whatever runs a gateway.

Invariant: every order is answered by exactly one event through `Report`, no order raises, and all methods are called
on the event loop. Neighbours: `child.py` (direct child) implements it here; daemon/ is the only user.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from watchdog.core.decisions import KillGateway, StartGateway, StopGateway
from watchdog.core.events import Event, GatewayObserved
from watchdog.core.identity import GatewayName, LifeId
from watchdog.origin.marks import LifeMark

Report = Callable[[Event], None]
"""The daemon's inbox. Called on the event loop, never from a thread."""


class Backend(Protocol):
    """One gateway's lifecycle."""

    name: GatewayName

    def recover(self) -> GatewayObserved:
        """Say at daemon start what runs and which life it carries. Offer no order before this was called.

        Take the answer into the inbox before yielding to the loop: reports on the adopted life follow from there.
        """
        ...

    def observe(self) -> GatewayObserved:
        """Take a full, cheap look; an exit whose notification was lost is reported by it."""
        ...

    def start(self, order: StartGateway) -> None:
        """Start a life; answered by MainProcessStarted, or by ActionFailed (SPAWN, STALE)."""
        ...

    def stop(self, order: StopGateway) -> None:
        """Send the policy's stop signal to exactly that process; answered by its exit, or by ActionFailed."""
        ...

    def kill(self, order: KillGateway) -> None:
        """End that life and everything it left behind; answered by its exit, or by ActionFailed."""
        ...

    def life_marks(self) -> tuple[LifeMark, ...]:
        """Name the lives whose processes may still exist, running ones first."""
        ...

    def collect(self, life: LifeId, into: Path, limit_bytes: int) -> None:
        """Copy the evidence of `life` into the folder `into`, at most `limit_bytes` in all.

        Reads files only, so it may run in a worker thread.

        Raises:
            OSError: the evidence could not be written.
        """
        ...

    def tend(self) -> None:
        """Do the small chores (log size, orphans, old files). Called every few seconds."""
        ...

    async def close(self) -> None:
        """Stop watching and leave the gateway running: the daemon goes away."""
        ...
