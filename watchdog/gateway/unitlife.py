"""One life of a unit: its main process, held by a pidfd, and what the kernel and systemd know it by.

Invariant: the pidfd is the process that systemd called the main one. It is opened by number, and only then systemd is
asked again: as long as systemd names that number, it has not reaped the process, so nobody else can have got it.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from watchdog.core.endings import ExitRecord, Sender
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.gateway.cgroup import LifeCgroup, find_cgroup
from watchdog.gateway.lives import LifeRecord
from watchdog.gateway.process import Status, has_ended, read_stat
from watchdog.gateway.readiness import ReadinessWatch
from watchdog.gateway.unitlook import UnitLook
from watchdog.origin.marks import LifeMark

_LAUNCH_FAILURES = range(200, 243)
"""Exit statuses by which systemd says that it could not make the process what the unit asks for (systemd.exec(5))."""
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True, kw_only=True, eq=False)
class UnitLife:
    """A life that runs, or has just ended."""

    record: LifeRecord
    pidfd: int
    cgroup: LifeCgroup | None
    ours: bool
    """Whether gatedog started it, now or in an earlier daemon."""
    watch: ReadinessWatch | None = None
    ending: bool = False
    signalled: bool = False
    """We asked for the ending."""

    @property
    def process(self) -> ProcessRef:
        """The main process."""
        return self.record.process

    @property
    def has_ended(self) -> bool:
        """Whether the main process is gone, or a zombie."""
        return has_ended(self.pidfd)

    def mark(self) -> LifeMark:
        """Say how the kernel recognises this life."""
        return LifeMark(
            gateway=self.record.gateway,
            life=self.record.life,
            cgroup_id=0 if self.cgroup is None else self.cgroup.identity(),
            cgroup="" if self.cgroup is None else self.cgroup.name,
            process=self.process,
        )

    def sender(self, look: UnitLook | None, by_job: Sender | None) -> Sender:
        """Say who ended it, as far as that is known."""
        if self.signalled:
            return Sender.GATEDOG
        if look is not None and look.ended_pid == self.process.pid and look.result in _RESULTS:
            return _RESULTS[look.result]
        return by_job if by_job is not None else Sender.UNKNOWN

    def let_go(self, ended: ExitRecord) -> None:
        """Bury the main process."""
        if self.watch is not None:
            self.watch.close()
        os.close(self.pidfd)
        self.record = replace(self.record, exit=ended)


_RESULTS = {"oom-kill": Sender.KERNEL_OOM, "watchdog": Sender.WATCHDOG}


def take_hold(pid: int, boot: BootId) -> tuple[ProcessRef, int] | None:
    """Open the process of this number; None when it is gone, or the number is 0: systemd's word for no process."""
    if pid == 0:
        return None
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    stat = read_stat(pid)
    if stat is None:
        os.close(pidfd)
        return None
    return ProcessRef(pid=pid, start_ticks=stat.start_ticks, boot=boot), pidfd


def begin_life(
    gateway: GatewayName, life: LifeId, held: tuple[ProcessRef, int], look: UnitLook, earlier: LifeRecord | None
) -> UnitLife:
    """Make the life of a process that is held. `earlier` is its record, where an earlier daemon wrote one."""
    process, pidfd = held
    cgroup = find_cgroup(process.pid)
    record = earlier or LifeRecord(
        gateway=gateway,
        life=life,
        process=process,
        argv=(),
        directory="",
        user=look.user,
        uid=_owner(process.pid),
        environment_names=(),
        log="",
        cgroup_folder="" if cgroup is None else str(cgroup.folder),
        cgroup_name="" if cgroup is None else cgroup.name,
        invocation=look.invocation,
    )
    return UnitLife(record=record, pidfd=pidfd, cgroup=cgroup, ours=life > 0)


def passing_process(look: UnitLook, boot: BootId, suspended_usec: int) -> ProcessRef:
    """Name a main process that was gone before anybody could look: its start as systemd measured it, in ticks."""
    began = look.main_began_monotonic_usec + suspended_usec
    return ProcessRef(pid=look.ended_pid, start_ticks=began * _TICKS_PER_SECOND // 1_000_000, boot=boot)


def passing_record(
    gateway: GatewayName, life: LifeId, process: ProcessRef, look: UnitLook, last_line: str
) -> LifeRecord:
    """Write down a life of ours that was gone before anybody could look."""
    by = _RESULTS.get(look.result, Sender.UNKNOWN)
    return LifeRecord(
        gateway=gateway,
        life=life,
        process=process,
        argv=(),
        directory="",
        user=look.user,
        uid=-1,
        environment_names=(),
        log="",
        invocation=look.invocation,
        exit=exit_record(look.ended, by, last_line=last_line, was_ready=False),
    )


def exit_record(status: Status, by: Sender, *, last_line: str = "", was_ready: bool) -> ExitRecord:
    """Write down an ending."""
    failed_launch = status.code in _LAUNCH_FAILURES and not was_ready
    detail = f"systemd could not run the program (status {status.code}, see systemd.exec(5))" if failed_launch else ""
    return ExitRecord(
        code=status.code,
        signal=status.signal,
        by=by,
        last_line=last_line,
        detail=detail,
        launch_failed=failed_launch,
    )


def _owner(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return -1
