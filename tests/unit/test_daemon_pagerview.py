"""Between the loop and the pager: what is on disk before a courier sees it, and what the socket shows of it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from page_samples import CRITICAL, WALL

from watchdog.core.decisions import Decision, QueuePage
from watchdog.core.events import PolicyLoaded, PolicyRejected, SupervisorStarted
from watchdog.core.identity import BootId, GatewayName, PageId
from watchdog.core.policy import CommandPolicy, EscalationPolicy, GatewayPolicy, Policy
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import EMPTY, ChannelMemory, PendingPage, State
from watchdog.core.timeline import Usec
from watchdog.daemon.inbox import Arrival, Inbox
from watchdog.daemon.pagerview import pager_status
from watchdog.daemon.supervisor import Supervisor
from watchdog.journal.reader import JournalReader
from watchdog.journal.store import Journal
from watchdog.pager.channel import Receipt
from watchdog.pager.courier import Courier
from watchdog.pager.deadman import DeadMan
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings import NO_FILE
from watchdog.policyfile.pagersettings_deadman import SwitchSettings
from watchdog.sensors.clocks import Reading

NOW = Reading(wall_usec=WALL, uptime_usec=Usec(3_600_000_000), boot=BootId("boot-1"), synchronised=True)
PEOPLE = EscalationPolicy(tiers=(("phone",),), notices=("terminal",))


@dataclass
class Reader:
    """Stands where the courier does, and reads the disk whenever it is handed the outbox."""

    folder: Path
    found: list[tuple[PageId, bool]] = field(default_factory=list)

    def perform(self, decision: Decision, state: State) -> None:
        pass

    def settle(self, state: State) -> None:
        with JournalReader.open_folder(self.folder) as journal:
            decided = [each for record in journal.records() for each in record.decisions]
        stored = {each.page for each in decided if isinstance(each, QueuePage)}
        self.found += [(pending.page.page, pending.page.page in stored) for pending in state.outbox]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Give a loop whose performer reads the journal from the disk, after a page was queued."""
    folder = tmp_path / "journal"
    journal = Journal.create(folder, journal_id="j", machine_id="m")
    performer = Reader(folder)
    supervisor = Supervisor(EMPTY, journal, performer, lambda: NOW, Inbox(), call_later=lambda *_: None)
    gateway = GatewayPolicy(name=GatewayName("main"), command=CommandPolicy(argv=("gateway",)))
    supervisor.take(Arrival(SupervisorStarted(version="x", rules=RULES_VERSION)))
    supervisor.take(Arrival(PolicyLoaded(policy=Policy(gateways=(gateway,), escalation=PEOPLE), digest="x")))
    supervisor.take(Arrival(PolicyRejected(problems=("line 1",))))
    yield performer
    journal.close()


def test_o01_a_page_is_on_disk_before_a_courier_sees_it(reader: Reader) -> None:
    """Another reader of the journal finds it at the moment in which it is handed over."""
    assert len(reader.found) == 1
    assert all(is_stored for _, is_stored in reader.found)


class Silent:
    """A channel that takes everything."""

    name = "terminal"

    def deliver(self, message: Message) -> Receipt:
        return Receipt(detail="ok")


def test_o13_what_waits_and_how_the_ways_out_do_is_one_reply() -> None:
    """State, settings, courier and switches, joined; a channel that pager.toml lost is shown as unknown."""
    page = replace(CRITICAL, channels=("phone",))
    waiting = PendingPage(page=page, queued_wall_usec=WALL, waiting=("phone",), stuck=("phone",), collapsed=1)
    given_up = PendingPage(page=replace(page, page=PageId("3.0")), queued_wall_usec=WALL, waiting=(), failed=("x",))
    state = State(
        policy=Policy(gateways=(), escalation=PEOPLE),
        outbox=(waiting,),
        given_up=(given_up,),
        delayed=(waiting,),
        channels=(ChannelMemory(channel="phone", tested_wall_usec=WALL, folded=2),),
    )

    async def story() -> None:
        courier = Courier({"terminal": Silent()}, lambda _: None, journal_id="j", host="h")
        courier.offer(state.outbox)
        deadman = DeadMan([SwitchSettings(name="hc")], host="h")
        reply = pager_status(state, NO_FILE, courier, deadman)
        await courier.close()

        phone, terminal = reply.channels
        assert (phone.name, phone.kind, phone.tiers, phone.waiting) == ("phone", "unknown", [1], 1)
        assert (phone.tested_wall_usec, phone.folded, phone.last_resort) == (WALL, 2, False)
        assert (terminal.kind, terminal.notices, terminal.last_resort) == ("terminal", True, True)
        assert [(each.page, each.stuck, each.collapsed) for each in reply.waiting] == [("41.2", ["phone"], 1)]
        assert [(each.page, each.failed) for each in reply.given_up] == [("3.0", ["x"])]
        assert (reply.delayed, reply.switches[0].name, reply.switches[0].last_beat) == (1, "hc", "")

    asyncio.run(story())
