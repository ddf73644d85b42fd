"""Host names to addresses, without a resolver that hangs taking anything with it.

Invariant: a literal address and `localhost` need no resolver; any other name is asked for aside (aside.py), and while
its answer has not come back it is not asked for again.
"""

import ipaddress
import socket

from watchdog.core.observations import ProbeCause
from watchdog.core.values import dataclass
from watchdog.sensors.aside import Aside, Busy
from watchdog.sensors.probes.outcome import CannotAsk, Failing

_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, socket.EAI_NODATA if hasattr(socket, "EAI_NODATA") else -5})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to connect to: a literal address, and whether it is on this host."""

    family: socket.AddressFamily
    host: str
    port: int
    is_local: bool


async def find_addresses(host: str, port: int, aside: Aside) -> tuple[Address, ...]:
    """Return the addresses of a host, in the order to try them.

    Raises:
        CannotAsk: the resolver does not answer.
        Failing: the name does not exist.
    """
    if host.lower().rstrip(".") in _LOCAL_NAMES:
        return (_address("127.0.0.1", port), _address("::1", port))
    if _is_literal(host):
        return (_address(host, port),)
    try:
        found = await aside.run(f"name {host}", lambda: _look_up(host, port))
    except Busy as busy:
        raise CannotAsk(f"an earlier look-up of {host} has not come back") from busy
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            raise Failing(f"the name {host} does not exist", ProbeCause.REMOTE) from error
        raise CannotAsk(f"the name {host} cannot be looked up: {error.strerror}") from error
    except (OSError, UnicodeError) as error:
        raise CannotAsk(f"the name {host} cannot be looked up: {error}") from error
    return tuple(_address(each, port) for each in found)


def split_target(target: str) -> tuple[str, int]:
    """Split "127.0.0.1:80" or "[::1]:80"; the policy has checked it."""
    host, _, port = target.rpartition(":")
    return host.strip("[]"), int(port)


def _look_up(host: str, port: int) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _address(host: str, port: int) -> Address:
    parsed = ipaddress.ip_address(host.partition("%")[0])
    family = socket.AF_INET6 if parsed.version == 6 else socket.AF_INET
    return Address(family=family, host=host, port=port, is_local=parsed.is_loopback or parsed.is_unspecified)
