"""Fixtures of the system tests: a served control socket with a fake daemon behind it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alertmanager import Alertmanager, command, running
from peers import KERNELS, STRANGER
from unpacked import Unavailable

from watchdog.control.interface import NAME
from watchdog.control.listening import listen
from watchdog.control.reply import SupervisorFacts, status_reply
from watchdog.control.revisionswire import RulesStatus
from watchdog.control.server import ControlLimits, ControlServer, ProductWords
from watchdog.control.supervision import Offered, RequestAnswer
from watchdog.control.tokens import Rate
from watchdog.control.wire import IncidentStatus, LookStatus, RecordReply, StatusReply
from watchdog.core.decisions import Outcome
from watchdog.core.events import ActionRequested, SocketLost
from watchdog.core.identity import GatewayName, IncidentId, RequestId
from watchdog.core.peer import Peer
from watchdog.core.rules import RuleId
from watchdog.core.state import GatewayState, State
from watchdog.core.timeline import Usec
from watchdog.origin import procfs
from watchdog.origin.gathering import Standpoint, take_standpoint
from watchdog.origin.marks import LifeMark

WAIT = 20.0
"""Bound of every wait, in seconds; nothing here takes that long."""
PLENTY = Rate(burst=100_000, per_second=1)


class FakeSupervision:
    """A daemon that grants everything and remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[ActionRequested] = []
        self.readers: list[Peer | None] = []
        self.journal: list[RecordReply] = []
        self.limits: list[tuple[str, str, int]] = []
        self.failures: list[Exception] = []
        self.followers = 0
        self.marks: tuple[LifeMark, ...] = ()
        self.news = asyncio.Event()

    def status(self, peer: Peer | None) -> StatusReply:
        self.readers.append(peer)
        facts = SupervisorFacts(
            version="0",
            pid=os.getpid(),
            started_wall_usec=1,
            journal_id="j",
            now_wall_usec=2,
            now_usec=Usec(3),
            policy_source="p",
        )
        return status_reply(State(gateways=(GatewayState(name=GatewayName("openclaw")),)), facts)

    async def request(self, event: ActionRequested, offered: Offered) -> RequestAnswer:
        self.asked.append(event)
        return RequestAnswer(
            request=RequestId("REQ-1"),
            outcome=Outcome.REFUSED,
            rule=RuleId.REQUEST_HUMANS_ONLY,
            message="no",
            next_commands=("gatedog whoami",),
        )

    def rules(self, *, look: bool) -> RulesStatus:
        return RulesStatus(folder="", store="", committed=0, in_force=0, trouble="", min_signers=1)

    async def records(self, after_seq: int, limit: int) -> list[RecordReply]:
        return [record for record in self.journal if record["seq"] > after_seq][:limit]

    async def changed(self, after_seq: int) -> None:
        self.followers += 1
        try:
            await self.news.wait()
            self.news.clear()
        finally:
            self.followers -= 1

    def write(self, seq: int) -> None:
        self.journal.append(
            RecordReply(
                seq=seq, wall_usec=1, boot="b", uptime_usec=2, kind="TimerFired", event={"a": [1]}, decisions=[{"r": 1}]
            )
        )
        self.news.set()

    def incidents(self, *, closed: bool) -> list[IncidentStatus]:
        return []

    async def explain(self, incident: IncidentId, limit: int) -> tuple[IncidentStatus, list[RecordReply]] | None:
        return None

    def probe_history(self, gateway: GatewayName, probe: str) -> list[LookStatus] | None:
        return []

    async def probe_run(self, gateway: GatewayName, probe: str) -> LookStatus | None:
        return None

    def life_marks(self) -> tuple[LifeMark, ...]:
        return self.marks

    def limit_reached(self, limit: str, subject: str, dropped: int) -> None:
        self.limits.append((limit, subject, dropped))

    def serving_failed(self, error: Exception) -> None:
        self.failures.append(error)


class Site:
    """A served socket: its path, the fake behind it, and what a peer does with it."""

    def __init__(
        self, path: Path, supervision: FakeSupervision, loop: asyncio.AbstractEventLoop, server: ControlServer
    ) -> None:
        self.path = path
        self._server = server
        self.supervision = supervision
        self.loop = loop

    def connect(self) -> socket.socket:
        """Connect like any program."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.path))
        connection.settimeout(WAIT)
        return connection

    def write_record(self, seq: int) -> None:
        """Let the fake daemon write a record, in its own loop."""
        self.loop.call_soon_threadsafe(self.supervision.write, seq)

    def look_at_socket(self) -> SocketLost | None:
        """Let the server look, in its own loop."""

        async def look() -> SocketLost | None:
            return self._server.look_at_socket()

        return asyncio.run_coroutine_threadsafe(look(), self.loop).result(WAIT)

    @staticmethod
    def message(method: str, *, more: bool = False, oneway: bool = False, **parameters: object) -> bytes:
        """Write a call by hand."""
        body: dict[str, object] = {"method": f"{NAME}.{method}", "parameters": parameters}
        flags = {"more": more, "oneway": oneway}
        return json.dumps(body | {name: True for name, on in flags.items() if on}).encode() + b"\0"

    @staticmethod
    def answer(connection: socket.socket) -> dict[str, Any]:
        """Read one reply, and leave what follows it in the socket."""
        text = b""
        while not text.endswith(b"\0"):
            there = connection.recv(65536, socket.MSG_PEEK)
            assert there, text
            text += connection.recv(there.find(b"\0") + 1 or len(there))
        found: dict[str, Any] = json.loads(text[:-1])
        return found

    @staticmethod
    def is_closed(connection: socket.socket) -> bool:
        """Wait until the server has closed the connection."""
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True

    @staticmethod
    def run(script: str, *arguments: str) -> None:
        """Run a peer in a process of its own, to its good end."""
        subprocess.run([sys.executable, "-c", script, *arguments], check=True, timeout=WAIT)


@contextmanager
def serve(path: Path, limits: ControlLimits | None = None) -> Iterator[Site]:
    """Serve in a thread of its own until the body is done."""
    supervision = FakeSupervision()
    listening = listen(path)
    # The test process is every peer's parent; as the daemon it would make all of them orphans of a life.
    standpoint = replace(take_standpoint(), own_pid=-1)
    server = ControlServer(
        listening,
        supervision,
        standpoint=standpoint,
        words=ProductWords(version="0"),
        now_usec=lambda: 0,
        limits=limits or ControlLimits(requests=PLENTY, reads=PLENTY),
    )
    loop = asyncio.new_event_loop()
    task = loop.create_task(server.serve())

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Site(path, supervision, loop, server)
        assert not task.done()
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(WAIT)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        server.close()


@pytest.fixture
def serving() -> Callable[[Path, ControlLimits | None], AbstractContextManager[Site]]:
    """Give the means to serve a socket at a path with limits."""
    return serve


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Serve with the usual sizes and no rate limit."""
    with serve(tmp_path / "run/control.sock") as made:
        yield made


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Give the means to wait for a condition, with a bound."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.001)

    return wait


@pytest.fixture(scope="session")
def alertmanager_command() -> list[str]:
    """Return how Debian's Alertmanager is run here; skip without one, and fail where everything must be tested."""
    try:
        return command()
    except Unavailable as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture
def alertmanager(tmp_path: Path, alertmanager_command: list[str]) -> Iterator[Alertmanager]:
    """Give a running Alertmanager of our own."""
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    with running(folder, alertmanager_command) as made:
        yield made


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """Listen in the test's folder, with a bound on every wait."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s"))
        (tmp_path / "s").chmod(0o666)
        made.listen(4)
        made.settimeout(20)
        yield made


@pytest.fixture(params=KERNELS, ids=lambda facilities: facilities.text)
def standpoint(request: pytest.FixtureRequest) -> Standpoint:
    """Look from a daemon on a newer or an older kernel."""
    here = take_standpoint()
    if request.param.peerpidfd > here.facilities.peerpidfd or request.param.info > here.facilities.info:
        pytest.skip("this kernel lacks the facility")
    return replace(here, own_pid=STRANGER, facilities=request.param)


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """Make a cgroup of our own, where the host lets us."""
    mount = procfs.find_cgroup_mount()
    if mount is None:
        pytest.skip("no unified cgroup hierarchy is mounted")
    folder = mount / f"gatedog-test-{os.getpid()}.slice"
    try:
        (folder / "sub").mkdir(parents=True)
    except OSError:
        pytest.skip("no writable unified cgroup hierarchy")
    yield folder
    deadline = time.monotonic() + 20
    for part in (folder / "sub", folder):
        while (part / "cgroup.procs").read_text():
            assert time.monotonic() < deadline
        part.rmdir()
