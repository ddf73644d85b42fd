"""Where the socket is looked for, and whose is believed."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from watchdog.control.client import Refused, call
from watchdog.control.places import Unreachable, find_socket, is_trusted, socket_path, trusted_uids

UID = os.geteuid()
NO_SYSTEM = Path("/nonexistent/control.sock")


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    """Close what a test bound."""
    with ExitStack() as stack:
        yield stack


def bind(path: Path, sockets: ExitStack) -> Path:
    """Make a socket file that nobody listens on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sockets.enter_context(socket.socket(socket.AF_UNIX)).bind(str(path))
    return path


def test_a_named_socket_stands_before_the_environment(tmp_path: Path, sockets: ExitStack) -> None:
    """--socket wins over $GATEDOG_SOCKET, which wins over what is found."""
    bind(tmp_path / "gatedog/one/control.sock", sockets)
    environ = {"GATEDOG_SOCKET": "/from/environment", "XDG_RUNTIME_DIR": str(tmp_path)}

    assert find_socket("/named", environ) == Path("/named")
    assert find_socket(None, environ) == Path("/from/environment")


def test_the_only_one_of_our_own_is_taken(tmp_path: Path, sockets: ExitStack) -> None:
    """With one gatedog of ours running, no name is needed; without any, the system's is meant."""
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert find_socket(None, environ, system=NO_SYSTEM) == NO_SYSTEM

    path = bind(socket_path("one", environ), sockets)
    assert find_socket(None, environ, system=NO_SYSTEM) == path == tmp_path / "gatedog/one/control.sock"


def test_several_of_our_own_must_be_told_apart(tmp_path: Path, sockets: ExitStack) -> None:
    """With several running, the answer lists them and shows how to choose."""
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    paths = [bind(socket_path(name, environ), sockets) for name in ("one", "two")]

    with pytest.raises(Unreachable) as raised:
        find_socket(None, environ)
    assert all(str(path) in raised.value.why for path in paths)
    assert raised.value.next_command == f"gatedog --socket {paths[0]} status"


def test_without_a_runtime_folder_the_socket_is_under_tmp() -> None:
    """Where no login made a runtime folder, the uid keeps two users' folders apart."""
    assert socket_path("n", {}, uid=1234) == Path("/tmp/gatedog-1234/n/control.sock")  # noqa: S108  (the place meant)


def test_what_others_could_have_put_there_is_not_believed(tmp_path: Path, sockets: ExitStack) -> None:
    """A plain file, a folder others may write, or another owner's folder is no place to get answers from."""
    path = bind(tmp_path / "run/control.sock", sockets)
    (tmp_path / "run/file").touch()
    path.parent.chmod(0o755)
    assert is_trusted(path, UID)
    assert not is_trusted(tmp_path / "run/file", UID)
    assert not is_trusted(tmp_path / "run/missing", UID)

    path.parent.chmod(0o775)
    assert not is_trusted(path, UID)
    path.parent.chmod(0o1777)
    assert not is_trusted(path, UID)


def test_only_root_and_we_are_believed_elsewhere(tmp_path: Path) -> None:
    """Outside the system's own place, no third account is believed."""
    assert trusted_uids(tmp_path / "control.sock", 1000) == {0, 1000}


def test_a_missing_and_a_deserted_socket_are_told_apart(tmp_path: Path, sockets: ExitStack) -> None:
    """Nobody ever ran, and somebody ran but stopped, are two answers with two next commands."""
    with pytest.raises(Unreachable, match="no such socket"):
        call(tmp_path / "missing.sock", "Status")

    with pytest.raises(Unreachable, match="nobody listens"):
        call(bind(tmp_path / "deserted.sock", sockets), "Status")


@pytest.mark.parametrize(
    ("error", "parameters", "words"),
    [
        (
            "io.gatedog.Supervisor.Busy",
            {"message": "too many calls", "retry_after_usec": 2_500_000},
            "try again in 2 s",
        ),
        ("io.gatedog.Supervisor.UnknownIncident", {"incident": "INC-9"}, "no incident INC-9"),
        ("io.gatedog.Supervisor.UnknownVerb", {"verb": "explode"}, "does not know 'explode'"),
        ("org.varlink.service.InvalidParameter", {"parameter": "gateway"}, "does not accept this gateway"),
        ("io.gatedog.Supervisor.TooLarge", {"limit_bytes": 9}, "larger than 9 bytes"),
        ("io.gatedog.Supervisor.Failed", {}, "defect of its own"),
        ("org.varlink.service.Other", {}, "answered Other"),
    ],
)
def test_every_error_is_said_in_a_sentence(error: str, parameters: dict[str, object], words: str) -> None:
    """A person reads what happened, a program the short name."""
    refused = Refused(error, parameters)

    assert words in str(refused)
    assert error.endswith(f".{refused.code}")
