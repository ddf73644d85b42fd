"""Processes that connect to a socket, and the look at one: for the tests of what is gathered on a peer."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from watchdog.core.identity import GatewayName, LifeId, ProcessRef
from watchdog.core.peer import Peer
from watchdog.origin import procfs
from watchdog.origin.gathering import Standpoint, WriterCredentials, gather
from watchdog.origin.marks import LifeMark
from watchdog.origin.pidfd import Facilities, peer_credentials

STRANGER = -1
"""A daemon pid that is nobody's ancestor: the test process itself would be everybody's."""
OPENCLAW = GatewayName("openclaw")

CONNECT = """
import os, socket, sys, time
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b"x")
connection.recv(1)
"""
DOUBLE_FORK = (
    """
import os
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
"""
    + CONNECT
)

KERNELS = [
    Facilities(peerpidfd=True, info=True),
    Facilities(peerpidfd=True, info=False),
    Facilities(peerpidfd=False, info=False),
]


@contextmanager
def asking(listener: socket.socket, script: str = CONNECT) -> Iterator[socket.socket]:
    """Start a process that connects and waits for its answer; give our end of its connection."""
    child = subprocess.Popen([sys.executable, "-c", script, listener.getsockname()])
    try:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(20)
            assert connection.recv(1) == b"x"
            yield connection
    finally:
        child.kill()
        child.wait()


def writer_of(connection: socket.socket) -> WriterCredentials:
    """Say that the connector also wrote."""
    found = peer_credentials(connection)
    return WriterCredentials(pid=found.pid, uid=found.uid, gid=found.gid)


def look(connection: socket.socket, standpoint: Standpoint, *marks: LifeMark) -> Peer:
    """Gather on a peer that wrote for itself."""
    return gather(connection, writer_of(connection), marks, standpoint)


def mark(process: ProcessRef, cgroup: str = "", cgroup_id: int = 0) -> LifeMark:
    """Mark a life."""
    return LifeMark(gateway=OPENCLAW, life=LifeId(41), cgroup_id=cgroup_id, cgroup=cgroup, process=process)


def reference(pid: int) -> ProcessRef:
    """Name a live process."""
    return procfs.read_stat(pid).reference(procfs.read_boot())


def unborn() -> ProcessRef:
    """Name a process that nobody is."""
    return replace(reference(os.getpid()), pid=2**22 + 1)
