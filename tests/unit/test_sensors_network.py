"""The network look: default routes as the kernel prints them, and a name server on loopback."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from watchdog.core.events import NetworkObserved
from watchdog.core.timeline import SECOND
from watchdog.sensors.network import NetworkSources, look, look_now

HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
LOCAL = "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
DEFAULT = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
ZERO = "0" * 32
DEFAULT6 = f"{ZERO} 00 {ZERO} 00 fe80{'0' * 27}1 00000400 00000002 00000000 00000003     eth0\n"
UNREACHABLE6 = f"{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200       lo\n"


def files(folder: Path, *, route: str = HEAD, route6: str = "", resolver: str = "", port: int = 53) -> NetworkSources:
    """Write what the kernel and the resolver would say."""
    for name, text in (("route", route), ("route6", route6), ("resolver", resolver)):
        (folder / name).write_text(text)
    return NetworkSources(
        route=folder / "route",
        route6=folder / "route6",
        resolver=folder / "resolver",
        dns_port=port,
        dns_wait_usec=20 * SECOND,
    )


@pytest.mark.parametrize(
    ("route", "route6", "has_route"),
    [
        (HEAD + LOCAL, "", False),
        (HEAD + LOCAL + DEFAULT, "", True),
        (HEAD + DEFAULT.replace("\t0003\t", "\t0002\t"), "", False),
        (HEAD + DEFAULT.replace("\t0003\t", "\t0203\t"), "", False),
        (HEAD + DEFAULT.replace("00000000\t0\t0\t0\n", "000000FF\t0\t0\t0\n"), "", False),
        (HEAD, DEFAULT6, True),
        (HEAD, UNREACHABLE6, False),
        (HEAD, DEFAULT6.replace(" 00 fe80", " 40 fe80").replace(f"{ZERO} 00", f"{ZERO} 40", 1), False),
        ("", "garbage\n", False),
    ],
    ids=["local only", "default", "down", "reject", "0.0.0.0/8", "v6", "v6 unreachable", "v6 prefix", "empty"],
)
def test_a_default_route_is_one_that_is_up_and_leads_somewhere(
    tmp_path: Path, route: str, route6: str, *, has_route: bool
) -> None:
    """The kernel prints "unreachable" as a default route, too; it is none."""
    assert look_now(files(tmp_path, route=route, route6=route6)).has_route is has_route


@contextmanager
def name_server(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    """Answer one datagram on a free port of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)

        def serve() -> None:
            query, peer = server.recvfrom(512)
            server.sendto(b"noise", peer)
            server.sendto(answer(query), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(("code", "has_dns"), [(0, True), (3, True), (5, True), (2, False)])
def test_a_server_that_answers_for_itself_is_dns(tmp_path: Path, code: int, *, has_dns: bool) -> None:
    """A refusal is an answer; SERVFAIL is what a local stub says while it reaches nobody. Noise is passed over."""
    queries: list[bytes] = []

    def answer(query: bytes) -> bytes:
        queries.append(query)
        return query[:2] + bytes((0x81, 0x80 | code)) + query[4:]

    with name_server(answer) as port:
        seen = look_now(files(tmp_path, resolver="# nameserver 9.9.9.9\nnameserver 127.0.0.1\n", port=port))

    assert seen.has_dns is has_dns
    assert queries[0][2:] == bytes.fromhex("010000010000000000000000020001")


def test_no_name_server_is_no_dns(tmp_path: Path) -> None:
    """Neither an empty nor a missing resolv.conf, nor a name in place of an address, is asked."""
    assert look_now(files(tmp_path)).has_dns is False
    assert look_now(files(tmp_path, resolver="nameserver dns.example\n")).has_dns is False
    assert look_now(NetworkSources(route=tmp_path / "no", route6=tmp_path / "no", resolver=tmp_path / "no")) == (
        NetworkObserved(has_route=False, has_dns=False)
    )


def test_a_closed_port_is_no_dns(tmp_path: Path) -> None:
    """The kernel tells at once that nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    assert look_now(files(tmp_path, resolver="nameserver 127.0.0.1", port=port)).has_dns is False


def test_a_look_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """While a name server keeps silent, the loop goes on; the server answers only after it did."""
    went_on = threading.Event()

    def answer(query: bytes) -> bytes:
        went_on.wait(20)
        return query[:2] + b"\x81\x80" + query[4:]

    async def story(port: int) -> NetworkObserved:
        looking = asyncio.create_task(look(files(tmp_path, resolver="nameserver 127.0.0.1", port=port)))
        await asyncio.sleep(0)
        went_on.set()
        return await looking

    with name_server(answer) as port:
        assert asyncio.run(story(port)).has_dns is True
