"""Sees signals being sent to the gateways, and says afterwards who ended a life.

Theory of operation. On the host the kernel is told to write down only what is sent to the main processes, and is told
anew whenever one begins or ends. In a container the tracepoint speaks of processes by their numbers on the host, which
nobody in a container knows. There all signals of the host that end programs are written down, and a second event, in
the main process alone, tells its number at the latest when the signal reaches it.

The rings are read as signals come in, because a sender can be looked at only while it lives, and once more when an end
is judged: what ended a process was written before it died.

Invariant: memory and work are bounded (SEEN_MAX, _BATCH); a flood of signals costs the oldest that were remembered, and
`lost` counts what the kernel had no room for. Nothing here raises after the witness was made: what cannot be seen
is unknown.
"""

import asyncio
import os
import signal
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path

from watchdog.core.endings import Sender, SignalSender
from watchdog.core.identity import ProcessRef
from watchdog.origin import procfs
from watchdog.origin.marks import LifeMark
from watchdog.sensors.signals.cgroupnames import CgroupNames
from watchdog.sensors.signals.judging import ENDING, GRACE_USEC, Ended, Standing, describe, find_signal, judge
from watchdog.sensors.signals.perf import FILTER_BYTES_MAX, HostTrace, PerfRefused, TaskTrace
from watchdog.sensors.signals.samples import SignalSample, count_lost, parse_sample, parse_traced
from watchdog.sensors.signals.senders import SeenSender, look_at_sender, read_command

SEEN_MAX = 256
_BATCH = 64
"""Records of one processor that are taken in one go; when there are more, the next go waits for _PAUSE_SECONDS."""
_PAUSE_SECONDS = 0.05
_LOOKS_MAX = 8
"""Senders that are looked at in one go: a look is a dozen files of /proc."""
_FORGET_SECONDS = 1.0
_LEARN_SECONDS = 2.0
"""A program that has just begun is a launcher until then, and may still be about to name itself."""
_WITHOUT_IGNORED = "result!=1"
_SIGNALS = "||".join(f"sig=={number}" for number in sorted(ENDING))

Tracepoints = tuple[int, int]
"""The kernel's numbers of signal:signal_generate and signal:signal_deliver."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Watched:
    """A main process whose signals are looked for."""

    process: ProcessRef
    since_usec: int
    delivered: TaskTrace | None = None
    """In a container: what tells its number on the host."""
    number: int = 0
    """As the kernel counts on the host; 0: not known yet."""
    command: tuple[str, ...] = ()
    timer: asyncio.TimerHandle | None = None


class SignalWitness:
    """Watches main processes. Lives on the loop it is made in."""

    def __init__(self, tracepoints: Tracepoints, loop: asyncio.AbstractEventLoop) -> None:
        """Open the rings; nothing is watched yet.

        Raises:
            PerfRefused: the kernel does not let us; the text says why.
        """
        generated, self._delivered = tracepoints
        self._loop = loop
        self._trace = HostTrace(generated)
        self._in_container = not is_host_namespace()
        self._watched: dict[ProcessRef, _Watched] = {}
        self._seen: deque[SeenSender] = deque(maxlen=SEEN_MAX)
        self.lost = 0
        """Records that the kernel had no room for."""
        self._armed = ""
        self._arming = False
        self._standing = Standing(pid=os.getpid(), cgroup=_own_cgroup())
        self._names = CgroupNames(procfs.find_cgroup_mount(), _now_usec)
        try:
            self._trace.arm("pid==0")  # tried once, so that a refusal is known now
        except PerfRefused:
            self._trace.close()
            raise
        self._trace.disarm()
        self._pausing: asyncio.TimerHandle | None = None
        self._listen()

    def watch(self, process: ProcessRef) -> None:
        """Look for signals to this main process from now on."""
        if process in self._watched:
            return
        watched = _Watched(process=process, since_usec=_now_usec(), number=0 if self._in_container else process.pid)
        if self._in_container:
            watched.delivered = self._trace_deliveries(process)
        watched.timer = self._loop.call_later(_LEARN_SECONDS, self._learn, watched)
        self._watched[process] = watched
        self._arm_soon()

    def judge(self, mark: LifeMark, uid: int, ended_by: str | None) -> tuple[Sender, SignalSender | None]:
        """Say who ended a life, by a signal or (None) with a status; `uid` is the account it ran under, -1: unknown."""
        watched = self._watched.get(mark.process)
        if watched is None:
            return Sender.UNKNOWN, None
        self._take(SEEN_MAX)
        ended = Ended(
            mark=mark,
            uid=uid,
            signal=None if ended_by is None else _number(ended_by),
            since_usec=watched.since_usec,
            at_usec=_now_usec(),
            number=self._number_of(watched),
            command=watched.command,
        )
        found = find_signal(self._seen, ended)
        if found is None:
            return Sender.UNKNOWN, None
        if not found.cgroup:
            found = look_at_sender(found.sample, self._names)
        return judge(found, ended, self._standing), describe(found)

    def forget(self, process: ProcessRef) -> None:
        """Look for signals to it no more."""
        watched = self._watched.pop(process, None)
        if watched is not None:
            self._release(watched)
            self._loop.call_later(_FORGET_SECONDS, self._arm)  # a start follows on a death, and arms anyway

    def close(self) -> None:
        """Look for nothing more, and give everything back."""
        for watched in self._watched.values():
            self._release(watched)
        self._watched.clear()
        self._deafen()
        if self._pausing is not None:
            self._pausing.cancel()
        self._trace.close()

    # -- telling the kernel ----------------------------------------------------------------------------------------

    def _arm_soon(self) -> None:
        """Not at once: this stands between a death and the next start."""
        if not self._arming:
            self._arming = True
            self._loop.call_soon(self._arm)

    def _arm(self) -> None:
        self._arming = False
        for watched in self._watched.values():
            if not watched.command:
                self._learn(watched)
        wanted = self._predicate()
        if wanted == self._armed or not self._trace.descriptors:
            return
        try:
            if wanted:
                self._trace.arm(wanted)
            else:
                self._trace.disarm()
        except PerfRefused:
            return  # what was watched before is watched on; the next begin or end tries again
        self._armed = wanted

    def _predicate(self) -> str:
        if not self._watched:
            return ""
        every = f"({_SIGNALS})&&{_WITHOUT_IGNORED}"
        if self._in_container:
            return every
        chosen = "||".join(f"pid=={process.pid}" for process in self._watched)
        narrow = f"{every}&&({chosen})"
        return narrow if len(narrow) <= FILTER_BYTES_MAX else every

    def _trace_deliveries(self, process: ProcessRef) -> TaskTrace | None:
        try:
            return TaskTrace(self._delivered, process.pid, _SIGNALS)
        except OSError:
            return None  # it is gone already, or there are no descriptors: then nobody will be named

    # -- listening -------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._pausing = None
        for descriptor in self._trace.descriptors:
            self._loop.add_reader(descriptor, self._hear)
        self._hear()  # what was written meanwhile wakes nobody again

    def _deafen(self) -> None:
        for descriptor in self._trace.descriptors:
            self._loop.remove_reader(descriptor)

    def _hear(self) -> None:
        if self._take(_BATCH) >= _BATCH:
            self._deafen()
            self._pausing = self._loop.call_later(_PAUSE_SECONDS, self._listen)

    def _take(self, limit: int) -> int:
        """Take in at most `limit` records of each processor; return how many there were."""
        count = looks = 0
        for record in self._trace.read(limit):
            count += 1
            self.lost += count_lost(record)
            sample = parse_sample(record)
            if sample is not None and all(each.sample != sample for each in self._seen):
                known = self._known(sample)
                looks += known is None and sample.sender > 0
                seen = known or look_at_sender(sample, self._names, briefly=looks > _LOOKS_MAX)
                self._seen.append(replace(seen, sample=sample))
        return count

    def _known(self, sample: SignalSample) -> SeenSender | None:
        """Find a sender that was looked at already."""
        for seen in self._seen:
            same = seen.sample.sender == sample.sender and seen.sample.cgroup_id == sample.cgroup_id
            if same and seen.cgroup and sample.at_usec - seen.sample.at_usec < GRACE_USEC:
                return seen
        return None

    def _number_of(self, watched: _Watched) -> int:
        if not watched.number and watched.delivered is not None:
            for record in watched.delivered.read(_BATCH):
                watched.number = parse_traced(record) or watched.number
        return watched.number or -1

    def _learn(self, watched: _Watched) -> None:
        """Take note of what will be gone, or be changed, when it has ended."""
        watched.command = read_command(watched.process.pid)
        try:
            self._names.learn(procfs.read_cgroup(watched.process.pid))
        except OSError:
            return  # it has ended

    def _release(self, watched: _Watched) -> None:
        if watched.timer is not None:
            watched.timer.cancel()
        if watched.delivered is not None:
            watched.delivered.close()


def is_host_namespace() -> bool:
    """Tell whether this process counts pids as the kernel itself does."""
    return Path("/proc/self/ns/pid").stat().st_ino == _HOST_NAMESPACE


_HOST_NAMESPACE = 0xEFFFFFFC
"""PROC_PID_INIT_INO: the inode of the first pid namespace, fixed in the kernel."""


def _number(name: str) -> int:
    """Undo gateway's naming of a signal: "SIGTERM", or "SIG40" for a real-time one."""
    found = getattr(signal, name, None)
    return int(found) if isinstance(found, signal.Signals) else int(name.removeprefix("SIG"))


def _own_cgroup() -> str:
    try:
        return procfs.read_cgroup(os.getpid())
    except OSError:
        return ""


def _now_usec() -> int:
    return time.monotonic_ns() // 1_000
