"""The launcher of one gateway: what is got ready ahead of a death must fit the life that gets it."""

import asyncio
import os
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.gateway.launcher import Launcher, Surroundings
from watchdog.gateway.lives import LifeFolder
from watchdog.gateway.orphans import Orphans
from watchdog.origin.procfs import read_boot

pytestmark = pytest.mark.system

COMMAND = CommandPolicy(argv=("/bin/sh", "-c", "echo $GATEDOG_LIFE"), directory="/")
END_MS = 20_000


@asynccontextmanager
async def launching(folder: Path) -> AsyncIterator[Launcher]:
    """Set up a launcher, without cgroups."""
    orphans = Orphans(asyncio.get_running_loop())
    surroundings = Surroundings(
        state_folder=folder,
        runtime_folder=folder / "run",
        control_socket=folder / "control.sock",
        environment=os.environ,
        use_cgroups=False,
    )
    lives = LifeFolder(folder=folder / "lives")
    lives.prepare()
    policy = GatewayPolicy(name=GatewayName("test"), command=COMMAND)
    launcher = Launcher(policy, surroundings, orphans, lives, read_boot())
    try:
        yield launcher
    finally:
        launcher.close()
        orphans.reap()
        orphans.close()


def live(launcher: Launcher, life: int) -> str:
    """Let a life begin and end; return what its log holds."""
    born = launcher.launch(COMMAND, LifeId(life))
    try:
        end = select.poll()
        end.register(born.pidfd, select.POLLIN)
        assert end.poll(END_MS), "the life did not end"
        os.waitid(os.P_PIDFD, born.pidfd, os.WEXITED)
    finally:
        os.close(born.pidfd)
    return Path(born.record.log).read_text()


def test_a_plan_made_while_a_launcher_waits_leaves_it_its_log(tmp_path: Path) -> None:
    """Or the life after next would write into the log of a dead one, and the one after that could not be started."""

    async def scene() -> list[str]:
        async with launching(tmp_path) as launcher:
            launcher.plan(COMMAND)
            launcher.stand_by(COMMAND)
            launcher.plan(COMMAND)  # the chores of an exit come 50 ms after it: before a start that waits for longer
            said = [live(launcher, 1)]
            launcher.stand_by(COMMAND)
            return [*said, live(launcher, 2), live(launcher, 3)]

    said = asyncio.run(scene())

    assert [line.partition("@")[0] for line in said] == ["test/1", "test/2", "test/3"]
