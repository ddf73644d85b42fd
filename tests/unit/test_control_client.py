"""The client against others than gatedog: silence, nonsense, and a socket that is not to be trusted."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from watchdog.control.client import Unreachable, call, stream

Listen = Callable[[bytes | None], Path]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Listen]:
    """Give the means to listen at a path with somebody who answers fixed bytes, or with None nothing at all."""
    with ExitStack() as stack:

        def listen(reply: bytes | None) -> Path:
            folder = tmp_path / "run"
            folder.mkdir(mode=0o755)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(folder / "s"))
            listener.listen()
            if reply is not None:
                thread = threading.Thread(target=answer, args=(listener, reply))
                thread.start()
                stack.callback(thread.join, 20)
            return folder / "s"

        yield listen


def answer(listener: socket.socket, reply: bytes) -> None:
    """Read one message, send the bytes, and close."""
    connection, _ = listener.accept()
    with connection:
        while not connection.recv(65536).endswith(b"\0"):
            pass
        connection.sendall(reply)


def test_the_parameters_of_the_reply_are_returned(answering: Listen) -> None:
    """A reply without an error is its parameters, and a reply without parameters is empty."""
    assert call(answering(b'{"parameters": {"a": 1}}\0'), "Status") == {"a": 1}


def test_a_stream_ends_with_the_reply_that_does_not_continue(answering: Listen) -> None:
    """What comes after the last reply is not ours."""
    path = answering(
        b'{"parameters": {"a": 1}, "continues": true}\0{"parameters": {"a": 2}}\0{"parameters": {"a": 3}}\0'
    )

    assert list(stream(path, "Events", None, 20)) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\0", b"[]\0", b"\xff\0"])
def test_another_programs_answer_is_told_apart(answering: Listen, reply: bytes) -> None:
    """Whoever does not speak Varlink is not gatedog."""
    with pytest.raises(Unreachable, match="is not gatedog"):
        call(answering(reply), "Status")


@pytest.mark.parametrize("reply", [b"", b'{"parameters": {"a"'])
def test_a_connection_closed_before_the_answer_is_said_so(answering: Listen, reply: bytes) -> None:
    """No answer, or half of one, is none."""
    with pytest.raises(Unreachable, match="without an answer"):
        call(answering(reply), "Status")


def test_a_stream_that_breaks_off_is_said_so(answering: Listen) -> None:
    """A stream that ends without its last reply did not end well."""
    records = stream(answering(b'{"parameters": {"a": 1}, "continues": true}\0'), "Events", None, 20)

    assert next(records) == {"a": 1}
    with pytest.raises(Unreachable, match="without an answer"):
        next(records)


def test_a_silent_daemon_is_not_waited_for_for_ever(answering: Listen) -> None:
    """Who listens but does not answer is given the time-out and no more."""
    with pytest.raises(Unreachable, match="did not answer in time"):
        call(answering(None), "Status", timeout=0.01)


def test_a_folder_that_others_may_write_is_not_trusted(answering: Listen) -> None:
    """Anybody could have put that socket there, so its answer is not even asked for."""
    path = answering(None)
    path.parent.chmod(0o777)

    with pytest.raises(Unreachable, match="is not root's or yours alone") as raised:
        call(path, "Status")
    assert str(path) in raised.value.next_command


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_socket_of_a_third_account_is_not_trusted(answering: Listen) -> None:
    """A socket that belongs to somebody else speaks for somebody else."""
    path = answering(None)
    os.chown(path, 65534, 65534)

    with pytest.raises(Unreachable, match="is not root's or yours alone"):
        call(path, "Status")
