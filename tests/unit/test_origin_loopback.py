"""Whether an ssh login came from this host, by the kernel's table of connections."""

from watchdog.origin.loopback import has_local_pair, is_ssh_daemon
from watchdog.origin.sockdiag import Connection

HERE, AWAY = bytes([127, 0, 0, 1]), bytes([192, 0, 2, 7])
SERVER_END = Connection(source=(HERE, 22), destination=(HERE, 40_000), uid=0, inode=11)
CLIENT_END = Connection(source=(HERE, 40_000), destination=(HERE, 22), uid=1001, inode=12)
REMOTE = Connection(source=(HERE, 22), destination=(AWAY, 40_000), uid=0, inode=13)


def test_a_daemons_connection_with_its_other_end_here_is_found() -> None:
    """Both ends in the table and one of them the daemon's: the login came from this host."""
    assert has_local_pair((REMOTE, SERVER_END, CLIENT_END), frozenset({11}))


def test_a_login_from_elsewhere_is_not_blamed_for_anothers_loop() -> None:
    """Somebody else's local connection says nothing about a daemon whose own peer is remote."""
    assert not has_local_pair((REMOTE, SERVER_END, CLIENT_END), frozenset({13}))


def test_when_the_daemon_cannot_be_read_any_loop_into_root_counts() -> None:
    """Without the right to see whose connection is whose, a local connection to a root-owned end is held against it."""
    assert has_local_pair((SERVER_END, CLIENT_END), None)
    assert not has_local_pair((REMOTE,), None)


def test_loops_between_ordinary_accounts_do_not_count() -> None:
    """A browser talking to a local server of the same person has nothing to do with ssh."""
    own = Connection(source=(HERE, 8080), destination=(HERE, 40_000), uid=1000, inode=11)

    assert not has_local_pair((own, CLIENT_END), None)


def test_ssh_daemons_are_known_by_name() -> None:
    """OpenSSH's processes are recognised under their old and new names, its client is not."""
    assert all(map(is_ssh_daemon, ("sshd", "sshd-session", "sshd-auth", "dropbear")))
    assert not any(map(is_ssh_daemon, ("ssh", "bash", "")))
