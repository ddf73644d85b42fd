"""One life of a unit: its main process, held by a pidfd, and what the kernel and systemd know it by.

Invariant: the pidfd is the process that systemd called the main one. It is opened by number, and only then systemd is
asked again: as long as systemd names that number, it has not reaped the process, so nobody else can have got it.
"""

import os
import pwd
from dataclasses import dataclass, replace
from pathlib import Path

from watchdog.core.endings import ExitRecord, Sender, SignalSender
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.peer import UNSET_ID
from watchdog.gateway.cgroup import find_cgroup
from watchdog.gateway.heldlife import HeldLife
from watchdog.gateway.lives import LifeRecord
from watchdog.gateway.process import Status, read_stat
from watchdog.gateway.unitlook import UnitLook
from watchdog.gateway.witness import Witness
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_audit_id

_LAUNCH_FAILURES = range(200, 243)
"""Exit statuses by which systemd says that it could not make the process what the unit asks for (systemd.exec(5))."""
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True, kw_only=True, eq=False)
class UnitLife(HeldLife):
    """A life that systemd made, for whomever."""

    ours: bool
    """Whether gatedog started it, now or in an earlier daemon."""

    def mark_ready(self) -> None:
        """See HeldLife. By now there is an audit session to be written down."""
        super(UnitLife, self).mark_ready()  # the bare super() knows the class as it was before its slots
        self.audit_session()

    def audit_session(self) -> int:
        """Read it as soon as there is one: systemd makes the process first, and opens its PAM session then."""
        if self.record.audit_session == UNSET_ID and self.record.exit is None:
            found = read_audit_id(self.process.pid, "sessionid")
            if not self.has_ended:  # else the number may be another's
                self.record = replace(self.record, audit_session=found)
        return self.record.audit_session

    def sender(self, status: Status, look: UnitLook, by_job: Sender | None) -> tuple[Sender, SignalSender | None]:
        """Say who ended it, as far as that is known. A job says more than the signal, which systemd sends for it."""
        if self.signalled:
            return Sender.GATEDOG, None
        if look.ended_pid == self.process.pid and look.result in _RESULTS:
            return _RESULTS[look.result], None
        by, sent_by = self.witness.judge(self.mark(), self.record.uid, status.signal)
        return by if by_job is None else by_job, sent_by

    def let_go(self, ended: ExitRecord) -> None:
        """Bury the main process."""
        if self.watch is not None:
            self.watch.close()
        self.witness.forget(self.process)
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
    gateway: GatewayName,
    life: LifeId,
    held: tuple[ProcessRef, int],
    look: UnitLook,
    earlier: LifeRecord | None,
    witness: Witness,
) -> UnitLife:
    """Make the life of a process that is held. `earlier` is its record, where an earlier daemon wrote one."""
    process, pidfd = held
    cgroup = find_cgroup(process.pid)
    record = earlier
    if record is None:
        record = replace(
            _record(gateway, life, process, look),
            uid=_account(look.user, process.pid),
            cgroup_folder="" if cgroup is None else str(cgroup.folder),
            cgroup_name="" if cgroup is None else cgroup.name,
        )
    return UnitLife(record=record, pidfd=pidfd, cgroup=cgroup, ours=life > 0, witness=witness)


def trace_of(record: LifeRecord) -> tuple[LifeMark, ...]:
    """Say how what an ended life left outside of its cgroup is recognised; nothing where it had no audit session."""
    if record.audit_session == UNSET_ID:
        return ()
    return (
        LifeMark(
            gateway=record.gateway,
            life=record.life,
            cgroup_id=0,
            cgroup="",
            process=record.process,
            audit_session=record.audit_session,
        ),
    )


def passing_process(look: UnitLook, boot: BootId, suspended_usec: int) -> ProcessRef:
    """Name a main process that was gone before anybody could look: its start as systemd measured it, in ticks."""
    began = look.main_began_monotonic_usec + suspended_usec
    return ProcessRef(pid=look.ended_pid, start_ticks=began * _TICKS_PER_SECOND // 1_000_000, boot=boot)


def passing_record(
    gateway: GatewayName, life: LifeId, process: ProcessRef, look: UnitLook, last_line: str
) -> LifeRecord:
    """Write down a life of ours that was gone before anybody could look."""
    by = _RESULTS.get(look.result, Sender.UNKNOWN)
    ended = exit_record(look.ended, by, last_line=last_line, was_ready=False)
    return replace(_record(gateway, life, process, look), exit=ended)


def _record(gateway: GatewayName, life: LifeId, process: ProcessRef, look: UnitLook) -> LifeRecord:
    """Write down what systemd says of a run. Command, folder and log are its unit's, and stand in no record."""
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
    )


def exit_record(
    status: Status, by: Sender, sent_by: SignalSender | None = None, *, last_line: str = "", was_ready: bool
) -> ExitRecord:
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
        sent_by=sent_by,
    )


def _account(user: str, pid: int) -> int:
    """Return the uid it runs under: of the unit's User=, because a process of systemd's begins as root."""
    try:
        if user:
            return int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
    except KeyError:
        pass  # DynamicUser=: the name is systemd's alone
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return -1
