"""Ten thousand incidents in twenty seconds, from the core through the journal and the courier to a strict receiver.

Time is virtual: the stage's, for the courier's pauses too. The receiver is PagerDuty's own limits, and it is away while
the storm lasts.
"""

import asyncio
import heapq
import json
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_samples import secret_file
from stage import EPOCH_USEC, Stage, gateway_policy

from watchdog.core.decisions import PageFolded
from watchdog.core.events import Event, Stamp, Stamped
from watchdog.core.identity import Seq
from watchdog.core.policy import EscalationPolicy
from watchdog.core.state import EMPTY, State
from watchdog.core.timeline import MILLISECOND, MINUTE, SECOND
from watchdog.core.turn import Step
from watchdog.journal import codec
from watchdog.journal.store import Journal
from watchdog.pager.channels.exchange import Answer, Request
from watchdog.pager.channels.pagerduty import PagerDutyChannel
from watchdog.pager.courier import Courier
from watchdog.pager.route import Timing
from watchdog.policyfile.pagersettings_kinds import PagerDutySettings, Web

pytestmark = pytest.mark.system

INCIDENTS = 10_000
GATEWAYS = 100
"""More than the resolved incidents that are remembered, so each refused ask opens a story of its own."""

NOTHING = Step(state=EMPTY, decisions=())
CALLS_PER_MINUTE = 120
JOURNAL_BYTES_PER_INCIDENT = 4_096
STATE_BYTES_MAX = 1_000_000
ONE_CHANNEL = EscalationPolicy(tiers=(("pd",),), notices=("pd",))


class StrictPagerDuty:
    """Answers as PagerDuty does: 400 for what is malformed, 429 beyond 120 calls in a minute; or not at all."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._calls: deque[int] = deque()
        self.is_away = True
        self.taken: list[dict[str, object]] = []
        self.refused: list[int] = []

    def ask(self, request: Request) -> Answer:
        """Take a request."""
        if self.is_away:
            return Answer(host="pagerduty", status=503)
        now_usec = self._stage.now_usec
        while self._calls and now_usec - self._calls[0] >= MINUTE:
            self._calls.popleft()
        self._calls.append(now_usec)
        body = json.loads(request.body)
        status = 429 if len(self._calls) > CALLS_PER_MINUTE else 202 if _is_well_formed(body) else 400
        (self.taken if status == 202 else self.refused).append(body if status == 202 else status)
        return Answer(host="pagerduty", status=status)


def _is_well_formed(body: dict[str, object]) -> bool:
    payload = body.get("payload", {})
    assert isinstance(payload, dict)
    short = len(str(body.get("dedup_key", ""))) <= 255 and len(str(payload.get("summary", ""))) <= 1024
    return short and len(json.dumps(body)) <= 512 * 1024


class Journaled(Stage):
    """A stage whose every step is committed."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.answers_starts = True
        self.journal = journal
        self.most_waiting = self.folded = 0
        self._pauses: list[tuple[int, int, asyncio.Future[None]]] = []

    def feed(self, event: Event) -> Step:
        """Step and commit; forget what led here, as the daemon does."""
        stepped = super().feed(event)
        clock = self.state.clock
        stamp = Stamp(
            seq=Seq(self.journal.next_seq),
            wall_usec=clock.wall_usec,
            boot=clock.boot,
            uptime_usec=clock.uptime_usec,
            synchronised=True,
        )
        self.journal.append(Stamped(stamp=stamp, event=event), stepped.decisions)
        self.steps[-1] = (self.now_usec, event, NOTHING)
        self.most_waiting = max(self.most_waiting, len(self.state.outbox))
        self.folded += sum(isinstance(each, PageFolded) for each in stepped.decisions)
        return stepped

    def wait(self, span_usec: int) -> None:
        """Let time pass, for whoever pauses, too."""
        super().wait(span_usec)
        while self._pauses and self._pauses[0][0] <= self.now_usec:
            _, _, pause = heapq.heappop(self._pauses)
            if not pause.done():
                pause.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Pause on virtual time."""
        pause = asyncio.get_running_loop().create_future()
        heapq.heappush(self._pauses, (self.now_usec + int(seconds * SECOND), len(self._pauses), pause))
        await pause

    def timing(self) -> Timing:
        """Give a courier this time."""
        return Timing(
            sleep=self.sleep,
            wall_clock=lambda: EPOCH_USEC + self.now_usec,
            uniform=max,
            attempt_usec=30 * SECOND,
        )


@pytest.fixture
def journal() -> Iterator[Journal]:
    """Give a journal on a file system in memory: twenty thousand commits."""
    memory = Path("/dev/shm")  # noqa: S108 - nothing secret, and gone afterwards
    folder = Path(tempfile.mkdtemp(prefix="gatedog-", dir=memory if memory.is_dir() else None))
    with Journal.create(folder / "journal", journal_id="j1", machine_id="m1") as made:
        yield made
    shutil.rmtree(folder)


async def carry(stage: Journaled, courier: Courier, span_usec: int) -> None:
    """Let a second pass at a time, and what a second allows happen."""
    for _ in range(span_usec // SECOND):
        stage.wait(SECOND)
        courier.offer(stage.state.outbox)
        for _ in range(5):
            await asyncio.sleep(0.001)


def state_bytes(state: State) -> int:
    """Measure what a snapshot of the memory takes."""
    return len(json.dumps(codec.encode(state)))


def test_o14_ten_thousand_incidents_are_a_few_pages_and_the_critical_one_is_first(
    tmp_path: Path, journal: Journal
) -> None:
    """Bounded in memory and on disk; the receiver's limits are kept; one page says how many more there were."""
    stage = Journaled(journal)
    server = StrictPagerDuty(stage)
    settings = PagerDutySettings(name="pd", web=Web(url="https://pd.example", credential_file=secret_file(tmp_path)))
    names = [f"gw{number:02}" for number in range(GATEWAYS)]
    sizes: list[int] = []

    async def story() -> None:
        channel = PagerDutyChannel(settings, ask=server.ask)
        courier = Courier({"pd": channel}, stage.feed, journal_id="j1", host="web1", timing=stage.timing())
        for number in range(INCIDENTS):
            stage.wait(2 * MILLISECOND)
            name = names[number % GATEWAYS]
            stage.asks("agent", "restart", "please", name=name)
            stage.asks("human", "incident-close", incident=f"INC-{stage.state.incident_count}", name=name)
            if number == INCIDENTS // 2:
                hold(stage, name)
            courier.offer(stage.state.outbox)
            if number % 100 == 0:
                await asyncio.sleep(0)
                sizes.append(state_bytes(stage.state))
        server.is_away = False
        await carry(stage, courier, 10 * MINUTE)
        await courier.close()

    stage.gatedog_starts()
    stage.policy_loads(*(gateway_policy(name) for name in names), escalation=ONE_CHANNEL)
    for name in names:
        stage.looks(name)
        stage.gets_ready(name)
    asyncio.run(story())
    journal.commit()
    summaries = [str(each["payload"]["summary"]) for each in server.taken if "payload" in each]
    more = [summary for summary in summaries if "more" in summary]

    assert stage.state.incident_count > INCIDENTS
    assert stage.most_waiting <= 2 * ONE_CHANNEL.channel_burst.starts
    assert max(sizes) < STATE_BYTES_MAX
    assert max(sizes[50:]) < 1.05 * max(sizes[:50])
    assert sum(file.stat().st_size for file in journal.folder.iterdir()) < INCIDENTS * JOURNAL_BYTES_PER_INCIDENT
    assert "HELD" in summaries[0]
    assert (server.refused, len(more)) == ([], 1)
    assert f"+{stage.folded} more" in more[0]


def hold(stage: Stage, name: str) -> None:
    """Let a gateway die until it is held: the one critical incident."""
    for _ in range(3):
        stage.ends(name, code=1)
        stage.wait(2 * SECOND)
