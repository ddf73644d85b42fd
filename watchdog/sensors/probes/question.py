"""One probe of the policy, made ready to be put again and again.

Invariant: `put` ends in one of three ways: it returns what it saw, or raises Failing or CannotAsk. It has no time limit
of its own: whoever puts it bounds it, and `progress` says how far it came. Deliberately not here: when, how often, and
what is made of the answer.
"""

import json
import socket
import ssl
import struct
from collections.abc import Callable
from typing import assert_never
from urllib.parse import SplitResult, urlsplit

from watchdog.core.healthpolicy import ProbeKind, ProbePolicy
from watchdog.core.observations import ProbeCause
from watchdog.core.values import dataclass
from watchdog.origin.listener import Listeners, stranger_behind
from watchdog.origin.marks import LifeMark
from watchdog.sensors.aside import Aside, Busy
from watchdog.sensors.probes.assertions import Checks
from watchdog.sensors.probes.heartbeat import Heartbeat
from watchdog.sensors.probes.http import exchange
from watchdog.sensors.probes.names import Address, find_addresses, split_target
from watchdog.sensors.probes.outcome import ANSWER_BYTES, CannotAsk, Failing, Progress, plain, reason
from watchdog.sensors.probes.program import Runner, ask_program
from watchdog.sensors.probes.websocket import round_trip
from watchdog.sensors.probes.wire import PlainWire, Wire, connect, connect_unix, secure, tls_context
from watchdog.sensors.probes.words import AskPulse, Words

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_SECURE = frozenset({"https", "wss"})
_PASSING_TROUBLE = frozenset({429, 500, 502, 503, 504})
"""Statuses by which a server elsewhere says: not now."""
_UPTIMES = {"uptimeMs": 1_000, "uptime_ms": 1_000, "uptimeSeconds": 1, "uptime_seconds": 1, "uptime": 1}
"""What programs call their uptime, and how many of it make a second."""
_UPTIME_MAX = 1e12
"""Longer than anything runs, in milliseconds: JSON may hold numbers that no float can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What questions are put with; shared by all of them."""

    aside: Aside
    listeners: Listeners
    now_usec: Callable[[], int]
    """CLOCK_BOOTTIME."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The life that is asked."""

    mark: LifeMark
    words: Words
    runner: Runner | None
    pulse: AskPulse | None = None
    """Asks systemd what a unit said; None: it is a child, whose words come by themselves."""


class Question:
    """One probe. Keeps what is worth keeping between two times: parsed addresses, patterns, a TLS context."""

    def __init__(self, policy: ProbePolicy, means: Means) -> None:
        """Raises ValueError for a policy that no file would give."""
        self.policy = policy
        self.uptime: float | None = None
        """The gateway's own word on how long it has run, in seconds, from this look; None when it says nothing."""
        self._means = means
        self._checks = Checks(policy.assertions)
        self._url = urlsplit(policy.target)
        self._context: ssl.SSLContext | None = None
        self._heartbeat = Heartbeat(path=policy.target, stale_after_usec=policy.stale_after_usec)

    async def put(self, subject: Subject, progress: Progress) -> str:
        """Put the question once and return what was seen. Raises Failing, CannotAsk."""
        self.uptime = None
        try:
            return await self._put(subject, progress)
        except Busy as busy:
            raise CannotAsk("an earlier look has not come back") from busy

    async def _put(self, subject: Subject, progress: Progress) -> str:
        match self.policy.kind:
            case ProbeKind.TCP:
                (await self._connect(*split_target(self.policy.target), subject, progress)).close()
                return "connected"
            case ProbeKind.UNIX:
                self._connect_unix(subject, progress).close()
                return "connected"
            case ProbeKind.HTTP:
                return await self._ask_http(subject, progress)
            case ProbeKind.WEBSOCKET:
                return await self._ask_websocket(subject, progress)
            case ProbeKind.EXEC:
                return await self._ask_program(subject, progress)
            case ProbeKind.HEARTBEAT:
                progress.stage = "its file could not be looked at"
                now_usec = self._means.now_usec()
                return await self._means.aside.run(self.policy.target, lambda: self._heartbeat.look(now_usec))
            case ProbeKind.NOTIFY:
                if subject.pulse is not None:
                    subject.words.take(await subject.pulse())
                return subject.words.look(self._means.now_usec(), self.policy.stale_after_usec)
            case _:
                assert_never(self.policy.kind)

    # -- kinds -----------------------------------------------------------------------------------------------------

    async def _ask_http(self, subject: Subject, progress: Progress) -> str:
        wire = await self._open(subject, progress)
        try:
            answer = await exchange(wire, self._url, progress, wants_body=bool(self._checks))
        finally:
            wire.close()
        broken = self._broken(answer.body.decode("utf-8", "replace")) if answer.body is not None else ()
        if not self._is_welcome(answer.status):
            remote = progress.cause is ProbeCause.REMOTE and answer.status in _PASSING_TROUBLE
            more = f": {broken[0]}" if broken else ""
            raise Failing(answer.summary() + more, ProbeCause.REMOTE if remote else ProbeCause.UNKNOWN)
        if self._checks and answer.body is None:
            broken = self._broken("")
        if broken:
            raise Failing("; ".join(broken))
        return answer.summary()

    async def _ask_websocket(self, subject: Subject, progress: Progress) -> str:
        wire = await self._open(subject, progress)
        try:
            said = await round_trip(wire, self._url, progress, message=self.policy.message, is_answer=self._is_answer)
            progress.answer = said.encode()[:ANSWER_BYTES]
        finally:
            wire.close()
        return "the awaited answer came" if self.policy.message else "a ping came back"

    async def _ask_program(self, subject: Subject, progress: Progress) -> str:
        progress.stage, progress.cause = "it did not end", ProbeCause.LOCAL
        if subject.runner is None:
            raise CannotAsk("programs cannot be run beside this gateway")
        name = self.policy.target or self.policy.name
        text = await ask_program(subject.runner, name, self.policy.argv, progress)
        broken = self._broken(text)
        if broken:
            raise Failing("; ".join(broken))
        return "ended well"

    def _is_welcome(self, status: int) -> bool:
        return status in self.policy.statuses if self.policy.statuses else 200 <= status < 300

    def _is_answer(self, text: str) -> bool:
        return not self._broken(text)

    def _broken(self, text: str) -> tuple[str, ...]:
        self.uptime = read_uptime(text) if self._checks else None
        return self._checks.broken(text)

    # -- connections -----------------------------------------------------------------------------------------------

    async def _open(self, subject: Subject, progress: Progress) -> Wire:
        url = self._url
        host = url.hostname or ""
        wire = PlainWire(await self._connect(host, _port(url), subject, progress))
        if url.scheme not in _SECURE:
            return wire
        try:
            if self._context is None:
                self._context = tls_context(verify=self.policy.verify)
            return await secure(wire, host, self._context, progress)
        except BaseException as error:
            wire.close()
            if isinstance(error, ssl.SSLError | FileNotFoundError):
                raise CannotAsk(f"TLS cannot be used here: {error}") from error
            raise

    async def _connect(self, host: str, port: int, subject: Subject, progress: Progress) -> socket.socket:
        progress.stage = f"the name {plain(host, 80)} was not resolved"
        addresses = await find_addresses(host, port, self._means.aside)
        progress.stage = "no connection"
        for address in addresses:
            self._refuse_stranger(address, subject)
        return await connect(addresses, progress)

    def _refuse_stranger(self, address: Address, subject: Subject) -> None:
        if not address.is_local or not self.policy.owned:
            return
        stranger = self._means.listeners.stranger_at(address.host, address.port, subject.mark)
        if stranger:
            raise Failing(f"port {address.port} is held by {stranger}, not by the gateway", ProbeCause.IMPOSTOR)

    def _connect_unix(self, subject: Subject, progress: Progress) -> socket.socket:
        connection = connect_unix(self.policy.target, progress)
        try:
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError as error:
            connection.close()
            raise Failing(reason(error), ProbeCause.LOCAL) from error
        stranger = stranger_behind(struct.unpack("3i", peer)[0], subject.mark) if self.policy.owned else ""
        if stranger:
            connection.close()
            raise Failing(f"{self.policy.target} is held by {stranger}, not by the gateway", ProbeCause.IMPOSTOR)
        return connection


def read_uptime(text: str) -> float | None:
    """Return what an answer says of its sender's uptime, in seconds; None when it says nothing."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    found, unit = next(((value[name], unit) for name, unit in _UPTIMES.items() if name in value), (None, 1))
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 <= found < _UPTIME_MAX:
        return None
    return found / unit


def _port(url: SplitResult) -> int:
    return url.port if url.port is not None else _PORTS.get(url.scheme, 80)
