"""The socket under clumsy and hostile peers: every limit, and the socket file itself."""

import array
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from watchdog.control.client import Refused, Unreachable, call
from watchdog.control.interface import NAME
from watchdog.control.listening import AlreadyServed, SocketPathUnusable, listen
from watchdog.control.server import ControlLimits
from watchdog.control.tokens import Rate
from watchdog.core.timeline import MILLISECOND, SECOND

pytestmark = pytest.mark.system

REQUEST = {"verb": "restart", "gateway": "openclaw", "reason": "why not"}


# -- limits --------------------------------------------------------------------------------------------------------


def test_an_oversized_message_is_refused_and_cut_off(site: Any) -> None:
    """Beyond the limit the answer says which, and the connection ends."""
    with pytest.raises(Refused) as raised:
        call(site.path, "Request", REQUEST | {"reason": "x" * 70_000})

    assert (raised.value.code, raised.value.parameters) == ("TooLarge", {"limit_bytes": 65536})
    assert not site.supervision.asked
    assert site.supervision.limits == [("message-size", f"uid {os.geteuid()}", 1)]


def test_endless_bytes_without_an_end_are_cut_off(site: Any) -> None:
    """A stream without a NUL is stopped at the limit, not collected."""
    with site.connect() as connection:
        try:
            for _ in range(100):
                connection.sendall(b" " * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            pytest.fail("the server took 6 MB without a word")
    assert call(site.path, "Incidents") == {"incidents": []}


def test_a_message_just_within_the_limit_is_taken(site: Any) -> None:
    """The limit is the size of the message without its closing NUL."""
    text = site.message("Incidents")[:-1]
    with site.connect() as connection:
        connection.sendall(text + b" " * (65536 - len(text)) + b"\0")
        assert site.answer(connection) == {"parameters": {"incidents": []}}


@pytest.mark.parametrize("begun", [b"", b'{"method": '], ids=["silence", "half a message"])
def test_a_peer_that_falls_silent_is_dropped(tmp_path: Path, begun: bytes, serving: Any) -> None:
    """Neither an idle connection nor a message that never ends is kept."""
    limits = ControlLimits(idle_usec=20 * MILLISECOND, message_deadline_usec=20 * MILLISECOND)
    with serving(tmp_path / "control.sock", limits) as site, site.connect() as connection:
        connection.sendall(begun)
        assert site.is_closed(connection)


def test_idle_connections_of_one_account_do_not_lock_others_out(tmp_path: Path, eventually: Any, serving: Any) -> None:
    """Of 300 connections by one uid, its share is kept and the rest are told so; a place that frees is usable."""
    with serving(tmp_path / "control.sock") as site:
        opened = [site.connect() for _ in range(300)]
        try:
            refused = [connection for connection in opened[32:] if site.answer(connection)["error"] == f"{NAME}.Busy"]
            assert len(refused) == 268
            assert site.supervision.limits == [("connections", f"uid {os.geteuid()}", 1)]
            with pytest.raises(Refused, match="too many connections"):
                call(site.path, "Incidents")
            opened[0].sendall(site.message("Incidents"))
            assert site.answer(opened[0]) == {"parameters": {"incidents": []}}
        finally:
            for connection in opened:
                connection.close()

        def has_room() -> bool:
            try:
                return call(site.path, "Incidents") == {"incidents": []}
            except (Refused, Unreachable):
                return False

        eventually(has_room)


TURNED_AWAY = """
import os, socket, sys
os.chdir(os.path.dirname(sys.argv[1]))
os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.connect("control.sock")
assert b"Busy" in connection.recv(65536)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_the_last_places_are_kept_for_root_and_ourselves(tmp_path: Path, serving: Any) -> None:
    """When everybody else's places are taken, root is still served."""
    limits = ControlLimits(connections_max=3, connections_kept_free=1)
    with serving(tmp_path / "run/control.sock", limits) as site, site.connect(), site.connect() as second:
        second.sendall(site.message("Incidents"))
        site.answer(second)
        site.run(TURNED_AWAY, str(site.path))
        assert call(site.path, "Incidents") == {"incidents": []}


def test_garbage_is_answered_and_ends_only_its_own_connection(site: Any) -> None:
    """Bytes that are no Varlink call get an error, the connection ends, and others are served."""
    for text in (b"GET / HTTP/1.1\r\n\r\n\0", b"\0", b"[" * 60_000 + b"\0", b"\xff\xfe\0", os.urandom(999) + b"\0"):
        with site.connect() as connection:
            connection.sendall(text)
            assert site.answer(connection)["error"] == f"{NAME}.NotVarlink"
            assert site.is_closed(connection)
    assert call(site.path, "Incidents") == {"incidents": []}
    assert not site.supervision.failures


def test_descriptors_that_are_sent_along_are_not_kept(site: Any) -> None:
    """Nobody can fill our table of open files, or make us hold a file open."""
    read_end, write_end = os.pipe()
    with site.connect() as connection:
        fds = array.array("i", [write_end] * 200)
        connection.sendmsg([site.message("Incidents")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        os.close(write_end)
        assert site.answer(connection) == {"parameters": {"incidents": []}}
        # With the last writing end closed, the pipe is at its end; one kept by the server would block this read.
        os.set_blocking(read_end, False)
        assert os.read(read_end, 1) == b""
    os.close(read_end)


def test_asking_too_often_is_refused_before_it_is_asked(tmp_path: Path, serving: Any) -> None:
    """Beyond the rate a request never reaches the daemon, which learns once that the limit was met."""
    limits = ControlLimits(requests=Rate(burst=2, per_second=1), reads=Rate(burst=3, per_second=1))
    with serving(tmp_path / "control.sock", limits) as site:
        for _ in range(2):
            call(site.path, "Request", REQUEST)
        for _ in range(3):
            with pytest.raises(Refused, match="too many calls; try again in 1 s") as raised:
                call(site.path, "Request", REQUEST)
            assert raised.value.parameters["retry_after_usec"] == SECOND
        assert len(site.supervision.asked) == 2
        assert site.supervision.limits == [("requests", f"uid {os.geteuid()}", 1)]

        assert call(site.path, "Incidents") == {"incidents": []}  # reading has a rate of its own


def test_looking_too_often_is_refused_and_takes_nothing_from_requests(tmp_path: Path, serving: Any) -> None:
    """A look costs more than a read, and who floods with looks must not mute a person of the same uid."""
    limits = ControlLimits(requests=Rate(burst=2, per_second=1))
    with serving(tmp_path / "control.sock", limits) as site:
        for _ in range(2):
            assert call(site.path, "ProbeRun", {"gateway": "openclaw", "probe": "health"}) == {"look": None}
        with pytest.raises(Refused, match="too many calls"):
            call(site.path, "ProbeRun", {"gateway": "openclaw", "probe": "health"})
        assert site.supervision.limits == [("looks", f"uid {os.geteuid()}", 1)]

        call(site.path, "Request", REQUEST)
        assert len(site.supervision.asked) == 1


# -- the socket file -----------------------------------------------------------------------------------------------


def test_everybody_may_connect_and_only_we_may_replace_the_socket(site: Any) -> None:
    """The file is 0666 in a folder that is 0755, whatever the umask says."""
    assert site.path.stat().st_mode & 0o777 == 0o666
    assert site.path.parent.stat().st_mode & 0o777 == 0o755


def test_a_live_socket_is_not_taken_over_and_a_stale_one_is(tmp_path: Path) -> None:
    """A second daemon is told that somebody answers; a file left behind by a dead one is replaced."""
    path = tmp_path / "control.sock"
    first = listen(path)
    with pytest.raises(AlreadyServed):
        listen(path)

    first.listener.close()
    second = listen(path)
    first.close()
    assert path.exists()
    second.close()
    assert not path.exists()


def test_a_place_that_is_not_ours_alone_is_refused(tmp_path: Path) -> None:
    """A folder others may write, a file that is no socket, and a path too long are refused with the reason."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "file").touch()

    with pytest.raises(SocketPathUnusable, match="written by others"):
        listen(tmp_path / "open/control.sock")
    with pytest.raises(SocketPathUnusable, match="is no socket"):
        listen(tmp_path / "file")
    with pytest.raises(SocketPathUnusable, match="longer than"):
        listen(tmp_path / ("x" * 200))
