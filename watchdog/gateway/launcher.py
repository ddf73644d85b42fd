"""Bring one life into the world: environment, log, launcher, record, cgroup, in an order that survives a crash.

Theory of operation. `launch` is synchronous and short, because it stands between a death and the next start. Joining
the cgroup is not in it: moving a process costs the kernel an RCU grace period, 14 ms measured, against 2 ms for all
the rest. `contain` does it from a worker thread while the program begins, then fetches whatever that forked in the
meantime. Nothing gets away in those milliseconds: as subreaper we are the ancestor of all of it.

Invariant: when `launch` returns, the life is on record and its program has only just been allowed to begin; when it
raises, no program ran. A crash at any line between leaves a launcher that ends by itself.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from watchdog.core.identity import BootId, LifeId, ProcessRef
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.values import dataclass
from watchdog.gateway.cgroup import LifeCgroup, gateway_cgroup
from watchdog.gateway.launch import Gate, Launch, LaunchRefused, plan_launch, spawn
from watchdog.gateway.lives import LifeFolder, LifeRecord
from watchdog.gateway.orphans import Orphans
from watchdog.gateway.output import open_log
from watchdog.gateway.process import read_stat
from watchdog.gateway.readiness import speaks
from watchdog.gateway.tree import LifeTree
from watchdog.gateway.witness import NoWitness, Witness

_CATCH_UP_ROUNDS = 8
"""A program that outruns this many rounds is caught when it is killed: the walk looks outside the cgroup, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a child gateway is told of its daemon. `inherit_environment` is for `gatedog run`."""

    state_folder: Path
    runtime_folder: Path
    control_socket: Path
    environment: Mapping[str, str]
    """The daemon's own."""
    inherit_environment: bool = False
    use_cgroups: bool = True
    witness: Witness = field(default_factory=NoWitness)
    """Who sees the signals that are sent to the gateways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Born:
    """A life that has just begun. The pidfd is the receiver's to close."""

    record: LifeRecord
    pidfd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A launcher at its gate; its output goes to a file that gets the life's name with the life."""

    gate: Gate
    process: ProcessRef
    pidfd: int
    launch: Launch
    log: Path


NEXT_LOG = "next.log"


class Launcher:
    """Launches the lives of one gateway."""

    def __init__(
        self, policy: GatewayPolicy, surroundings: Surroundings, orphans: Orphans, folder: LifeFolder, boot: BootId
    ) -> None:
        self._policy = policy
        self._surroundings = surroundings
        self._orphans = orphans
        self._folder = folder
        self._boot = boot
        self._instance = hashlib.sha256(os.fsencode(surroundings.state_folder.absolute())).hexdigest()[:8]
        self._cgroups = gateway_cgroup(policy.name, self._instance) if surroundings.use_cgroups else None
        self._waiting: Waiting | None = None
        self._plan: Launch | None = None
        self._log = -1
        """The log of the next life, opened ahead: making a file waits for a sync that is under way on its disk."""
        self.logs = surroundings.state_folder / "log" / policy.name
        self.notify_path = surroundings.runtime_folder / "notify" / f"{policy.name}.sock"

    @property
    def can_contain(self) -> bool:
        """Whether there is a cgroup tree to put lives in."""
        return self._cgroups is not None

    def contain(self, record: LifeRecord, tree: LifeTree) -> LifeCgroup | None:
        """Move a life into its cgroup, children it forked meanwhile included; None when that cannot be done.

        Runs in a worker thread. The caller must not reap the main process meanwhile: that keeps its pid its own.
        """
        cgroup = None if self._cgroups is None else self._cgroups.make(record.life)
        if cgroup is None:
            return None
        try:
            cgroup.admit(record.process.pid)
        except OSError:
            cgroup.remove()
            return None  # ended at once, or not delegated to us: then this life has none, and its mark says so
        for _ in range(_CATCH_UP_ROUNDS):
            outside = [stat.pid for stat in tree.newcomers() if not cgroup.holds(stat.pid)]
            for pid in outside:
                _join(cgroup, pid)
            if not outside:
                break
        return cgroup

    def clean(self) -> None:
        """Remove the empty cgroups that a crash left behind."""
        if self._cgroups is not None:
            self._cgroups.clean()

    def close(self) -> None:
        """Send a waiting launcher away, and remove the cgroups that are of no more use."""
        self.stand_down()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1
        if self._cgroups is not None:
            self._cgroups.clean()
            self._cgroups.remove()

    def mark(self, life: LifeId) -> str:
        """Spell the life's mark in its environment; with this instance's folder, two may have a gateway of one name."""
        return f"GATEDOG_LIFE={self._mark(life)}"

    def stand_by(self, command: CommandPolicy) -> None:
        """Make a launcher ready before it is known whether it is needed: a shell takes a millisecond to begin."""
        if self._waiting is not None:
            return
        try:
            self._waiting = self._prepare(command)
        except LaunchRefused:
            return  # a start, if there is one, meets the same and says so

    def stand_down(self) -> None:
        """Send a launcher that was not needed away; its program never runs."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._abandon(waiting)

    def launch(self, command: CommandPolicy, life: LifeId) -> Born:
        """Start `life`.

        Raises:
            LaunchRefused: it did not start, and no program ran.
        """
        waiting, self._waiting = self._waiting or self._prepare(command), None
        log = self.logs / f"{life}.log"
        record = self._record(life, waiting, log)
        try:
            waiting.log.rename(log)
            self._folder.write_first(record)
        except OSError as error:
            self._abandon(waiting)
            raise LaunchRefused(self.no_place(error)) from error
        waiting.gate.open(self._mark(life))
        return Born(record=record, pidfd=waiting.pidfd)

    def plan(self, command: CommandPolicy) -> None:
        """Look up ahead of time, off the path of a restart, what the next start needs (user, groups, program, log)."""
        try:
            self._plan = self._made_plan(command)
            if self._waiting is None:  # whose log would be opened twice, and the second time kept beyond its life
                self._log = self._next_log()
        except (LaunchRefused, OSError):
            self._plan = None  # the start looks again, and says what is wrong

    def _next_log(self) -> int:
        log, self._log = self._log, -1
        if log >= 0 and os.fstat(log).st_nlink:
            return log
        if log >= 0:
            os.close(log)  # somebody cleared the folder
        return open_log(self.logs / NEXT_LOG)

    def _made_plan(self, command: CommandPolicy) -> Launch:
        return plan_launch(
            command,
            own=self._surroundings.environment,
            inherit_all=self._surroundings.inherit_environment,
            extra=self._extra(),
        )

    def _prepare(self, command: CommandPolicy) -> Waiting:
        # A plan serves once: a user or program that changed since is seen at the second start at the latest.
        launch, self._plan = self._plan or self._made_plan(command), None
        try:
            log = self._next_log()
        except OSError as error:
            raise LaunchRefused(self.no_place(error)) from error
        try:
            with self._orphans.birth():
                gate = spawn(launch, log)
                self._orphans.keep(gate.pid)
        finally:
            os.close(log)
        process = self._process_of(gate)
        try:
            pidfd = os.pidfd_open(gate.pid)
        except OSError as error:
            gate.abandon()
            self._orphans.release(gate.pid)
            raise LaunchRefused(f"no handle on its process: {error}. Look at: ulimit -n") from error
        return Waiting(gate=gate, process=process, pidfd=pidfd, launch=launch, log=self.logs / NEXT_LOG)

    def _process_of(self, gate: Gate) -> ProcessRef:
        stat = read_stat(gate.pid)
        assert stat is not None, "a child that nobody reaped is in /proc"  # noqa: S101 - a bad program, not a bad world
        return ProcessRef(pid=gate.pid, start_ticks=stat.start_ticks, boot=self._boot)

    def _abandon(self, waiting: Waiting) -> None:
        waiting.gate.abandon()
        os.close(waiting.pidfd)
        self._orphans.release(waiting.gate.pid)  # it ends by itself now and is buried with the orphans

    def no_place(self, error: OSError) -> str:
        """Say that a record, log or socket cannot be made."""
        place = self._surroundings.state_folder
        return f"its record, log or socket cannot be made: {error}. Look at: df {place}; ls -ld {place}"

    def _mark(self, life: LifeId) -> str:
        return f"{self._policy.name}/{life}@{self._instance}"

    def _extra(self) -> dict[str, str]:
        extra = {"GATEDOG_SOCKET": str(self._surroundings.control_socket)}
        if speaks(self._policy):
            extra["NOTIFY_SOCKET"] = str(self.notify_path)
        return extra

    def _record(self, life: LifeId, waiting: Waiting, log: Path) -> LifeRecord:
        launch = waiting.launch
        cgroup = None if self._cgroups is None else self._cgroups.of(life)
        return LifeRecord(
            gateway=self._policy.name,
            life=life,
            process=waiting.process,
            argv=launch.argv,
            directory=launch.directory,
            user=launch.account.name,
            uid=launch.account.uid,
            environment_names=tuple(sorted(launch.environment)),
            log=str(log),
            cgroup_folder="" if cgroup is None else str(cgroup.folder),
            cgroup_name="" if cgroup is None else cgroup.name,
        )


def _join(cgroup: LifeCgroup, pid: int) -> None:
    try:
        cgroup.admit(pid)
    except OSError:
        return  # it ended meanwhile
