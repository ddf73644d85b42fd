"""Probes against sockets and files that behave badly: an outcome each time, in time, and nothing left."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from probe_stage import LONG, MAIN, READY, answer, http, look_at, mark_of, now_usec, says, serving

from watchdog.core.healthpolicy import ProbeKind, ProbePolicy
from watchdog.core.observations import ProbeCause, ProbeResult
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.sensors.prober import Look, Prober

pytestmark = pytest.mark.system


# -- what is no failure --------------------------------------------------------------------------------------------


def test_no_descriptor_left_is_no_failure_of_the_gateway(low_descriptors: Callable[[], None]) -> None:
    """Our own want is told as an error: nothing is known."""

    async def scene() -> Look:
        probe = http(1)
        await look_at(probe)  # imports and caches need descriptors of their own
        return await look_at(probe, before=low_descriptors)

    look = asyncio.run(scene())

    assert look.result is ProbeResult.ERROR
    assert "too many open files" in look.detail


@pytest.fixture
def low_descriptors() -> Callable[[], None]:
    """Give the means to use up this process's descriptors; they come back with the test's end."""
    import resource  # noqa: PLC0415 - of this test alone

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []

    def use_up() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
        with suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        # What reading /proc needs; the probe's own socket is beyond it.

    yield use_up
    for descriptor in held:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_name_that_does_not_exist_is_no_crash() -> None:
    """A resolver's no is the gateway's trouble elsewhere; its silence is ours. Here it is one of the two."""
    probe = ProbePolicy(name="p", kind=ProbeKind.TCP, target="no-such-host.invalid:80", timeout_usec=LONG)

    look = asyncio.run(look_at(probe))

    assert look.result in {ProbeResult.ERROR, ProbeResult.FAILED}
    assert "no-such-host.invalid" in look.detail
    assert look.result is ProbeResult.ERROR or look.cause is ProbeCause.REMOTE


# -- impostors -----------------------------------------------------------------------------------------------------


def test_an_impostor_on_the_port_is_named_though_it_answers_well() -> None:
    """A healthy port is no healthy gateway: the listener is asked for its owner first."""

    async def scene() -> Look:
        asked: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.read(64))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        gateway = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
        try:
            return await look_at(http(server.sockets[0].getsockname()[1]), owner=gateway.pid)
        finally:
            gateway.kill()
            await gateway.wait()
            server.close()
            assert asked == []

    look = asyncio.run(scene())

    assert (look.result, look.cause) == (ProbeResult.FAILED, ProbeCause.IMPOSTOR)
    assert f"is held by pid {os.getpid()} (" in look.detail


def test_an_impostor_behind_a_unix_socket_is_named(tmp_path: Path) -> None:
    """The kernel says who listens there."""

    async def scene() -> tuple[Look, Look]:
        path = str(tmp_path / "s")
        server = await asyncio.start_unix_server(lambda _, writer: writer.close(), path)
        probe = ProbePolicy(name="p", kind=ProbeKind.UNIX, target=path)
        gateway = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
        try:
            return await look_at(probe), await look_at(probe, owner=gateway.pid)
        finally:
            gateway.kill()
            await gateway.wait()
            server.close()

    own, foreign = asyncio.run(scene())

    assert own.result is ProbeResult.OK
    assert (foreign.result, foreign.cause) == (ProbeResult.FAILED, ProbeCause.IMPOSTOR)


# -- tcp and unix --------------------------------------------------------------------------------------------------


def test_a_taken_connection_is_ok() -> None:
    """On tcp nothing is sent and nothing read."""
    look = serving(
        says(b"", stay=True), lambda port: ProbePolicy(name="p", kind=ProbeKind.TCP, target=f"localhost:{port}")
    )

    assert (look.result, look.detail) == (ProbeResult.OK, "connected")


def test_a_unix_socket_without_a_listener_fails(tmp_path: Path) -> None:
    """Missing, left behind, or with a full queue: three sentences."""
    path = str(tmp_path / "s")
    probe = ProbePolicy(name="p", kind=ProbeKind.UNIX, target=path)
    missing = asyncio.run(look_at(probe))
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
        refused = asyncio.run(look_at(probe))
        left.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(path)
            full = asyncio.run(look_at(probe))

    assert [look.result for look in (missing, refused, full)] == [ProbeResult.FAILED] * 3
    assert missing.detail == "no such file or directory"
    assert refused.detail == "connection refused"
    assert "nobody accepts" in full.detail


# -- heartbeat -----------------------------------------------------------------------------------------------------


def test_a_heartbeat_is_as_old_as_its_last_change(tmp_path: Path) -> None:
    """Fresh, stale, missing, and things that are no file; nothing is ever opened."""
    file = tmp_path / "beat"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to("/etc/hostname")
    file.touch()

    def beat(path: Path) -> Look:
        return asyncio.run(look_at(ProbePolicy(name="p", kind=ProbeKind.HEARTBEAT, target=str(path))))

    fresh = beat(file)
    os.utime(file, (1, 1))
    stale = beat(file)

    assert fresh.result is ProbeResult.OK
    assert (stale.result, stale.cause) == (ProbeResult.FAILED, ProbeCause.LOCAL)
    assert stale.detail == "not touched for more than 5m"
    assert [beat(path).detail for path in (tmp_path / "gone", pipe, link)] == [
        "there is no such file",
        "it is not a file",
        "it is not a file",
    ]


# -- thousands of rounds -------------------------------------------------------------------------------------------


def pages_used() -> int:
    """Return this process's resident memory in pages."""
    return int(Path("/proc/self/statm").read_text().split()[1])


def descriptors_open() -> int:
    """Count this process's descriptors."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_ten_thousand_rounds_leave_nothing() -> None:
    """Good answers, refusals, resets and torn answers in turn: memory and descriptors stay as they were."""
    rounds = 10_000

    async def scene() -> tuple[list[int], list[int]]:
        texts = (answer(b'{"ready": true}'), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{", b"", answer(b"no"))
        turn = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal turn
            turn += 1
            with suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(texts[turn % len(texts)])
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as closed:
            refused = closed.getsockname()[1]
        probes = (http(port, READY), ProbePolicy(name="q", kind=ProbeKind.TCP, target=f"127.0.0.1:{refused}"))
        reported: list[int] = [0]
        prober = Prober(lambda _: reported.__setitem__(0, reported[0] + 1), now_usec)
        prober.adopt([GatewayPolicy(name=MAIN, command=CommandPolicy(argv=("x",)), probes=probes)])
        mark = mark_of(os.getpid())
        prober.life_began(MAIN, mark.process, lambda: mark)
        memory, descriptors = [], []
        for number in range(rounds // 2):
            await asyncio.gather(prober.look_now(MAIN, "p"), prober.look_now(MAIN, "q"))
            if number in (rounds // 10, rounds // 2 - 1):
                memory.append(pages_used())
                descriptors.append(descriptors_open())
        await prober.close()
        server.close()
        assert reported[0] >= rounds
        assert len(prober.history(MAIN, "p") or ()) == 100
        return memory, descriptors

    memory, descriptors = asyncio.run(scene())

    assert descriptors[1] <= descriptors[0] + 4
    assert memory[1] <= memory[0] + 1024  # pages: 4 MiB over 8000 rounds
