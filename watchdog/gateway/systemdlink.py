"""The one way to systemd, shared by all units: subscribed, reconnecting, and honest about silence.

Theory of operation. Every unit registers an ear. Whenever there is a connection, the link subscribes, hears jobs and
each unit's properties, and tells every ear to look again, because what was signalled meanwhile is lost. dbus-daemon
that was restarted ends the connection; systemd that executes itself anew keeps it and forgets nothing, but says
"reloading" before and after, so that is a reason to look, too.

Invariant: the loss of the bus is told as such (`SystemdObserved`, after half a minute) and never as anything about a
gateway; an ear hears only what systemd said.
Deliberately not here: what a job or a property means for a gateway (unit.py).
"""

import asyncio
import functools
import time
from collections.abc import Mapping
from typing import Any, Protocol

from watchdog.core.events import HostShutdownBegan, SystemdObserved
from watchdog.gateway.backend import Report
from watchdog.gateway.bus import SYSTEMD, BusLost, BusRefused, Call, Match, Signal, UnitBus
from watchdog.gateway.shutdown import LOGIND_MATCH, ShutdownWatch

MANAGER_PATH = "/org/freedesktop/systemd1"
MANAGER = "org.freedesktop.systemd1.Manager"
UNIT = "org.freedesktop.systemd1.Unit"
SERVICE = "org.freedesktop.systemd1.Service"
JOB = "org.freedesktop.systemd1.Job"
PROPERTIES = "org.freedesktop.DBus.Properties"

BEGIN_SECONDS = 20.0
SILENCE_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
"""How long a question waits for a connection that is just being made anew."""
_HANDSHAKE_SECONDS = 2.0
"""Well below what a question waits: a connection that was made while dbus-daemon was being replaced may never be
answered (seen on Debian 13 under load), and the next one is at once."""
_RETRY_FIRST_SECONDS = 0.05
_RETRY_MAX_SECONDS = 5.0
_SIGTERM_SECONDS = 1.0
_TURN_SECONDS = 0.2
_MANAGER_SIGNALS = ("JobNew", "JobRemoved", "Reloading")


class UnitEar(Protocol):
    """Whoever wants to know about one unit. Called on the loop."""

    @property
    def unit(self) -> str:
        """The unit's name."""
        ...

    @property
    def doors(self) -> tuple[str, ...]:
        """Units by which it is started and stopped; of these only the ends of jobs are told."""
        ...

    def hear_properties(self, changed: Mapping[str, Any]) -> None:
        """Some properties of the unit have new values."""
        ...

    def hear_job(self, job_id: int, path: str) -> None:
        """The unit has a job."""
        ...

    def hear_job_end(self, unit: str, job_id: int, result: str) -> None:
        """A job of the unit, or of a door, is over."""
        ...

    def look_again(self) -> None:
        """Anything may have changed."""
        ...


class SystemdLink:
    """Connection, subscription and routing."""

    def __init__(
        self,
        bus: UnitBus,
        report: Report,
        loop: asyncio.AbstractEventLoop,
        *,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._bus = bus
        self._silence_seconds = silence_seconds
        self._report = report
        self._loop = loop
        self._ears: dict[str, UnitEar] = {}
        """By object path of the unit."""
        self._jobs: dict[str, UnitEar] = {}
        """By name of the unit and of its doors."""
        self._shutdown = ShutdownWatch(self, report)
        self._open = asyncio.Event()
        self._retry_seconds = _RETRY_FIRST_SECONDS
        self._connection = 0
        """How many there were: what was asked of an earlier one says nothing about this."""
        self._retry_timer: asyncio.TimerHandle | None = None
        self._handshake_timer: asyncio.TimerHandle | None = None
        self._silent_since: float | None = None
        self._reason = ""
        self._silence_timer: asyncio.TimerHandle | None = None
        self._closed = False

    # -- beginning and ending --------------------------------------------------------------------------------------

    def add(self, ear: UnitEar) -> None:
        """Register a unit, before `begin`."""
        self._ears[unit_path(ear.unit)] = ear
        for name in (ear.unit, *ear.doors):
            self._jobs[name] = ear

    def begin(self, within_seconds: float = BEGIN_SECONDS) -> None:
        """Connect and wait for it, without the loop.

        Raises:
            BusLost: no connection in that time; the text says what to look at.
        """
        end = time.monotonic() + within_seconds
        self._connect()
        while not self.is_open:
            left = end - time.monotonic()
            if left <= 0:
                reason = self._reason or "the bus takes connections and does not answer"
                raise BusLost(f"systemd cannot be spoken to: {reason}. Look at: systemctl status dbus.socket dbus")
            if self._retry_timer is not None:  # the loop is not running, so no timer goes off
                time.sleep(min(left, self._retry_seconds))
                self._connect()
            self._bus.turn(min(left, _TURN_SECONDS))

    async def close(self) -> None:
        """Let go of systemd. Nothing that was asked of it is undone."""
        self._closed = True
        self._cancel_timers()
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        self._shutdown.close()
        self._bus.close()

    # -- asking ----------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether there is a connection. Not whether anybody answers."""
        return self._open.is_set()

    def ask_soon(self, call: Call) -> "asyncio.Future[Any]":
        """Ask now; the future fails with BusLost at once when there is no connection."""
        answer = self._bus.ask(call)
        if call.destination != SYSTEMD:
            return answer  # logind's silence, or its absence, says nothing about systemd
        if answer.done():
            self._note(answer)
        else:
            self._note_silence("no answer yet")
            answer.add_done_callback(self._note)
        return answer

    async def ask(self, call: Call) -> Any:
        """Ask, waiting a few seconds for a connection that is being made anew.

        Raises:
            BusLost: no connection, or no answer.
            BusRefused: systemd said no.
        """
        if not self.is_open:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await self._open.wait()
            except TimeoutError as error:
                raise BusLost(self._reason or "there is no connection to the system bus") from error
        return await self.ask_soon(call)

    def ask_now(self, call: Call, within_seconds: float) -> Any:
        """Ask and wait, without the loop: for the daemon's first look and its last.

        Raises:
            BusLost: no connection, or no answer in that time.
            BusRefused: systemd said no.
        """
        answer = self.ask_soon(call)
        end = time.monotonic() + within_seconds
        while not answer.done():
            left = end - time.monotonic()
            if left <= 0:
                raise BusLost(f"systemd did not answer within {within_seconds:.0f} s")
            self._bus.turn(left)
        return answer.result()

    def shutdown_under_way(self) -> HostShutdownBegan | None:
        """Say whether the host goes down, for a daemon that is being stopped. Holds the loop for a second at most."""
        return self._shutdown.judge_sigterm(_SIGTERM_SECONDS)

    async def is_stopping(self) -> bool:
        """Tell whether systemd is on its way down; if so, that is reported."""
        return await self._shutdown.is_stopping()

    # -- what the bus tells ----------------------------------------------------------------------------------------

    def bus_opened(self) -> None:
        """See `BusListener.bus_opened`."""
        try:
            for member in _MANAGER_SIGNALS:
                self._bus.listen(Match(path=MANAGER_PATH, interface=MANAGER, member=member))
            self._bus.listen(LOGIND_MATCH)
            for path in self._ears:
                self._bus.listen(Match(path=path, interface=PROPERTIES, member="PropertiesChanged"))
        except BusLost:
            return  # the bus says so in its turn, and the next connection begins from the top
        subscribed = self._bus.ask(Call(path=MANAGER_PATH, interface=MANAGER, method="Subscribe"))
        # Of an answer that is there already the future tells a turn of the loop later: too late for `begin`, and
        # perhaps when this connection is gone.
        if subscribed.done():
            self._subscribed(subscribed)
        else:
            subscribed.add_done_callback(functools.partial(self._subscribed_late, self._connection))

    def _subscribed_late(self, connection: int, answer: "asyncio.Future[Any]") -> None:
        if connection == self._connection and not self._closed:
            self._subscribed(answer)

    def _subscribed(self, answer: "asyncio.Future[Any]") -> None:
        failure = answer.exception()
        if failure is not None and not isinstance(failure, BusRefused):
            self._note_silence(str(failure))
            self._bus.close()
            self._retry()
            return
        self._cancel_timers()
        self._retry_seconds = _RETRY_FIRST_SECONDS
        self._open.set()
        self._note_answer()
        self._report(SystemdObserved(reachable=True))
        self._shutdown.look_again()
        self._all_look_again()

    def bus_lost(self, reason: str) -> None:
        """See `BusListener.bus_lost`."""
        self._open.clear()
        self._connection += 1
        self._reason = reason
        self._note_silence(reason)
        self._retry()

    def hear(self, signal: Signal) -> None:
        """See `BusListener.hear`."""
        match signal.match.member, signal.body:
            case "PropertiesChanged", [_, dict(changed), *_]:
                self._ears[signal.match.path].hear_properties(changed)
            case "JobNew", [int(job_id), str(path), str(unit)]:
                ear = self._jobs.get(unit)
                if ear is not None and unit == ear.unit:
                    ear.hear_job(job_id, path)
                self._shutdown.hear_job(unit)
            case "JobRemoved", [int(job_id), _, str(unit), str(result)]:
                ear = self._jobs.get(unit)
                if ear is not None:
                    ear.hear_job_end(unit, job_id, result)
            case "Reloading", False:
                self._all_look_again()
            case "PrepareForShutdown", bool(begins):
                self._shutdown.prepare(begins=begins)
            case _:
                pass

    def _all_look_again(self) -> None:
        for ear in self._ears.values():
            ear.look_again()

    # -- connecting again ------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._cancel_timers()
        if self._closed:
            return
        self._connection += 1
        try:
            self._bus.open(self)
        except BusLost as lost:
            self.bus_lost(str(lost))
        else:
            self._handshake_timer = self._loop.call_later(_HANDSHAKE_SECONDS, self._handshake_hangs)

    def _handshake_hangs(self) -> None:
        self._bus.close()
        self.bus_lost("the bus takes connections and does not answer")

    def _retry(self) -> None:
        self._cancel_timers()
        if not self._closed:
            self._retry_timer = self._loop.call_later(self._retry_seconds, self._connect)
            self._retry_seconds = min(2 * self._retry_seconds, _RETRY_MAX_SECONDS)

    def _cancel_timers(self) -> None:
        for timer in (self._retry_timer, self._handshake_timer):
            if timer is not None:
                timer.cancel()
        self._retry_timer = self._handshake_timer = None

    # -- silence ---------------------------------------------------------------------------------------------------

    def _note(self, answer: "asyncio.Future[Any]") -> None:
        if answer.cancelled():
            return  # whoever asked has gone
        failure = answer.exception()
        if isinstance(failure, BusLost):
            self._note_silence(str(failure))
        else:
            self._note_answer()

    def _note_answer(self) -> None:
        self._reason = ""
        self._silent_since = None
        timer, self._silence_timer = self._silence_timer, None
        if timer is not None:
            timer.cancel()

    def _note_silence(self, reason: str) -> None:
        self._reason = reason
        if self._silent_since is None and not self._closed:
            self._silent_since = self._loop.time()
            self._silence_timer = self._loop.call_later(self._silence_seconds, self._tell_silence)

    def _tell_silence(self) -> None:
        self._silence_timer = None
        detail = f"no answer for {self._silence_seconds:.0f} s: {self._reason}"
        self._report(SystemdObserved(reachable=False, detail=detail))


def unit_path(unit: str) -> str:
    """Name the object of a unit as systemd does: everything but letters and digits escaped."""
    name = "".join(
        chr(byte)
        if chr(byte).isascii() and chr(byte).isalnum() and not (first and chr(byte).isdigit())
        else f"_{byte:02x}"
        for first, byte in ((index == 0, byte) for index, byte in enumerate(unit.encode()))
    )
    return f"/org/freedesktop/systemd1/unit/{name or '_'}"


def get_property(path: str, interface: str, name: str) -> Call:
    """Ask for one property."""
    return Call(path=path, interface=PROPERTIES, method="Get", signature="ss", arguments=(interface, name))


def get_all(path: str, interface: str) -> Call:
    """Ask for all properties of an interface."""
    return Call(path=path, interface=PROPERTIES, method="GetAll", signature="s", arguments=(interface,))
