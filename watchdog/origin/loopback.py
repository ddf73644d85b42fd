"""Whether a login over ssh came from this very host.

An agent that may log in to its own account needs no privilege to look like a person: `ssh -tt localhost` gives it a
fresh terminal, a live session leader and an ancestor (the ssh listener) older than any gateway. What gives it away is
the other end of the connection, which is a socket of this host. The kernel's socket table (sock_diag) is open to
everybody. Which connection belongs to which sshd is not: that takes root. Where it cannot be read, any connection on
this host to a socket that root accepted counts, so a person may be taken for the agent, never the agent for a person.

Invariant: `True` when in doubt. Deliberately not here: logins relayed through another host, which no table shows.
"""

from watchdog.origin import procfs
from watchdog.origin.sockdiag import Connection, read_table


def is_ssh_daemon(comm: str) -> bool:
    """Recognise OpenSSH's server by name: "sshd", and "sshd-session" and "sshd-auth" since 9.8."""
    return comm.startswith(("sshd", "dropbear"))


def logged_in_from_here(daemons: tuple[int, ...]) -> bool:
    """Tell whether one of these ssh daemons (pids) serves a connection whose other end is on this host."""
    try:
        table = read_table()
    except OSError:
        return True
    opened = [procfs.socket_inodes(pid) for pid in daemons]
    inodes = None if any(one is None for one in opened) else frozenset(i for one in opened if one for i in one)
    return has_local_pair(table, inodes)


def has_local_pair(table: tuple[Connection, ...], inodes: frozenset[int] | None) -> bool:
    """Find a connection with both ends in the table, of which one is among `inodes`, or accepted by root if None."""
    ends = {(end.source, end.destination): end for end in table}
    for end in table:
        other = ends.get((end.destination, end.source))
        if other is None:
            continue
        if inodes is None:
            if end.uid == 0 and other.uid != 0:
                return True
        elif end.inode in inodes:
            return True
    return False
