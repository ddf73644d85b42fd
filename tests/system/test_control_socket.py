"""The socket's place in the filesystem: noticed when it is lost, and made again, while it is being served."""

import socket
import subprocess
import sys
from typing import Any

import pytest

from watchdog.control.client import call
from watchdog.core.events import SocketLost

pytestmark = pytest.mark.system

LISTEN = """
import socket, sys
taken = socket.socket(socket.AF_UNIX)
taken.bind(sys.argv[1])
taken.listen(9)
print("listening", flush=True)
sys.stdin.read()
"""
STATUS = "io.gatedog.Supervisor.Status"


def test_a_socket_in_its_place_is_left_alone(site: Any) -> None:
    """Nothing is told, also when somebody changed its mode: it still leads here."""
    identity = site.path.stat().st_ino
    assert site.look_at_socket() is None
    site.path.chmod(0o600)

    assert site.look_at_socket() is None
    assert site.path.stat().st_ino == identity


def test_a_removed_socket_is_made_again(site: Any) -> None:
    """Who was connected goes on, and who comes next is served."""
    with site.connect() as connection:
        site.path.unlink()
        lost = site.look_at_socket()
        connection.sendall(site.message("Status"))
        answered = site.answer(connection)

    assert lost == SocketLost(path=str(site.path), made_again=True)
    assert "parameters" in answered
    assert call(site.path, STATUS)
    assert site.look_at_socket() is None


def test_a_dead_socket_in_its_place_is_replaced(site: Any) -> None:
    """One on which nobody listens is no obstacle."""
    site.path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(site.path))

    assert site.look_at_socket() == SocketLost(path=str(site.path), made_again=True)
    assert call(site.path, STATUS)


def test_a_place_that_cannot_be_taken_back_is_told_once(site: Any) -> None:
    """Another process that answers there is not fought; when it is gone the place is taken back, and that is told."""
    site.path.unlink()
    argv = [sys.executable, "-c", LISTEN, str(site.path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"listening\n"
        first, second = site.look_at_socket(), site.look_at_socket()
        other.communicate()
    last = site.look_at_socket()

    assert first is not None
    assert not first.made_again
    assert "another gatedog" in first.reason
    assert second is None
    assert last == SocketLost(path=str(site.path), made_again=True)
