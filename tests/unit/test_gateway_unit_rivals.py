"""A gateway that is a unit, in a world with others: foreign jobs, humans, a silent bus, a host that goes down."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_systemd import PATH, UNIT
from unit_play import NAME, Play, act

from watchdog.core.endings import Sender
from watchdog.core.events import (
    BreakGlassUsed,
    ForeignJobSeen,
    GatewayReady,
    HostShutdownBegan,
    MainProcessExited,
    MainProcessStarted,
    Starter,
    SystemdObserved,
)
from watchdog.core.identity import FOREIGN_LIFE
from watchdog.core.policy import GatewayPolicy
from watchdog.core.rival import JobKind, RivalKind
from watchdog.core.selfrestart import SelfRestartMeans, SelfRestartSeen
from watchdog.gateway.bus import BusLost
from watchdog.gateway.systemdlink import SystemdLink, unit_path
from watchdog.gateway.unit import UnitBackend


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """Set the stage."""
    made = Play(tmp_path)
    yield made
    made.systemd.end()


def test_foreign_stop_and_foreign_start(play: Play) -> None:
    """Jobs that nobody here asked for are told before what they cause, and what they cause is a second manager's."""

    async def story() -> None:
        play.start(1)
        await play.wait(MainProcessStarted)
        play.systemd.stop()
        assert (await play.wait(ForeignJobSeen)).job is JobKind.STOP
        assert (await play.wait(MainProcessExited)).exit.by is Sender.SECOND_MANAGER
        play.systemd.ticket.write_text("0")
        play.systemd.start()
        assert (await play.wait(ForeignJobSeen)).job is JobKind.START
        started = await play.wait(MainProcessStarted)
        assert (started.life, started.starter) == (FOREIGN_LIFE, Starter.FOREIGN)

    act(play, story)


def test_jobs_of_a_host_that_goes_down_are_not_foreign(play: Play) -> None:
    """A stop that is part of a shutdown is the host's."""

    async def story() -> None:
        play.start(1)
        await play.wait(MainProcessStarted)
        play.systemd.system_state = "stopping"
        play.systemd.stop()
        await play.wait(HostShutdownBegan)
        assert (await play.wait(MainProcessExited)).exit.by is Sender.HOST
        assert ForeignJobSeen not in map(type, play.events)

    act(play, story)


def test_job_of_a_human_who_broke_the_glass(play: Play) -> None:
    """A job soon after a record of root's is that human's; the record is told once."""
    if os.geteuid() != 0:
        pytest.skip("only root can leave such a record")

    async def story() -> None:
        play.start(1)
        await play.wait(MainProcessStarted)
        play.glass.mkdir(mode=0o755)
        record = {"v": 1, "verb": "stop", "unit": UNIT, "who": "root\n(alice)", "wall_usec": time.time_ns() // 1_000}
        (play.glass / "1.json").write_text(json.dumps(record))
        play.systemd.stop()
        used = await play.wait(BreakGlassUsed)
        assert (used.verb, used.who) == ("stop", "root (alice)")
        assert (await play.wait(MainProcessExited)).exit.by is Sender.HUMAN
        play.backend.tend()
        assert not play.events

    act(play, story)


def test_silence_of_systemd_is_no_death(play: Play) -> None:
    """A lost bus, and one that does not answer, are told as what they are; a process that dies meanwhile is dead."""

    async def story() -> None:
        play.start(1)
        process = (await play.wait(MainProcessStarted)).process
        play.systemd.reachable = False
        play.systemd.lose()
        assert not (await play.wait(SystemdObserved)).reachable
        assert play.backend.observe().process == process
        assert MainProcessExited not in map(type, play.events)
        play.systemd.kill()
        assert (await play.wait(MainProcessExited)).process == process
        play.systemd.reachable = True
        assert (await play.wait(SystemdObserved)).reachable

    act(play, story)


def test_what_happened_while_nobody_listened_is_seen_by_a_look(play: Play) -> None:
    """A foreign start that was signalled to nobody is found as soon as there is a connection again."""

    async def story() -> None:
        await play.wait(SystemdObserved)
        play.systemd.lose()
        play.systemd.ticket.write_text("0")
        play.systemd.start()
        assert (await play.wait(MainProcessStarted)).starter is Starter.FOREIGN
        assert play.systemd.opened == 2

    act(play, story)


def test_other_main_process_takes_over(play: Play) -> None:
    """MAINPID=: the run goes on in another process, which is a self restart; the old one's end is no news any more."""

    async def story() -> None:
        play.start(1)
        first = (await play.wait(MainProcessStarted)).process
        await play.wait(GatewayReady)
        other = await asyncio.create_subprocess_exec("sleep", "1000")
        play.systemd.tell({"MainPID": other.pid, "ExecMainPID": other.pid})
        seen = await play.wait(SelfRestartSeen)
        assert (seen.process, seen.means) == (first, SelfRestartMeans.HANDED_OFF)
        assert seen.successor is not None
        assert seen.successor.pid == other.pid
        play.systemd.forget_main()
        assert play.backend.observe().process == seen.successor
        other.kill()
        await other.wait()
        play.systemd.tell({"MainPID": 0, "ExecMainCode": 2, "ExecMainStatus": 9})
        assert (await play.wait(MainProcessExited)).process == seen.successor

    act(play, story)


def test_no_bus_at_the_start_is_an_error_with_a_remedy(play: Play) -> None:
    """Without a bus a daemon does not begin, and says what to look at."""
    play.systemd.reachable = False

    async def story() -> None:
        link = SystemdLink(play.systemd, play.events.append, asyncio.get_running_loop())
        with pytest.raises(BusLost, match="systemctl status dbus"):
            link.begin(0.05)
        await link.close()

    asyncio.run(story())


def test_systemd_that_does_not_answer_the_first_look(play: Play) -> None:
    """The records say what runs when systemd does not: nothing is taken for dead on its silence."""

    async def first() -> None:
        play.start(5)
        await play.wait(MainProcessStarted)

    act(play, first)
    play.systemd.refusals["GetAll"] = "not now"

    async def second() -> None:
        assert play.found.life == 5
        assert play.found.process is not None

    act(play, second)


def test_rivals_are_those_of_the_last_look(play: Play) -> None:
    """Restart= switched on again is seen when systemd has read its files anew."""

    async def story() -> None:
        assert play.backend.rivals == ()
        play.systemd.properties["Restart"] = "always"
        await play.backend._watch.look_now(full=True)
        assert play.backend.rivals[0].kind is RivalKind.RESTART_SETTING

    act(play, story)


def test_start_limit_is_lifted_before_a_start(play: Play) -> None:
    """A limit that somebody set again keeps gatedog from nothing."""
    play.systemd.properties["StartLimitIntervalUSec"] = 10_000_000

    async def story() -> None:
        play.start(1)
        await play.wait(MainProcessStarted)
        assert play.systemd.calls.index(f"ResetFailedUnit {UNIT}") < play.systemd.calls.index(
            "StartUnit gatedog-start@nest.target replace"
        )

    act(play, story)


def test_kernel_knows_the_life_by_its_mark(play: Play) -> None:
    """A running life has one mark, with its process; a unit that is down has none."""

    async def story() -> None:
        assert play.backend.life_marks() == ()
        play.start(1)
        process = (await play.wait(MainProcessStarted)).process
        assert [mark.process for mark in play.backend.life_marks()] == [process]

    act(play, story)


@pytest.mark.parametrize("unit", ["", "nest.timer", "a/b.service"])
def test_only_services_are_owned(play: Play, unit: str) -> None:
    """What is no service unit is refused before anything is touched."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        link = SystemdLink(play.systemd, play.events.append, loop)
        with pytest.raises(ValueError, match="no service unit"):
            UnitBackend(GatewayPolicy(name=NAME, unit=unit), play.places, link, play.events.append, loop)

    asyncio.run(story())


def test_path_of_a_unit_is_systemds() -> None:
    """The path by which a unit is asked for escapes what systemd escapes."""
    assert unit_path(UNIT) == PATH
    assert unit_path("1a@b-c.service") == "/org/freedesktop/systemd1/unit/_31a_40b_2dc_2eservice"
