"""A life whose main process is held by a pidfd: what children and units have in common.

Invariant: every question about the main process is answered for the process that was taken hold of, never for a later
one of its number. Deliberately not here: how a life begins and how it is ended, which tells a child from a unit.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from watchdog.core.identity import ProcessRef
from watchdog.core.selfrestart import SelfRestartSeen
from watchdog.gateway.cgroup import LifeCgroup
from watchdog.gateway.image import ExecWatch
from watchdog.gateway.lives import LifeRecord
from watchdog.gateway.process import has_ended
from watchdog.gateway.readiness import ReadinessWatch
from watchdog.gateway.witness import NoWitness, Witness
from watchdog.origin.marks import LifeMark


@dataclass(slots=True, kw_only=True, eq=False)
class HeldLife(ABC):
    """A life that runs, or has just ended. `pidfd` -1: it was gone before it could be held."""

    record: LifeRecord
    pidfd: int
    cgroup: LifeCgroup | None
    witness: Witness = field(default_factory=NoWitness)
    """Who sees the signals that are sent to it."""
    watch: ReadinessWatch | None = None
    execs: ExecWatch = field(init=False)
    ending: bool = False
    """The exit was seen and its report is under way."""
    signalled: bool = False
    """We asked for or made the ending."""

    def __post_init__(self) -> None:
        self.execs = ExecWatch(self.process, self.pidfd, self.record.image)
        if self.pidfd >= 0:
            self.witness.watch(self.process)

    @abstractmethod
    def audit_session(self) -> int:
        """Say by which audit session what it starts is recognised; UNSET_ID where there is none of its own."""

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
            audit_session=self.audit_session(),
        )

    def mark_ready(self) -> None:
        """Take note that it serves; one that was seen to has begun for certain, and executes nothing more unasked."""
        self.record = replace(self.record, ready=True)
        if self.watch is not None and self.watch.is_evidence:
            self.execs.settle()

    def look_inside(self, report: Callable[[SelfRestartSeen], None]) -> bool:
        """Report an exec in place of a life that is ready; True when its record is to be written again."""
        if not self.record.ready:
            return False
        is_news = self.execs.tell(self.record.gateway, report)
        self.record = replace(self.record, image=self.execs.image)
        return is_news
