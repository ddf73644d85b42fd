"""Evidence under way: in threads, before the page, and never before a restart.

Theory of operation. An order is begun when everything of its step was begun, so a start waits for nothing here. What is
in memory is looked at on the loop; copying and writing, which may take a disk's time, is a thread's. Until an order is
done its incident is among `first`, and the performer keeps the incident's new pages back (law 3): evidence before the
page. After HEAD_START_SECONDS it is not: a disk that hangs must not keep people from being told.

Invariant: every order is answered by EvidenceCollected, or by EvidenceFailed that says why there is none; that a bound
let only the reason be kept is a limit on record; what is too old is named, and removed only when the core has decided
so.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from watchdog.core.decisions import CollectEvidence
from watchdog.core.events import Event, LimitReached
from watchdog.core.evidence import EvidenceCollected, EvidenceFailed, EvidenceTooOld
from watchdog.core.identity import ActionId, GatewayName, IncidentId
from watchdog.core.state import IncidentPhase, State
from watchdog.daemon.evidence import BOUNDS, Bounds, EvidenceError, Occasion, drop_evidence, keep_evidence, too_old
from watchdog.daemon.scene import Scene
from watchdog.gateway.backend import Backend
from watchdog.gateway.observe import Glimpse

HEAD_START_SECONDS = 2.0
"""Long enough for a log and a dozen small files on a slow disk, and short beside the way of a page."""
_CLOSE_SECONDS = 5.0


class Collector:
    """Keeps and drops evidence below one folder. Lives on the running loop."""

    def __init__(
        self,
        folder: Path,
        backends: Mapping[GatewayName, Backend],
        report: Callable[[Event], None],
        *,
        glimpses: Callable[[GatewayName], tuple[Glimpse, ...]],
        scene: Callable[[CollectEvidence, State], Callable[[], Scene]],
        bounds: Bounds = BOUNDS,
        head_start_seconds: float = HEAD_START_SECONDS,
    ) -> None:
        """`scene` looks on the loop at what is in memory, and returns what writes it down in a thread."""
        self._folder = folder
        self._backends = backends
        self._report = report
        self._glimpses = glimpses
        self._scene = scene
        self._bounds = bounds
        self._head_start_seconds = head_start_seconds
        self._first: dict[ActionId, IncidentId] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_change: Callable[[], None] = _nothing
        """Called when an incident is no longer among `first`."""

    @property
    def first(self) -> frozenset[IncidentId]:
        """The incidents whose evidence is to be on disk before more is said of them."""
        return frozenset(self._first.values())

    def collect(self, order: CollectEvidence, state: State) -> None:
        """Begin to keep evidence; `state` is how everything stood when it was asked for."""
        self._first[order.action] = order.incident
        asyncio.get_running_loop().call_later(self._head_start_seconds, self._let_go, order.action)
        self._begin(self._collect(order, state)).add_done_callback(lambda _: self._let_go(order.action))

    def drop(self, folder: str) -> None:
        """Begin to remove a folder."""
        self._begin(self._drop(folder))

    async def keep(
        self,
        occasion: Occasion,
        state: State,
        scene: Callable[[], Scene],
        *,
        backend: Backend | None = None,
        glimpses: tuple[Glimpse, ...] = (),
    ) -> None:
        """Keep evidence and report what became of that, and then what has become too old. `scene` is for a thread."""
        folder, bounds = self._folder, self._bounds
        try:
            kept = await asyncio.to_thread(
                keep_evidence, folder, occasion, backend, glimpses, scene=scene, bounds=bounds
            )
        except EvidenceError as error:
            self._report(EvidenceFailed(reason=str(error)))
            return
        if kept.full:
            self._report(LimitReached(limit="evidence", subject=kept.full, dropped=1))
        self._report(
            EvidenceCollected(
                gateway=occasion.gateway,
                incident=occasion.incident,
                folder=kept.folder,
                digest=kept.digest,
                size_bytes=kept.size_bytes,
            )
        )
        is_open = {each.incident for each in state.incidents if each.phase is not IncidentPhase.RESOLVED}.__contains__
        await self._name_what_is_too_old(is_open)

    async def close(self) -> None:
        """Let what is under way be finished."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)

    def _let_go(self, action: ActionId) -> None:
        if self._first.pop(action, None) is not None:
            self.on_change()

    def _begin(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _collect(self, order: CollectEvidence, state: State) -> None:
        backend, life = self._backends.get(order.gateway), order.life
        if backend is not None and not life:  # nobody's end: what runs now, and has its part in it
            life = next((mark.life for mark in backend.life_marks()), life)
        occasion = Occasion(
            gateway=order.gateway,
            incident=order.incident,
            action=order.action,
            rule=order.rule,
            because=order.because,
            life=life,
        )
        seen, scene = self._glimpses(order.gateway), self._scene(order, state)
        await self.keep(occasion, state, scene, backend=backend, glimpses=seen)

    async def _name_what_is_too_old(self, is_open: Callable[[IncidentId], bool]) -> None:
        try:
            old = await asyncio.to_thread(too_old, self._folder, is_open, self._bounds)
        except OSError as error:
            self._report(EvidenceFailed(reason=f"{self._folder} cannot be read: {error}"))
            return
        if old:
            self._report(EvidenceTooOld(folders=old))

    async def _drop(self, folder: str) -> None:
        try:
            await asyncio.to_thread(drop_evidence, self._folder.parent, folder)
        except OSError as error:
            self._report(EvidenceFailed(reason=f"{folder} cannot be removed: {error}"))


def _nothing() -> None:
    """Tell nobody."""
