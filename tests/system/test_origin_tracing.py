"""Where a peer's login came from, and which audit session it bears: on real sockets and processes."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from peers import CONNECT, asking, look, mark, unborn

from watchdog.core.identity import LifeId
from watchdog.core.peer import UNSET_ID, RemoteEnd
from watchdog.origin import netroute, netspaces, procfs, sockdiag
from watchdog.origin.gathering import Standpoint
from watchdog.origin.pidfd import peer_credentials

pytestmark = pytest.mark.system


def test_both_ends_of_a_local_connection_are_found() -> None:
    """The kernel names either end by its addresses, in IPv4 and in IPv6, and no listener in place of one."""
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        with socket.create_server((host, 0), family=family) as server:
            with socket.create_connection(server.getsockname()[:2]) as client, server.accept()[0] as accepted:
                there, here = end_of(client.getsockname()), end_of(accepted.getsockname())
                found = sockdiag.find_end(there, here)

                assert found is not None
                assert found.inode == os.fstat(client.fileno()).st_ino
            assert sockdiag.find_end(here, (here[0], 1)) is None
            assert any(each.source == here for each in sockdiag.read_table(sockdiag.LISTENING))


def end_of(name: tuple[str, int]) -> tuple[bytes, int]:
    """Pack the address of a socket name."""
    return socket.inet_pton(socket.AF_INET6 if ":" in name[0] else socket.AF_INET, name[0]), name[1]


@pytest.mark.parametrize(
    ("address", "own"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("192.0.2.253", False)]
)
def test_the_kernel_knows_its_own_addresses(address: str, own: bool) -> None:
    """All of 127.0.0.0/8 is this host; an address set aside for books is not."""
    assert netroute.is_own_address(end_of((address, 0))[0]) is own


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network namespace here")
def test_a_connection_in_another_network_namespace_is_found() -> None:
    """A process of this host holds it, so it is no other host's, although our own table has no such socket."""
    within = (
        "import ctypes, socket, subprocess\n"
        "assert ctypes.CDLL(None).unshare(0x40000000) == 0\n"
        "subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)\n"
        "subprocess.run(['ip', 'link', 'add', 'way-out', 'type', 'veth', 'peer', 'in'], check=True)\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "client = socket.create_connection(server.getsockname())\n"
        "print(*client.getsockname(), *client.getpeername(), flush=True)\n"
        "input()\n"
    )
    argv = [sys.executable, "-c", within]
    with subprocess.Popen(argv, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        host, port, to, at = child.stdout.readline().split()
        ends = end_of((host, int(port))), end_of((to, int(at)))
        found, unrelated = netspaces.is_held_elsewhere(*ends), netspaces.is_held_elsewhere(ends[0], ends[0])
        child.communicate("\n")

    assert sockdiag.find_end(*ends) is None
    assert (found, unrelated) == (True, False)


def sshd(connects: str) -> str:
    """Write a script: something named sshd that serves a connection and starts a process that asks."""
    return (
        "import os, socket, subprocess, sys\n"
        "open('/proc/self/comm', 'w').write('sshd')\n"
        f"{connects}\n"
        f"subprocess.run([sys.executable, '-c', {CONNECT!r}, sys.argv[1]])\n"
    )


SERVES_ITSELF = """
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
"""


@pytest.mark.parametrize("descriptors", [True, False])
def test_login_over_ssh_from_this_host_is_in_every_life(
    listener: socket.socket, standpoint: Standpoint, descriptors: bool
) -> None:
    """A process below something named sshd that serves a local connection counts as inside each life."""
    facilities = replace(standpoint.facilities, descriptors=descriptors)
    with asking(listener, sshd(SERVES_ITSELF)) as connection:
        peer = look(connection, replace(standpoint, facilities=facilities), mark(unborn()))

    assert peer.remote_end is RemoteEnd.HERE
    assert peer.in_life == (("openclaw", LifeId(41)),)


def test_the_cgroup_that_opened_a_local_connection_is_named(
    listener: socket.socket, standpoint: Standpoint, cgroup: Path
) -> None:
    """For the record: where the client's socket was made, wherever its process may be by now."""
    enter = f"open('{cgroup / 'sub' / 'cgroup.procs'}', 'w').write('0')\n"
    leave = f"open('{cgroup / 'cgroup.procs'}', 'w').write('0')\n"
    with asking(listener, sshd(enter + SERVES_ITSELF + leave)) as connection:
        peer = look(connection, standpoint)

    assert peer.connected_from == f"/{cgroup.name}/sub"


def test_an_ssh_daemon_without_a_connection_is_in_no_life_and_from_nowhere(
    listener: socket.socket, standpoint: Standpoint
) -> None:
    """It may serve a pipe: where its user sits is not known, and that is said."""
    with asking(listener, sshd("")) as connection:
        peer = look(connection, standpoint, mark(unborn()))

    assert (peer.remote_end, peer.in_life) == (RemoteEnd.UNKNOWN, ())


def test_without_an_ssh_daemon_there_is_no_remote_end(listener: socket.socket, standpoint: Standpoint) -> None:
    """Nobody asks the network about a process that no ssh daemon stands above."""
    with asking(listener) as connection:
        peer = look(connection, standpoint)

    assert (peer.remote_end, peer.login, peer.has_local_desktop) == (RemoteEnd.NONE, None, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set an audit session")
def test_the_audit_session_of_a_life_marks_what_left_it(listener: socket.socket, standpoint: Standpoint) -> None:
    """Its descendants keep it in any cgroup and under any parent; ours and none at all mark nobody."""
    # A session is given once where it was unset, so a process that has one cannot have this test's.
    script = "open('/proc/self/loginuid', 'w').write('0')\n" + CONNECT
    with asking(listener, script) as connection:
        session = procfs.read_audit_id(peer_credentials(connection).pid, "sessionid")
        if session == UNSET_ID:
            pytest.skip("this kernel has no audit sessions")
        marked = replace(mark(unborn()), audit_session=session)
        peer = look(connection, standpoint, marked)
        ours = look(connection, replace(standpoint, own_audit_session=session), marked)

    assert peer.audit_session == session
    assert peer.in_life == (("openclaw", LifeId(41)),)
    assert ours.in_life == ()


def test_an_unset_audit_session_marks_nobody(listener: socket.socket, standpoint: Standpoint) -> None:
    """Most processes of a host have none: sharing that says nothing."""
    with asking(listener) as connection:
        peer = look(connection, replace(standpoint, own_audit_session=1), mark(unborn()))

    assert peer.in_life == ()


def test_an_older_kernel_can_be_told_to_the_daemon(listener: socket.socket) -> None:
    """The word is in the daemon's own environment, takes facilities away, and is shown with all evidence."""
    script = "from watchdog.origin.pidfd import probe_facilities; print(probe_facilities().text)"
    environment = os.environ | {"GATEDOG_KERNEL": "old"}
    said = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert said.stdout.startswith("peercred (an older kernel")
