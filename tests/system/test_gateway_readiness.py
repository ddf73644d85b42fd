"""Readiness of real processes: their own word, a port, an answer, a delay."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from watchdog.core.decisions import Charge, StartGateway
from watchdog.core.events import ActionFailed, Event, GatewayReady, MainProcessStarted
from watchdog.core.identity import ActionId, GatewayName, LifeId
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Readiness, ReadyPolicy
from watchdog.core.rules import RuleId
from watchdog.core.selfrestart import SelfRestartMeans, SelfRestartSeen
from watchdog.gateway.child import ChildBackend
from watchdog.gateway.launcher import Surroundings
from watchdog.gateway.orphans import Orphans

pytestmark = pytest.mark.system

NAME = GatewayName("ready")
BOUND_SECONDS = 20

NOTIFIER = """
import os, socket, time
from pathlib import Path
while not Path("say").exists():
    time.sleep(0.005)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as word:
    word.connect(os.environ["NOTIFY_SOCKET"])
    word.send(b"STATUS=soon")
    word.send(b"STATUS=now\\nREADY=1")
    word.send(b"READY=1")
Path("said").touch()
time.sleep(600)
"""
"""Says READY=1 twice once it is told to."""

EXECUTES = """
while not Path("go").exists():
    time.sleep(0.005)
os.execv("/bin/sleep", ["sleep", "600"])
"""

SERVER = """
import socket, sys, time
from pathlib import Path
while not Path("say").exists():
    time.sleep(0.005)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
for answer in (b"HTTP/1.1 503 Not Yet\\r\\n\\r\\n", b"garbage", b"", b"HTTP/1.1 204 Fine\\r\\n\\r\\n"):
    connection, _ = server.accept()
    with connection:
        connection.sendall(answer)
        connection.recv(4096)
Path("said").touch()
time.sleep(600)
"""
"""Listens once it is told to, and answers well at the fourth time only."""


@asynccontextmanager
async def gateway(
    folder: Path, ready: ReadyPolicy, *argv: str, use_cgroups: bool = True
) -> AsyncIterator[tuple[ChildBackend, list[Event]]]:
    """Run `argv` in `folder` as life 1, give its backend and reports, and leave nothing behind."""
    loop = asyncio.get_running_loop()
    orphans = Orphans(loop)
    reports: list[Event] = []
    policy = GatewayPolicy(name=NAME, command=CommandPolicy(argv=argv, directory=str(folder)), ready=ready)
    surroundings = Surroundings(
        state_folder=folder / "state",
        runtime_folder=folder / "run",
        control_socket=folder / "c",
        environment=os.environ,
        use_cgroups=use_cgroups,
    )
    backend = ChildBackend(policy, surroundings, reports.append, loop, orphans)
    backend.recover()
    backend.start(
        StartGateway(
            gateway=NAME,
            rule=RuleId.START_FIRST,
            because="",
            action=ActionId("1.0"),
            life=LifeId(1),
            charge=Charge.BOOT,
        )
    )
    try:
        yield backend, reports
    finally:
        for life in tuple(backend._running.values()):
            await life.kill()
        await until(lambda: not backend._running)
        await until(lambda: backend.tend() is None and not backend._untidy)
        await backend.close()
        orphans.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, within a bound."""
    for _ in range(BOUND_SECONDS * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError(f"not within {BOUND_SECONDS} s")


def ready_count(reports: list[Event]) -> int:
    """Count the reports of readiness."""
    return sum(isinstance(each, GatewayReady) for each in reports)


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize("use_cgroups", [True, False])
def test_only_the_life_itself_says_that_it_is_ready(tmp_path: Path, use_cgroups: bool) -> None:
    """READY=1 of another process is refused; the gateway's own is reported, and once."""

    async def scene() -> None:
        ready = ReadyPolicy(kind=Readiness.NOTIFY)
        async with gateway(tmp_path, ready, sys.executable, "-c", NOTIFIER, use_cgroups=use_cgroups) as (life, reports):
            heard: list[int] = []
            words: list[bytes] = []
            assert life._notify is not None
            hear = life._notify.hear
            assert hear is not None

            def hear_and_tell(pid: int, message: bytes) -> None:
                hear(pid, message)
                heard.extend([pid] * (b"READY=1" in message))

            life._notify.hear = hear_and_tell
            life.hear = lambda _, message: words.append(message)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"READY=1", str(life._launcher.notify_path))
            await until(lambda: heard == [os.getpid()])
            refused = ready_count(reports) == 0
            (tmp_path / "say").touch()
            await until(lambda: len(heard) == 3)

            assert refused
            assert ready_count(reports) == 1
            assert words == [b"STATUS=soon", b"STATUS=now\nREADY=1", b"READY=1"]

    asyncio.run(scene())


def test_descriptors_sent_along_are_closed(tmp_path: Path) -> None:
    """A barrier sent to the notify socket is answered: its descriptor is closed, not kept."""

    async def scene() -> None:
        async with gateway(tmp_path, ReadyPolicy(kind=Readiness.NOTIFY), "sleep", "600") as (life, _):
            reading, writing = os.pipe()
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
                stranger.connect(str(life._launcher.notify_path))
                socket.send_fds(stranger, [b"BARRIER=1"], [writing])
            os.close(writing)
            os.set_blocking(reading, False)
            closed = asyncio.Event()
            asyncio.get_running_loop().add_reader(reading, closed.set)
            async with asyncio.timeout(BOUND_SECONDS):
                await closed.wait()

            assert os.read(reading, 1) == b""
            asyncio.get_running_loop().remove_reader(reading)
            os.close(reading)

    asyncio.run(scene())


def test_listening_port_is_ready(tmp_path: Path) -> None:
    """With tcp a gateway is ready when its port accepts, not before."""

    async def scene() -> None:
        port = free_port()
        ready = ReadyPolicy(kind=Readiness.TCP, target=f"127.0.0.1:{port}")
        async with gateway(tmp_path, ready, sys.executable, "-c", SERVER, str(port)) as (_, reports):
            assert ready_count(reports) == 0
            (tmp_path / "say").touch()
            await until(lambda: ready_count(reports) == 1)

    asyncio.run(scene())


def test_only_a_good_answer_is_ready(tmp_path: Path) -> None:
    """With http neither 503, garbage nor silence is ready; a 2xx is."""

    async def scene() -> None:
        port = free_port()
        ready = ReadyPolicy(kind=Readiness.HTTP, target=f"http://127.0.0.1:{port}/health?deep=1")
        async with gateway(tmp_path, ready, sys.executable, "-c", SERVER, str(port)) as (_, reports):
            (tmp_path / "say").touch()
            await until(lambda: ready_count(reports) == 1)
            await until((tmp_path / "said").exists)

            assert ready_count(reports) == 1

    asyncio.run(scene())


def test_delay_is_ready_unless_the_life_ended(tmp_path: Path) -> None:
    """With a delay a life is ready after it; one that ended before never is."""

    async def scene() -> None:
        async with gateway(tmp_path, ReadyPolicy(delay_usec=1), "sleep", "600") as (_, reports):
            await until(lambda: ready_count(reports) == 1)
        async with gateway(tmp_path / "short", ReadyPolicy(delay_usec=10**7), "true") as (life, reports):
            await until(lambda: not life._running)
            timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]  # type: ignore[attr-defined] - no public list

            assert ready_count(reports) == 0
            assert all(timer.when() < asyncio.get_running_loop().time() + 5 for timer in timers)

    (tmp_path / "short").mkdir()
    asyncio.run(scene())


def test_notify_socket_that_cannot_be_made_refuses_the_start(tmp_path: Path) -> None:
    """A path too long for a unix socket is said before anything is started."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()

    async def scene() -> None:
        async with gateway(deep, ReadyPolicy(kind=Readiness.NOTIFY), "sleep", "600") as (_, reports):
            (failed,) = reports
            assert isinstance(failed, ActionFailed)
            assert "longer than the 107 bytes" in failed.detail
            assert not any(isinstance(each, MainProcessStarted) for each in reports)

    asyncio.run(scene())


@pytest.mark.parametrize("kind", [Readiness.TCP, Readiness.HTTP])
def test_an_impostor_on_the_port_makes_nobody_ready(tmp_path: Path, kind: Readiness) -> None:
    """The port answers well from the first moment on, and the gateway is ready when it is the gateway that answers."""
    port = free_port()
    target = f"127.0.0.1:{port}" if kind is Readiness.TCP else f"http://127.0.0.1:{port}/"
    answered: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 200 Fine\r\n\r\n")
        writer.close()

    async def story() -> None:
        impostor = await asyncio.start_server(answer, "127.0.0.1", port)
        script = SERVER.replace("for answer in (", "for answer in 100 * (")
        async with gateway(
            tmp_path, ReadyPolicy(kind=kind, target=target), sys.executable, "-c", script, str(port)
        ) as (
            _,
            reports,
        ):
            await until(lambda: len(answered) > 2)
            assert ready_count(reports) == 0
            impostor.close()
            await impostor.wait_closed()
            (tmp_path / "say").touch()
            await until(lambda: ready_count(reports) == 1)

    asyncio.run(story())


def test_behind_a_proxy_anybody_may_answer(tmp_path: Path) -> None:
    """With owned = false another program listens for the gateway, and its answer counts."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 Fine\r\n\r\n")
        writer.close()

    async def story() -> None:
        proxy = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = proxy.sockets[0].getsockname()[1]
        ready = ReadyPolicy(kind=Readiness.HTTP, target=f"http://127.0.0.1:{port}/", owned=False)
        async with gateway(tmp_path, ready, "sleep", "600") as (_, reports):
            await until(lambda: ready_count(reports) == 1)
        proxy.close()

    asyncio.run(story())


def test_gateway_that_executes_itself_is_told_at_the_next_look(tmp_path: Path) -> None:
    """Same process, same life outside, no exit: the look says that it restarted itself, and still finds it running."""
    script = NOTIFIER.replace("time.sleep(600)", EXECUTES)

    async def story() -> None:
        ready = ReadyPolicy(kind=Readiness.NOTIFY)
        async with gateway(tmp_path, ready, sys.executable, "-c", script) as (backend, reports):
            (tmp_path / "say").touch()
            await until(lambda: ready_count(reports) == 1)
            first = backend.observe()
            (tmp_path / "go").touch()
            await until(lambda: backend.observe() == first and isinstance(reports[-1], SelfRestartSeen))
            seen = reports[-1]
            assert isinstance(seen, SelfRestartSeen)
            assert (seen.process, seen.means) == (first.process, SelfRestartMeans.EXEC_IN_PLACE)

    asyncio.run(story())
