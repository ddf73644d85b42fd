"""The bus, with a library in place of pystemd: answers on the spot, late answers, signals in their order, the end."""

import asyncio
import errno
import os
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from watchdog.gateway.bus import BusLibrary, BusLost, BusRefused, Call, Match, PystemdBus, Signal

CALL = Call(path="/o", interface="i.f", method="Do", signature="ss", arguments=("a", 1))
MATCH = Match(path="/o", interface="i.f", member="Changed")
RETURN, ERROR, SIGNAL = 2, 3, 4


class LibraryError(Exception):
    """pystemd's DBusBaseError."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.errno = -number
        self.err_message = message.encode()


class DBusNoReplyError(LibraryError):
    """Of the broker, for one who went away."""


class Message:
    """pystemd's DbusMessage; one without a kind is empty."""

    def __init__(self, kind: int = 0, serial: int = 0, body: object = None) -> None:
        self.kind, self.serial, self.body = kind, serial, body

    def is_empty(self) -> bool:
        return self.kind == 0

    def get_type(self) -> int:
        return self.kind

    def get_reply_cookie(self) -> int:
        return self.serial

    def process_reply(self, with_headers: bool) -> None:
        assert not with_headers


class Connection:
    """pystemd's DBus: what it is asked for is scripted."""

    def __init__(self) -> None:
        self.here, self.there = socket.socketpair()
        self.queue: deque[Callable[[], Message]] = deque([lambda: Message(SIGNAL)])
        self.answers: deque[Callable[[int], Message]] = deque()
        self.serial = 1
        self.callbacks: list[Callable[..., None]] = []
        self.timeout_at_open = ""
        self.is_closed = False

    def open(self) -> None:
        self.timeout_at_open = os.environ["SYSTEMD_BUS_TIMEOUT"]

    def get_fd(self) -> int:
        return self.here.fileno()

    def process(self) -> Message:
        return self.queue.popleft()() if self.queue else Message()

    def match_signal(self, sender: bytes, path: bytes, interface: bytes, member: bytes, callback: Any) -> None:
        self.serial += 1
        self.callbacks.append(callback)

    def call_method(self, *_: object) -> Message:
        self.serial += 1
        return self.answers.popleft()(self.serial)

    def close(self) -> None:
        self.is_closed = True

    def signal(self, body: object) -> None:
        """Queue a signal that a match claims: process() calls back and returns an empty message."""

        def claimed() -> Message:
            self.callbacks[0](Message(SIGNAL, 0, body))
            return Message()

        self.queue.append(claimed)

    def fail(self, error: Exception) -> None:
        """Let the next process() find the connection gone."""

        def raise_it() -> Message:
            raise error

        self.queue.append(raise_it)


class Ears:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def hear(self, signal: Signal) -> None:
        self.heard.append(signal.body)

    def bus_opened(self) -> None:
        self.heard.append("opened")

    def bus_lost(self, reason: str) -> None:
        self.heard.append(reason)


def act(story: Callable[[PystemdBus, Connection, Ears], Coroutine[Any, Any, None]]) -> None:
    """Open a bus and tell the story."""

    async def whole() -> None:
        connection, ears = Connection(), Ears()
        library = BusLibrary(DBus=lambda: connection, DBusBaseError=LibraryError, apply_signature=lambda *words: words)
        bus = PystemdBus(asyncio.get_running_loop(), library)
        bus.open(ears)
        await asyncio.sleep(0)
        assert ears.heard == ["opened"]
        bus.listen(MATCH)
        await story(bus, connection, ears)
        bus.close()
        connection.here.close()
        connection.there.close()

    asyncio.run(whole())


def raiser(error: Exception) -> Callable[[int], Message]:
    """Answer a call by an error."""

    def answer(serial: int) -> Message:
        raise error

    return answer


def test_answer_on_the_spot() -> None:
    """An answer that is there is had without a turn of the loop, as text."""

    async def story(bus: PystemdBus, connection: Connection, ears: Ears) -> None:
        connection.answers.append(lambda serial: Message(RETURN, serial, {b"a": [b"b", (b"c", 1)]}))
        answer = bus.ask(CALL)
        assert answer.done()
        assert answer.result() == {"a": ["b", ("c", 1)]}

    act(story)


def test_connection_is_opened_with_little_patience() -> None:
    """The patience is the connection's alone: the environment that programs inherit says nothing of it."""

    async def story(bus: PystemdBus, connection: Connection, ears: Ears) -> None:
        assert connection.timeout_at_open == "100ms"
        assert os.environ["SYSTEMD_BUS_TIMEOUT"] != "100ms"

    act(story)


def test_late_answers_find_their_questions() -> None:
    """Answers that come after the patience are told apart by the serial number of their questions."""

    async def story(bus: PystemdBus, connection: Connection, ears: Ears) -> None:
        connection.answers.extend([raiser(LibraryError(errno.ETIMEDOUT, "late"))] * 3)
        first, second, third = (bus.ask(CALL) for _ in range(3))
        assert [answer.done() for answer in (first, second, third)] == [False] * 3
        last = connection.serial
        connection.queue.extend(
            [
                lambda: Message(RETURN, last, b"third"),
                lambda: Message(ERROR, last - 2, b"refused"),
                lambda: Message(RETURN, last + 9, b"nobody asked"),
            ]
        )
        connection.there.send(b"!")
        assert await third == "third"
        with pytest.raises(BusRefused, match="refused"):
            await first
        assert not second.done()

    act(story)


def test_signals_come_before_the_answer_that_followed_them() -> None:
    """What was said before an answer is heard before it is looked at: the order of the connection is knowledge."""

    async def story(bus: PystemdBus, connection: Connection, ears: Ears) -> None:
        connection.signal([b"i.f", {b"MainPID": 0}, []])
        connection.answers.append(lambda serial: Message(RETURN, serial, 0))
        assert bus.ask(CALL).done()
        assert ears.heard[1:] == [["i.f", {"MainPID": 0}, []]]

    act(story)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LibraryError(errno.EACCES, "Access denied"), BusRefused),
        (LibraryError(errno.ECONNRESET, "reset"), BusLost),
        (DBusNoReplyError(errno.EIO, "it went away"), BusLost),
    ],
)
def test_errors_are_refusals_or_losses(error: Exception, kind: type[Exception]) -> None:
    """An answer that says no is a refusal; an end of the connection, or of the other side, tells nothing."""

    async def story(bus: PystemdBus, connection: Connection, ears: Ears) -> None:
        connection.answers.append(raiser(error))
        with pytest.raises(kind, match=str(error)):
            await bus.ask(CALL)

    act(story)


def test_lost_connection_fails_what_was_open() -> None:
    """The end of a connection is told once, every open question fails, and nothing can be asked of it any more."""

    async def story(bus: PystemdBus, connection: Connection, ears: Ears) -> None:
        connection.answers.append(raiser(LibraryError(errno.ETIMEDOUT, "late")))
        answer = bus.ask(CALL)
        connection.fail(LibraryError(errno.ECONNRESET, "reset by peer"))
        connection.there.send(b"!")
        with pytest.raises(BusLost):
            await answer
        await asyncio.sleep(0)
        assert [word for word in ears.heard if "reset by peer" in str(word)] == ears.heard[1:]
        assert connection.is_closed
        with pytest.raises(BusLost, match="no connection"):
            await bus.ask(CALL)

    act(story)


def test_descriptor_outlives_its_message(tmp_path: Path) -> None:
    """A descriptor in an answer is the caller's own: the library closes its one with the message."""
    lent = os.open(tmp_path, os.O_RDONLY)

    async def story(bus: PystemdBus, connection: Connection, ears: Ears) -> None:
        connection.answers.append(lambda serial: Message(RETURN, serial, lent))
        kept = await bus.ask(Call(path="/o", interface="i.f", method="Inhibit", gives_descriptor=True))
        os.close(lent)
        os.fstat(kept)
        os.close(kept)

    act(story)
