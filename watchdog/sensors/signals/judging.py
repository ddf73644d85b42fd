"""Which signal ended a life, and who its sender is to it.

Theory of operation. A gateway that handles SIGTERM ends with a status, or sends the signal to itself once more to end
by it, so the signal that began an ending is looked for some time back, and one that the process sent to itself counts
last. Who the sender is follows from the cgroup that the kernel noted, and from the process tree where it could still be
read.

Invariant: pure. `Sender.HUMAN` means the scope of a login session that nothing ties to the gateway, and is a note for
people: it makes no ending asked. What cannot be told is `UNKNOWN`.
"""

import re
import signal
from collections.abc import Iterable

from watchdog.core.endings import Sender, SignalSender
from watchdog.core.peer import UNSET_ID
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass
from watchdog.origin import procfs
from watchdog.origin.marks import LifeMark
from watchdog.sensors.signals.senders import SeenSender, plain

GRACE_USEC = 30 * SECOND
"""How long a gateway may take to end after a signal that it handles, to be told as its consequence."""
ASKING = tuple(int(each) for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM))
"""By these one asks a program to end, and it may do so with a status of its own."""
CRASHES = tuple(int(each) for each in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV))
"""A process that sends these to itself crashes; it does not end itself on purpose."""
ENDING = (*ASKING, *CRASHES, *(int(each) for each in (signal.SIGKILL, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTRAP)))
"""What is looked for at all. Others end nothing that was written to run for long."""

_SESSION = re.compile(r"/user\.slice/user-(\d+)\.slice/session-[^/]+\.scope(/|$)")
_UNITS = (".service", ".scope", ".socket", ".mount", ".swap")
_MANAGER = "/init.scope"
_TEXT_MAX = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A life that has ended, and what is known about it."""

    mark: LifeMark
    uid: int
    """The account it ran under; -1: not known."""
    signal: int | None
    """What it ended by; None: with a status."""
    since_usec: int
    """CLOCK_MONOTONIC, when it began to be watched: what is older was sent to another process of its number."""
    at_usec: int
    """When its end was seen."""
    number: int
    """Its main process, as the kernel counts on the host."""
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where gatedog itself stands."""

    pid: int
    cgroup: str


def find_signal(seen: Iterable[SeenSender], ended: Ended) -> SeenSender | None:
    """Pick the signal that began the ending; `seen` is in no order, and may hold one twice."""
    wanted = ASKING if ended.signal is None else (ended.signal,)
    found = [
        each
        for each in seen
        if each.sample.target == ended.number
        and each.sample.signal in wanted
        and each.sample.at_usec >= max(ended.since_usec, ended.at_usec - GRACE_USEC)
    ]
    by_others = [each for each in found if each.sample.by_kernel or each.sample.sender != ended.mark.process.pid]
    by_itself = [each for each in found if each not in by_others]
    first = min(by_others, key=lambda each: each.sample.at_usec, default=None)
    return first or max(by_itself, key=lambda each: each.sample.at_usec, default=None)


def judge(seen: SeenSender, ended: Ended, standing: Standing) -> Sender:
    """Say who the sender is to the life that it ended."""
    sample, mark = seen.sample, ended.mark
    if sample.by_kernel:
        return Sender.UNKNOWN
    if sample.sender == mark.process.pid:
        return Sender.UNKNOWN if sample.signal in CRASHES else Sender.SELF
    if sample.sender == standing.pid:
        return Sender.GATEDOG
    if _is_inside(seen, mark, standing):
        return Sender.SUPERVISED
    if _is_peer(seen, ended, standing):
        return Sender.PEER_INSTANCE
    return _by_place(seen, ended, standing)


def describe(seen: SeenSender) -> SignalSender:
    """Write a sender down for the record."""
    sample = seen.sample
    return SignalSender(
        signal=procfs.signal_name(sample.signal),
        pid=sample.sender,
        comm=seen.comm,
        cgroup=plain(seen.cgroup, procfs.PATH_MAX),
        unit=plain(unit_of(seen.cgroup), _TEXT_MAX),
        uid=seen.uid,
        by_kernel=sample.by_kernel,
    )


def unit_of(cgroup: str) -> str:
    """Name the unit of a cgroup: the outermost, since what lies below it is named by whoever it was given to."""
    return next((part for part in cgroup.split("/") if part.endswith(_UNITS)), "")


def _is_inside(seen: SeenSender, mark: LifeMark, standing: Standing) -> bool:
    """Tell whether the sender is of the life. A cgroup that gatedog is in itself tells nobody apart."""
    if mark.process.pid in seen.lineage:
        return True
    if mark.audit_session not in (UNSET_ID, 0) and seen.audit_session == mark.audit_session:
        return True
    if not mark.cgroup or mark.cgroup == "/" or procfs.is_within(standing.cgroup, (mark.cgroup,)):
        return False
    return 0 < seen.sample.cgroup_id == mark.cgroup_id or procfs.is_within(seen.cgroup, (mark.cgroup,))


def _is_peer(seen: SeenSender, ended: Ended, standing: Standing) -> bool:
    """Tell whether the sender is another instance: of the same program, or another life that gatedog started."""
    if ended.command and seen.command == ended.command:
        return True
    lives = ended.mark.cgroup.rpartition("/")[0]
    ours = lives.rpartition("/")[0] == standing.cgroup.rstrip("/") and bool(lives)
    return ours and procfs.is_within(seen.cgroup, (lives,))


def _by_place(seen: SeenSender, ended: Ended, standing: Standing) -> Sender:
    """Judge by the sender's cgroup alone."""
    cgroup, unit = seen.cgroup, unit_of(seen.cgroup)
    if cgroup == _MANAGER and seen.sample.sender == 1:
        return Sender.HOST
    session = _SESSION.match(cgroup)
    if session is not None:
        own = int(session[1]) == ended.uid or seen.uid == ended.uid
        return Sender.UNKNOWN if own else Sender.HUMAN
    if not unit.endswith(".service") or unit == unit_of(standing.cgroup):
        return Sender.UNKNOWN
    if unit.startswith("user@") and (
        unit == f"user@{ended.uid}.service" or not _innermost(cgroup).endswith(".service")
    ):
        return Sender.UNKNOWN  # its own account's, or a program of a desktop
    return Sender.SECOND_MANAGER


def _innermost(cgroup: str) -> str:
    return next((part for part in reversed(cgroup.split("/")) if part.endswith(_UNITS)), "")
