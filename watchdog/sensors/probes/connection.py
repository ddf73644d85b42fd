"""Whether somebody takes a connection: tcp and unix probes.

Invariant: nothing is sent and nothing read. A port that accepts says little: the kernel accepts for a program that
hangs, until its queue is full. It is told as that, and no more.
"""

from watchdog.sensors.probes.names import Address
from watchdog.sensors.probes.outcome import Progress
from watchdog.sensors.probes.wire import connect, connect_unix


async def ask_tcp(addresses: tuple[Address, ...], progress: Progress) -> str:
    """Connect and hang up. Raises Failing, CannotAsk."""
    (await connect(addresses, progress)).close()
    return "connected"


def ask_unix(path: str, progress: Progress) -> str:
    """Connect and hang up. Raises Failing, CannotAsk."""
    connect_unix(path, progress).close()
    return "connected"


def split_target(target: str) -> tuple[str, int]:
    """Split "127.0.0.1:80" or "[::1]:80"; the policy has checked it."""
    host, _, port = target.rpartition(":")
    return host.strip("[]"), int(port)
