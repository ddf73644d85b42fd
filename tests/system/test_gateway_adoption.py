"""The daemon dies, the gateway stays: what the next daemon finds."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from watchdog.core.endings import Sender
from watchdog.core.events import Event, GatewayObserved, GatewayReady, MainProcessExited
from watchdog.core.identity import GatewayName, LifeId, ProcessRef
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Readiness, ReadyPolicy
from watchdog.gateway.cgroup import LifeCgroup
from watchdog.gateway.child import ChildBackend
from watchdog.gateway.gatewaylock import GatewayLocked, acquire_gateway_lock
from watchdog.gateway.launch import plan_launch, spawn
from watchdog.gateway.launcher import Surroundings
from watchdog.gateway.lives import LifeFolder, LifeRecord
from watchdog.gateway.orphans import Orphans
from watchdog.gateway.process import has_ended, open_pidfd, read_stat
from watchdog.origin.procfs import read_boot

pytestmark = pytest.mark.system

NAME = GatewayName("adopted")
BOUND_SECONDS = 20

DRIVER = """
import asyncio, os, sys
from pathlib import Path
from watchdog.core.decisions import Charge, StartGateway
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.rules import RuleId
from watchdog.gateway.child import ChildBackend
from watchdog.gateway.launcher import Surroundings
from watchdog.gateway.orphans import Orphans

folder, use_cgroups, script = Path(sys.argv[1]), sys.argv[2] == "True", sys.argv[3]

async def main():
    loop = asyncio.get_running_loop()
    policy = GatewayPolicy(name="adopted", command=CommandPolicy(argv=("/bin/sh", "-c", script), directory=str(folder)))
    surroundings = Surroundings(
        state_folder=folder / "state", runtime_folder=folder / "run", control_socket=folder / "c",
        environment=os.environ, use_cgroups=use_cgroups,
    )
    backend = ChildBackend(policy, surroundings, print, loop, Orphans(loop))
    backend.recover()
    order = StartGateway(
        gateway="adopted", rule=RuleId.START_FIRST, because="", action="1.0", life=41, charge=Charge.BOOT
    )
    backend.start(order)
    while backend._running[41].containing is not None:
        await asyncio.sleep(0.001)
    print("started", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
"""A daemon of its own: starts life 41 and waits to be killed."""


class Successor:
    """The backend of the next daemon, on this test's loop."""

    def __init__(self, folder: Path, *, use_cgroups: bool = True, ready: ReadyPolicy | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.reports: list[Event] = []
        self.orphans = Orphans(loop)
        policy = GatewayPolicy(
            name=NAME,
            command=CommandPolicy(argv=("true",)),
            ready=ready if ready is not None else ReadyPolicy(delay_usec=10**12),
        )
        surroundings = Surroundings(
            state_folder=folder / "state",
            runtime_folder=folder / "run",
            control_socket=folder / "c",
            environment=os.environ,
            use_cgroups=use_cgroups,
        )
        self.backend = ChildBackend(policy, surroundings, self.reports.append, loop, self.orphans)

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(BOUND_SECONDS * 200):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise TimeoutError(f"not within {BOUND_SECONDS} s; reported so far: {self.reports}")

    async def exit(self) -> MainProcessExited:
        await self.until(lambda: any(isinstance(each, MainProcessExited) for each in self.reports))
        return next(each for each in self.reports if isinstance(each, MainProcessExited))

    async def close(self) -> None:
        await self.backend.close()
        self.orphans.close()


@contextmanager
def orphaned_gateway(folder: Path, script: str, *, use_cgroups: bool = True) -> Iterator[ProcessRef]:
    """Run `script` as life 41 of a daemon that is then killed with SIGKILL; ends whatever is left of it."""
    arguments = [sys.executable, "-c", DRIVER, str(folder), str(use_cgroups), script]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        for line in driver.stdout:
            if line == "started\n":
                break
        driver.kill()
    fields = json.loads((folder / "state" / "lives" / NAME / "41.json").read_text())
    cgroup = LifeCgroup(folder=Path(fields["cgroup_folder"]), name="") if fields["cgroup_folder"] else None
    process = ProcessRef(pid=fields["pid"], start_ticks=fields["start_ticks"], boot=fields["boot"])
    try:
        yield process
    finally:
        pidfd = open_pidfd(process, read_boot())
        if pidfd is not None:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
        if cgroup is not None:
            clear_away(cgroup)


def clear_away(cgroup: LifeCgroup) -> None:
    """End whatever is left in a life's cgroup, and remove it and its parent."""
    cgroup.kill()
    for _ in range(BOUND_SECONDS * 1000):
        if not cgroup.is_populated() and cgroup.remove():
            break
        time.sleep(0.001)
    if cgroup.folder.parent.exists():
        cgroup.folder.parent.rmdir()


def read_parent(pid: int) -> int:
    """Read whose child a process is."""
    stat = read_stat(pid)
    assert stat is not None
    return stat.parent


def is_gone(pid: int) -> bool:
    """Tell whether no living process has this pid."""
    stat = read_stat(pid)
    return stat is None or stat.is_dead


@pytest.mark.parametrize("use_cgroups", [True, False])
def test_gateway_of_a_killed_daemon_is_claimed(tmp_path: Path, use_cgroups: bool) -> None:
    """After kill -9 of the daemon its successor finds the same process with the same life."""

    async def scene(process: ProcessRef) -> None:
        successor = Successor(tmp_path, use_cgroups=use_cgroups)
        found = successor.backend.recover()

        assert (found.gateway, found.process, found.life) == (NAME, process, LifeId(41))
        (mark,) = successor.backend.life_marks()
        assert (mark.process, found.traceable) == (process, mark.cgroup_id != 0)
        assert read_parent(process.pid) != os.getpid(), "an adopted gateway is nobody's child but pid 1's"
        await successor.close()

    with orphaned_gateway(tmp_path, "exec sleep 600", use_cgroups=use_cgroups) as process:
        asyncio.run(scene(process))


@pytest.mark.parametrize(
    ("script", "code", "name"),
    [
        ("until [ -e end ]; do sleep 0.01; done; exit 7", 7, None),
        ("until [ -e end ]; do sleep 0.01; done; kill -9 $$", None, "SIGKILL"),
    ],
)
def test_exit_of_an_adopted_gateway_has_its_status(
    tmp_path: Path, script: str, code: int | None, name: str | None
) -> None:
    """The successor sees the later exit with its code or signal although it is not the parent."""

    async def scene() -> None:
        successor = Successor(tmp_path)
        successor.backend.recover()
        (tmp_path / "end").touch()
        ended = await successor.exit()

        assert (ended.exit.code, ended.exit.signal, ended.exit.by) == (code, name, Sender.UNKNOWN)
        await successor.close()

    with orphaned_gateway(tmp_path, script):
        asyncio.run(scene())


def test_gateway_that_ended_between_two_daemons_is_observed_with_its_life(tmp_path: Path) -> None:
    """An ending nobody watched is found by its record, so that it can be charged."""

    async def scene(process: ProcessRef) -> None:
        pidfd = open_pidfd(process, read_boot())
        assert pidfd is not None
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        successor = Successor(tmp_path)
        await successor.until(lambda: has_ended(pidfd))
        os.close(pidfd)

        assert successor.backend.recover() == GatewayObserved(gateway=NAME, process=None, life=LifeId(41))
        await successor.close()

    with orphaned_gateway(tmp_path, "exec sleep 600") as process:
        asyncio.run(scene(process))


@pytest.mark.parametrize("use_cgroups", [True, False])
def test_adopted_gateway_takes_its_children_along(tmp_path: Path, use_cgroups: bool) -> None:
    """What an adopted gateway daemonised before or after the adoption does not outlive it."""
    script = "setsid sh -c 'echo $$ > child.pid; exec sleep 600' & until [ -e end ]; do sleep 0.01; done"

    async def scene() -> None:
        successor = Successor(tmp_path, use_cgroups=use_cgroups)
        successor.backend.recover()
        file = tmp_path / "child.pid"
        await successor.until(lambda: file.exists() and file.read_text() != "")
        pid = int(file.read_text())
        (tmp_path / "end").touch()
        await successor.exit()

        await successor.until(lambda: is_gone(pid))
        await successor.close()

    with orphaned_gateway(tmp_path, script, use_cgroups=use_cgroups):
        asyncio.run(scene())


def test_adopted_gateway_becomes_ready_by_its_delay(tmp_path: Path) -> None:
    """Readiness is watched for an adopted life, too: its age counts."""

    async def scene(process: ProcessRef) -> None:
        successor = Successor(tmp_path, ready=ReadyPolicy(kind=Readiness.DELAY, delay_usec=1))
        successor.backend.recover()
        await successor.until(lambda: GatewayReady(gateway=NAME, process=process) in successor.reports)
        await successor.close()

    with orphaned_gateway(tmp_path, "exec sleep 600") as process:
        asyncio.run(scene(process))


def test_record_of_a_process_that_is_gone_claims_nobody(tmp_path: Path) -> None:
    """A crash between fork and exec leaves a record; whoever has that pid now is not the gateway."""
    stranger = read_stat(os.getpid())
    assert stranger is not None
    folder = LifeFolder(folder=tmp_path / "state" / "lives" / NAME)
    folder.prepare()
    folder.write_first(
        LifeRecord(
            gateway=NAME,
            life=LifeId(5),
            process=ProcessRef(pid=os.getpid(), start_ticks=stranger.start_ticks - 1, boot=read_boot()),
            argv=("true",),
            directory="/",
            user="root",
            uid=0,
            environment_names=(),
            log=str(tmp_path / "5.log"),
        )
    )

    async def scene() -> None:
        successor = Successor(tmp_path)

        assert successor.backend.recover() == GatewayObserved(gateway=NAME, process=None, life=LifeId(5))
        assert successor.backend.life_marks() == ()
        await successor.close()

    asyncio.run(scene())


def test_launcher_whose_daemon_died_never_runs_the_program(tmp_path: Path) -> None:
    """Before the word is given, the end of the daemon is the end of the launcher."""
    command = CommandPolicy(argv=("/bin/sh", "-c", ": > ran"), directory=str(tmp_path))
    launch = plan_launch(command, own=os.environ, inherit_all=False, extra={})
    log = os.open("/dev/null", os.O_WRONLY)
    gate = spawn(launch, log)
    os.close(log)
    gate.abandon()  # what the kernel does to the pipe when its writer is gone

    _, status = os.waitpid(gate.pid, 0)

    assert os.waitstatus_to_exitcode(status) == 1
    assert not (tmp_path / "ran").exists()


def test_lock_of_a_killed_daemon_is_free(tmp_path: Path) -> None:
    """A lock names its holder while that lives, and dies with it by kill -9."""
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from watchdog.core.policy import CommandPolicy, GatewayPolicy\n"
        "from watchdog.gateway.gatewaylock import acquire_gateway_lock\n"
        "policy = GatewayPolicy(name='adopted', command=CommandPolicy(argv=('run',)))\n"
        "lock = acquire_gateway_lock(policy, Path(sys.argv[1]))\n"
        "print('locked', flush=True)\ntime.sleep(600)"
    )
    policy = GatewayPolicy(name=NAME, command=CommandPolicy(argv=("run",)))
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "locks")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(GatewayLocked, match=f"pid {holder.pid}"):
            acquire_gateway_lock(policy, tmp_path / "locks")
        holder.kill()

    lock = acquire_gateway_lock(policy, tmp_path / "locks")

    with pytest.raises(BlockingIOError):
        fcntl.flock(os.open(lock.file, os.O_RDWR | os.O_CLOEXEC), fcntl.LOCK_EX | fcntl.LOCK_NB)
    lock.release()
