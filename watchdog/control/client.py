"""Ask gatedog something, from a short-lived command: standard library only, no asyncio, so that it starts fast.

One call, one connection. Invariant: an answer is believed only from a socket, and a process, of root or of ourselves;
every wait has a bound; and whatever goes wrong becomes `Unreachable` (nobody to ask) or `Refused` (an answer that says
no), each with what to do next. Deliberately not here: what the answers mean (cli/).
"""

import json
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from watchdog.control.places import SYSTEM_SOCKET, Unreachable, find_socket, is_trusted, socket_path, trusted_uids

__all__ = ["Refused", "Unreachable", "call", "find_socket", "socket_path", "stream"]

INTERFACE = "io.gatedog.Supervisor"
REPLY_BYTES_MAX = 64 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024


class Refused(Exception):  # noqa: N818  (an answer, not a defect)
    """The daemon answered with a Varlink error: its short name, its parameters, and a sentence."""

    def __init__(self, error: str, parameters: dict[str, object]) -> None:
        self.error = error
        self.code = error.rpartition(".")[2]
        self.parameters = parameters
        super().__init__(_sentence(self.code, parameters))


def call(
    path: Path | str, method: str, parameters: Mapping[str, object] | None = None, timeout: float = 10.0
) -> dict[str, object]:
    """Call a method and return its reply's parameters. `timeout` seconds bound the whole call."""
    deadline = time.monotonic() + timeout
    with _connect(Path(path), timeout) as connection:
        _write(connection, path, _message(method, parameters, more=False))
        for reply in _read(connection, path, deadline - time.monotonic()):
            return _parameters(reply)
    raise _gone(path)


def stream(
    path: Path | str, method: str, parameters: Mapping[str, object] | None = None, timeout: float | None = None
) -> Iterator[dict[str, object]]:
    """Call a method with `more` and yield each reply's parameters until the last.

    `timeout` seconds bound the wait for each of them, not the time their reader takes; None waits for ever.
    """
    with _connect(Path(path), 10.0 if timeout is None else timeout) as connection:
        _write(connection, path, _message(method, parameters, more=True))
        for reply in _read(connection, path, timeout):
            yield _parameters(reply)
            if not reply.get("continues"):
                return
    raise _gone(path)


def _connect(path: Path, timeout: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # A non-blocking connect(2), which a Python timeout makes of it, fails at once while the queue is full.
    # The kernel's own timeout makes it wait for its turn.
    limit = struct.pack("ll", int(timeout), int(timeout % 1 * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    try:
        connection.connect(os.fspath(path))
        connection.settimeout(timeout)
        _check_trust(connection, path)
    except FileNotFoundError:
        connection.close()
        raise Unreachable(str(path), "there is no such socket, so no gatedog runs here", _begin(path)) from None
    except ConnectionRefusedError:
        connection.close()
        why = "nobody listens on the socket, so gatedog has stopped"
        raise Unreachable(str(path), why, _begin(path)) from None
    except BlockingIOError:
        connection.close()
        raise Unreachable(str(path), "too many others wait before us", "systemctl status gatedog") from None
    except OSError as error:
        connection.close()
        raise Unreachable(str(path), str(error), "gatedog status") from None
    except Unreachable:
        connection.close()
        raise
    return connection


def _check_trust(connection: socket.socket, path: Path) -> None:
    own_uid = os.geteuid()
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, listener_uid, _ = struct.unpack("3i", raw)
    if listener_uid not in trusted_uids(path, own_uid) or not is_trusted(path, own_uid):
        why = f"the socket, its folder or the process behind it (uid {listener_uid}) is not root's or yours alone"
        raise Unreachable(str(path), f"{why}; ask as that user, or as root", f"ls -ld {path} {path.parent}")


def _begin(path: Path) -> str:
    """Say how the gatedog of a socket is looked after: the system's by systemd, a person's own by hand."""
    return "systemctl status gatedog" if path == SYSTEM_SOCKET else "gatedog run -- COMMAND"


def _message(method: str, parameters: Mapping[str, object] | None, *, more: bool) -> bytes:
    name = method if "." in method else f"{INTERFACE}.{method}"
    body: dict[str, object] = {"method": name, "parameters": dict(parameters or {})}
    if more:
        body["more"] = True
    return json.dumps(body).encode("ascii") + b"\0"


def _write(connection: socket.socket, path: Path | str, message: bytes) -> None:
    try:
        connection.sendall(message)
    except (BrokenPipeError, ConnectionResetError):
        return  # turned away before it had read all; why stands in its reply, which is read next
    except OSError as error:
        raise Unreachable(str(path), str(error), "systemctl status gatedog") from None


def _read(connection: socket.socket, path: Path | str, timeout: float | None) -> Iterator[dict[str, object]]:
    buffer = bytearray()
    searched = 0
    deadline = _deadline(timeout)
    while True:
        while (end := buffer.find(b"\0", searched)) >= 0:
            text = bytes(buffer[:end])
            del buffer[: end + 1]
            searched = 0
            yield _parse(text, path)
            deadline = _deadline(timeout)
        searched = len(buffer)
        if searched > REPLY_BYTES_MAX:
            raise Unreachable(str(path), "its reply does not end", "gatedog status")
        chunk = _receive(connection, path, deadline)
        if not chunk:
            return
        buffer += chunk


def _receive(connection: socket.socket, path: Path | str, deadline: float | None) -> bytes:
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:  # asked here, too: a peer that always has one more byte must not keep us
        raise _late(path)
    try:
        connection.settimeout(left)
        return connection.recv(_CHUNK_BYTES)
    except TimeoutError:
        raise _late(path) from None
    except ConnectionResetError:
        return b""  # killed with our call unread, which ends the connection as much as a close does
    except OSError as error:
        raise Unreachable(str(path), str(error), "gatedog status") from None


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _parse(text: bytes, path: Path | str) -> dict[str, object]:
    try:
        reply = json.loads(text)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise Unreachable(str(path), "what answers there is not gatedog", f"ls -l {path}")
    return reply


def _parameters(reply: dict[str, object]) -> dict[str, object]:
    parameters = reply.get("parameters")
    found: dict[str, object] = parameters if isinstance(parameters, dict) else {}
    error = reply.get("error")
    if isinstance(error, str):
        raise Refused(error, found)
    return found


def _late(path: Path | str) -> Unreachable:
    why = "it did not answer in time; it may be busy, or stuck"
    return Unreachable(str(path), why, "systemctl status gatedog")


def _gone(path: Path | str) -> Unreachable:
    return Unreachable(str(path), "it closed the connection without an answer", "gatedog status")


def _sentence(code: str, parameters: dict[str, object]) -> str:
    message = parameters.get("message")
    if isinstance(message, str) and message:
        wait = parameters.get("retry_after_usec")
        return f"{message}; try again in {max(wait // 1_000_000, 1)} s" if isinstance(wait, int) else message
    match code:
        case "UnknownIncident":
            return f"there is no incident {parameters.get('incident')}"
        case "UnknownProbe":
            return f"{parameters.get('gateway')} has no probe {parameters.get('probe')}"
        case "UnknownVerb":
            return f"the daemon does not know '{parameters.get('verb')}'; it is of another version"
        case "InvalidParameter":
            return f"gatedog does not accept this {parameters.get('parameter')}"
        case "TooLarge":
            return f"the message is larger than {parameters.get('limit_bytes')} bytes; say it shorter"
        case "Failed":
            return "gatedog met a defect of its own; what it was stands in its log"
        case _:
            return f"gatedog answered {code}, which this version does not know"
