"""D-Bus to systemd and logind: calls, answers and signals of one connection, on the event loop.

Theory of operation. pystemd's `call_method` sends a message and waits for its answer inside C code that keeps the
interpreter locked, so a thread would not help: while PID 1 reads all unit files again, nothing of the daemon could
run for up to 25 s. Instead the connection is opened with a patience of 100 ms. A call that is answered sooner (nearly
all, within 0.1 ms) has its answer on the spot; for one that is not, `sd_bus_call` gives up, and the answer comes out
of `process()` later, as a message that nobody claimed, with the serial number of the call. The handshake is driven the
same way, by `process()` alone, because `sd_bus_call` on a connection that is not ready waits for as long as it takes.

One connection for calls and signals, because its order is knowledge: what systemd signalled before it answered is
delivered before the answer. So one small question after a death brings everything that systemd said about it.

Invariant: nothing here holds the loop for longer than `PATIENCE`, and no callback runs inside libsystemd: what arrives
is queued there and delivered from here. Deliberately not here: what any of it means (systemdlink.py, unit.py), and
reconnecting. This is the only module that imports pystemd, and only when a bus is opened: child gateways need none.
"""

import asyncio
import errno
import importlib.util
import os
import select
import sys
import time
import types
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from watchdog.core.values import dataclass

SYSTEMD = "org.freedesktop.systemd1"
PATIENCE = "100ms"
"""How long a call holds the loop at most; in systemd's spelling, for `_TIMEOUT_VARIABLE`."""
_TIMEOUT_VARIABLE = "SYSTEMD_BUS_TIMEOUT"
"""The only way by which libsystemd takes a patience from outside. It is read once for each connection, at `open`."""
ANSWER_SECONDS = 25.0
"""A call without an answer by then will have none."""
_HELLO_SERIAL = 1
_IDLE_ROUNDS = 3
"""`process()` does not say whether it did something, so the queue counts as empty after this many quiet calls."""
_METHOD_RETURN = 2
_METHOD_ERROR = 3
_SIGNAL = 4
_GONE = frozenset({errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE, errno.ESTALE, errno.ECHILD, errno.EBADF})
_UNANSWERED = frozenset({"DBusNoReplyError", "DBusServiceUnknownError", "DBusNameHasNoOwnerError"})
"""The broker's own answers when the one who was asked is not there: systemd that executes itself anew, for one."""

NO_PYSTEMD = (
    "gatedog speaks to systemd through pystemd, which cannot be used here ({reason}). "
    "Install it beside gatedog: pip install pystemd, of the same environment (it needs libsystemd, and to build it "
    "libsystemd-dev, gcc and pkg-config)"
)


class BusLost(Exception):  # noqa: N818 - a fact about the world; whoever asked decides what it means
    """There is no connection, or the one who was asked gave no answer. Nothing is known about what was asked."""


class BusRefused(Exception):  # noqa: N818 - an answer
    """The one who was asked said no; the text is theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One method call. `signature` and `arguments` are D-Bus's: "ss" takes two strings."""

    path: str
    interface: str
    method: str
    signature: str = ""
    arguments: tuple[str | int, ...] = ()
    destination: str = SYSTEMD
    gives_descriptor: bool = False
    """The answer is a file descriptor, from then on the caller's to close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Signals to hear: one member of one interface of one object."""

    path: str
    interface: str
    member: str
    sender: str = SYSTEMD


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A signal that arrived. `body` holds its arguments: str, int, bool, float, list, tuple and dict."""

    match: Match
    body: Any


class BusListener(Protocol):
    """Who is told what arrives. Called on the loop, never from within libsystemd."""

    def hear(self, signal: Signal) -> None:
        """Take a signal, in the order of arrival."""
        ...

    def bus_opened(self) -> None:
        """Ask and listen from here on."""
        ...

    def bus_lost(self, reason: str) -> None:
        """The connection is gone, and every question that was open has failed with BusLost."""
        ...


class UnitBus(Protocol):
    """One connection, opened at most once at a time."""

    def open(self, listener: BusListener) -> None:
        """Begin to connect; `bus_opened` or `bus_lost` follows.

        Raises:
            BusLost: there is nothing to connect to.
        """
        ...

    def listen(self, match: Match) -> None:
        """Hear these signals from now on.

        Raises:
            BusLost: the connection is gone.
        """
        ...

    def ask(self, call: Call) -> "asyncio.Future[Any]":
        """Call a method. The future holds the answer, often at once, or fails with BusRefused or BusLost."""
        ...

    def turn(self, seconds: float) -> None:
        """Wait at most so long for something to arrive and deliver it, without the loop: for the daemon's start."""
        ...

    def close(self) -> None:
        """Close the connection; nothing is told."""
        ...


class PystemdBus:
    """The system bus by way of libsystemd. Implements `UnitBus`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, library: "BusLibrary | None" = None) -> None:
        """Load pystemd, unless another library is given. Build it before there are threads: the environment grows.

        Raises:
            BusLost: pystemd or libsystemd is not here; the text says how to get it.
        """
        self._loop = loop
        self._library = library if library is not None else load_pystemd()
        # An entry that exists is replaced in place later on; adding one while a thread resolves a name is a race in
        # libc. Empty means "the default" to libsystemd, so programs that inherit it notice nothing.
        os.environ.setdefault(_TIMEOUT_VARIABLE, "")
        self._bus: Any = None
        self._descriptor = -1
        self._listener: BusListener | None = None
        self._is_open = False
        self._serial = 0
        """Of the newest message that we sent."""
        self._open_calls: dict[int, tuple[Call, asyncio.Future[Any]]] = {}
        """By serial number: those whose answer did not come on the spot."""
        self._callbacks: list[Callable[..., None]] = []
        """libsystemd holds their bare addresses: whoever lets one go before its connection has a dangling pointer."""
        self._arrived: deque[Callable[[], None]] = deque()
        self._heard = 0
        self._delivering = False

    # -- the connection --------------------------------------------------------------------------------------------

    def open(self, listener: BusListener) -> None:
        """See `UnitBus.open`."""
        bus = self._library.DBus()
        usual = os.environ[_TIMEOUT_VARIABLE]
        os.environ[_TIMEOUT_VARIABLE] = PATIENCE
        try:
            bus.open()
        except self._library.DBusBaseError as error:
            raise BusLost(f"the system bus cannot be reached: {_text(error)}") from error
        finally:
            os.environ[_TIMEOUT_VARIABLE] = usual
        self._bus, self._listener, self._serial, self._is_open = bus, listener, _HELLO_SERIAL, False
        self._descriptor = bus.get_fd()
        self._loop.add_reader(self._descriptor, self._read)
        self._loop.call_soon(self._read)

    def close(self) -> None:
        """See `UnitBus.close`."""
        bus, self._bus = self._bus, None
        if bus is None:
            return
        self._loop.remove_reader(self._descriptor)
        bus.close()
        self._callbacks.clear()
        self._is_open = False
        calls, self._open_calls = self._open_calls, {}
        for _, answer in calls.values():
            _fail(answer, BusLost("the connection to the system bus was closed"))

    def _lose(self, reason: str) -> None:
        listener = self._listener
        if self._bus is None or listener is None:
            return
        self.close()
        self._arrived.append(lambda: listener.bus_lost(reason))
        self._loop.call_soon(self._deliver)

    # -- asking ----------------------------------------------------------------------------------------------------

    def listen(self, match: Match) -> None:
        """See `UnitBus.listen`."""

        def arrived(message: Any, error: object = None, userdata: object = None) -> None:  # noqa: ARG001 - pystemd's
            message.process_reply(False)  # noqa: FBT003 - pystemd's "with headers"
            self._queue(Signal(match=match, body=_plain(message.body)))

        self._callbacks.append(arrived)
        words = (match.sender, match.path, match.interface, match.member)
        try:
            self._usable().match_signal(*(word.encode() for word in words), arrived)
        except self._library.DBusBaseError as error:
            self._lose(f"signals cannot be heard: {_text(error)}")
            raise BusLost(f"signals cannot be heard: {_text(error)}") from error
        self._serial += 1

    def ask(self, call: Call) -> "asyncio.Future[Any]":
        """See `UnitBus.ask`."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        arguments = [word.encode() if isinstance(word, str) else word for word in call.arguments]
        names = (call.destination, call.path, call.interface, call.method)
        try:
            marshalled = self._library.apply_signature(call.signature.encode(), arguments)
            reply = self._usable().call_method(*(name.encode() for name in names), marshalled)
        except BusLost as lost:
            _fail(answer, lost)
        except self._library.DBusBaseError as error:
            self._serial += 1
            self._not_answered(call, answer, error)
        else:
            self._serial = reply.get_reply_cookie()
            # What arrived before the answer is delivered before the answer is looked at.
            self._read()
            answer.set_result(_result(call, reply.body))
        return answer

    def _not_answered(self, call: Call, answer: "asyncio.Future[Any]", error: Any) -> None:
        number = -int(error.errno)
        if number in (errno.ETIMEDOUT, errno.ETIME):
            serial = self._serial
            self._open_calls[serial] = (call, answer)
            self._loop.call_later(ANSWER_SECONDS, self._give_up, serial)
            self._loop.call_soon(self._read)
        elif number in _GONE:
            _fail(answer, BusLost(_text(error)))
            self._lose(_text(error))
        elif type(error).__name__ in _UNANSWERED:
            _fail(answer, BusLost(_text(error)))
        else:
            _fail(answer, BusRefused(_text(error)))
            self._loop.call_soon(self._read)

    def _give_up(self, serial: int) -> None:
        _, answer = self._open_calls.pop(serial, (None, None))
        if answer is not None:
            _fail(answer, BusLost(f"no answer within {ANSWER_SECONDS:.0f} s"))

    def _usable(self) -> Any:
        if self._bus is None or not self._is_open:
            raise BusLost("there is no connection to the system bus")
        return self._bus

    # -- what arrives ----------------------------------------------------------------------------------------------

    def turn(self, seconds: float) -> None:
        """See `UnitBus.turn`."""
        if self._bus is None:
            time.sleep(min(seconds, 0.05))
        else:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            poll.poll(seconds * 1000)
            self._read()
        self._deliver()

    def _read(self) -> None:
        quiet = 0
        while quiet < _IDLE_ROUNDS and self._bus is not None:
            heard = self._heard
            try:
                message = self._bus.process()
            except self._library.DBusBaseError as error:
                self._lose(f"the connection to the system bus ended: {_text(error)}")
                return
            if not message.is_empty():
                self._take(message)
                quiet = 0
            elif self._heard != heard:
                quiet = 0
            else:
                quiet += 1
        self._deliver()

    def _take(self, message: Any) -> None:
        """Look at a message that no match claimed: a late answer, or the first word of the broker."""
        kind = message.get_type()
        if kind == _SIGNAL and not self._is_open:
            # NameAcquired, which follows the answer to Hello. There is no other way to see that without waiting.
            self._is_open = True
            if self._listener is not None:
                self._arrived.append(self._listener.bus_opened)
        elif kind in (_METHOD_RETURN, _METHOD_ERROR):
            call, answer = self._open_calls.pop(message.get_reply_cookie(), (None, None))
            if call is None or answer is None:
                return  # it came after we had stopped waiting
            message.process_reply(False)  # noqa: FBT003 - pystemd's "with headers"
            if kind == _METHOD_RETURN:
                result = _result(call, message.body)
                self._arrived.append(lambda: None if answer.done() else answer.set_result(result))
            else:
                said = str(_plain(message.body))
                self._arrived.append(lambda: _fail(answer, BusRefused(said)))

    def _queue(self, signal: Signal) -> None:
        self._heard += 1
        listener = self._listener
        if listener is not None:
            self._arrived.append(lambda: listener.hear(signal))

    def _deliver(self) -> None:
        """Hand on what has arrived, in its order; whoever asks from within a delivery is served by the same loop."""
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._arrived:
                self._arrived.popleft()()
        finally:
            self._delivering = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BusLibrary:
    """The parts of pystemd that are used here."""

    DBus: Any
    DBusBaseError: type[Exception]
    apply_signature: Callable[[bytes, list[Any]], Any]


def load_pystemd() -> BusLibrary:
    """Import pystemd's two compiled modules without its package: that would load lxml as well, 6 MiB for nothing."""
    found = importlib.util.find_spec("pystemd")
    if found is None or found.submodule_search_locations is None:
        raise BusLost(NO_PYSTEMD.format(reason="it is not installed"))
    if "pystemd" not in sys.modules:
        bare = types.ModuleType("pystemd")
        bare.__path__ = list(found.submodule_search_locations)
        bare.__spec__ = found
        sys.modules["pystemd"] = bare
    try:
        from pystemd.dbusexc import DBusBaseError  # noqa: PLC0415 - child gateways need no libsystemd
        from pystemd.dbuslib import DBus, apply_signature  # noqa: PLC0415 - as above
    except ImportError as error:
        raise BusLost(NO_PYSTEMD.format(reason=str(error))) from error
    return BusLibrary(DBus=DBus, DBusBaseError=DBusBaseError, apply_signature=apply_signature)


def _result(call: Call, body: Any) -> Any:
    """Take what was answered out of its message; libsystemd closes a descriptor with the message."""
    return os.dup(body) if call.gives_descriptor else _plain(body)


def _plain(value: Any) -> Any:
    """Turn pystemd's bytes into text, at any depth."""
    match value:
        case bytes():
            return value.decode("utf-8", errors="replace")
        case list():
            return [_plain(each) for each in value]
        case tuple():
            return tuple(_plain(each) for each in value)
        case dict():
            return {_plain(key): _plain(each) for key, each in value.items()}
        case _:
            return value


def _text(error: Any) -> str:
    said = error.err_message
    text = said.decode("utf-8", errors="replace") if isinstance(said, bytes) else str(said)
    return text or os.strerror(abs(int(error.errno)))


def _fail(answer: "asyncio.Future[Any]", why: Exception) -> None:
    if not answer.done():
        answer.set_exception(why)
        answer.exception()  # somebody may have stopped waiting, and that is no news for a log
