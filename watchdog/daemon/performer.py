"""From decision to effect: one method per kind of thing that can be done.

Invariant: nothing here decides. An action that cannot be carried out is answered by `ActionFailed`, never by an
exception and never by another try: trying again is a decision. The new pages of an incident are handed over when its
evidence is on disk, or has had its time (collector.py).
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from watchdog.core.decisions import (
    CancelTimer,
    CollectEvidence,
    Decision,
    DropEvidence,
    KillGateway,
    SetTimer,
    StartGateway,
    StopGateway,
)
from watchdog.core.identity import GatewayName
from watchdog.core.rundecisions import EndStep, PerformStep
from watchdog.core.state import Incident, PendingPage, State
from watchdog.daemon.collector import Collector
from watchdog.daemon.steps import Steps
from watchdog.gateway.backend import Backend
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
        collector: Collector,
        view: View,
        *,
        steps: Steps,
        follow: Callable[[State], None],
    ) -> None:
        self._backends = backends
        self._steps = steps
        self._alarms = alarms
        self._courier = courier
        self._collector = collector
        self._view = view
        self._follow = follow
        self._outbox: tuple[PendingPage, ...] = ()
        self._offered: tuple[PendingPage, ...] = ()
        self._followed: tuple[Incident, ...] = ()
        collector.on_change = self._offer

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
                self._collector.collect(decision, state)
            case DropEvidence(folder=folder):
                self._collector.drop(folder)
            case PerformStep():
                self._steps.begin(decision, state)
            case EndStep(run=run):
                self._steps.end(run)
            case _:
                pass

    def settle(self, state: State) -> None:
        """Hand the outbox, and how incidents stand, to the courier when they changed, and let the view follow."""
        if state.outbox != self._outbox:
            self._outbox = state.outbox
            self._offer()
        if state.incidents != self._followed:
            self._followed = state.incidents
            self._courier.follow(followed_of(state))
        self._follow(state)
        self._view.refresh()

    async def close(self) -> None:
        """Let evidence under way be finished, and end what steps are under way."""
        await self._steps.close()
        await self._collector.close()

    def _offer(self) -> None:
        """Hand over what waits; what the courier has already goes on, whatever else its incident waits for."""
        known = {pending.page.page for pending in self._offered}
        first = self._collector.first
        offered = tuple(
            pending for pending in self._outbox if pending.page.page in known or pending.page.incident not in first
        )
        if offered != self._offered:
            self._offered = offered
            self._courier.offer(offered)
