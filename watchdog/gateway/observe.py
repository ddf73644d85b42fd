"""Eyes inside: what fixed commands see of a gateway, run under its own account in a unit of their own (law 11).

Theory of operation. For each command of the policy there is an instance of gatedog-observe@.service, written by setup
from the same policy: the gateway's uid, no rights, no bus, bounded time. It is started through the service manager,
and what it printed lies afterwards in a file of root's that only the unit's standard output could write. gatedog
executes nothing here, and parses nothing: the output is the words of the supervised side.

Invariants: at most OUTPUT_BYTES_MAX of one output is read, and only of a file that was written since the command was
started; what was printed is kept as evidence and never lowers a finding. Deliberately not here: writing the units
(setup/), and any conclusion.
"""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from watchdog.core.events import TEXT_MAX
from watchdog.core.policy import GatewayPolicy
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass
from watchdog.origin.procfs import one_line

FOLDER = Path("/run/gatedog-observe")
OUTPUT_BYTES_MAX = 64 * 1024
LOOK_USEC = 25 * SECOND
"""The unit ends its command after 20 s; five more are for the service manager."""

StartUnit = Callable[[str], Awaitable[None]]
"""Start a unit by name and return when its start job is over, however that went. OSError: it could not be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What one command printed, or why there is nothing. `output` is untrusted bytes."""

    name: str
    argv: tuple[str, ...]
    output: bytes = b""
    is_cut: bool = False
    trouble: str = ""

    @property
    def text(self) -> str:
        """Return the last line that says something, as events may carry it: one line, cut, to be told as a quote."""
        lines = [line for line in self.output.decode("utf-8", "replace").splitlines() if line.strip()]
        return one_line(lines[-1].strip(), TEXT_MAX) if lines else ""


class Observer:
    """The eyes of one gateway that is a unit."""

    def __init__(
        self, policy: GatewayPolicy, start_unit: StartUnit, *, folder: Path = FOLDER, look_usec: int = LOOK_USEC
    ) -> None:
        self._policy = policy
        self._start_unit = start_unit
        self._folder = folder
        self._look_usec = look_usec
        self._turn = asyncio.Lock()

    async def look(self) -> tuple[Glimpse, ...]:
        """Run every command once, one after the other, at most LOOK_USEC each. Never raises for what they do.

        Looks do not overlap: two of one instance would write one file.
        """
        async with self._turn:
            return tuple([await self._glimpse(name, argv) for name, argv in self._policy.observe])

    async def _glimpse(self, name: str, argv: tuple[str, ...]) -> Glimpse:
        instance = f"{self._policy.name}-{name}"
        file = self._folder / f"{instance}.out"
        before = _mark(file)
        try:
            async with asyncio.timeout(self._look_usec / SECOND):
                await self._start_unit(f"gatedog-observe@{instance}.service")
        except TimeoutError:
            return Glimpse(name=name, argv=argv, trouble="no end in time")
        except OSError as error:
            return Glimpse(name=name, argv=argv, trouble=one_line(f"could not be started: {error}"))
        if _mark(file) == before:
            return Glimpse(name=name, argv=argv, trouble=f"nothing was written to {file}")
        try:
            output = _read(file)
        except OSError as error:
            return Glimpse(name=name, argv=argv, trouble=one_line(f"{file}: {error.strerror or error}"))
        return Glimpse(name=name, argv=argv, output=output[:OUTPUT_BYTES_MAX], is_cut=len(output) > OUTPUT_BYTES_MAX)


def keep_glimpses(glimpses: tuple[Glimpse, ...], into: Path, limit_bytes: int) -> None:
    """Write each as `observe-NAME.txt` below a head of our own, together at most `limit_bytes`. Raises OSError.

    The head says whose words follow: a reader of evidence must not take them for gatedog's.
    """
    rest = limit_bytes
    for glimpse in glimpses:
        ending = f"nothing: {glimpse.trouble}" if glimpse.trouble else "cut" if glimpse.is_cut else "whole"
        command = one_line(" ".join(glimpse.argv))
        head = f"# printed under the gateway's own account, unproven: {command} ({ending})\n".encode()
        content = (head + glimpse.output)[: max(rest, 0)]
        rest -= len(content)
        (into / f"observe-{glimpse.name}.txt").write_bytes(content)


def _mark(file: Path) -> tuple[int, int] | None:
    """Return what changes whenever the file is written. A unit truncates it at its start, which counts as well."""
    with suppress(OSError):
        found = file.lstat()
        return found.st_ino, max(found.st_mtime_ns, found.st_ctime_ns)
    return None


def _read(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("is not a plain file")
        return opened.read(OUTPUT_BYTES_MAX + 1)
