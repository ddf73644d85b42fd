"""Evidence on real processes: what is gathered from the kernel for each way of asking."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from peers import CONNECT, DOUBLE_FORK, asking, look, mark, reference, unborn, writer_of

from watchdog.core.identity import FOREIGN_LIFE, NOBODY, GatewayName, LifeId
from watchdog.origin import procfs
from watchdog.origin.gathering import Standpoint, gather
from watchdog.origin.pidfd import peer_credentials

pytestmark = pytest.mark.system


def test_a_child_is_described_completely(listener: socket.socket, standpoint: Standpoint) -> None:
    """Who it is, where it sits, and who is above it, up to pid 1, all from the kernel."""
    with asking(listener, "import os\nos.setsid()\n" + CONNECT) as connection:
        peer = look(connection, standpoint)
        pid = peer_credentials(connection).pid

        assert peer.process == reference(pid)
        assert (peer.uid, peer.gid) == (os.geteuid(), os.getegid())
        assert peer.comm == procfs.read_stat(pid).comm
        assert peer.cgroup == procfs.read_cgroup(pid)
        if standpoint.cgroup_mount is not None:  # without a mount there is no second source to compare with
            assert peer.cgroup_id == procfs.cgroup_id(standpoint.cgroup_mount, peer.cgroup)
        assert peer.ancestors[0].process == reference(os.getpid())
        assert peer.ancestors[-1].process.pid == 1
        assert peer.session_leader == reference(pid)
        assert (peer.alive, peer.same_writer, peer.same_pid_namespace) == (True, True, True)
        assert peer.in_life == ()
        assert peer.sure == standpoint.facilities.text


def test_an_inherited_session_names_a_leader_that_can_be_seen(listener: socket.socket, standpoint: Standpoint) -> None:
    """In a container the leader may live outside: the kernel then says session 0, and nobody vouches for the peer."""
    with asking(listener) as connection:
        peer = look(connection, standpoint)
        session = procfs.read_stat(peer_credentials(connection).pid).session

        assert peer.session_leader == (reference(session) if session else None)


def test_a_peer_that_ended_is_not_alive(listener: socket.socket, standpoint: Standpoint) -> None:
    """Once the connector is gone its pid says nothing any more, although its socket can still be read."""
    child = subprocess.Popen([sys.executable, "-c", CONNECT.replace("connection.recv(1)", ""), listener.getsockname()])
    connection, _ = listener.accept()
    with connection:
        assert child.wait(20) == 0
        peer = look(connection, standpoint, mark(unborn()))

    assert (peer.alive, peer.process, peer.uid) == (False, None, os.geteuid())


def test_a_zombie_is_not_alive(listener: socket.socket, standpoint: Standpoint) -> None:
    """An ended process that nobody reaped yet still has its files in /proc, and is dead all the same."""
    child = subprocess.Popen([sys.executable, "-c", CONNECT.replace("connection.recv(1)", ""), listener.getsockname()])
    connection, _ = listener.accept()
    with connection:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        peer = look(connection, standpoint)
        child.wait(20)

    assert not peer.alive


def test_a_message_by_another_process_is_told(listener: socket.socket, standpoint: Standpoint) -> None:
    """The writer is compared with the connector, not believed in its place."""
    with asking(listener) as connection:
        other = replace(writer_of(connection), pid=os.getpid())
        peer = gather(connection, other, (), standpoint)

    assert not peer.same_writer
    assert peer.process is not None
    assert peer.process.pid != os.getpid()


def test_a_terminal_of_its_own_shows(listener: socket.socket, standpoint: Standpoint) -> None:
    """A process in a fresh session on a pty has that terminal, and is its own live session leader."""
    script = (
        "import fcntl, os, pty, termios\nos.setsid()\nfcntl.ioctl(pty.openpty()[1], termios.TIOCSCTTY, 0)\n"
    ) + CONNECT
    with asking(listener, script) as connection:
        peer = look(connection, standpoint)

    assert peer.tty != 0
    assert peer.session_leader == peer.process


def test_a_child_of_the_life_is_in_it(listener: socket.socket, standpoint: Standpoint) -> None:
    """A life without a cgroup is recognised by its main process among the ancestors."""
    with asking(listener) as connection:
        peer = look(connection, standpoint, mark(reference(os.getpid())))
        stale = mark(replace(reference(os.getpid()), start_ticks=1))

        assert peer.in_life == (("openclaw", LifeId(41)),)
        assert look(connection, standpoint, stale).in_life == ()


def test_the_main_process_itself_is_in_the_life(listener: socket.socket, standpoint: Standpoint) -> None:
    """The gateway asking in person is inside its life."""
    with asking(listener) as connection:
        main = reference(peer_credentials(connection).pid)

        assert look(connection, standpoint, mark(main)).in_life == (("openclaw", LifeId(41)),)


def test_the_root_cgroup_marks_nobody(listener: socket.socket, standpoint: Standpoint) -> None:
    """On a host where everything is in the root cgroup, sharing it says nothing."""
    root_id = procfs.cgroup_id(standpoint.cgroup_mount, "/")
    with asking(listener) as connection:
        assert look(connection, standpoint, mark(unborn(), "/", root_id)).in_life == ()


@contextmanager
def subreaper() -> Iterator[None]:
    """Become the process to which orphans are re-parented, as the daemon is."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(36, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        prctl(36, 0, 0, 0, 0)


def orphan(listener: socket.socket) -> tuple[socket.socket, int]:
    """Start a process, let it double-fork, reap what is between, and accept the grandchild."""
    child = subprocess.Popen([sys.executable, "-c", DOUBLE_FORK, listener.getsockname()])
    connection, _ = listener.accept()
    connection.settimeout(20)
    assert connection.recv(1) == b"x"
    assert child.wait(20) == 0
    return connection, peer_credentials(connection).pid


def reap(pid: int) -> None:
    """End and reap an orphan that became ours, and the session leader between, which ended long ago."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def test_an_orphan_under_the_daemon_is_in_every_life(listener: socket.socket, standpoint: Standpoint) -> None:
    """A double fork ends as our own child, so it counts as inside each life, and inside one when none is marked."""
    daemon = replace(standpoint, own_pid=os.getpid())
    with subreaper():
        connection, pid = orphan(listener)
        with connection:
            deadline = time.monotonic() + 20
            while procfs.read_stat(pid).parent_pid != os.getpid():
                assert time.monotonic() < deadline
            one, two = mark(unborn()), replace(mark(unborn()), gateway=GatewayName("other"), life=LifeId(9))

            assert look(connection, daemon, one, two).in_life == (("openclaw", LifeId(41)), ("other", LifeId(9)))
            assert look(connection, daemon).in_life == ((NOBODY, FOREIGN_LIFE),)
        reap(pid)


@pytest.mark.parametrize("below", ["", "sub"])
@pytest.mark.parametrize("by", ["path", "id"])
def test_a_double_fork_stays_in_its_cgroup(
    listener: socket.socket, standpoint: Standpoint, cgroup: Path, below: str, by: str
) -> None:
    """Whatever it forks, a process leaves neither its life's cgroup nor one below it, seen by path or by id."""
    name, inode = f"/{cgroup.name}", cgroup.stat().st_ino
    marked = mark(unborn(), name if by == "path" else "", inode if by == "id" else 0)
    enter = f"open('{cgroup / below / 'cgroup.procs'}', 'w').write('0')\n"
    child = subprocess.Popen([sys.executable, "-c", enter + DOUBLE_FORK, listener.getsockname()])
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(20)
        assert connection.recv(1) == b"x"
        child.wait(20)
        peer = look(connection, standpoint, marked)
    # An id names one cgroup exactly; the cgroups below it are found by path.
    found = (("openclaw", LifeId(41)),) if by == "path" or not below else ()

    assert peer.in_life == found
    assert peer.cgroup.startswith(name)


def test_a_neighbours_cgroup_with_a_longer_name_is_another(
    listener: socket.socket, standpoint: Standpoint, cgroup: Path
) -> None:
    """`/life-4` does not hold what is in `/life-41`."""
    enter = f"open('{cgroup / 'cgroup.procs'}', 'w').write('0')\n"
    with asking(listener, enter + CONNECT) as connection:
        assert look(connection, standpoint, mark(unborn(), f"/{cgroup.name[:-1]}")).in_life == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_another_accounts_process_is_described_as_well(listener: socket.socket, standpoint: Standpoint) -> None:
    """The uid is the connector's."""
    Path(listener.getsockname()).parent.chmod(0o755)
    # Everything is imported, and the folder entered, while it may still be read.
    become = "import os, socket, time\nos.chdir(os.path.dirname(sys.argv[1]))\nos.setgroups([])\nos.setgid(65534)\n"
    script = "import sys\n" + become + "os.setuid(65534)\n" + CONNECT.replace("sys.argv[1]", "'s'")
    with asking(listener, script) as connection:
        peer = look(connection, standpoint)

    assert (peer.uid, peer.gid, peer.alive) == (65534, 65534, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a pid namespace here")
def test_a_process_in_a_container_is_told(listener: socket.socket, standpoint: Standpoint) -> None:
    """A pid namespace of its own shows, although the process is visible to us."""
    script = (
        "import ctypes, os\n"
        "assert ctypes.CDLL(None).unshare(0x20000000) == 0\n"
        "if os.fork():\n"
        "    os.wait()\n"
        "    os._exit(0)\n"
    )
    with asking(listener, script + CONNECT) as connection:
        peer = look(connection, standpoint)

    assert peer.alive
    assert not peer.same_pid_namespace


def test_a_name_made_to_confuse_is_read_right(listener: socket.socket, standpoint: Standpoint) -> None:
    """Parentheses, spaces and control characters in a process name neither shift fields nor reach a terminal."""
    script = "open('/proc/self/comm', 'w').write(') R 1 1 1 \\x1b[')\n" + CONNECT
    with asking(listener, script) as connection:
        peer = look(connection, standpoint)

    assert peer.comm == ") R 1 1 1 ?["
    assert peer.ancestors[0].process.pid == os.getpid()
