"""Where a request came from, in one line for the person who must decide about it.

Invariant: only what the kernel and the service manager said. What the asker may have chosen (names of programs, of the
host they come from) is cut to words without spaces and commas, so that no name reads like another part of the line. The
judgement's own sentence tells an asker less.
"""

from watchdog.core.peer import Peer, RemoteEnd

_PLACE_MAX = 100
"""Characters of a cgroup path shown; its end is what names the unit."""
_NAME_MAX = 64


def trail_of(peer: Peer) -> str:
    """Say account, program, place, login and terminal of a requester."""
    words = [f"uid {peer.uid}", f"program {_name(peer.comm) or 'unknown'}"]
    words.append(f"in {_short(peer.cgroup)}" if peer.cgroup else "in no cgroup that could be read")
    if peer.login is not None:
        login = peer.login
        words.append(f"login {login.name} by {_name(login.program) or 'an unknown program'}{_from(peer)}")
    elif peer.remote_end is not RemoteEnd.NONE:
        words.append(f"ssh{_from(peer)}")
    words.append("at a terminal" if peer.tty else "no terminal")
    above = " < ".join(_name(ancestor.comm) for ancestor in peer.ancestors[:4])
    if above:
        words.append(f"started by {above}")
    if peer.in_life:
        words.append(f"of gateway {peer.in_life[0][0] or 'unknown'}")
    return ", ".join(words)


def _from(peer: Peer) -> str:
    match peer.remote_end:
        case RemoteEnd.HERE:
            by = f" by {_short(peer.connected_from)}" if peer.connected_from else ""
            return f" from this host{by}"
        case RemoteEnd.ELSEWHERE:
            named = "" if peer.login is None else _name(peer.login.remote_host)
            return f" from {named or 'another host'}"
        case RemoteEnd.UNKNOWN:
            return " from an unknown place"
        case RemoteEnd.NONE:
            return ""


def _name(text: str) -> str:
    plain = (each if each.isascii() and (each.isalnum() or each in "._:+-@()") else "?" for each in text[:_NAME_MAX])
    return "".join(plain)


def _short(path: str) -> str:
    """Leave out the slices above a unit: they say nothing more. What a user runs still begins with user@UID.service."""
    parts = path.strip("/").split("/")
    while len(parts) > 1 and parts[0].endswith(".slice"):
        del parts[0]
    path = "/".join(parts) or "/"
    return path if len(path) <= _PLACE_MAX else f"...{path[-_PLACE_MAX:]}"
