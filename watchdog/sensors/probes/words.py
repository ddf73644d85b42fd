"""What a gateway says over sd_notify besides READY=1: its pulse (WATCHDOG=1) and how it is (STATUS=).

Theory of operation. A child's words come over a socket of gatedog's own, as datagrams. A unit's go to systemd, which
keeps the last of each: systemd is asked for them before each look (`Pulse`).

Invariant: a message is parsed line by line, bounded, and the status is untrusted text. Whoever passes a message on has
checked that a process of the life sent it; a gateway that shall be believed must still be caught lying, so a pulse
clears nothing but this one probe.
"""

from collections.abc import Awaitable, Callable

from watchdog.core.observations import ProbeCause
from watchdog.core.timeline import duration_text
from watchdog.core.values import dataclass
from watchdog.sensors.probes.outcome import Failing, plain

LINES_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What systemd last heard from a unit. `beat_usec` is when WATCHDOG=1 came, in CLOCK_BOOTTIME; 0: never."""

    beat_usec: int
    status: str


AskPulse = Callable[[], Awaitable[Pulse]]
"""Ask systemd. OSError: it does not say, or does not listen to the unit."""


class Words:
    """What one life has said. `since_usec` is when it was first listened to, in CLOCK_BOOTTIME."""

    def __init__(self, since_usec: int) -> None:
        self._pulse_usec = since_usec
        self._has_pulse = False
        self._gave_up = False
        self.status = ""

    def hear(self, message: bytes, now_usec: int) -> None:
        """Take one datagram."""
        for line in message.split(b"\n")[:LINES_MAX]:
            name, _, value = line.partition(b"=")
            if name == b"WATCHDOG" and value == b"1":
                self._pulse_usec, self._has_pulse, self._gave_up = now_usec, True, False
            elif name == b"WATCHDOG" and value == b"trigger":
                self._gave_up = True
            elif name == b"STATUS":
                self.status = plain(value.decode("utf-8", "replace"), 120)

    def take(self, pulse: Pulse) -> None:
        """Take what systemd heard; a beat of before this life was listened to is no news."""
        if pulse.beat_usec > self._pulse_usec:
            self._pulse_usec, self._has_pulse = pulse.beat_usec, True
        self.status = plain(pulse.status, 120)

    def look(self, now_usec: int, stale_after_usec: int) -> str:
        """Say what was heard. Raises Failing."""
        said = f', says "{self.status}"' if self.status else ""
        if self._gave_up:
            raise Failing(f"it reported itself failed (WATCHDOG=trigger){said}", ProbeCause.LOCAL)
        if now_usec - self._pulse_usec > stale_after_usec:
            often = "" if self._has_pulse else " ever"
            raise Failing(f"no WATCHDOG=1{often} for {duration_text(stale_after_usec)}{said}", ProbeCause.LOCAL)
        return f"it lives{said}"
