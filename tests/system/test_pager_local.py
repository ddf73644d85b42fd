"""The channels that stay on this machine: wall with a real program, the journal with a real socket."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from page_samples import CRITICAL, message_of

from watchdog.pager.channel import ConfigurationFault, TryLater
from watchdog.pager.channels.journal import JournalChannel
from watchdog.pager.channels.wall import WALL, WallChannel, wall_text
from watchdog.policyfile.pagersettings_kinds import JournalSettings, WallSettings

pytestmark = pytest.mark.system

MESSAGE = message_of(CRITICAL)


def journal(address: Path) -> JournalChannel:
    """Make a channel that writes to the socket."""
    return JournalChannel(JournalSettings(name="log", timeout_usec=200_000), address=str(address))


def test_the_journal_gets_one_record(tmp_path: Path) -> None:
    """One datagram, by journald's protocol, without a library."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(tmp_path / "socket"))

        receipt = journal(tmp_path / "socket").deliver(MESSAGE)

        record = journald.recv(65_536)
    assert receipt.detail == "the journal took it"
    assert b"GATEDOG_INCIDENT\n\x05\0\0\0\0\0\0\0INC-7\n" in record
    assert b"PRIORITY\n\x01\0\0\0\0\0\0\x002\n" in record


def test_a_journal_that_is_away_is_tried_later(tmp_path: Path) -> None:
    """Journald restarts; nobody listening and no socket are the same to a page."""
    with pytest.raises(TryLater):
        journal(tmp_path / "missing").deliver(MESSAGE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
        gone.bind(str(tmp_path / "gone"))
    with pytest.raises(TryLater, match="Connection refused"):
        journal(tmp_path / "gone").deliver(MESSAGE)


def test_a_journal_that_does_not_read_ends_in_the_time_limit(tmp_path: Path) -> None:
    """A full queue of datagrams blocks the sender, but not for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stuck:
        stuck.bind(str(tmp_path / "stuck"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filling, suppress(BlockingIOError):
            filling.setblocking(False)  # noqa: FBT003 - the socket's own signature
            filling.connect(str(tmp_path / "stuck"))
            for _ in range(100_000):
                filling.send(b"x")

        with pytest.raises(TryLater):
            journal(tmp_path / "stuck").deliver(MESSAGE)


def test_wall_gets_the_folded_page(tmp_path: Path) -> None:
    """The text goes to its standard input, never into its arguments."""
    program = tmp_path / "wall"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/in; echo $# > {tmp_path}/count\n")
    program.chmod(0o700)

    receipt = WallChannel(WallSettings(name="wall"), program=program).deliver(MESSAGE)

    assert (tmp_path / "in").read_text() == wall_text(MESSAGE)
    assert (tmp_path / "count").read_text() == "0\n"
    assert receipt.detail == "wall took it; who saw it is not known"


@pytest.mark.skipif(not WALL.exists() or os.geteuid() != 0, reason="needs wall and root")
def test_the_real_wall_takes_it() -> None:
    """Whether or not anybody is logged in."""
    assert "wall took it" in WallChannel(WallSettings(name="wall")).deliver(MESSAGE).detail


def test_a_wall_that_anybody_could_have_written_is_not_run(tmp_path: Path) -> None:
    """As for programs of the human's own."""
    program = tmp_path / "wall"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o777)

    with pytest.raises(ConfigurationFault, match="can be written by others"):
        WallChannel(WallSettings(name="wall"), program=program).deliver(MESSAGE)


def test_a_channel_costs_only_what_it_needs() -> None:
    """HTTP and mail are loaded by the channels that use them: a gatedog without them need not pay the memory."""
    program = """
import sys
from watchdog.pager.channels import build
from watchdog.pager.courier import Courier
from watchdog.policyfile import pagersettings_kinds as kinds
for make in (kinds.ExecSettings, kinds.JournalSettings, kinds.TerminalSettings, kinds.WallSettings):
    build(make(name="out"), terminal=sys.stderr)
print(sorted({"http.client", "smtplib", "email", "html"} & sys.modules.keys()))
build(kinds.NtfySettings(name="out"), terminal=sys.stderr)
print("http.client" in sys.modules, "smtplib" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\nTrue False\n"
