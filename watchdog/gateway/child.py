"""The gateway as a direct child: the backend of a host without systemd.

Theory of operation. `start` launches behind a gate (launch.py), writes the life record, joins the cgroup and lets
the program begin: all of it synchronously, because a death must be answered within 4 ms. The exit arrives through a
pidfd on the event loop, for own children and for adopted ones alike. What the main process left behind is killed
before its exit is reported, so that the next life does not meet it at the port; that may delay the report by a
fifth of a second and no more. After a crash of the daemon, `recover` reads the records and claims what still runs.

Invariant: nothing that runs is killed without an order, the remains of an ended life excepted. Should two lives of
one gateway be found alive (two daemons, once), the newest is the gateway; the older ones are named by `life_marks`
and by the refusal to start over them.
Deliberately not here: when to start, how often, and what an ending means (core/).
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from watchdog.core.decisions import KillGateway, StartGateway, StopGateway
from watchdog.core.events import (
    ActionFailed,
    Failure,
    GatewayObserved,
    GatewayReady,
    LimitReached,
    MainProcessExited,
    MainProcessStarted,
    Starter,
)
from watchdog.core.identity import ActionId, BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.gateway.backend import Report
from watchdog.gateway.cgroup import LifeCgroup
from watchdog.gateway.evidence import write_evidence
from watchdog.gateway.launch import LaunchRefused, find_account
from watchdog.gateway.launcher import Launcher, Surroundings
from watchdog.gateway.lives import LifeFolder, LifeRecord
from watchdog.gateway.logwatch import LogWatch
from watchdog.gateway.orphans import Orphans
from watchdog.gateway.output import last_line, remove_log
from watchdog.gateway.process import Status, has_ended, open_pidfd, peek_status, read_age_usec
from watchdog.gateway.readiness import NotifySocket, ReadinessWatch, speaks
from watchdog.gateway.running import RunningLife
from watchdog.gateway.tree import LifeTree
from watchdog.origin.marks import LifeMark
from watchdog.origin.procfs import read_boot

_LIVES_KEPT = 20
_TIDY_SECONDS = 0.05
"""The chores of an exit wait this long, so that they do not stand between a death and the next start."""


class ChildBackend:
    """One child gateway. Implements `Backend`."""

    def __init__(
        self,
        policy: GatewayPolicy,
        surroundings: Surroundings,
        report: Report,
        loop: asyncio.AbstractEventLoop,
        orphans: Orphans,
        log_watch: LogWatch | None = None,
    ) -> None:
        """Prepare folders and cgroup; start and touch nothing. `orphans` and `log_watch` are the daemon's one.

        Raises:
            ValueError: the policy names no command, or the gateway's name cannot be a file name.
            OSError: the state folder cannot be written.
        """
        if policy.command is None or not policy.name or "/" in policy.name or policy.name.startswith("."):
            raise ValueError(f"gateway {policy.name!r} is no child gateway. Look at: gatedog policy check")
        self.name: GatewayName = policy.name
        self._policy = policy
        self._command: CommandPolicy = policy.command
        self._surroundings = surroundings
        self._report = report
        self._loop = loop
        self._orphans = orphans
        self._log_watch = log_watch
        self._boot: BootId = read_boot()
        self._folder = LifeFolder(folder=surroundings.state_folder / "lives" / policy.name)
        self._folder.prepare()
        self._launcher = Launcher(policy, surroundings, orphans, self._folder, self._boot)
        self._notify: NotifySocket | None = None
        self.hear: Callable[[GatewayName, bytes], None] | None = None
        """Called with what a process of the present life says over its notify socket."""
        self._running: dict[LifeId, RunningLife] = {}
        self._ended: list[RunningLife] = []
        """Newest last; their processes may still exist."""
        self._untidy: list[RunningLife] = []
        self._last_life: LifeId | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tidy_timer: asyncio.TimerHandle | None = None

    # -- looking ---------------------------------------------------------------------------------------------------

    def recover(self) -> GatewayObserved:
        """Claim the lives that still run, clear the remains of those that do not."""
        lives = self._folder.lives()
        self._last_life = lives[0] if lives else None
        for life in lives[:_LIVES_KEPT]:
            record = self._folder.read(life)
            if record is not None and record.process.boot == self._boot and life not in self._running:
                self._claim(record)
        self._launcher.clean()
        self._prune()
        return self.observe()

    def observe(self) -> GatewayObserved:
        """See `Backend.observe`. A process counts as running until its exit was reported."""
        for life in tuple(self._running.values()):
            if life.has_ended:
                self._exited(life)
            elif life.look_inside(self._report):
                self._tidy_later(life)
        current = self._current()
        if current is None:
            return GatewayObserved(gateway=self.name, process=None, life=self._last_life)
        return GatewayObserved(
            gateway=self.name,
            process=current.record.process,
            life=current.record.life,
            traceable=current.is_traceable,
        )

    def life_marks(self) -> tuple[LifeMark, ...]:
        """See `Backend.life_marks`."""
        running = sorted(self._running.values(), key=lambda life: life.record.life, reverse=True)
        return tuple(life.mark() for life in (*running, *reversed(self._ended)))

    def collect(self, life: LifeId, into: Path, limit_bytes: int) -> None:
        """See `Backend.collect`. A life of which no record is left leaves no evidence."""
        known = {each.record.life: each.record for each in (*self._running.values(), *self._ended)}
        record = known.get(life) or self._folder.read(life)
        if record is not None:
            write_evidence(record, into, limit_bytes)

    # -- orders ----------------------------------------------------------------------------------------------------

    def start(self, order: StartGateway) -> None:
        """See `Backend.start`. An order already carried out is answered again, not carried out twice."""
        current = self._current()
        if current is not None and current.record.life == order.life:
            self._report_started(current)
        elif current is not None:
            others = ", ".join(f"life {each} as pid {self._running[each].record.process.pid}" for each in self._running)
            self._fail(order.action, Failure.STALE, f"{self.name} was not started: it runs already ({others})")
        elif self._folder.has(order.life):
            self._fail(order.action, Failure.STALE, f"life {order.life} of {self.name} has been, and has ended")
        else:
            try:
                self._hear_ready()
                born = self._launcher.launch(self._command, order.life)
            except LaunchRefused as refused:
                self._fail(order.action, Failure.SPAWN, f"{self.name} was not started: {refused}")
            else:
                life = self._watch(born.record, born.pidfd, None, adopted=False)
                self._report_started(life)
                if self._launcher.can_contain:
                    life.containing = self._spawn_task(self._contain(life))

    def stop(self, order: StopGateway) -> None:
        """See `Backend.stop`."""
        life = self._find(order.process, order.action)
        if life is None:
            return
        name = self._policy.stop.signal
        try:
            life.stop(signal.Signals[name])
        except KeyError:
            detail = f"{self.name} was not stopped: there is no signal {name!r}. Correct `stop.signal` in policy.toml"
            self._fail(order.action, Failure.REFUSED, detail)
        except PermissionError as error:
            self._fail(order.action, Failure.REFUSED, life.why_not_signalled(error))

    def kill(self, order: KillGateway) -> None:
        """See `Backend.kill`."""
        life = self._find(order.process, order.action)
        if life is not None:
            self._spawn_task(self._kill(life, order.action))

    # -- chores ----------------------------------------------------------------------------------------------------

    def tend(self) -> None:
        """See `Backend.tend`."""
        self._orphans.reap()
        self._launcher.stand_down()
        for life in self._running.values():
            self._bound_log(life)
        if self._untidy:
            self._tidy()

    def _bound_log(self, life: RunningLife) -> None:
        if not life.bound_log(self._command.log_bytes_max):
            self._report(LimitReached(limit="log", subject=self.name, dropped=0))

    async def close(self) -> None:
        """See `Backend.close`. The next daemon claims what runs."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tidy_timer is not None:
            self._tidy_timer.cancel()
        self._tidy()
        if self._notify is not None:
            self._notify.close()
        for life in self._running.values():
            if life.watch is not None:
                life.watch.close()
            self._loop.remove_reader(life.pidfd)
            os.close(life.pidfd)
        self._running.clear()
        self._launcher.close()

    # -- beginning -------------------------------------------------------------------------------------------------

    async def _contain(self, life: RunningLife) -> None:
        tree = self._tree(life.record, adopted=False)
        life.cgroup = await self._loop.run_in_executor(None, self._launcher.contain, life.record, tree)
        life.containing = None

    def _claim(self, record: LifeRecord) -> None:
        """Take over a life that an earlier daemon started."""
        cgroup = (
            LifeCgroup(folder=Path(record.cgroup_folder), name=record.cgroup_name) if record.cgroup_folder else None
        )
        pidfd = open_pidfd(record.process, self._boot)
        if pidfd is not None and not has_ended(pidfd):
            if cgroup is not None and not cgroup.holds(record.process.pid):
                cgroup = None  # the earlier daemon died before it had moved the life
            self._orphans.keep(record.process.pid)
            self._hear_ready_again()
            life = self._watch(record, pidfd, cgroup, adopted=True)
            if record.ready and life.watch is not None:
                self._loop.call_soon(life.watch.show)
            return
        if pidfd is not None:
            os.close(pidfd)
        if cgroup is not None and cgroup.identity():
            # Ended while nobody looked. Without a cgroup, the number of its session may be a stranger's by now.
            ended = RunningLife(record=record, pidfd=-1, tree=self._tree(record, adopted=True), cgroup=cgroup)
            ended.kill_cgroup()
            self._ended.append(ended)
            self._untidy.append(ended)

    def _watch(self, record: LifeRecord, pidfd: int, cgroup: LifeCgroup | None, *, adopted: bool) -> RunningLife:
        tree, witness = self._tree(record, adopted=adopted), self._surroundings.witness
        life = RunningLife(record=record, pidfd=pidfd, tree=tree, cgroup=cgroup, witness=witness)
        self._running[record.life] = life
        self._last_life = max(record.life, self._last_life or record.life)
        self._loop.add_reader(pidfd, self._exited, life)
        if self._log_watch is not None:
            self._log_watch.add(Path(record.log), lambda: self._bound_log(life))
        age_usec = read_age_usec(record.process) if adopted else 0
        life.watch = ReadinessWatch(
            self._policy.ready, age_usec=age_usec, report=lambda: self._ready(life), loop=self._loop, mark=life.mark
        )
        return life

    def _tree(self, record: LifeRecord, *, adopted: bool) -> LifeTree:
        mark = self._launcher.mark(record.life).encode()
        return LifeTree(main=record.process, uid=record.uid, mark=mark, orphans=self._orphans, adopted=adopted)

    # -- readiness -------------------------------------------------------------------------------------------------

    def _hear_ready(self) -> None:
        if not speaks(self._policy) or self._notify is not None:
            return
        uid = find_account(self._command.user).uid
        try:
            self._notify = NotifySocket(self._launcher.notify_path, uid, self._loop)
        except OSError as error:
            raise LaunchRefused(self._launcher.no_place(error)) from error
        self._notify.hear = self._said

    def _hear_ready_again(self) -> None:
        try:
            self._hear_ready()
        except LaunchRefused:
            return  # the adopted life stays "not ready", which core reports in its time; the next start says why

    def _said(self, pid: int, message: bytes) -> None:
        for life in self._running.values():
            if life.holds(pid) and life.watch is not None:
                life.watch.hear(message)
                if self.hear is not None:
                    self.hear(self.name, message)

    def _ready(self, life: RunningLife) -> None:
        life.mark_ready()
        self._report(GatewayReady(gateway=self.name, process=life.record.process))
        self._tidy_later(life)

    # -- ending ----------------------------------------------------------------------------------------------------

    def _exited(self, life: RunningLife) -> None:
        if life.ending:
            return
        life.ending = True
        self._launcher.stand_by(self._command)  # if no start follows, `tend` sends it away
        self._loop.remove_reader(life.pidfd)
        status = peek_status(life.pidfd, life.record.process)
        if status is not None and not life.leaves_something():
            self._finish(life, status)
        else:
            self._spawn_task(self._finish_when_clear(life, status))

    async def _finish_when_clear(self, life: RunningLife, status: Status | None) -> None:
        is_clear = await life.clear()
        self._finish(life, status if status is not None else await life.late_status())
        if not is_clear:
            await life.tree.kill(deadline_usec=2_000_000)

    def _finish(self, life: RunningLife, status: Status) -> None:
        ended = life.let_go(status, last_line(Path(life.record.log)))
        self._orphans.release(life.record.process.pid)
        del self._running[life.record.life]
        self._ended = [*self._ended[1 - _LIVES_KEPT :], life]
        self._report(MainProcessExited(gateway=self.name, process=life.record.process, exit=ended))
        self._tidy_later(life)

    async def _kill(self, life: RunningLife, action: ActionId) -> None:
        try:
            all_gone = await life.kill()
        except PermissionError as error:
            self._fail(action, Failure.REFUSED, life.why_not_signalled(error))
            return
        if not all_gone and life.record.life in self._running and not life.has_ended:
            self._fail(action, Failure.TIMEOUT, life.why_not_dead())

    # -- small parts -----------------------------------------------------------------------------------------------

    def _current(self) -> RunningLife | None:
        return self._running[max(self._running)] if self._running else None

    def _find(self, process: ProcessRef, action: ActionId) -> RunningLife | None:
        for life in self._running.values():
            if life.record.process == process:
                return life
        self._fail(action, Failure.STALE, f"{self.name} does not run as pid {process.pid} any more")
        return None

    def _report_started(self, life: RunningLife) -> None:
        record = life.record
        self._report(
            MainProcessStarted(gateway=self.name, process=record.process, life=record.life, starter=Starter.GATEDOG)
        )

    def _fail(self, action: ActionId, failure: Failure, detail: str) -> None:
        self._report(ActionFailed(gateway=self.name, action=action, failure=failure, detail=detail))

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _tidy_later(self, life: RunningLife) -> None:
        if life not in self._untidy:
            self._untidy.append(life)
        if self._tidy_timer is None:
            self._tidy_timer = self._loop.call_later(_TIDY_SECONDS, self._tidy)

    def _tidy(self) -> None:
        """Save records that changed, remove cgroups that emptied and lives too old to keep.

        What cannot be done yet waits for `tend`. Pruning does not: when it did, a gateway whose lives ended tidily left
        the record and log of each behind until the daemon was started again.
        """
        self._tidy_timer = None
        self._untidy = [life for life in self._untidy if not self._is_tidy(life)]
        self._prune()
        if self._running:
            self._launcher.plan(self._command)

    def _is_tidy(self, life: RunningLife) -> bool:
        try:
            self._folder.write(life.record)
        except OSError:
            return False
        if life.record.life not in self._running:
            self._bound_log(life)
        if life.record.life in self._running or life.cgroup is None:
            return True
        if not life.cgroup.remove():
            return False
        self._ended = [each for each in self._ended if each is not life]
        return True

    def _prune(self) -> None:
        for life in self._folder.lives()[_LIVES_KEPT:]:
            if life not in self._running:
                self._folder.remove(life)
                remove_log(self._launcher.logs / f"{life}.log")
