"""What a main process executes: an exec in place keeps pid and start time, and ends a life all the same.

Theory of operation. exec(2) gives a process a new memory, and three things of a memory never change in its life: where
its stack began, how long its program's code is, and that its peak size does not fall. The first is told only to those
who may trace the process, the other two to everybody. Compared between two looks, each of them proves an exec.

A life begins with execs of its own (wrappers, interpreters), so it is looked at when it has shown that it serves, or
after a minute. Rejected: the command line and the name, which a program rewrites as it likes (process.title does both),
and the link to the program's file, which an upgrade on disk changes under a process that did nothing.

Invariant: no exec is claimed that did not happen. One can be missed: of the same program by itself, where gatedog may
not trace it and the new memory was at the next look larger than the old one had ever been.
"""

import time
from collections.abc import Callable

from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.selfrestart import SelfRestartMeans, SelfRestartSeen
from watchdog.core.timeline import MINUTE
from watchdog.core.values import dataclass
from watchdog.gateway.process import has_ended, read_begin_usec, read_kernel_file, read_stat

SETTLE_USEC = MINUTE
"""A life may execute one program after the other for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One memory of a process."""

    stack: int
    """Where its stack begins; 0 for readers without the right to trace it."""
    code_kib: int
    peak_kib: int


def read_image(pid: int) -> Image | None:
    """Look at the memory of a process; None when it has none any more."""
    stat = read_stat(pid)
    try:
        status = read_kernel_file(f"/proc/{pid}/status")
    except (FileNotFoundError, ProcessLookupError):
        return None
    sizes = {
        name: int(rest.split()[0])
        for name, _, rest in (line.partition(b":") for line in status.splitlines())
        if name in (b"VmExe", b"VmPeak")
    }
    if stat is None or len(sizes) < 2:
        return None
    return Image(stack=stat.stack, code_kib=sizes[b"VmExe"], peak_kib=sizes[b"VmPeak"])


def why_another(before: Image, after: Image) -> str:
    """Say what proves that these are two memories; empty when nothing does."""
    if before.code_kib != after.code_kib:
        return f"its program has {after.code_kib} KiB of code and had {before.code_kib}"
    if 0 not in (before.stack, after.stack) and before.stack != after.stack:
        return f"its stack begins at {after.stack:#x} and began at {before.stack:#x}"
    if after.peak_kib < before.peak_kib:
        return f"the peak of its memory is {after.peak_kib} KiB and was {before.peak_kib}"
    return ""


class ExecWatch:
    """Notices that the main process of a life executed a program anew."""

    def __init__(self, process: ProcessRef, pidfd: int, known: Image | None = None) -> None:
        """Watch a process that is held. `known` is what an earlier daemon saw of it."""
        self.image = known
        """What it executes, as far as is known; None while it settles."""
        self._process = process
        self._pidfd = pidfd
        self._settled_usec = read_begin_usec(process) + SETTLE_USEC

    def settle(self) -> None:
        """Look from now on: its begin is over."""
        self._settled_usec = 0

    def tell(self, gateway: GatewayName, report: Callable[[SelfRestartSeen], None]) -> bool:
        """Look, and report what was found; True when `image` is worth to be written down."""
        known = self.image
        seen = self.look(gateway)
        if seen is not None:
            report(seen)
        return (known is None) is not (self.image is None)

    def look(self, gateway: GatewayName, now_usec: int | None = None) -> SelfRestartSeen | None:
        """Compare with the look before. `now_usec` is CLOCK_BOOTTIME, read here unless it is given."""
        now_usec = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000 if now_usec is None else now_usec
        before, now = self.image, self._read() if now_usec >= self._settled_usec else None
        if now is None:
            return None
        self.image = now
        if before is None or not why_another(before, now):
            return None
        again = self._read()  # the kernel tells both sizes without a lock; once more, and it is sure
        why = "" if again is None else why_another(before, again)
        if not why:
            return None
        self.image, self._settled_usec = None, now_usec + SETTLE_USEC
        means, mark = SelfRestartMeans.EXEC_IN_PLACE, f"{now.stack:x}" if now.stack else ""
        return SelfRestartSeen(gateway=gateway, process=self._process, means=means, evidence=why, mark=mark)

    def _read(self) -> Image | None:
        image = read_image(self._process.pid)
        return None if has_ended(self._pidfd) else image  # asked last: the number was not somebody else's by then
