"""Evidence comes before the page, a restart waits for neither, and a disk that hangs keeps nobody from being told."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from watchdog.core.decisions import Charge, CollectEvidence, DropEvidence, PageUpdate, QueuePage, Severity, StartGateway
from watchdog.core.events import Event, LimitReached
from watchdog.core.evidence import EvidenceCollected, EvidenceFailed, EvidenceTooOld
from watchdog.core.identity import ActionId, GatewayName, IncidentId, LifeId, PageId, RunId
from watchdog.core.rules import RuleId
from watchdog.core.rundecisions import PerformStep
from watchdog.core.runstate import StepEnd, StepEnded
from watchdog.core.state import PendingPage, State
from watchdog.core.timeline import Usec
from watchdog.daemon.collector import Collector
from watchdog.daemon.evidence import BOUNDS, NOTHING, Bounds
from watchdog.daemon.performer import WorldPerformer
from watchdog.daemon.scene import Scene
from watchdog.daemon.steps import Steps

MAIN, ONE = GatewayName("main"), IncidentId("INC-1")
ORDER = CollectEvidence(
    gateway=MAIN, rule=RuleId.EVIDENCE_FIRST, because="first", action=ActionId("9.1"), incident=ONE, life=LifeId(0)
)
DROP = DropEvidence(
    gateway=MAIN, rule=RuleId.EVIDENCE_BOUNDED, because="full", incident=ONE, folder="incidents/INC-1/9.1"
)

STEP = PerformStep(
    gateway=MAIN,
    rule=RuleId.RUN_STEP,
    because="the next step",
    action=ActionId("9.3"),
    run=RunId("RUN-1"),
    number=1,
    incident=ONE,
    argv=("/no/such/program",),
    precondition=(),
    timeout_usec=1_000_000,
    success="",
    stop_if="",
)
DROP_OLD = DropEvidence(
    gateway=MAIN,
    rule=RuleId.EVIDENCE_BOUNDED,
    because="full",
    incident=IncidentId("INC-0"),
    folder="incidents/INC-0/5.1",
)


def page(name: str, incident: IncidentId | None = ONE) -> PendingPage:
    """Make a page that waits for a channel."""
    queued = QueuePage(
        gateway=MAIN,
        rule=RuleId.ANOMALY,
        because="x",
        page=PageId(name),
        incident=incident,
        severity=Severity.WARNING,
        update=PageUpdate.OPENED,
        channels=("sink",),
        title="t",
        did="",
        next_command="",
    )
    return PendingPage(page=queued, waiting=("sink",), queued_usec=Usec(1), queued_wall_usec=Usec(1))


class World:
    """What a performer and a collector are put on: everything that is offered, started and reported is noted."""

    def __init__(self, folder: Path, bounds: Bounds, head_start_seconds: float) -> None:
        self.gate = threading.Event()
        self.reports: list[Event] = []
        self.offers: list[tuple[str, ...]] = []
        self.started: list[object] = []
        self.collector = Collector(
            folder / "incidents",
            {},
            self.reports.append,
            glimpses=lambda _: (),
            scene=lambda _order, _state: self._scene,
            bounds=bounds,
            head_start_seconds=head_start_seconds,
        )
        anybody: Any = self
        self.performer = WorldPerformer(
            {MAIN: anybody}, anybody, anybody, self.collector, anybody, steps=anybody, follow=lambda _: None
        )
        self.steps = Steps(self.collector, folder / "control.sock", self.reports.append)

    def offer(self, outbox: tuple[PendingPage, ...]) -> None:
        """Be the courier."""
        self.offers.append(tuple(pending.page.page for pending in outbox))

    def follow(self, _: object) -> None:
        """Be the courier's other ear."""

    def refresh(self) -> None:
        """Be the view."""

    def start(self, order: StartGateway) -> None:
        """Be a backend."""
        self.started.append(order)

    async def close(self) -> None:
        """Be the steps of runbooks, of which none is under way."""

    def life_marks(self) -> tuple[()]:
        """Be a backend without a life."""
        return ()

    def settle(self, *pages: PendingPage) -> None:
        """Let a step be over, with these pages in the outbox."""
        self.performer.settle(State(outbox=pages))

    def _scene(self) -> Scene:
        assert self.gate.wait(30)
        return NOTHING


def play(
    folder: Path,
    story: Callable[[World], Awaitable[None]],
    bounds: Bounds = BOUNDS,
    *,
    head_start_seconds: float = 60.0,
) -> World:
    """Run a story in a loop of its own."""

    async def run() -> World:
        world = World(folder, bounds, head_start_seconds)
        await story(world)
        world.gate.set()
        await world.performer.close()
        await asyncio.sleep(0)
        return world

    return asyncio.run(run())


def test_the_page_waits_for_the_evidence(tmp_path: Path) -> None:
    """The new page of an incident is handed over when its evidence is on disk; others at once."""

    async def story(world: World) -> None:
        world.performer.perform(ORDER, State())
        world.settle(page("9.2"), page("8.1", None))
        assert world.offers == [("8.1",)]
        world.gate.set()
        await world.performer.close()

    world = play(tmp_path, story)

    assert world.offers == [("8.1",), ("9.2", "8.1")]
    assert [type(each) for each in world.reports] == [EvidenceCollected]
    assert (tmp_path / "incidents" / "INC-1" / "9.1" / "about.json").exists()


def test_a_page_that_is_on_its_way_is_not_called_back(tmp_path: Path) -> None:
    """More evidence for an incident keeps only its newer pages waiting."""

    async def story(world: World) -> None:
        world.settle(page("7.1"))
        world.performer.perform(ORDER, State())
        world.settle(page("7.1"), page("9.2"))
        assert world.offers == [("7.1",)]

    assert play(tmp_path, story).offers == [("7.1",), ("7.1", "9.2")]


def test_a_start_waits_for_nothing(tmp_path: Path) -> None:
    """A restart that was decided with the evidence is made while that is still being kept."""
    begin = StartGateway(
        gateway=MAIN,
        rule=RuleId.RESTART_AT_ONCE,
        because="x",
        action=ActionId("9.2"),
        life=LifeId(9),
        charge=Charge.AUTOMATIC,
    )

    async def story(world: World) -> None:
        world.performer.perform(ORDER, State())
        world.performer.perform(begin, State())
        assert world.started == [begin]
        assert not world.reports

    play(tmp_path, story)


def test_a_disk_that_hangs_keeps_nobody_from_being_told(tmp_path: Path) -> None:
    """After its head start the evidence has had its time, and the page goes."""

    async def story(world: World) -> None:
        world.performer.perform(ORDER, State())
        world.settle(page("9.2"))
        assert world.offers in ([], [()])
        deadline = asyncio.get_running_loop().time() + 30
        while ("9.2",) not in world.offers:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.001)
        assert not world.reports

    play(tmp_path, story, head_start_seconds=0.005)


def test_what_is_too_old_is_named_and_removed_only_when_decided(tmp_path: Path) -> None:
    """That there is too much evidence is on record; the files go when the core's decision comes back."""
    old = tmp_path / "incidents" / "INC-0" / "5.1"
    old.mkdir(parents=True)
    (old / "output.log").write_bytes(b"x" * 5000)

    async def story(world: World) -> None:
        world.gate.set()
        world.performer.perform(ORDER, State())
        await world.performer.close()
        assert old.exists()
        world.performer.perform(DROP_OLD, State())

    world = play(tmp_path, story, Bounds(incident_bytes=10**6, all_bytes=5000))

    assert EvidenceTooOld(folders=("incidents/INC-0/5.1",)) in world.reports
    assert not old.exists()


def test_the_evidence_of_a_step_is_bounded_like_all_evidence(tmp_path: Path) -> None:
    """Beyond the bounds a step keeps its reason; the limit is told, and what gives way, and then how the step ended."""
    old = tmp_path / "incidents" / "INC-0" / "5.1"
    old.mkdir(parents=True)
    (old / "output.log").write_bytes(b"x" * 5000)

    async def story(world: World) -> None:
        world.steps.begin(STEP, State())
        await world.steps.close()

    world = play(tmp_path, story, Bounds(incident_bytes=0, all_bytes=5000))
    full, kept, too_old, ended = world.reports

    assert isinstance(full, LimitReached)
    assert "INC-1 has the 0 bytes" in full.subject
    assert isinstance(kept, EvidenceCollected)
    assert (kept.incident, kept.folder) == (ONE, "incidents/INC-1/9.3")
    assert sorted(file.name for file in (tmp_path / kept.folder).iterdir()) == ["about.json", "why.txt"]
    assert too_old == EvidenceTooOld(folders=("incidents/INC-0/5.1",))
    assert isinstance(ended, StepEnded)
    assert ended.end is StepEnd.NOT_RUN


def test_a_step_of_no_incident_keeps_nothing(tmp_path: Path) -> None:
    """A run that a person began about no incident has no folder to keep its output in."""

    async def story(world: World) -> None:
        world.steps.begin(replace(STEP, incident=None), State())
        await world.steps.close()

    assert [type(each) for each in play(tmp_path, story).reports] == [StepEnded]


def test_what_cannot_be_kept_or_removed_is_told(tmp_path: Path) -> None:
    """A file in the folder's place ends in a report, and the page goes."""
    (tmp_path / "incidents").write_text("in the way")

    async def story(world: World) -> None:
        world.gate.set()
        world.performer.perform(ORDER, State())
        world.performer.perform(DROP, State())
        world.settle(page("9.2"))

    world = play(tmp_path, story)

    reasons = [each.reason for each in world.reports if isinstance(each, EvidenceFailed)]
    assert len(reasons) == len(world.reports) == 2
    assert any("could not be kept" in reason for reason in reasons)
    assert any("cannot be removed" in reason for reason in reasons)
    assert world.offers[-1] == ("9.2",)
