"""What the sensors remember for evidence: answers to probes, and which sockets there are."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from watchdog.origin.sockdiag import ESTABLISHED, LISTENING, Connection
from watchdog.sensors.probes.http import exchange
from watchdog.sensors.probes.outcome import ANSWER_BYTES, Failing, Progress
from watchdog.sensors.probes.program import ask_program
from watchdog.sensors.sockets import HELD_MAX, list_held
from watchdog.sensors.vitals import Sample, point_of

SECRET_HEAD = b"HTTP/1.1 503 No\r\nSet-Cookie: sid=s3cret\r\nAuthorization: s3cret\r\nX-Why: disk\r\n"


@dataclass
class End:
    """How a program ended."""

    output: bytes
    code: int | None = 0
    signal: str | None = None
    overflowed: bool = False


class Runner:
    """Runs nothing."""

    def __init__(self, end: End) -> None:
        self.end = end

    async def run(self, name: str, argv: tuple[str, ...]) -> End:
        """Be over at once."""
        del name, argv
        return self.end


class Wire:
    """A connection over which this comes, piece by piece; then nothing, for ever or to its end."""

    def __init__(self, *pieces: bytes, hangs: bool = False) -> None:
        self.pieces = list(pieces)
        self.hangs = hangs

    async def send(self, message: bytes) -> None:
        """Take the question."""

    async def receive(self) -> bytes:
        """Give the next piece."""
        if self.pieces:
            return self.pieces.pop(0)
        if self.hangs:
            await asyncio.Event().wait()
        return b""

    def close(self) -> None:
        """Need no closing."""


def asked(wire: Wire, *, wants_body: bool = False) -> Progress:
    """Put one question over HTTP."""
    progress = Progress()
    asyncio.run(exchange(wire, urlsplit("http://127.0.0.1/"), progress, wants_body=wants_body))
    return progress


@pytest.mark.parametrize("code", [0, 3])
def test_the_end_of_what_a_program_printed_is_remembered(code: int) -> None:
    """Whether the probe is content or not, and no more than there is room for."""
    progress = Progress()
    work = ask_program(Runner(End(b"x" * 9000 + b" the end", code=code)), "p", ("p",), progress)
    if code:
        with pytest.raises(Failing):
            asyncio.run(work)
    else:
        asyncio.run(work)

    assert progress.answer.endswith(b" the end")
    assert len(progress.answer) == ANSWER_BYTES


def test_an_error_page_is_remembered_although_nothing_is_asserted_of_it() -> None:
    """It says why; its cookies and keys are left out, and it is waited for but a moment."""
    late = asked(Wire(SECRET_HEAD + b"\r\n", b"no disk left", hangs=True))
    never = asked(Wire(SECRET_HEAD + b"\r\n", hangs=True))

    assert late.answer == b"HTTP 503\nx-why: disk\n\nno disk left"
    assert never.answer == b"HTTP 503\nx-why: disk\n\n"


def test_a_good_answer_is_not_waited_for() -> None:
    """Of a page that nobody asserts anything of, what came with its head is remembered, and the rest is not read."""
    wire = Wire(b"HTTP/1.1 200 OK\r\n\r\nwell", b"x" * 100_000, hangs=True)

    assert asked(wire).answer == b"HTTP 200\n\nwell"
    assert len(wire.pieces) == 1


def test_an_answer_is_remembered_to_its_bound() -> None:
    """However long head and body are."""
    wire = Wire(b"HTTP/1.1 500 No\r\nX: " + b"y" * 5000 + b"\r\n\r\n" + b"x" * 9000)

    assert len(asked(wire).answer) == ANSWER_BYTES


def connection(inode: int, port: int) -> Connection:
    """Make one end of a connection."""
    return Connection(source=(b"\x7f\0\0\1", port), destination=(b"\0\0\0\0", 0), uid=7, inode=inode)


def test_strangers_on_the_port_are_told_and_other_strangers_are_not() -> None:
    """Without a process of its own, a life has no sockets; who listens on its port is worth knowing all the same."""
    tables = {LISTENING: (connection(1, 80), connection(2, 443)), ESTABLISHED: (connection(3, 80),)}

    found = list_held((), 80, lambda mask: tables.get(mask, ()))

    assert [(each.state, each.connection.inode, each.is_own) for each in found] == [("LISTEN", 1, False)]
    assert list_held((), 0, lambda mask: tables.get(mask, ())) == ()
    assert len(list_held((), 80, lambda _: tuple(connection(n, 80) for n in range(3000)))) == HELD_MAX


def test_a_sample_of_nothing_is_a_point_without_figures() -> None:
    """What could not be seen is None and not 0."""
    point = point_of(Sample(resources=None, sockets=None, disk=None), 5, 7)

    assert (point.at_usec, point.pid, point.memory_kib, point.sockets) == (5, 7, None, None)
