"""The socket under real peers: the contract, streams, and whose word a message is."""

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asyncvarlink import VarlinkClientProtocol, connect_unix_varlink
from asyncvarlink.serviceinterface import VarlinkServiceInterface

from watchdog.control.client import Refused, call, stream
from watchdog.control.interface import NAME, SupervisorInterface, interface_text
from watchdog.control.reply import status_object
from watchdog.control.server import ControlLimits
from watchdog.control.tokens import Rate
from watchdog.control.wire import RecordReply
from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.timeline import MILLISECOND
from watchdog.origin import procfs
from watchdog.origin.marks import LifeMark

pytestmark = pytest.mark.system

WAIT = 20.0
REQUEST = {"verb": "restart", "gateway": "openclaw", "reason": "why not"}
PLENTY = Rate(burst=100_000, per_second=1)


# -- the contract --------------------------------------------------------------------------------------------------


def test_the_status_reply_travels_unchanged(site: Any) -> None:
    """What the client gets is the object the daemon made for it, key for key."""
    assert call(site.path, "Status") == {"status": status_object(site.supervision.status(None))}
    reader = site.supervision.readers[0]
    assert (reader.process.pid, reader.alive) == (os.getpid(), True)


def test_a_request_is_answered_with_outcome_rule_and_next_commands(site: Any) -> None:
    """An answer comes back whole, and the evidence on the asker went with the question."""
    assert call(site.path, "Request", REQUEST) == {
        "request": "REQ-1",
        "outcome": "refused",
        "rule": "request.humans-only",
        "message": "no",
        "next_commands": ["gatedog whoami"],
        "challenge": "",
    }
    peer = site.supervision.asked[0].peer
    assert peer.alive
    assert peer.same_writer
    assert peer.process is not None
    assert (peer.process.pid, peer.uid) == (os.getpid(), os.geteuid())


def test_other_varlink_clients_can_introspect_and_call(site: Any) -> None:
    """A client that knows nothing of us reads our name, our interface text, and calls by it."""

    async def talk() -> None:
        transport, protocol = await connect_unix_varlink(VarlinkClientProtocol, site.path)
        about = protocol.make_proxy(VarlinkServiceInterface)
        info = await about.GetInfo()
        assert info["interfaces"] == [NAME, "org.varlink.service"]
        assert await about.GetInterfaceDescription(interface=NAME) == {"description": interface_text()}
        status = await protocol.make_proxy(SupervisorInterface).Status()
        assert status["status"] == site.supervision.status(None)
        transport.close()
        await transport.closed_future

    asyncio.run(talk())


def test_several_calls_may_share_a_connection(site: Any) -> None:
    """Calls sent together are answered one after the other, in their order."""
    with site.connect() as connection:
        connection.sendall(site.message("Incidents") + site.message("Explain", incident="INC-1"))
        assert site.answer(connection) == {"parameters": {"incidents": []}}
        assert site.answer(connection)["error"] == f"{NAME}.UnknownIncident"


def test_a_call_that_wants_no_reply_gets_none(site: Any) -> None:
    """A oneway call is performed in silence."""
    with site.connect() as connection:
        connection.sendall(site.message("Request", oneway=True, **REQUEST) + site.message("Incidents"))
        assert site.answer(connection) == {"parameters": {"incidents": []}}
    assert len(site.supervision.asked) == 1


def test_a_typed_error_reaches_the_client(site: Any) -> None:
    """The client raises what the server said, by its short name."""
    with pytest.raises(Refused) as raised:
        call(site.path, "Explain", {"incident": "INC-77"})
    assert raised.value.code == "UnknownIncident"


# -- streams -------------------------------------------------------------------------------------------------------


def test_records_are_streamed_and_the_stream_ends(site: Any) -> None:
    """Without follow, what is there comes in order and a last empty reply ends it."""
    for seq in (4, 5, 6):
        site.supervision.write(seq)

    found = list(stream(site.path, "Events", {"after_seq": 4}, WAIT))

    assert [one["record"] and one["record"]["seq"] for one in found] == [5, 6, None]
    assert found[0]["record"] == site.supervision.journal[1]


def test_a_follower_sees_each_record_as_it_is_written(site: Any, eventually: Any) -> None:
    """With follow, a record that comes later arrives at once, not with the one after it."""
    records = stream(site.path, "Events", {"follow": True}, WAIT)
    site.write_record(1)
    assert next(records)["record"]["seq"] == 1
    eventually(lambda: site.supervision.followers == 1)
    site.write_record(2)
    assert next(records)["record"]["seq"] == 2
    records.close()


def test_a_follower_that_leaves_is_forgotten_at_once(site: Any, eventually: Any) -> None:
    """Nothing waits on behalf of a closed connection, although no record ever comes."""
    with site.connect() as connection:
        connection.sendall(site.message("Events", more=True, follow=True))
        eventually(lambda: site.supervision.followers == 1)
        connection.shutdown(socket.SHUT_WR)  # saying no more is not leaving
        site.write_record(1)
        assert site.answer(connection)["parameters"]["record"]["seq"] == 1
        eventually(lambda: site.supervision.followers == 1)
    eventually(lambda: site.supervision.followers == 0)


def test_a_follower_that_does_not_read_is_cut_off(tmp_path: Path, eventually: Any, serving: Any) -> None:
    """Replies that nobody takes do not pile up: after its deadline the connection ends."""
    limits = ControlLimits(reply_deadline_usec=20 * MILLISECOND, reads=PLENTY)
    with serving(tmp_path / "control.sock", limits) as site, site.connect() as connection:
        for seq in range(1, 3000):
            site.supervision.journal.append(
                RecordReply(
                    seq=seq, wall_usec=1, boot="b", uptime_usec=2, kind="k", event={"text": "x" * 2000}, decisions=[]
                )
            )
        connection.sendall(site.message("Events", more=True, limit=1000, follow=True))
        eventually(lambda: call(site.path, "Incidents") == {"incidents": []} and hung_up(connection))


def hung_up(connection: socket.socket) -> bool:
    """Tell whether the other end is closed, without reading."""
    try:
        connection.send(b"", socket.MSG_DONTWAIT)
        connection.send(b"\0", socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


# -- who wrote -----------------------------------------------------------------------------------------------------

HANDED_OVER = """
import os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
text = sys.argv[2].encode() + b"\\0"
first = int(sys.argv[3])
connection.sendall(text[:first])
child = os.fork()
if child == 0:
    connection.sendall(text[first:])
    connection.recv(65536)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("first", [0, 20])
def test_a_socket_handed_to_another_process_is_noticed(site: Any, first: int) -> None:
    """Whether the child writes the whole message or only its end, it does not speak with the parent's name."""
    site.run(HANDED_OVER, str(site.path), site.message("Request", **REQUEST)[:-1].decode(), str(first))

    peer = site.supervision.asked[0].peer
    assert peer.alive
    assert not peer.same_writer


def test_a_message_in_many_pieces_by_one_process_is_its_own(site: Any) -> None:
    """Slow or split writing is no offence."""
    with site.connect() as connection:
        for byte in site.message("Request", **REQUEST):
            connection.sendall(bytes([byte]))
        assert site.answer(connection)["parameters"]["request"] == "REQ-1"
    assert site.supervision.asked[0].peer.same_writer


LIFE = """
import os, subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[3], *sys.argv[1:3]], check=True)
"""
ASK = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(sys.argv[2].encode() + b"\\0")
connection.recv(65536)
"""
ASK_DOUBLE_FORKED = (
    """
import os
read, write = os.pipe()
if os.fork():
    os.close(write)
    os.read(read, 1)
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
"""
    + ASK
)


@pytest.mark.parametrize("script", [ASK, ASK_DOUBLE_FORKED], ids=["child", "double fork"])
def test_what_a_marked_life_started_is_in_it(site: Any, script: str, eventually: Any) -> None:
    """A descendant of a life is found in it: by ancestry, and a double-forked one by its cgroup."""
    mount = procfs.find_cgroup_mount()
    folder = (mount or Path("/nonexistent")) / f"gatedog-control-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("no writable unified cgroup hierarchy")
    try:
        here = procfs.read_stat(os.getpid()).reference(procfs.read_boot())
        site.supervision.marks = (
            LifeMark(
                gateway=GatewayName("openclaw"),
                life=LifeId(41),
                cgroup_id=folder.stat().st_ino,
                cgroup=f"/{folder.name}",
                process=replace(here, pid=2**22 + 1),
            ),
        )
        enter = f"open('{folder}/cgroup.procs', 'w').write('0')\n"
        site.run(enter + LIFE, str(site.path), site.message("Request", **REQUEST)[:-1].decode(), script)
        assert site.supervision.asked[0].peer.in_life == (("openclaw", LifeId(41)),)
    finally:
        eventually(lambda: not (folder / "cgroup.procs").read_text())
        folder.rmdir()
