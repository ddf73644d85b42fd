"""The process: where it listens, and how it ends.

Invariant: it listens on loopback or on a unix socket and nowhere else, and there is no option that changes this: the
page has no login. It runs under any account that may connect to gatedog's socket, and needs no right but that.
"""

import asyncio
import ipaddress
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from aiohttp import web

from watchdog.core.values import dataclass
from watchdog.web.app import Site
from watchdog.web.asking import Daemon
from watchdog.web.watch import Watch

PORT: Final = 9723
OWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
SOCKET_MODE: Final = 0o660
_BACKLOG: Final = 64
_END_S: Final = 1.0
"""How long open pages may take to close."""


class NotHere(Exception):  # noqa: N818 - what happened to the caller
    """It cannot listen there: why, and what to type instead."""

    def __init__(self, why: str, *next_commands: str) -> None:
        super().__init__(why)
        self.next_commands = next_commands


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to listen: an address of loopback with its port, or the path of a unix socket."""

    host: str = "127.0.0.1"
    port: int = PORT
    path: Path | None = None


def read_place(listen: str) -> Place:
    """Read `127.0.0.1:9723`, `[::1]:9723` or `localhost:9723`. Raises NotHere for all that is not loopback."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise NotHere(f"{listen} is no address and port", f"gatedog web --listen 127.0.0.1:{PORT}")
    bare = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise NotHere(f"{host} is no address", f"gatedog web --listen 127.0.0.1:{port}") from None
    if not address.is_loopback:
        raise NotHere(
            f"{bare} is not on loopback, and this page has no login: whoever reached it could read it. From elsewhere,"
            " come through ssh, or put a reverse proxy that knows its users before a unix socket",
            f"ssh -L {PORT}:127.0.0.1:{PORT} THIS-HOST",
            "gatedog web --unix /run/gatedog-web/web.sock --host NAME",
        )
    return Place(host=bare, port=int(port))


def serve(daemon: Daemon, place: Place, hosts: Iterable[str], said: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `said` is told where, once it listens. Raises NotHere."""
    listener = _bound(place)
    try:
        asyncio.run(_serve(daemon, listener, frozenset({*OWN_NAMES, *(name.lower() for name in hosts)}), place, said))
    finally:
        listener.close()
        if place.path is not None:
            place.path.unlink(missing_ok=True)


async def _serve(
    daemon: Daemon, listener: socket.socket, hosts: frozenset[str], place: Place, said: Callable[[str], None]
) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    watch = Watch(daemon, lambda: time.time_ns() // 1000)
    runner = web.AppRunner(Site(watch, hosts).application(), access_log=None, shutdown_timeout=_END_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        watch.start()
        said(_address(listener, place))
        await ended.wait()
    finally:
        watch.stop()
        await runner.cleanup()


def _bound(place: Place) -> socket.socket:
    if place.path is not None:
        return _bound_unix(place.path)
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((place.host, place.port))
    except OSError as error:
        listener.close()
        why = f"it cannot listen on {place.host} port {place.port}: {error.strerror}"
        raise NotHere(why, f"ss -ltnp sport = :{place.port}", "gatedog web --listen 127.0.0.1:0") from None
    return listener


def _bound_unix(path: Path) -> socket.socket:
    """Bind, for the owner and the group; what an ended server left there is removed, and nothing else."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if stat.S_ISSOCK(path.lstat().st_mode) and not _is_served(path):
            path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        listener.close()
        raise NotHere(f"{path}: {error.strerror}", f"ls -ld {path}") from None
    try:
        listener.bind(str(path))
        path.chmod(SOCKET_MODE)
    except OSError as error:
        listener.close()
        raise NotHere(
            f"it cannot listen on {path}: {error.strerror or error}", f"ls -ld {path} {path.parent}"
        ) from None
    return listener


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
    return True


def _address(listener: socket.socket, place: Place) -> str:
    if place.path is not None:
        return f"unix:{place.path}"
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"http://{host}:{listener.getsockname()[1]}/"
