"""From decision to effect: one method per kind of thing that can be done.

Invariant: nothing here decides. An action that cannot be carried out is answered by `ActionFailed`, never by an
exception and never by another try: trying again is a decision.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from watchdog.core.decisions import (
    CancelTimer,
    CollectEvidence,
    Decision,
    KillGateway,
    SetTimer,
    StartGateway,
    StopGateway,
)
from watchdog.core.events import Event, EvidenceCollected, LimitReached
from watchdog.core.identity import GatewayName
from watchdog.core.state import Incident, PendingPage, State
from watchdog.daemon.evidence import EvidenceError, keep_evidence
from watchdog.gateway.backend import Backend
from watchdog.gateway.observe import Glimpse
from watchdog.pager.courier import Courier
from watchdog.pager.following import followed_of
from watchdog.sensors.alarm import AlarmClock


class View(Protocol):
    """Something that shows the state and wants to know when it changed (status.json)."""

    def refresh(self) -> None:
        """The state may have changed."""
        ...


class WorldPerformer:
    """Carries decisions out on backends, alarm clock, courier and evidence folder."""

    def __init__(
        self,
        backends: Mapping[GatewayName, Backend],
        alarms: AlarmClock,
        courier: Courier,
        evidence_folder: Path,
        report: Callable[[Event], None],
        view: View,
        *,
        glimpses: Callable[[GatewayName], tuple[Glimpse, ...]],
        follow: Callable[[State], None],
    ) -> None:
        self._backends = backends
        self._alarms = alarms
        self._courier = courier
        self._evidence_folder = evidence_folder
        self._report = report
        self._view = view
        self._glimpses = glimpses
        self._follow = follow
        self._offered: tuple[PendingPage, ...] = ()
        self._followed: tuple[Incident, ...] = ()
        self._collecting: set[asyncio.Task[None]] = set()

    def perform(self, decision: Decision, state: State) -> None:
        """Do one thing. Verdicts, answers and pages need nothing here: pages wait in the state's outbox."""
        match decision:
            case StartGateway(gateway=name):
                self._backends[name].start(decision)
            case StopGateway(gateway=name):
                self._backends[name].stop(decision)
            case KillGateway(gateway=name):
                self._backends[name].kill(decision)
            case SetTimer(timer=timer, due_usec=due):
                self._alarms.set(timer, due - state.clock.now_usec)
            case CancelTimer(timer=timer):
                self._alarms.cancel(timer)
            case CollectEvidence():
                self._collect(decision)
            case _:
                pass

    def settle(self, state: State) -> None:
        """Hand the outbox, and how incidents stand, to the courier when they changed, and let the view follow."""
        if state.outbox != self._offered:
            self._offered = state.outbox
            self._courier.offer(state.outbox)
        if state.incidents != self._followed:
            self._followed = state.incidents
            self._courier.follow(followed_of(state))
        self._follow(state)
        self._view.refresh()

    async def close(self) -> None:
        """Let evidence under way be finished."""
        if self._collecting:
            await asyncio.wait(self._collecting, timeout=5.0)

    def _collect(self, order: CollectEvidence) -> None:
        # Copying a log may take longer than a restart should wait, so it runs in a thread; the page is delivered over
        # a network and is slower still, so evidence comes first in practice as it does in the order of decisions.
        task = asyncio.get_running_loop().create_task(self._collect_in_thread(order))
        self._collecting.add(task)
        task.add_done_callback(self._collecting.discard)

    async def _collect_in_thread(self, order: CollectEvidence) -> None:
        backend = self._backends.get(order.gateway)
        try:
            seen = self._glimpses(order.gateway)
            kept = await asyncio.to_thread(keep_evidence, self._evidence_folder, order, backend, seen)
        except EvidenceError as error:
            self._report(LimitReached(limit="evidence", subject=str(error), dropped=1))
            return
        self._report(
            EvidenceCollected(
                gateway=order.gateway,
                incident=order.incident,
                folder=kept.folder,
                digest=kept.digest,
                size_bytes=kept.size_bytes,
            )
        )
