"""Programs run beside a gateway, with its eyes and never with more than its rights: exec probes (law 11).

Theory of operation. A child gateway's program starts the way the gateway does (launch.py): under its account, with its
surroundings, from a launcher that waits at a gate while it is put into a cgroup of its own. When it has ended, or is
no longer wanted, everything in the cgroup is killed; without cgroups the walk of tree.py does it. For a gateway that is
a unit, systemd runs the program in gatedog-observe@.service, and only its output can be seen.

Invariants: at most OUTPUT_BYTES are kept, and a program that prints more is ended for it; when `run` returns or raises,
nothing of the program is left, as far as the kernel can be made to. Deliberately not here: what its end means.
"""

import asyncio
import itertools
import os
import signal
from collections.abc import Mapping
from dataclasses import replace

from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.values import dataclass
from watchdog.gateway.cgroup import GatewayCgroup, LifeCgroup, gateway_cgroup
from watchdog.gateway.launch import Gate, LaunchRefused, plan_launch, spawn
from watchdog.gateway.observe import Observer, StartUnit
from watchdog.gateway.orphans import Orphans
from watchdog.gateway.process import Status, has_ended, peek_status, read_stat, reap, send_signal
from watchdog.gateway.tree import LifeTree
from watchdog.origin.procfs import read_boot

OUTPUT_BYTES = 64 * 1024
_READ_BYTES = 16 * 1024
_KILL_USEC = 2_000_000
_WAIT_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEnd:
    """How a program ended, and what it printed. Neither code nor signal: only its output could be seen."""

    code: int | None = None
    signal: str | None = None
    output: bytes = b""
    overflowed: bool = False


class ChildPrograms:
    """Programs beside a child gateway. One for each gateway."""

    def __init__(
        self,
        gateway: GatewayName,
        command: CommandPolicy,
        orphans: Orphans,
        *,
        environment: Mapping[str, str],
        inherit_environment: bool = False,
    ) -> None:
        """`environment` is the daemon's own; what the gateway gets of it, a program beside it gets."""
        self._gateway = gateway
        self._command = command
        self._orphans = orphans
        self._environment = environment
        self._inherit = inherit_environment
        self._boot = read_boot()
        self._numbers = itertools.count(1)
        self._cgroups: GatewayCgroup | None = gateway_cgroup(gateway, f"beside-{os.getpid()}")

    async def run(self, name: str, argv: tuple[str, ...]) -> ProgramEnd:
        """Run a program to its end. Cancelled, it ends it first.

        Raises:
            OSError: it could not be started.
        """
        number = next(self._numbers)
        try:
            launch = plan_launch(
                replace(self._command, argv=argv), own=self._environment, inherit_all=self._inherit, extra={}
            )
            read, write = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(read, False)  # our end only: a program whose output is not taken at once must wait
            try:
                with self._orphans.birth():
                    gate = spawn(launch, write)
                    self._orphans.keep(gate.pid)
            except LaunchRefused:
                os.close(read)
                raise
            finally:
                os.close(write)
        except LaunchRefused as refused:
            raise OSError(f"it was not started: {refused}") from refused
        running = _Running(gate, read, self._orphans)
        try:
            running.hold(self._boot)
            cgroup = None if self._cgroups is None else self._cgroups.make(LifeId(number))
            mark = f"{self._gateway}/beside-{name}-{number}"
            await running.contain(cgroup, mark, launch.account.uid)
            return await running.finish()
        finally:
            await running.clear()

    def close(self) -> None:
        """Remove the cgroups. Call when no program runs."""
        if self._cgroups is not None:
            self._cgroups.clean()
            self._cgroups.remove()


class _Running:
    """One program under way."""

    def __init__(self, gate: Gate, output: int, orphans: Orphans) -> None:
        self._gate: Gate | None = gate
        self._pid = gate.pid
        self._output = output
        self._orphans = orphans
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._printed = bytearray()
        self._pidfd = -1
        self._cgroup: LifeCgroup | None = None
        self._tree: LifeTree | None = None
        self._process: ProcessRef | None = None

    def hold(self, boot: BootId) -> None:
        """Take hold of the process. Raises OSError."""
        self._pidfd = os.pidfd_open(self._pid)
        stat = read_stat(self._pid)
        if stat is None:
            raise OSError("it was not started: it was gone at once")
        self._process = ProcessRef(pid=self._pid, start_ticks=stat.start_ticks, boot=boot)

    async def contain(self, cgroup: LifeCgroup | None, mark: str, uid: int) -> None:
        """Put the waiting program into its cgroup, and let it begin."""
        if self._process is not None:
            self._tree = LifeTree(
                main=self._process, uid=uid, mark=f"GATEDOG_LIFE={mark}".encode(), orphans=self._orphans, adopted=False
            )
        if cgroup is not None:
            try:
                await asyncio.to_thread(cgroup.admit, self._pid)  # an RCU grace period: too long for the loop
                self._cgroup = cgroup
            except OSError:
                cgroup.remove()
        self._loop.add_reader(self._output, self._read)
        self._loop.add_reader(self._pidfd, self._ended)
        if self._gate is not None:
            gate, self._gate = self._gate, None
            gate.open(mark)

    async def finish(self) -> ProgramEnd:
        """Wait for the end, or for too much output."""
        await self._over.wait()
        self._read()  # what it printed last
        if len(self._printed) > OUTPUT_BYTES:
            return ProgramEnd(output=bytes(self._printed[:OUTPUT_BYTES]), overflowed=True)
        found = None if self._process is None else peek_status(self._pidfd, self._process)
        status = found if found is not None else Status()
        return ProgramEnd(code=status.code, signal=status.signal, output=bytes(self._printed))

    async def clear(self) -> None:
        """End all that is left of it and give everything back."""
        for descriptor in (self._output, self._pidfd):
            if descriptor >= 0:
                self._loop.remove_reader(descriptor)
        os.close(self._output)
        if self._gate is not None:
            self._gate.abandon()
        if self._pidfd >= 0:
            send_signal(self._pidfd, signal.SIGKILL)
            await self._kill_rest()
            reap(self._pidfd)
            os.close(self._pidfd)
        self._orphans.release(self._pid)
        if self._cgroup is not None:
            self._cgroup.remove()

    async def _kill_rest(self) -> None:
        if self._cgroup is not None:
            try:
                self._cgroup.kill()
            except OSError:
                self._cgroup = None
        if self._cgroup is None and self._tree is not None:
            await self._tree.kill(deadline_usec=_KILL_USEC)
        end = self._loop.time() + _KILL_USEC / 1_000_000
        while self._loop.time() < end:
            if has_ended(self._pidfd) and not (self._cgroup is not None and self._cgroup.is_populated()):
                return
            await asyncio.sleep(_WAIT_SECONDS)

    def _read(self) -> None:
        while len(self._printed) <= OUTPUT_BYTES:
            try:
                came = os.read(self._output, _READ_BYTES)
            except BlockingIOError:
                return
            if not came:
                self._loop.remove_reader(self._output)
                return
            self._printed += came
        self._loop.remove_reader(self._output)
        self._over.set()

    def _ended(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._over.set()


class UnitPrograms:
    """Programs beside a gateway that is a unit: the commands of its `observe` table, by name."""

    def __init__(self, policy: GatewayPolicy, start_unit: StartUnit) -> None:
        self._observers = {
            name: Observer(replace(policy, observe=((name, argv),)), start_unit) for name, argv in policy.observe
        }

    async def run(self, name: str, argv: tuple[str, ...]) -> ProgramEnd:  # noqa: ARG002 - setup wrote the unit's argv
        """Run the command of that name to its end. Raises OSError."""
        observer = self._observers.get(name)
        if observer is None:
            raise OSError(f"there is no command {name!r} in the gateway's observe table. Look at: gatedog policy check")
        (glimpse,) = await observer.look()
        if glimpse.trouble:
            raise OSError(glimpse.trouble)
        return ProgramEnd(output=glimpse.output, overflowed=glimpse.is_cut)
