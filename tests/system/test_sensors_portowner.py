"""Who holds a child gateway's port: the gateway, somebody else, or nobody."""

import os
import socket
import subprocess

import pytest

from watchdog.core.identity import GatewayName, LifeId
from watchdog.core.rival import RivalKind
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot, read_cgroup, read_stat
from watchdog.sensors.portowner import look_at_port_of_child

pytestmark = pytest.mark.system


def mark_of(pid: int, cgroup: str = "") -> LifeMark:
    """Mark a process as a life."""
    process = read_stat(pid).reference(read_boot())
    return LifeMark(gateway=GatewayName("main"), life=LifeId(1), cgroup_id=0, cgroup=cgroup, process=process)


def test_while_it_is_down_any_listener_is_somebody_elses() -> None:
    """It is named by its pid and the time of its start, and a port without a listener is nobody's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (rival,) = look_at_port_of_child(port, ())

    assert rival.kind is RivalKind.PORT
    assert rival.subject == read_cgroup(os.getpid())
    assert rival.detail.startswith(
        f"port {port} is held by pid {os.getpid()} ({read_stat(os.getpid()).comm}), started "
    )
    assert look_at_port_of_child(port, ()) == ()


@pytest.mark.parametrize("cgroup", ["", "/of-its-own"])
def test_the_gateways_own_listener_is_no_rival(cgroup: str) -> None:
    """Neither of a life without a cgroup, nor one that was opened before the life got its cgroup."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert look_at_port_of_child(server.getsockname()[1], (mark_of(os.getpid(), cgroup),)) == ()


def test_beside_a_life_in_a_cgroup_the_listener_of_another_is_a_rival() -> None:
    """And beside one without a cgroup nobody is accused: it looks like everything else there."""
    with socket.create_server(("127.0.0.1", 0)) as server, subprocess.Popen(["sleep", "600"]) as life:
        port = server.getsockname()[1]
        contained = look_at_port_of_child(port, (mark_of(life.pid, "/of-its-own"),))
        uncontained = look_at_port_of_child(port, (mark_of(life.pid),))
        life.kill()

    assert [rival.subject for rival in contained] == [read_cgroup(os.getpid())]
    assert uncontained == ()
