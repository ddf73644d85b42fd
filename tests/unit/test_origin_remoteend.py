"""From where an ssh login came: by its daemon's connection, and by what is left when that cannot be seen."""

import errno
import os
from pathlib import Path

import pytest

from watchdog.core.peer import RemoteEnd
from watchdog.origin.netspaces import has_way_out
from watchdog.origin.pidfd import Facilities
from watchdog.origin.remoteend import Remote, Wires, is_ssh_daemon, trace
from watchdog.origin.sockdiag import Connection

NOBODY = 2**22 + 1
"""A pid that no process has: an ssh daemon whose descriptors cannot be seen."""
OWN, LOOP, AWAY = bytes([192, 0, 2, 1]), bytes([127, 0, 0, 1]), bytes([198, 51, 100, 7])
OLD_KERNEL = Facilities(peerpidfd=False, info=False, descriptors=False)


def connection(here: bytes, there: bytes, uid: int = 0, cgroup_id: int = 0) -> Connection:
    """Make a row of the kernel's table: the end at `here`, port 22 or 40000 as it is ssh's."""
    ports = (22, 40_000) if uid == 0 else (40_000, 22)
    return Connection(source=(here, ports[0]), destination=(there, ports[1]), uid=uid, inode=9, cgroup_id=cgroup_id)


def wires(*table: Connection, own: tuple[bytes, ...] = (OWN, LOOP), in_container: bool = False) -> Wires:
    """Answer from a table."""
    ends = {(each.source, each.destination): each for each in table}
    return Wires(
        is_own_address=own.__contains__,
        find_end=lambda here, there: ends.get((here, there)),
        read_table=lambda: table,
        is_in_other_namespace=lambda _, __: in_container,
    )


def traced(remote_host: str, asked: Wires, mount: Path | None = None) -> Remote:
    """Trace a login whose ssh daemon cannot be looked into."""
    return trace((NOBODY,), remote_host, facilities=OLD_KERNEL, cgroup_mount=mount, wires=asked)


def test_a_host_on_record_from_which_root_holds_a_connection_is_elsewhere() -> None:
    """Without the daemon's own socket, the session's word counts where the kernel's table bears it out."""
    assert traced("198.51.100.7", wires(connection(OWN, AWAY))) == Remote(end=RemoteEnd.ELSEWHERE)


def test_a_host_on_record_without_a_connection_is_unknown() -> None:
    """The session's word alone is no evidence: root can open a session that names any host."""
    assert traced("198.51.100.7", wires()).end is RemoteEnd.UNKNOWN
    assert traced("198.51.100.7", wires(connection(OWN, AWAY, uid=1000))).end is RemoteEnd.UNKNOWN


def test_an_address_of_this_host_is_here() -> None:
    """Whichever own address it came from, and although the other end's socket is gone already."""
    assert traced("127.0.0.1", wires(connection(LOOP, LOOP))).end is RemoteEnd.HERE
    assert traced("192.0.2.1", wires(connection(OWN, OWN))).end is RemoteEnd.HERE


def test_a_connection_whose_other_end_is_a_socket_of_this_host_is_here(tmp_path: Path) -> None:
    """Even under an address that looks foreign; the cgroup that opened it is named for the record."""
    (tmp_path / "system.slice/openclaw.service").mkdir(parents=True)
    cgroup_id = (tmp_path / "system.slice/openclaw.service").stat().st_ino
    table = wires(connection(OWN, AWAY), connection(AWAY, OWN, uid=1001, cgroup_id=cgroup_id))

    assert traced("198.51.100.7", table, tmp_path) == Remote(
        end=RemoteEnd.HERE, cgroup="/system.slice/openclaw.service"
    )


def test_a_connection_from_a_container_of_this_host_is_here() -> None:
    """Its address is foreign and its socket in another network namespace, but whoever holds it runs on this host."""
    assert traced("198.51.100.7", wires(connection(OWN, AWAY), in_container=True)).end is RemoteEnd.HERE


def test_of_several_connections_one_from_here_is_enough() -> None:
    """Two people behind one address, one of them not where they seem: nobody gets the benefit of the doubt."""
    loop = connection(OWN, AWAY), Connection(source=(OWN, 22), destination=(AWAY, 5), uid=0, inode=8)
    other = Connection(source=(AWAY, 5), destination=(OWN, 22), uid=1001, inode=7)

    assert traced("198.51.100.7", wires(*loop, other)).end is RemoteEnd.HERE


def test_an_address_carried_in_another_family_is_the_same() -> None:
    """An sshd that listens on IPv6 alone writes its IPv4 clients as ::ffff:198.51.100.7."""
    assert traced("::ffff:198.51.100.7", wires(connection(OWN, AWAY))).end is RemoteEnd.ELSEWHERE


def test_a_name_or_nothing_on_record_is_unknown() -> None:
    """No name is looked up for this, and an empty field is no place."""
    table = wires(connection(OWN, AWAY))

    assert {traced(name, table).end for name in ("", "far.example", "198.51.100")} == {RemoteEnd.UNKNOWN}


def test_a_kernel_that_does_not_answer_leaves_it_unknown() -> None:
    """Whatever cannot be asked never makes a login look better."""

    def refuse(*_: object) -> bool:
        raise OSError(errno.EPERM, "no")

    def refuse_table() -> tuple[Connection, ...]:
        raise OSError(errno.EPERM, "no")

    table = wires(connection(OWN, AWAY))
    for broken in (
        Wires(is_own_address=refuse, find_end=table.find_end, read_table=table.read_table),
        Wires(is_own_address=table.is_own_address, find_end=table.find_end, read_table=refuse_table),
    ):
        assert traced("198.51.100.7", broken).end is RemoteEnd.UNKNOWN


def test_a_daemon_without_a_connection_is_unknown() -> None:
    """An ssh daemon that speaks through a pipe or a unix socket was started by somebody here, or cannot be placed."""
    found = trace((os.getpid(),), "", facilities=Facilities(peerpidfd=True, info=True), cgroup_mount=None)

    assert found.end is RemoteEnd.UNKNOWN


def test_ssh_daemons_are_known_by_name() -> None:
    """OpenSSH's processes are recognised under their old and new names, its client is not."""
    assert all(map(is_ssh_daemon, ("sshd", "sshd-session", "sshd-auth", "dropbear")))
    assert not any(map(is_ssh_daemon, ("ssh", "bash", "")))


HEADER = "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop|bytes packets\n"


@pytest.mark.parametrize(
    ("interfaces", "way_out"),
    [
        ("    lo:  120   2 0 0  120 2\n", False),
        ("    lo:  120   2 0 0  120 2\n  eth0: 9 1 0 0 9 1\n", True),
        ("  eth0@if7: 9 1 0 0 9 1\n", True),
        ("", False),
    ],
)
def test_a_namespace_without_interfaces_sends_nobody(interfaces: str, *, way_out: bool) -> None:
    """Only a namespace with an interface besides its loopback can hold the other end of a login."""
    assert has_way_out(HEADER + interfaces) is way_out
