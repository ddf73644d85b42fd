"""The profile of OpenClaw against a gateway that behaves as it was seen to: up in every way, and not doing its work."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from watchdog.core.events import Event
from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.observations import LogClass, LogClassSeen, ProbeCause, ProbeObserved, ProbeResult
from watchdog.core.policy import GatewayPolicy
from watchdog.core.timeline import MILLISECOND
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.policyfile.load import parse_policy
from watchdog.sensors.logclasses import Patterns
from watchdog.sensors.lookout import Lookout, Vantage
from watchdog.sensors.prober import Look

pytestmark = pytest.mark.system

MAIN = GatewayName("main")
BOUND = 20.0
FAKE = Path(__file__).parents[1] / "fake_openclaw.py"


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def openclaw(state: Path, port: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the gateway until the body is done; it serves when the body begins, or has ended."""
    state.mkdir(exist_ok=True)
    if not (state / "config.json").exists():
        (state / "config.json").write_text(json.dumps({"gateway": {"mode": "local"}}))
    log = state / "log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, str(FAKE), str(state), str(port)],
            stdout=output,
            text=True,
            env={**os.environ, **environment},
        )
    try:
        end = time.monotonic() + BOUND
        while "[gateway] ready" not in log.read_text() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        yield process
    finally:
        process.kill()
        process.wait()


def policy(port: int, timeout_usec: int | None = None) -> GatewayPolicy:
    """Read the profile, for this port."""
    text = f'[gateway.main]\ncommand = ["/usr/bin/node"]\nprofile = "openclaw"\nport = {port}\n'
    (gateway,) = parse_policy(text.encode(), "policy.toml").gateways
    if timeout_usec is None:
        return gateway
    return replace(gateway, probes=tuple(replace(probe, timeout_usec=timeout_usec) for probe in gateway.probes))


class Watch:
    """A lookout on one process, and what it reported."""

    def __init__(self, pid: int, gateway: GatewayPolicy, log: Path | None = None) -> None:
        self.reports: list[Event] = []
        self.restarts: list[str] = []
        process = read_stat(pid).reference(read_boot())
        mark = LifeMark(gateway=MAIN, life=LifeId(7), cgroup_id=0, cgroup="", process=process)
        vantage = Vantage(marks=lambda: (mark,), log=lambda _: log, state_folder=lambda: "/")
        self.lookout = Lookout(
            self.reports.append, {MAIN: vantage}, on_restart=lambda _, __, why: self.restarts.append(why)
        )
        self.lookout.adopt([gateway])
        self.lookout.follow(MAIN, process)

    async def look(self, probe: str) -> Look:
        """Look once."""
        look = await self.lookout.look_now(MAIN, probe)
        assert look is not None
        return look


def looking(
    pid: int, gateway: GatewayPolicy, between: Callable[[], None] = lambda: None, log: Path | None = None
) -> tuple[Look, Look, Look, Watch]:
    """Look with both probes, let something happen, and look at readiness again."""

    async def scene() -> tuple[Look, Look, Look, Watch]:
        watch = Watch(pid, gateway, log)
        live, ready = await watch.look("live"), await watch.look("ready")
        between()
        again = await watch.look("ready")
        watch.lookout.follow(MAIN, None)
        await watch.lookout.close()
        return live, ready, again, watch

    return asyncio.run(scene())


def test_a_gateway_that_works_passes_both_probes(tmp_path: Path) -> None:
    """And nothing else is told."""
    port = free_port()
    with openclaw(tmp_path, port) as process:
        live, ready, again, watch = looking(process.pid, policy(port))

    assert [look.result for look in (live, ready, again)] == [ProbeResult.OK] * 3
    assert watch.restarts == []
    assert sum(isinstance(report, ProbeObserved) for report in watch.reports) == 3
    assert not any(isinstance(report, LogClassSeen) for report in watch.reports)


def test_a_dead_channel_is_named_while_liveness_is_200(tmp_path: Path) -> None:
    """The status page is green, the port answers, and telegram is gone."""
    port = free_port()
    with openclaw(tmp_path, port) as process:
        live, ready, again, _ = looking(process.pid, policy(port), between=(tmp_path / "dead-channel").touch)

    assert (live.result, ready.result) == (ProbeResult.OK, ProbeResult.OK)
    assert (again.result, again.cause) == (ProbeResult.FAILED, ProbeCause.UNKNOWN)
    assert again.detail.startswith('answered 503: failing is ["telegram"], not []')


def test_suppressed_channels_are_seen_behind_a_ready_200(tmp_path: Path) -> None:
    """After three kills it starts without channels, and says ready."""
    port = free_port()
    for _ in range(3):
        with openclaw(tmp_path, port) as process:
            process.kill()
            process.wait()
        (tmp_path / "log").unlink()
    with openclaw(tmp_path, port) as process:
        live, ready, _, watch = looking(process.pid, policy(port), log=tmp_path / "log")

    assert live.result is ProbeResult.OK
    assert ready.result is ProbeResult.FAILED
    assert '"suppressed": ["telegram"' in ready.detail
    assert [each.log_class for each in watch.reports if isinstance(each, LogClassSeen)] == [LogClass.CHANNELS_OFF]


def test_an_impostor_is_named_while_the_port_answers_200(tmp_path: Path) -> None:
    """Another one serves on the port that the gateway should have."""
    port = free_port()
    with openclaw(tmp_path / "theirs", port) as other, subprocess.Popen(["sleep", "600"]) as ours:
        live, ready, _, _ = looking(ours.pid, policy(port))
        ours.kill()

    for look in (live, ready):
        assert (look.result, look.cause) == (ProbeResult.FAILED, ProbeCause.IMPOSTOR)
        assert f"port {port} is held by pid {other.pid} (" in look.detail


def test_a_restart_in_place_is_told_by_the_uptime_that_drops(tmp_path: Path) -> None:
    """The pid is the same, and the process has forgotten everything."""
    port = free_port()
    with openclaw(tmp_path, port, OPENCLAW_SUPERVISOR_MODE="") as process:
        log = tmp_path / "log"

        def restart() -> None:
            process.send_signal(signal.SIGUSR2)
            end = time.monotonic() + BOUND
            while "in-process restart" not in log.read_text() and time.monotonic() < end:
                time.sleep(0.002)

        async def scene() -> list[str]:
            watch = Watch(process.pid, policy(port))
            await watch.look("ready")
            restart()
            await watch.look("ready")
            await watch.lookout.close()
            return watch.restarts

        restarts = asyncio.run(scene())
        alive = process.poll() is None

    assert alive
    (evidence,) = restarts
    assert evidence.startswith("by probe ready up for ")


def test_a_stopped_process_fails_on_this_host(tmp_path: Path) -> None:
    """Connections are still taken, by the kernel; no answer comes."""
    port = free_port()
    with openclaw(tmp_path, port) as process:
        live, _, again, _ = looking(
            process.pid, policy(port, 300 * MILLISECOND), between=lambda: process.send_signal(signal.SIGSTOP)
        )
        process.send_signal(signal.SIGCONT)

    assert live.result is ProbeResult.OK
    assert (again.result, again.cause) == (ProbeResult.FAILED, ProbeCause.LOCAL)
    assert again.detail == "connected, but it did not answer within 300ms"


def test_a_clean_stop_closes_the_port_long_before_the_process_ends(tmp_path: Path) -> None:
    """With a dead channel a stop takes minutes: the port says gone, the process does not."""
    port = free_port()
    (tmp_path / "slow-stop").touch()
    with openclaw(tmp_path, port) as process:

        def stop() -> None:
            process.send_signal(signal.SIGTERM)
            end = time.monotonic() + BOUND
            while time.monotonic() < end:
                with socket.socket() as asking:
                    if asking.connect_ex(("127.0.0.1", port)):
                        return

        _, _, again, _ = looking(process.pid, policy(port), between=stop)
        alive = process.poll() is None

    assert alive
    assert (again.result, again.cause, again.detail) == (ProbeResult.FAILED, ProbeCause.LOCAL, "connection refused")


@pytest.mark.parametrize(("config", "said"), [("{not json", LogClass.CONFIG_INVALID), (None, LogClass.PORT_IN_USE)])
def test_code_78_is_told_apart_by_what_was_logged(tmp_path: Path, config: str | None, said: LogClass) -> None:
    """A broken configuration and a held lock end with one code; the last line names which."""
    port = free_port()
    with openclaw(tmp_path, port):
        if config is not None:
            (tmp_path / "config.json").write_text(config)
        second = subprocess.run(
            [sys.executable, str(FAKE), str(tmp_path), str(port)],
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND,
        )

    assert second.returncode == 78
    assert Patterns().classify(second.stdout) is said


def test_a_hand_off_ends_cleanly_behind_its_record(tmp_path: Path) -> None:
    """In external mode a restart is an end with code 0 that nobody asked gatedog for."""
    with openclaw(tmp_path, free_port(), OPENCLAW_SUPERVISOR_MODE="external") as process:
        process.send_signal(signal.SIGUSR2)
        code = process.wait(BOUND)

    assert code == 0
    assert json.loads((tmp_path / "handoff.json").read_text())["source"] == "signal"
