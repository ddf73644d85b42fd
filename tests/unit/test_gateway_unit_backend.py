"""A gateway that is a unit, against a systemd that is a simulation: every order is answered, every death is told."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_systemd import UNIT
from unit_play import ORDER, Play, act

from watchdog.core.decisions import KillGateway, StopGateway
from watchdog.core.endings import Sender
from watchdog.core.events import (
    ActionFailed,
    Failure,
    ForeignJobSeen,
    GatewayReady,
    MainProcessExited,
    MainProcessStarted,
    Starter,
)
from watchdog.core.identity import FOREIGN_LIFE, ActionId


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """Set the stage."""
    made = Play(tmp_path)
    yield made
    made.systemd.end()


def test_start_is_answered_by_its_life(play: Play) -> None:
    """A ticket lies there while the start is under way; the life carries its number, and the ticket is gone."""

    async def story() -> None:
        play.start(7)
        assert (play.tickets / "nest").read_text() == "7\n"
        started = await play.wait(MainProcessStarted)
        assert (started.life, started.starter) == (7, Starter.GATEDOG)
        await play.wait(GatewayReady)
        assert not (play.tickets / "nest").exists()
        assert ForeignJobSeen not in map(type, play.events)

    act(play, story)


def test_a_signal_between_two_answers_of_a_look_is_not_undone(play: Play) -> None:
    """A look asks twice; what systemd says after the first answer is newer than it, and stands."""

    async def story() -> None:
        play.start(1)
        await play.wait(GatewayReady)
        play.systemd.between_answers = {"ActiveState": "reloading"}
        await play.backend._watch.look_now(full=True)
        assert play.backend._watch.look.active_state == "reloading"

    act(play, story)


def test_death_brings_how_it_ended(play: Play) -> None:
    """The pidfd tells that it ended, systemd how; the next start makes the next life."""

    async def story() -> None:
        play.start(1)
        started = await play.wait(MainProcessStarted)
        os.kill(started.process.pid, signal.SIGSEGV)
        ended = await play.wait(MainProcessExited)
        assert (ended.process, ended.exit.signal, ended.exit.by) == (started.process, "SIGSEGV", Sender.UNKNOWN)
        play.start(2)
        assert (await play.wait(MainProcessStarted)).life == 2

    act(play, story)


def test_crash_of_the_daemon_leaves_the_life_to_the_next(play: Play) -> None:
    """What an earlier daemon recorded is claimed by its process, and is not started again."""

    async def first() -> None:
        play.start(5)
        await play.wait(MainProcessStarted)

    async def second() -> None:
        assert play.found.life == 5
        assert play.found.process is not None
        play.start(5)
        assert (await play.wait(MainProcessStarted)).process == play.found.process
        play.start(6)
        assert (await play.wait(ActionFailed)).failure is Failure.STALE
        assert sum("StartUnit" in call for call in play.systemd.calls) == 1

    act(play, first)
    act(play, second)


@pytest.mark.parametrize(("ticket", "life"), [("9", 9), ("0", FOREIGN_LIFE), ("nonsense", FOREIGN_LIFE)])
def test_ticket_claims_what_began_after_it(play: Play, ticket: str, life: int) -> None:
    """A crash between start and record: the ticket says whose life it is, and is removed before anything is offered."""
    play.systemd.ticket.write_text(f"{ticket}\n")
    play.systemd.start()

    async def story() -> None:
        assert (play.found.life, play.found.process is not None) == (life, True)
        assert ticket == "nonsense" or not play.systemd.ticket.exists()

    act(play, story)


def test_ticket_written_after_the_process_began_claims_nothing(play: Play) -> None:
    """A running process that is older than the ticket is not of it."""
    play.systemd.ticket.write_text("1\n")
    play.systemd.start()
    later = time.time() + 60
    os.utime(play.systemd.ticket, (later, later))

    async def story() -> None:
        assert play.found.life == FOREIGN_LIFE

    act(play, story)


def test_life_that_was_over_before_anybody_looked(play: Play) -> None:
    """A program that ends at once has begun and has ended, in this order."""
    play.systemd.program = ("false",)

    async def story() -> None:
        play.start(1)
        assert (await play.wait(MainProcessStarted)).life == 1
        assert (await play.wait(MainProcessExited)).exit.code == 1

    act(play, story)


def test_refusal_of_systemd_fails_the_start(play: Play) -> None:
    """What systemd says is told, with the command that helps; the ticket does not stay behind."""
    play.systemd.refusals["StartUnit"] = "Access denied"

    async def story() -> None:
        play.start(1)
        failed = await play.wait(ActionFailed)
        assert failed.failure is Failure.SPAWN
        assert "gatedog setup systemd" in failed.detail
        assert not play.systemd.ticket.exists()

    act(play, story)


def test_start_whose_assertion_fails(play: Play) -> None:
    """A start job that ends without a process fails the order with the result of the job."""

    async def story() -> None:
        play.systemd.ticket = play.tickets / "another"
        play.start(1)
        assert "Assert" in (await play.wait(ActionFailed)).detail

    act(play, story)


def test_ticket_that_cannot_be_written(play: Play) -> None:
    """Without a place for tickets nothing is asked of systemd."""

    async def story() -> None:
        play.tickets.rmdir()
        play.start(1)
        assert "ls -ld" in (await play.wait(ActionFailed)).detail
        assert not any("StartUnit" in call for call in play.systemd.calls)

    act(play, story)


def test_second_order_while_a_start_is_under_way(play: Play) -> None:
    """Each of two orders is answered once: the first by its life, the second by a refusal."""

    async def story() -> None:
        play.start(1)
        play.start(2)
        assert (await play.wait(ActionFailed)).failure is Failure.STALE
        assert (await play.wait(MainProcessStarted)).life == 1

    act(play, story)


def test_what_a_life_left_behind_is_killed_for_the_next(play: Play) -> None:
    """A start that waits for processes which ignore the end of the main one has them killed."""

    async def story() -> None:
        play.systemd.lingers = True
        play.start(1)
        os.kill((await play.wait(MainProcessStarted)).process.pid, signal.SIGKILL)
        await play.wait(MainProcessExited)
        play.start(2)
        assert (await play.wait(MainProcessStarted)).life == 2
        assert f"KillUnit {UNIT} all 9" in play.systemd.calls

    act(play, story)


def test_stop_and_kill_are_gatedogs_own(play: Play) -> None:
    """Endings that were ordered carry gatedog as their sender."""

    async def story() -> None:
        for life in (1, 2):
            play.start(life)
            process = (await play.wait(MainProcessStarted)).process
            if life == 1:
                play.backend.stop(StopGateway(action=ActionId("s"), process=process, **ORDER))
            else:
                play.backend.kill(KillGateway(action=ActionId("k"), process=process, **ORDER))
            assert (await play.wait(MainProcessExited)).exit.by is Sender.GATEDOG

    act(play, story)


def test_stop_that_systemd_refuses(play: Play) -> None:
    """A stop that was not carried out is answered, and a later death is not called ours."""

    async def story() -> None:
        play.start(1)
        process = (await play.wait(MainProcessStarted)).process
        play.systemd.refusals["StartUnit"] = "Access denied"
        play.backend.stop(StopGateway(action=ActionId("s"), process=process, **ORDER))
        assert (await play.wait(ActionFailed)).failure is Failure.REFUSED
        os.kill(process.pid, signal.SIGTERM)
        assert (await play.wait(MainProcessExited)).exit.by is Sender.UNKNOWN

    act(play, story)
