"""One life that runs here, and what can be done to it.

Invariant: the pidfd is this life's main process from the first moment to `let_go`, so no order can reach a
stranger. With a cgroup, membership and killing are the kernel's; without, they are the walk of tree.py.
"""

import asyncio
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from watchdog.core.endings import ExitRecord, Sender, SignalSender
from watchdog.core.peer import UNSET_ID
from watchdog.gateway.heldlife import HeldLife
from watchdog.gateway.output import keep_below
from watchdog.gateway.process import Status, peek_status, reap, send_signal
from watchdog.gateway.tree import LifeTree
from watchdog.origin.procfs import read_audit_id

_KILL_USEC = 2_000_000
"""How long the walk tries. With a cgroup there is nothing to try: one write kills all."""
_CLEAR_USEC = 200_000
"""How long the report of an exit waits for what the life left behind to be gone."""
_POLL_SECONDS = 0.001
_STATUS_POLLS = 40
_STATUS_POLL_SECONDS = 0.005


@dataclass(slots=True, kw_only=True, eq=False)
class RunningLife(HeldLife):
    """A started or adopted life."""

    tree: LifeTree
    containing: asyncio.Task[None] | None = None
    """The move into the cgroup, under way. Until it is over, `cgroup` is None and the main process is not reaped."""
    log_unbounded: bool = False
    """The log could not be cut, and that was reported."""

    @property
    def is_traceable(self) -> bool:
        """Whether all that belongs to the life can be told from strangers: contained, or orphaned to us."""
        return self.cgroup is not None or not self.tree.adopted

    def audit_session(self) -> int:
        """Read the audit session that the life got by itself; one of a daemon marks whoever started that."""
        if self.tree.adopted or self.pidfd < 0 or self.record.exit is not None:
            return UNSET_ID
        found = read_audit_id(self.record.process.pid, "sessionid")
        return UNSET_ID if found == read_audit_id(os.getpid(), "sessionid") or self.has_ended else found

    def holds(self, pid: int) -> bool:
        """Tell whether a process is of this life."""
        return self.cgroup.holds(pid) if self.cgroup is not None else self.tree.holds(pid)

    def stop(self, number: signal.Signals) -> None:
        """Ask the main process to end; one that was suspended is woken to hear it.

        Raises:
            PermissionError: it runs as a user that may not be signalled from here.
        """
        if self.has_ended:
            return
        self.signalled = True
        send_signal(self.pidfd, number)
        send_signal(self.pidfd, signal.SIGCONT)

    def why_not_signalled(self, error: PermissionError) -> str:
        """Say for a person that the kernel let us neither stop nor kill it."""
        pid = self.record.process.pid
        return f"{self.record.gateway} (pid {pid}) may not be signalled from here: {error}. Try: sudo kill {pid}"

    def why_not_dead(self) -> str:
        """Say for a person that SIGKILL did not end it."""
        pid = self.record.process.pid
        return f"{self.record.gateway} (pid {pid}) did not die. Look at: ps -o stat,wchan {pid}"

    async def kill(self) -> bool:
        """End the main process and all that belongs to the life; False when something would not die."""
        if not self.has_ended:
            self.signalled = True
        if self.kill_cgroup():
            # The main process may have been moved elsewhere by a root gateway: it is killed by name, too.
            send_signal(self.pidfd, signal.SIGKILL)
            return True
        return await self.tree.kill(deadline_usec=_KILL_USEC)

    def bound_log(self, bytes_max: int) -> bool:
        """Keep the log below its bound; False when that fails for the first time."""
        try:
            keep_below(Path(self.record.log), bytes_max)
        except OSError:
            known, self.log_unbounded = self.log_unbounded, True
            return known
        return True

    def leaves_something(self) -> bool:
        """Tell whether the ended main process left others behind, or whether that cannot be told yet."""
        if self.cgroup is None:
            return self.containing is not None or not self.tree.is_extinct()
        return self.cgroup.is_populated() or (self._may_be_outside and bool(self.tree.members()))

    async def clear(self) -> bool:
        """Kill what the ended main process left behind; False when it is not gone within the bound."""
        if self.containing is not None:
            await asyncio.wait([self.containing])
        if self.cgroup is None or not self.kill_cgroup():
            return await self.tree.kill(deadline_usec=_CLEAR_USEC)
        loop = asyncio.get_running_loop()
        end = loop.time() + _CLEAR_USEC / 1_000_000
        while self.cgroup.is_populated():
            if loop.time() >= end:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        if self._may_be_outside and self.tree.members():
            return await self.tree.kill(deadline_usec=_CLEAR_USEC)
        return True

    async def late_status(self) -> Status:
        """Wait a little for the parent of an adopted process to reap it; a Status of nothing when it does not."""
        for _ in range(_STATUS_POLLS):
            status = peek_status(self.pidfd, self.record.process)
            if status is not None:
                return status
            await asyncio.sleep(_STATUS_POLL_SECONDS)
        return Status()

    def let_go(self, status: Status, last_line: str) -> ExitRecord:
        """Bury the main process and write down how it ended."""
        if self.watch is not None:
            self.watch.close()
        by, sent_by = self._sender(status)
        self.witness.forget(self.record.process)
        reap(self.pidfd)
        os.close(self.pidfd)
        ended = ExitRecord(code=status.code, signal=status.signal, by=by, last_line=last_line, sent_by=sent_by)
        self.record = replace(self.record, exit=ended)
        return ended

    @property
    def _may_be_outside(self) -> bool:
        """An adopted life was contained long ago; looking for more through all of /proc would find nothing."""
        return self.cgroup is None or not self.tree.adopted

    def _sender(self, status: Status) -> tuple[Sender, SignalSender | None]:
        if self.signalled:
            return Sender.GATEDOG, None
        by, sent_by = self.witness.judge(self.mark(), self.record.uid, status.signal)
        if sent_by is not None and not sent_by.by_kernel:
            return by, sent_by
        # Only for a main process that was killed: the kernel may have shot a child while the main one failed by itself.
        if status.signal == "SIGKILL" and self.cgroup is not None and self.cgroup.oom_kills() > 0:
            return Sender.KERNEL_OOM, None
        return by, sent_by

    def kill_cgroup(self) -> bool:
        """Kill all that is in the life's cgroup; False when it has none, or the kernel refused."""
        if self.cgroup is None:
            return False
        try:
            self.cgroup.kill()
        except OSError:
            return False  # the walk is slower and does the same
        return True
