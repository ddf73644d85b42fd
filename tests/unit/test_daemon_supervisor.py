"""The one loop, driven by hand: what it does about requests and events when the journal can or cannot be written."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from watchdog.core.decisions import Decision, HoldPlaced, Outcome
from watchdog.core.events import ActionRequested, HostShutdownBegan, PolicyLoaded, SupervisorStarted
from watchdog.core.identity import BootId, GatewayName, ProcessRef
from watchdog.core.peer import Ancestor, Peer
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import EMPTY, Hold, State
from watchdog.core.timeline import Usec
from watchdog.core.verbs import Verb
from watchdog.daemon.inbox import Arrival, Inbox
from watchdog.daemon.supervisor import NotRemembered, Supervisor
from watchdog.journal.store import Journal
from watchdog.sensors.clocks import Reading

MAIN = GatewayName("main")
BOOT = BootId("boot-1")
NOW = Reading(wall_usec=Usec(1_742_947_200_000_000), uptime_usec=Usec(3_600_000_000), boot=BOOT, synchronised=True)


class RefusingConnection(sqlite3.Connection):
    """A connection whose disk is full while `is_full`."""

    is_full = False

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.is_full:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return super().execute(sql, *rest)


@dataclass
class Performed:
    """Takes note of what is to be done, and does nothing."""

    decisions: list[Decision] = field(default_factory=list)

    def perform(self, decision: Decision, state: State) -> None:
        self.decisions.append(decision)

    def settle(self, state: State) -> None:
        pass


class Daemon:
    """A supervisor with a real journal and nothing around it."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal.create(folder, journal_id="j", machine_id="m", connection_class=RefusingConnection)
        self.performed = Performed()
        self.calls: list[Callable[[], None]] = []
        self.supervisor = Supervisor(
            EMPTY,
            self.journal,
            self.performed,
            lambda: NOW,
            Inbox(),
            call_later=lambda _, call: self.calls.append(call),
        )
        gateway = GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("gateway",)))
        self.supervisor.take(Arrival(SupervisorStarted(version="x", rules=RULES_VERSION)))
        self.supervisor.take(Arrival(PolicyLoaded(policy=Policy(gateways=(gateway,)), digest="x")))

    def set_full(self, *, full: bool) -> None:
        """Fill the disk, or make room."""
        self.journal._connection.is_full = full

    def ask(self, verb: Verb) -> asyncio.Future[Any]:
        """Let a human ask; returns what they wait for."""
        me = ProcessRef(pid=800, start_ticks=2, boot=BOOT)
        login = Ancestor(process=ProcessRef(pid=700, start_ticks=1, boot=BOOT), comm="sshd", cgroup="/")
        peer = Peer(process=me, uid=0, gid=0, alive=True, tty=1, session_leader=me, ancestors=(login,))
        answer = asyncio.get_running_loop().create_future()
        event = ActionRequested(gateway=MAIN, verb=verb, reason="I have looked", peer=peer)
        self.supervisor.take(Arrival(event, answer))
        return answer


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Give a supervisor that has a policy with one gateway."""
    made = Daemon(tmp_path / "journal")
    yield made
    made.set_full(full=False)
    made.journal.close()


def test_a_request_is_answered_when_it_is_on_disk(daemon: Daemon) -> None:
    """What was granted is in the journal by the time it is answered."""

    async def story() -> None:
        answer = daemon.ask(Verb.HOLD)

        assert answer.result().outcome is Outcome.GRANTED
        assert daemon.journal.pending == 0

    asyncio.run(story())


def test_a_request_that_cannot_be_written_is_turned_away_and_leaves_no_trace(daemon: Daemon) -> None:
    """The first request that meets a full disk must not be granted: after a crash nobody would know of it."""

    async def story() -> None:
        daemon.set_full(full=True)
        before, seq = daemon.supervisor.state, daemon.journal.next_seq

        answer = daemon.ask(Verb.HOLD)

        assert isinstance(answer.exception(), NotRemembered)
        assert daemon.supervisor.state == before
        assert not any(isinstance(each, HoldPlaced) for each in daemon.performed.decisions)
        assert (daemon.journal.next_seq, daemon.journal.pending) == (seq, 0)

    asyncio.run(story())


def test_a_request_is_taken_again_when_there_is_room(daemon: Daemon) -> None:
    """The journal goes on without a gap, and the memory follows from it."""

    async def story() -> None:
        daemon.set_full(full=True)
        assert isinstance(daemon.ask(Verb.HOLD).exception(), NotRemembered)
        daemon.set_full(full=False)

        assert daemon.ask(Verb.HOLD).result().outcome is Outcome.GRANTED

        assert daemon.supervisor.state.gateways[0].hold is Hold.HELD
        assert daemon.journal.loss is None
        assert [record.stamped.stamp.seq for record in daemon.journal.records()] == [1, 2, 3]

    asyncio.run(story())


def test_events_without_a_decision_share_one_commit(daemon: Daemon) -> None:
    """They wait for the disk together, a second at most; the clock that counts it is an argument."""
    daemon.supervisor.take(Arrival(HostShutdownBegan()))
    daemon.supervisor.take(Arrival(HostShutdownBegan()))
    assert (daemon.journal.pending, len(daemon.calls)) == (2, 1)

    daemon.calls[0]()

    assert daemon.journal.pending == 0
