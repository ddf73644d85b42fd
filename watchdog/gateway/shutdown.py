"""The host goes down, or has thought better of it.

Theory of operation. logind says so first (PrepareForShutdown) and waits a moment for whoever holds a delay lock; we
hold one, so the journal has it before the first process dies. Without logind, or where a shutdown goes past it
(`systemctl start reboot.target`, `halt -f`), a job of shutdown.target or our own SIGTERM is the first sign, and
systemd's own word for its state decides: it says "stopping" from the moment that job exists.

Invariant: a shutdown is told once; it is called off only by logind's word.
"""

import asyncio
import os
from typing import Any, Protocol

from watchdog.core.events import HostShutdownBegan, HostShutdownCancelled
from watchdog.gateway.backend import Report
from watchdog.gateway.bus import BusLost, BusRefused, Call, Match

_LOGIND = "org.freedesktop.login1"
_LOGIND_PATH = "/org/freedesktop/login1"
_LOGIND_MANAGER = "org.freedesktop.login1.Manager"
LOGIND_MATCH = Match(path=_LOGIND_PATH, interface=_LOGIND_MANAGER, member="PrepareForShutdown", sender=_LOGIND)
_STATE = Call(
    path="/org/freedesktop/systemd1",
    interface="org.freedesktop.DBus.Properties",
    method="Get",
    signature="ss",
    arguments=("org.freedesktop.systemd1.Manager", "SystemState"),
)
_INHIBIT = Call(
    destination=_LOGIND,
    path=_LOGIND_PATH,
    interface=_LOGIND_MANAGER,
    method="Inhibit",
    signature="ssss",
    arguments=("shutdown", "gatedog", "notes that what ends now was asked to", "delay"),
    gives_descriptor=True,
)
_SHUTDOWN_UNIT = "shutdown.target"
_LOCK_HELD_SECONDS = 0.5
"""Long enough for the journal to commit, short enough for nobody to notice."""


class Asking(Protocol):
    """What is needed of the link."""

    def ask_soon(self, call: Call) -> "asyncio.Future[Any]":
        """Ask at once."""
        ...

    def ask_now(self, call: Call, within_seconds: float) -> Any:
        """Ask and wait without the loop."""
        ...


class ShutdownWatch:
    """Hears of shutdowns and tells of them. One for each link."""

    def __init__(self, link: Asking, report: Report) -> None:
        self._link = link
        self._report = report
        self._told = False
        self._suspected = False
        self._lock = -1
        self._tasks: set[asyncio.Task[Any]] = set()

    def prepare(self, *, begins: bool) -> None:
        """Take logind's word."""
        if begins:
            self._tell("logind announced it")
            asyncio.get_running_loop().call_later(_LOCK_HELD_SECONDS, self._release)
        elif self._told:
            self._told = False
            self._report(HostShutdownCancelled())
            self.look_again()

    def hear_job(self, unit: str) -> None:
        """Look closer when the target of every shutdown has a job."""
        if unit == _SHUTDOWN_UNIT and not self._told:
            self._suspected = True
            self._spawn(self.is_stopping())

    async def is_stopping(self) -> bool:
        """Ask systemd whether it is on its way down, and tell."""
        if self._told:
            return True
        try:
            stopping = await self._link.ask_soon(_STATE) == "stopping"
        except (BusLost, BusRefused):
            stopping = self._suspected  # the bus went down with the rest
        if stopping:
            self._tell("systemd is stopping")
        else:
            self._suspected = False
        return self._told

    def judge_sigterm(self, within_seconds: float) -> HostShutdownBegan | None:
        """Say for a daemon that was told to stop whether the host goes down with it; None when that is told already."""
        if self._told:
            return None
        try:
            self._told = self._link.ask_now(_STATE, within_seconds) == "stopping"
        except (BusLost, BusRefused):
            self._told = self._suspected
        return HostShutdownBegan(reason="systemd is stopping") if self._told else None

    def look_again(self) -> None:
        """There is a connection: take the delay lock if it is not held. Without one, shutdowns are only told later."""
        if self._lock < 0 and not self._told:
            self._spawn(self._take_lock())

    def close(self) -> None:
        """Stop watching and let shutdowns pass."""
        for task in self._tasks:
            task.cancel()
        self._release()

    async def _take_lock(self) -> None:
        try:
            descriptor = await self._link.ask_soon(_INHIBIT)
        except (BusLost, BusRefused):
            return  # no logind, or a policy that grants no lock
        self._lock = int(descriptor)

    def _tell(self, reason: str) -> None:
        if not self._told:
            self._told = True
            self._report(HostShutdownBegan(reason=reason))

    def _release(self) -> None:
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
