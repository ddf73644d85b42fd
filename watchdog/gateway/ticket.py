"""The ticket: a file without which systemd does not start the gateway, and which says whose life it is.

Theory of operation. The gateway's drop-in asserts that the file is there (AssertPathExists=), so a start that nobody
here ordered fails with a reason, also root's. It is written just before a start is asked for and removed as soon as the
process is seen, and its content is the journal sequence number of that start (law 4): whoever finds one after a crash
knows for which life it was.

Invariant: a ticket is whole or not there; no ticket outlives the start it was written for.
"""

import os
from pathlib import Path

from watchdog.core.identity import LifeId
from watchdog.core.values import dataclass

TICKETS = Path("/run/gatedog/tickets")
_DIGITS_MAX = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTicket:
    """A ticket as it was found."""

    life: LifeId
    written_wall_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The ticket of one unit."""

    file: Path

    def write(self, life: LifeId) -> None:
        """Allow one start.

        Raises:
            OSError: it could not be written; there is none then.
        """
        fresh = self.file.with_name(f".{self.file.name}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            os.fchmod(descriptor, 0o644)  # whatever the umask: a person may look at it
            os.write(descriptor, f"{life}\n".encode("ascii"))
        finally:
            os.close(descriptor)
        fresh.rename(self.file)

    def read(self) -> FoundTicket | None:
        """Read what is there; None when there is none, or none of ours."""
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            text = os.read(descriptor, _DIGITS_MAX).decode("ascii", errors="replace").strip()
            written = os.fstat(descriptor).st_mtime_ns // 1_000
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return FoundTicket(life=LifeId(int(text)), written_wall_usec=written) if text.isdecimal() else None

    def remove(self) -> None:
        """Take the permission back; there may be none.

        Raises:
            OSError: it is there and cannot be removed.
        """
        self.file.unlink(missing_ok=True)


def ticket_of(unit: str, folder: Path = TICKETS) -> Ticket:
    """Name the ticket of a unit: systemd's %N of it."""
    return Ticket(file=folder / unit_stem(unit))


def unit_stem(unit: str) -> str:
    """Return the unit's name without its type."""
    return unit.removesuffix(".service")
